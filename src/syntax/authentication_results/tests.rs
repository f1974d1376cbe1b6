//! The parser on headers as receivers write them, and on nonsense.

use proptest::prelude::*;

use super::*;
use crate::model::{MethodResult, Property};

/// `method=result reason="..." ptype.property=value ... (comment) ...`, as short text to compare with.
fn brief(result: &MethodResult) -> String {
    let mut text = format!("{}={}", result.method, result.result);
    text.extend(result.reason.iter().map(|reason| format!(" reason={reason:?}")));
    for Property { ptype, property, value } in &result.properties {
        text += &format!(" {}{property}={value}", ptype.as_ref().map(|ptype| format!("{ptype}.")).unwrap_or_default());
    }
    text.extend(result.comments.iter().map(|comment| format!(" ({comment})")));
    text
}

fn read(value: &str) -> (Option<String>, Vec<String>, Vec<String>) {
    let header = parse(value.as_bytes());
    (header.authserv_id, header.results.iter().map(brief).collect(), header.orphans)
}

/// Asserts what `value` says, and that nothing in it is an orphan.
fn says(value: &str, authserv_id: &str, results: &[&str]) {
    let (id, read, orphans) = read(value);
    assert_eq!(
        (id.unwrap_or_default().as_str(), read),
        (authserv_id, results.iter().map(ToString::to_string).collect()),
        "{value}"
    );
    assert_eq!(orphans, [""; 0], "{value}");
}

#[test]
fn none_is_said_and_absence_is_not_none() {
    for value in
        ["mx.example; none", "mx.example 1; none", "mx.example; NONE;", "none", "i=1; mx.example; none (nothing done)"]
    {
        let header = parse(value.as_bytes());
        assert!(header.no_result && header.results.is_empty() && header.orphans.is_empty(), "{value}");
    }
    for value in
        ["", " ", ";", "mx.example", "mx.example;", "i=1;", "mx.example; spf=none", "mx.example; none; spf=pass"]
    {
        assert!(!parse(value.as_bytes()).no_result, "{value}");
    }
}

#[test]
fn instance_and_version_are_numbers_or_nothing() {
    let header = parse(b"i=12 ; mx.example 3; spf/2=pass; dkim / 7 = fail");
    assert_eq!((header.instance, header.version), (Some(12), Some(3)));
    assert_eq!(header.results.iter().map(|r| r.method_version).collect::<Vec<_>>(), [Some(2), Some(7)]);
    let header = parse(b"i=99999999999; mx.example 99999999999; dkim/x=pass");
    assert_eq!((header.instance, header.version, header.authserv_id.as_deref()), (None, None, Some("mx.example")));
    assert_eq!(header.results.first().map(|r| r.method_version), None);
}

#[test]
fn linkedin_quotes_a_certificate_where_only_a_version_may_stand() {
    let value =
        "mail1.example x-tls.subject=\"/C=US/O=example, inc./OU=0:app;1:ia2/CN=app\"; auth=pass (cipher=AES256)";
    let (id, results, orphans) = read(value);
    assert_eq!((id.as_deref(), results), (Some("mail1.example"), vec!["auth=pass (cipher=AES256)".to_owned()]));
    assert_eq!(orphans, ["x-tls.subject=/C=US/O=example, inc./OU=0:app;1:ia2/CN=app"]);
}

#[test]
fn structure_within_quotes_and_comments_is_text() {
    says(
        r#"mx.example; dkim=fail reason="bad; dkim=pass (x) \"y\" \\" header.d=a.example (spf=pass; \) (in) ; "z)"#,
        "mx.example",
        &[r#"dkim=fail reason="bad; dkim=pass (x) \"y\" \\" header.d=a.example (spf=pass; ) (in) ; "z)"#],
    );
    // A local part that a sender chose so as to look like a result.
    says(
        r#"mx.example; spf=pass smtp.mailfrom="x; dkim=pass header.d=bank"@a.example"#,
        "mx.example",
        &[r#"spf=pass smtp.mailfrom="x; dkim=pass header.d=bank"@a.example"#],
    );
    says(r#"mx.example; spf=pass smtp.mailfrom=a."b; c"@d"#, "mx.example", &[r#"spf=pass smtp.mailfrom=a."b; c"@d"#]);
}

#[test]
fn what_never_ends_takes_the_rest() {
    says("mx.example; spf=pass (so; dkim=pass", "mx.example", &["spf=pass (so; dkim=pass)"]);
    says("mx.example; spf=pass smtp.helo=\"so; dkim=pass", "mx.example", &["spf=pass smtp.helo=so; dkim=pass"]);
    says("mx.example; spf=pass (so\\", "mx.example", &["spf=pass (so)"]);
    says("mx.example; spf=pass) smtp.helo=a", "mx.example", &["spf=pass smtp.helo=a"]);
}

#[test]
fn netease_folds_within_words() {
    let whole = "mx19; spf=pass smtp.mailfrom=0101-a63b@a.example smtp.helo=a; dkim=permerror header.i=@a.example";
    let expected = read(whole);
    let misread: Vec<_> = ("mx19; ".len()..whole.len())
        .map(|at| whole.split_at(at))
        .filter(|(start, end)| read(&format!("{start}\r\n\t{end}")) != expected)
        .map(|(start, end)| format!("{start}|{end}"))
        .collect();
    assert_eq!(misread, [""; 0]);
    says(
        "mx; spf=pass smtp.mail=b-12\r\n\t34-al=x.example@l.example",
        "mx",
        &["spf=pass smtp.mail=b-1234-al=x.example@l.example"],
    );
    says("mx; spf=pass, dkim=pass,", "mx", &["spf=pass", "dkim=pass"]);
    says("mx; spf=pass smtp.helo=a b=c", "mx", &["spf=pass smtp.helo=a b=c"]);
    let (_, results, orphans) = read("mx; spf=pass smtp.helo=a stray\r\n (c) stray2 dkim=pass");
    assert_eq!(
        (results, orphans),
        (
            vec!["spf=pass smtp.helo=a (c)".to_owned(), "dkim=pass".to_owned()],
            vec!["stray".to_owned(), "stray2".into()]
        )
    );
}

#[test]
fn a_value_may_be_missing() {
    says("mx; spf=none smtp.mailfrom= smtp.helo=a", "mx", &["spf=none smtp.mailfrom= smtp.helo=a"]);
    says("mx; spf=none smtp.mailfrom=\r\n a=b@c.example", "mx", &["spf=none smtp.mailfrom=a=b@c.example"]);
    let (_, results, orphans) = read("mx; dkim=; spf=pass; =x; dmarc= ; y =");
    assert_eq!(
        (results, orphans),
        (vec!["spf=pass".to_owned()], ["dkim=", "=x", "dmarc=", "y="].map(String::from).to_vec())
    );
}

#[test]
fn a_property_at_the_place_of_a_result_is_no_result() {
    for orphan in [
        "smtp.remote-ip=localhost",
        "helo=localhost",
        "from=example",
        "header.i=x",
        "x=a.b",
        "x=a/b",
        "<x>=pass",
        "policy.spf=pass",
    ] {
        let (_, results, orphans) = read(&format!("mx; {orphan}; spf=pass"));
        assert_eq!((results, orphans), (vec!["spf=pass".to_owned()], vec![orphan.to_owned()]));
    }
    says(
        "mx; x-vs=clean score=0; x-phish-score=-1; gateway.spf=pass",
        "mx",
        &["x-vs=clean score=0", "x-phish-score=-1", "gateway.spf=pass"],
    );
}

#[test]
fn letters_of_any_case_and_bytes_of_any_kind() {
    let header = parse(b"MX.Example; SPF=SoftFail SMTP.MailFrom=A@B.example\x00\x01;\xffdkim=p\xe4ss");
    assert_eq!(header.authserv_id.as_deref(), Some("MX.Example"));
    assert_eq!(header.results.iter().map(brief).collect::<Vec<_>>(), ["spf=softfail smtp.mailfrom=A@B.example"]);
    assert_eq!(header.results.first().unwrap().result_raw.as_deref(), Some("SoftFail"));
    assert_eq!(header.orphans, ["\u{fffd}dkim=p\u{fffd}ss"]);
}

#[test]
fn the_limits_hold() {
    let header = parse("a=b;".repeat(MAX_VALUE).as_bytes());
    assert_eq!(header.results.len() + header.orphans.len(), MAX_ITEMS);
    let header = parse(format!("mx; spf=pass {}", "(c)".repeat(MAX_VALUE)).as_bytes());
    assert_eq!(header.results.first().unwrap().comments.len(), MAX_ITEMS - 2);
    let header = parse(format!("mx; spf=pass {} ; dkim=pass", " ".repeat(MAX_VALUE)).as_bytes());
    assert_eq!(header.results.len(), 1);
}

/// Bytes of text in the header.
fn size(header: &AuthenticationResults) -> usize {
    let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let result = |r: &MethodResult| {
        let properties = r.properties.iter().map(|p| of(&p.ptype) + p.property.len() + p.value.len()).sum::<usize>();
        r.method.len() + r.result.len() + of(&r.reason) + properties + r.comments.iter().map(String::len).sum::<usize>()
    };
    of(&header.authserv_id)
        + header.orphans.iter().map(String::len).sum::<usize>()
        + header.results.iter().map(result).sum::<usize>()
}

fn holds_for(value: &[u8]) {
    let (header, looked_at) = parse_counted(value);
    assert!(size(&header) <= 3 * value.len() + MAX_ITEMS, "{} bytes of {}", size(&header), value.len());
    assert!(looked_at <= 3 * value.len(), "{looked_at} looks at {} bytes", value.len());
    let text = format!("{header:?}");
    assert!(!text.contains(char::is_control), "{text}");
}

#[test]
fn the_work_is_linear_in_hostile_values() {
    let patterns: [&[u8]; 12] =
        [b"(", b")", b"((", b"\"", b"\\", b"=", b";", b"a= ", b"smtp.", b". ", b"a\r\n\t", b"a=b\r\n "];
    for pattern in patterns {
        for prefix in ["", "mx; spf=pass ", "mx; spf=pass smtp.helo="] {
            holds_for(&[prefix.as_bytes(), &pattern.repeat(MAX_VALUE / pattern.len())].concat());
        }
    }
}

/// White space and comments as RFC 8601 allows them between words: the text, and the comments in it.
fn gaps() -> impl Strategy<Value = (String, Vec<String>)> {
    let piece = prop_oneof![
        3 => Just((" ".to_owned(), None)),
        1 => Just(("\r\n\t".to_owned(), None)),
        1 => Just(("\r\n  ".to_owned(), None)),
        1 => "[a-z;=\"]{1,5}( [a-z;=]{1,5}){0,2}".prop_map(|text| (format!("({text})"), Some(text))),
        1 => Just(("(a (b) \\) c)".to_owned(), Some("a (b) ) c".to_owned()))),
    ];
    proptest::collection::vec(piece, 0..3).prop_map(|pieces| {
        (
            pieces.iter().map(|(text, _)| text.as_str()).collect(),
            pieces.into_iter().filter_map(|(_, comment)| comment).collect(),
        )
    })
}

/// A word in letters of random case, and in lower case.
fn any_case(word: &'static str) -> impl Strategy<Value = (String, String)> {
    proptest::collection::vec(any::<bool>(), word.len()).prop_map(move |upper| {
        let written = word.chars().zip(upper).map(|(c, up)| if up { c.to_ascii_uppercase() } else { c }).collect();
        (written, word.to_owned())
    })
}

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = (String, String)> {
    proptest::sample::select(words).prop_flat_map(any_case)
}

/// A value as written, and what it says.
fn values() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        "[a-z0-9@][a-z0-9.@:/_+-]{0,15}".prop_map(|value| (value.clone(), value)),
        "([a-zäö ;=()]|\\\\|\"){0,12}"
            .prop_map(|value| (format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")), value)),
    ]
}

/// A result as RFC 8601 has it: the text, and what it says.
fn results() -> impl Strategy<Value = (String, MethodResult)> {
    let property = (
        one_of(&["smtp", "header", "policy", "body", "dns"]),
        one_of(&["d", "i", "from", "mailfrom", "x-y"]),
        values(),
        proptest::array::uniform4(gaps()),
    );
    (
        one_of(&["spf", "dkim", "dmarc", "x-unheard-of"]),
        one_of(&["pass", "fail", "softfail", "strange"]),
        proptest::option::of(values()),
        proptest::collection::vec(property, 0..3),
        proptest::array::uniform3(gaps()),
    )
        .prop_map(|((method_text, method), (result_text, result), reason, properties, [first, second, third])| {
            let mut text = format!("{}{method_text}{}={}{result_text}", first.0, second.0, third.0);
            let mut comments = [first.1, second.1, third.1].concat();
            let mut says = MethodResult { method, ..MethodResult::default() };
            says.result_raw = (result_text != result).then_some(result_text);
            says.result = result;
            if let Some((reason_text, reason)) = reason {
                text += &format!(" reason={reason_text}");
                says.reason = Some(reason);
            }
            for ((ptype_text, ptype), (property_text, property), (value_text, value), gaps) in properties {
                let [a, b, c, d] = gaps;
                text += &format!(" {}{ptype_text}{}.{}{property_text}{}={value_text}", a.0, b.0, c.0, d.0);
                comments.extend([a.1, b.1, c.1, d.1].concat());
                says.properties.push(Property { ptype: Some(ptype), property, value });
            }
            says.comments = comments;
            (text, says)
        })
}

proptest! {
    #[test]
    fn anything_can_be_read(value in proptest::collection::vec(any::<u8>(), 0..300)) {
        holds_for(&value);
    }

    #[test]
    fn anything_that_resembles_a_header_can_be_read(value in "(i=|1|; ?|mx\\.a|spf|dkim|=|pass|fail|smtp\\.|helo|\\(|\\)|\"|\\\\| |\r\n\t|é|none|/|\\.){0,60}") {
        holds_for(value.as_bytes());
    }

    #[test]
    fn what_the_rfc_allows_is_read_as_it_was_meant(
        instance in proptest::option::of(1_u32..100),
        id in "[a-z][a-z0-9-]{0,10}\\.example",
        version in proptest::option::of(0_u32..9),
        around in gaps(),
        results in proptest::collection::vec(results(), 0..4),
    ) {
        let mut text = instance.map(|i| format!("i={i};")).unwrap_or_default() + &around.0 + &id;
        text += &version.map(|version| format!(" {version}{}", around.0)).unwrap_or_default();
        text.extend(results.iter().map(|(result, _)| format!(";{result}")));
        let no_result = results.is_empty();
        if no_result {
            text += &format!("; {}none", around.0);
        }
        let results = results.into_iter().map(|(_, result)| result).collect();
        let meant = AuthenticationResults { instance, authserv_id: Some(id), version, no_result, results, orphans: Vec::new() };
        prop_assert_eq!(parse(text.as_bytes()), meant, "{}", text);
    }
}
