//! Records as they should be, and each error at its place.

use proptest::prelude::*;

use super::*;

fn good(record: &str) -> Vec<TermKind> {
    let read = parse(record.as_bytes());
    assert_eq!(read.errors, [], "{record}");
    read.terms.into_iter().map(|term| term.kind).collect()
}

/// The first error: what is wrong, where, and what was expected.
fn bad(record: &str) -> (String, usize, &'static str) {
    let error = parse(record.as_bytes()).errors.into_iter().next().unwrap_or_else(|| panic!("{record} is good"));
    (error.found, error.span.start, error.expected)
}

fn literal(text: &str) -> MacroString {
    MacroString { parts: vec![Part::Literal(text.into())] }
}

#[test]
fn which_records_are_spf_records() {
    for record in ["v=spf1", "v=spf1 ", "V=sPf1 -all"] {
        assert!(is_spf_record(record.as_bytes()), "{record}");
    }
    for record in ["", "v=spf", "v=spf10", "v=spf1;-all", "v=spf1\t-all", " v=spf1", "spf2.0/pra -all", "v=spf1-all"] {
        assert!(!is_spf_record(record.as_bytes()), "{record}");
        assert_eq!(parse(record.as_bytes()).errors.len(), 1, "{record}");
    }
}

#[test]
fn terms_and_their_spans() {
    let record = "v=spf1  ip4:192.0.2.0/24 ~include:_spf.example.net a/24//64 MX:m.example.com//48 x-note=a%%b -ALL ";
    let read = parse(record.as_bytes());
    let spans: Vec<_> = read.terms.iter().map(|term| record.get(term.span.clone()).unwrap()).collect();
    assert_eq!(
        spans,
        ["ip4:192.0.2.0/24", "~include:_spf.example.net", "a/24//64", "MX:m.example.com//48", "x-note=a%%b", "-ALL"]
    );
    let unknown = vec![Part::Literal("a".into()), Part::Percent, Part::Literal("b".into())];
    assert_eq!(
        good(record),
        [
            TermKind::Directive(Qualifier::Pass, Mechanism::Ip4([192, 0, 2, 0].into(), 24)),
            TermKind::Directive(Qualifier::SoftFail, Mechanism::Include(literal("_spf.example.net"))),
            TermKind::Directive(Qualifier::Pass, Mechanism::A(None, Prefixes { ip4: 24, ip6: 64 })),
            TermKind::Directive(
                Qualifier::Pass,
                Mechanism::Mx(Some(literal("m.example.com")), Prefixes { ip4: 32, ip6: 48 })
            ),
            TermKind::Unknown { name: "x-note".into(), value: MacroString { parts: unknown } },
            TermKind::Directive(Qualifier::Fail, Mechanism::All),
        ]
    );
}

#[test]
fn a_slash_may_belong_to_the_domain() {
    let domain = |record| match good(record).remove(0) {
        TermKind::Directive(_, Mechanism::A(Some(domain), prefixes)) => (domain, prefixes.ip4),
        other => panic!("{other:?}"),
    };
    assert_eq!(domain("v=spf1 a:foo:bar/baz.example.com"), (literal("foo:bar/baz.example.com"), 32));
    assert_eq!(domain("v=spf1 a:foo/24.example.com/16"), (literal("foo/24.example.com"), 16));
    assert_eq!(bad("v=spf1 a:example.com/24/16").0, "example.com/24");
    assert_eq!(bad("v=spf1 a:example.com/24/64").0, "64");
}

#[test]
fn macros() {
    let TermKind::Directive(_, Mechanism::Exists(domain)) = good("v=spf1 exists:%{L2R+-}.%{ir}.%_%-x.%{d02}").remove(0)
    else {
        panic!("not exists")
    };
    let plain =
        |letter, keep, reverse| Part::Macro(Macro { letter, escape: false, keep, reverse, delimiters: String::new() });
    let local =
        Macro { letter: Letter::LocalPart, escape: true, keep: Some(2), reverse: true, delimiters: "+-".into() };
    let text = |text: &str| Part::Literal(text.into());
    assert_eq!(
        domain.parts,
        [
            Part::Macro(local),
            text("."),
            plain(Letter::Ip, None, true),
            text("."),
            Part::Space,
            Part::UrlSpace,
            text("x."),
            plain(Letter::Domain, Some(2), false),
        ]
    );
    assert!(explanation(b"%{c} at %{t}, says %{r}").is_ok());
    assert_eq!(explanation(b"see\xc3\xa4").unwrap_err().span, 3..4);
}

#[test]
fn what_is_wrong_and_where() {
    for (record, found, at) in [
        ("v=spf1 ip4:192.0.2.256 -all", "192.0.2.256", 11),
        ("v=spf1 ip4:192.0.2.1/33", "33", 21),
        ("v=spf1 ip4:192.0.2.1/08", "08", 21),
        ("v=spf1 ip4:192.0.2.1/", "", 21),
        ("v=spf1 ip4", "", 10),
        ("v=spf1 ip6:192.0.2.1", "192.0.2.1", 11),
        ("v=spf1 ip6:2001:db8::/129", "129", 22),
        ("v=spf1 a:museum -all", "museum", 9),
        ("v=spf1 a:example.123", "example.123", 9),
        ("v=spf1 a:example.-com", "example.-com", 9),
        ("v=spf1 include: -all", "", 15),
        ("v=spf1 a//129", "129", 10),
        ("v=spf1 a24", "a24", 7),
        ("v=spf1 all:x", ":x", 10),
        ("v=spf1 -redirect=example.com", "-redirect=example.com", 7),
        ("v=spf1 redirect:example.com", "redirect:example.com", 7),
        ("v=spf1 ipv4:192.0.2.1", "ipv4:192.0.2.1", 7),
        ("v=spf1 192.0.2.1", "192.0.2.1", 7),
        ("v=spf1 =x", "=x", 7),
        ("v=spf1 exists:%{x}.example.com", "x", 16),
        ("v=spf1 exists:%{c}.example.com", "c", 16),
        ("v=spf1 exists:%{d0}.example.com", "0", 17),
        ("v=spf1 exists:%{d*}.example.com", "*", 17),
        ("v=spf1 exists:%(i).example.com", "%(", 14),
        ("v=spf1 exists:%{d", "", 17),
        ("v=spf1 x=%", "%", 9),
        ("v=spf1 redirect=a.example redirect=b.example", "redirect=b.example", 26),
        ("v=spf1 exp=a.example exp=b.example", "exp=b.example", 21),
        ("v=spf1 a:example.com\tmx", "\t", 20),
    ] {
        let (said, start, _) = bad(record);
        assert_eq!((said.as_str(), start), (found, at), "{record}");
    }
    let said = parse(b"v=spf1 ip4:1.2.3 foo").errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        said,
        [
            r#""1.2.3" at byte 11: expected an IPv4 address or network"#,
            r#""foo" at byte 17: expected a mechanism: all, include, a, mx, ptr, ip4, ip6 or exists"#
        ]
    );
}

/// Terms that are right, in the words of the RFC's grammar.
fn term() -> impl Strategy<Value = String> {
    prop_oneof![
        "[+?~-]?(all|a|mx|ptr|a/24|mx//64|a/0//0)",
        "[+?~-]?(include|exists|ptr|a|mx):([a-z0-9_]{1,8}\\.){1,3}[a-z]{2,5}\\.?",
        "(exists|include):(%\\{[slodipvhSLODIPVH][1-9]?[rR]?[.+,/_=-]{0,2}\\}){1,3}",
        "ip4:(1?[0-9]{1,2}\\.){3}1?[0-9]",
        "ip6:[a-f1-9]{1,4}::[a-f1-9]{1,4}/(1[01][0-9]|[1-9]?[0-9])",
        "[a-z][a-z0-9._-]{3,8}=[a-z/%]{0}[!-$&-~]{0,8}",
    ]
    .prop_filter("numbers with a leading zero are no part of the grammar", |term| {
        !term.starts_with("ip4:") || term.split([':', '.']).all(|part| part.len() < 2 || !part.starts_with('0'))
    })
}

proptest! {
    #[test]
    fn whatever_comes(record in prop::collection::vec(any::<u8>(), 0..200)) {
        let record = [b"v=spf1 ".as_slice(), &record].concat();
        let read = parse(&record);
        for span in read.terms.iter().map(|term| &term.span).chain(read.errors.iter().map(|error| &error.span)) {
            prop_assert!(record.get(span.clone()).is_some());
        }
        let words = record.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).count();
        prop_assert_eq!(read.terms.len() + read.errors.len() + 1, words);
    }

    #[test]
    fn right_terms_are_read_and_stay_where_they_are(
        terms in prop::collection::vec(term(), 0..12).prop_filter("once", |terms| {
            !terms.iter().any(|term| term.starts_with("redirect=") || term.starts_with("exp="))
        }),
    ) {
        let record = format!("v=spf1 {}", terms.join("  "));
        let read = parse(record.as_bytes());
        prop_assert_eq!(&read.errors, &[]);
        let spans: Vec<_> = read.terms.iter().map(|term| record.get(term.span.clone()).unwrap()).collect();
        prop_assert_eq!(spans, terms);
    }
}
