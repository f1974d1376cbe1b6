//! The composed message, the built-in one and templates, good and bad.

use std::sync::Arc;
use std::time::Duration;

use mail_parser::{Message as Parsed, MessageParser};
use proptest::prelude::*;
use secrecy::SecretString;

use super::*;
use crate::model::{DkimKey, Expectation, Lane, Secret, SecretError, SecretSource, SeedId, Token};

const TOKEN: &str = "00112233445566778899aabbccddeeff";
const HEADER: &str = "X-Landfall-Seed";
const TO: &str = "shop.seed.1@there.example";

#[derive(Debug)]
struct Given(Result<&'static str, &'static str>);

impl SecretSource for Given {
    fn read(&self) -> Result<SecretString, SecretError> {
        self.0.map(SecretString::from).map_err(|reason| SecretError(reason.into()))
    }
}

fn seed(token: Token) -> Seed {
    let lane = Lane { probe: "receipts".into(), route: "ses".into(), mailbox: "gmail-1".into() };
    Seed {
        id: SeedId::derive(&lane, 1),
        token,
        lane,
        provider: "gmail".into(),
        expect: Expectation::default(),
        planned_at: now(),
        deadline: Duration::from_mins(30),
        patience: Duration::from_mins(60),
    }
}

fn now() -> Timestamp {
    "2026-03-01T08:05:09Z".parse().unwrap()
}

fn identity(name: &str) -> Identity {
    Identity {
        name: "shop".into(),
        display_name: name.into(),
        from: "no-reply@shop.example".into(),
        envelope_from: "bounces+{token}@mail.shop.example".into(),
        dkim: None,
    }
}

fn composed(name: &str, source: &MessageSource) -> Result<Message, ComposeError> {
    compose(&seed(Token::parse(TOKEN).unwrap()), &identity(name), TO, source, HEADER, now())
}

fn from_template(name: &str, template: &str) -> String {
    let message = composed(name, &MessageSource::Template(template.into())).unwrap();
    well_formed(&message.bytes);
    String::from_utf8(message.bytes).unwrap()
}

fn parsed(bytes: &[u8]) -> Parsed<'_> {
    MessageParser::default().parse(bytes).unwrap()
}

/// What every composed message must be.
fn well_formed(bytes: &[u8]) {
    let text = str::from_utf8(bytes).unwrap();
    assert!(text.is_ascii(), "{text}");
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text:?}");
    assert!(text.ends_with("\r\n"));
    assert!(text.split("\r\n").all(|line| line.len() <= 998));
    let (header, _) = text.split_once("\r\n\r\n").unwrap();
    for name in ["From", "To", "Date", "Message-ID", "MIME-Version", HEADER] {
        let start = format!("{}:", name.to_ascii_lowercase());
        let count = header.to_ascii_lowercase().lines().filter(|line| line.starts_with(&start)).count();
        assert_eq!(count, 1, "{name} in {header}");
    }
}

fn problems(template: &str) -> Vec<String> {
    check(template).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn the_built_in_message() {
    let message = composed("Shop", &MessageSource::BuiltIn).unwrap();
    well_formed(&message.bytes);
    assert_eq!(message.message_id, format!("{TOKEN}@shop.example"));
    assert_eq!(message.envelope.from, format!("bounces+{TOKEN}@mail.shop.example"));
    assert_eq!(message.envelope.to, TO);
    insta::assert_snapshot!(String::from_utf8(message.bytes).unwrap().replace("\r\n", "\n"));
}

#[test]
fn the_built_in_message_carries_its_token_in_three_places() {
    for name in ["Shop", "", "Büro & Söhne", "O'Neil, \"Inc.\""] {
        let message = composed(name, &MessageSource::BuiltIn).unwrap();
        well_formed(&message.bytes);
        let mail = parsed(&message.bytes);
        assert_eq!(mail.header_raw(HEADER).map(str::trim), Some(TOKEN));
        assert_eq!(mail.message_id(), Some(message.message_id.as_str()));
        let text = mail.body_text(0).unwrap();
        assert_eq!(text.trim_end().lines().last(), Some(format!("Reference: {TOKEN}").as_str()));
        assert!(mail.body_html(0).unwrap().contains(&format!("Reference: {TOKEN}")));
        let shown = if name.is_empty() { "no-reply@shop.example" } else { name };
        assert!(text.contains(&format!("Kind regards,\r\n{shown}\r\n")), "{text}");
        assert_eq!(mail.from().unwrap().first().unwrap().address(), Some("no-reply@shop.example"));
        assert_eq!(mail.date().unwrap().to_rfc3339(), "2026-03-01T08:05:09Z");
    }
}

#[test]
fn built_in_messages_differ_between_seeds_and_betray_nothing() {
    let mut subjects = std::collections::BTreeSet::new();
    for number in 0..200_u8 {
        let seed = seed(Token::from_bytes([number; 16]));
        let compose = || compose(&seed, &identity("Shop"), TO, &MessageSource::BuiltIn, HEADER, now()).unwrap();
        let message = compose();
        assert_eq!(message, compose(), "the same seed says the same");
        well_formed(&message.bytes);
        let text =
            String::from_utf8(message.bytes).unwrap().replace(HEADER, "").replace("shop.seed.1", "").to_lowercase();
        for word in ["test", "seed", "probe", "monitor", "landfall", "<img", "http"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
        let subject = text.lines().find(|line| line.starts_with("subject:")).unwrap().to_owned();
        subjects.insert(subject);
    }
    assert!(subjects.len() >= 199, "{}", subjects.len());
}

#[test]
fn a_plain_template_is_filled_and_gets_its_reference() {
    let template = "From: old@x\nSubject: Hi {{ to }}\nReceived: by x\n\twith y\nDate: yesterday\nX-Kept: {{number}}\n\nDear {{from_name}}\n\n\n";
    let text = from_template("Shop", template);
    let expected = format!(
        "From: Shop <no-reply@shop.example>\r\nTo: {TO}\r\nDate: Sun, 1 Mar 2026 08:05:09 +0000\r\n\
         Message-ID: <{TOKEN}@shop.example>\r\n{HEADER}: {TOKEN}\r\nMIME-Version: 1.0\r\nSubject: Hi {TO}\r\nX-Kept: {}\r\n\r\n\
         Dear Shop\r\n\r\nReference: {TOKEN}\r\n",
        number(TOKEN)
    );
    assert_eq!(text, expected);
}

#[test]
fn names_beyond_ascii_are_encoded_where_the_charset_allows() {
    let utf8 = "Subject: Von {{from_name}}!\nContent-Type: text/plain; charset=utf-8\n\n{{from_name}}\n{{reference}}\n";
    let text = from_template("Büro", utf8);
    assert!(text.contains("Content-Transfer-Encoding: quoted-printable\r\n"), "{text}");
    let mail = parsed(text.as_bytes());
    assert_eq!(mail.subject(), Some("Von Büro!"));
    assert_eq!(mail.body_text(0).unwrap(), format!("Büro\r\nReference: {TOKEN}\r\n"));
    let other = utf8.replace("utf-8", "gb2312");
    assert!(from_template("Büro", &other).contains("no-reply@shop.example\r\nReference"));
}

#[test]
fn a_text_that_is_not_ascii_goes_out_as_quoted_printable() {
    let text = from_template(
        "",
        "Subject: x\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\nGrüße\n{{token}}",
    );
    assert!(text.contains("Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n"), "{text}");
    assert!(!text.contains("8bit"));
}

#[test]
fn every_transfer_encoding_is_filled_and_kept() {
    let quoted = "Content-Transfer-Encoding: quoted-printable\n\nA =3D {{to=\nken}}\n";
    let base64 = "Content-Transfer-Encoding: base64\n\nPGI+e3tmcm9tX25hbWV9fTwvYj4ge3tyZWZlcmVuY2V9fQ==\n";
    let template = format!(
        "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\npre {{{{to}}}}\n--b\nContent-Type: text/plain; charset=utf-8\n{quoted}\n--b\n\
         Content-Type: text/html; charset=utf-8\n{base64}\n--b\nContent-Type: image/gif\nContent-Transfer-Encoding: base64\n\nR0lGODlh\n--b--\n"
    );
    assert_eq!(problems(&template), Vec::<String>::new());
    let text = from_template("A <b> & ü", &template);
    let mail = parsed(text.as_bytes());
    assert_eq!(mail.body_text(0).unwrap().trim_end(), format!("A = {TOKEN}"));
    let html = mail.part(2).unwrap().text_contents().unwrap();
    assert_eq!(html, format!("<b>A &lt;b&gt; &amp; ü</b> Reference: {TOKEN}"));
    assert_eq!(mail.part(3).unwrap().contents(), b"GIF89a");
    assert!(text.contains("pre {{to}}"), "what is outside the texts stays as it is");
}

#[test]
fn a_part_without_placeholders_stays_byte_for_byte() {
    let part = "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\nodd =e4 ca=\nse=20\n";
    let template = format!(
        "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n{part}--b\nContent-Type: text/html\n\n{{{{reference}}}}\n--b--\n"
    );
    assert!(from_template("", &template).contains(&part.replace('\n', "\r\n")));
}

#[test]
fn what_is_wrong_with_a_template_is_said_with_its_line() {
    let table: [(&str, &[&str]); 14] = [
        ("Subject: x", &["line 1: a template is header fields, an empty line, and a body; there is no empty line"]),
        ("To: x\n\nhi", &["line 1: there is no Subject"]),
        ("Subject: x\nno field\n\nhi", &["line 2: \"no field\" is no header field (`Name: value`)"]),
        (" x\nSubject: x\n\nhi", &["line 1: \" x\" is no header field (`Name: value`)"]),
        ("Subject: x\nSubject: y\n\nhi", &["line 2: there is a second Subject"]),
        (
            "Subject: é\n\nhi",
            &["line 1: Subject holds characters that are not ASCII: write them as encoded words (RFC 2047)"],
        ),
        ("Subject: a\u{7}\n\nhi", &["line 1: Subject holds a control character"]),
        ("Subject: {{tokn}}\n\nhi", &["line 1: unknown placeholder {{tokn}}: did you mean {{token}}?"]),
        (
            "Subject: x\n\nhi\n{{#if a}} {{ nmber }}",
            &[
                "line 4: unknown placeholder {{#if a}}",
                "line 4: unknown placeholder {{nmber}}: did you mean {{number}}?",
            ],
        ),
        ("Subject: x\n\né", &["line 3: this text is not ASCII: say `Content-Type: text/...; charset=utf-8`"]),
        (
            "Subject: x\nContent-Type: text/html\n\n<p>",
            &[
                "line 4: no place for the token: write {{reference}} where the text should show it, best in its last line",
            ],
        ),
        ("Subject: x\nContent-Type: image/png\n\nx", &["line 4: the message has no text part"]),
        (
            "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\né\n--b\n\n{{token}}\n--b--",
            &["line 4: this line is outside a text part, where only ASCII and 998 characters are allowed"],
        ),
        ("", &["line 1: a template is header fields, an empty line, and a body; there is no empty line"]),
    ];
    for (template, expected) in table {
        assert_eq!(problems(template), expected, "{template}");
    }
    let part = "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-ID: {{to}}\n\n{{token}}\n--b--";
    assert_eq!(problems(part), ["line 5: placeholders are not replaced in the header of a part"]);
    let boundary = "Subject: x\nContent-Type: text/plain; charset={{to}}\n\nhi";
    assert_eq!(problems(boundary), ["line 2: placeholders are not replaced in Content-Type"]);
    let long = format!("Subject: {}\n\nhi", "x".repeat(950));
    assert_eq!(problems(&long), ["line 1: Subject is too long for one line: fold it"]);
    let error = composed("", &MessageSource::Template("Subject: {{nope}}\n\n".into())).unwrap_err();
    assert!(error.to_string().starts_with("could not use the template: line 1: unknown placeholder {{nope}}"));
}

#[test]
fn nothing_can_break_out_of_its_header() {
    let built_in = &MessageSource::BuiltIn;
    let seed = seed(Token::parse(TOKEN).unwrap());
    for name in ["a\r\nBcc: x", "a\nb", "\u{85}"] {
        assert!(matches!(composed(name, built_in), Err(ComposeError::Unsendable(_))), "{name:?}");
    }
    for to in ["a@b\r\nBcc: c@d", "a b@c", "nobody", "é@x", "a@b,c@d", ""] {
        assert!(compose(&seed, &identity(""), to, built_in, HEADER, now()).is_err(), "{to:?}");
    }
    for header in ["", "X Y", "X:Y", "X\r\n", "é"] {
        assert!(compose(&seed, &identity(""), TO, built_in, header, now()).is_err(), "{header:?}");
    }
    let mut sender = identity("");
    sender.from = "no-reply".into();
    assert!(compose(&seed, &sender, TO, built_in, HEADER, now()).is_err());
}

#[test]
fn a_name_too_long_for_a_line_is_an_error_and_not_a_broken_message() {
    let error = composed(&"x".repeat(1200), &MessageSource::BuiltIn).unwrap_err();
    assert!(error.to_string().contains("line 1 of the message is longer than 998 characters"), "{error}");
}

#[test]
fn a_signed_message_is_the_same_message_after_its_signature() {
    let mut sender = identity("Shop");
    let key: Secret = Arc::new(Given(Ok(sign::tests::ED25519)));
    sender.dkim = Some(DkimKey { domain: "shop.example".into(), selector: "s1".into(), key });
    let seed = seed(Token::parse(TOKEN).unwrap());
    let signed = compose(&seed, &sender, TO, &MessageSource::BuiltIn, HEADER, now()).unwrap();
    well_formed(&signed.bytes);
    let unsigned = composed("Shop", &MessageSource::BuiltIn).unwrap();
    assert!(
        signed
            .bytes
            .starts_with(b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n\td=shop.example; s=s1;")
    );
    assert!(signed.bytes.ends_with(&unsigned.bytes));
    for (secret, error) in [
        (Err("could not read /etc/s1.pem: gone"), "could not sign: could not read /etc/s1.pem: gone"),
        (Ok("nonsense"), "could not sign: the DKIM key for shop.example is not a private key in PEM form"),
    ] {
        let key: Secret = Arc::new(Given(secret));
        sender.dkim = Some(DkimKey { domain: "shop.example".into(), selector: "s1".into(), key });
        let failed = compose(&seed, &sender, TO, &MessageSource::BuiltIn, HEADER, now()).unwrap_err();
        assert!(failed.to_string().starts_with(error), "{failed}");
    }
}

/// Pieces of templates, good and bad.
fn template() -> impl Strategy<Value = String> {
    let header = "(Subject: (x|\\{\\{to\\}\\}|\\{\\{from_name\\}\\})\n|From: a\n|date : b\n|X-Landfall-Seed: 1\n|MESSAGE-ID: <x>\n|Content-Type: (text/plain|text/html; charset=utf-8|multipart/mixed; boundary=b)\n|MIME-Version: 1.0\n|Content-Transfer-Encoding: (base64|quoted-printable|8bit)\n| fold\n|X: é\n|[ -~]{0,20}\n){0,6}";
    let body = "(--b\n|--b--\n|\n|\r|\r\n|Content-Type: text/plain; charset=utf-8\n|Content-Transfer-Encoding: (base64|quoted-printable)\n|\\{\\{(token|reference|nope|from_name)\\}\\}|e3t0b2tlbn19|=3D|=\n|é|\\.\n|[ -~]{0,30}){0,12}";
    (header, body).prop_map(|(header, body)| format!("Subject: s\n{header}\n{body}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_template_is_refused_or_makes_a_well_formed_message(template in template(), name in "(Shop|Büro)") {
        let checked = check(&template);
        match composed(&name, &MessageSource::Template(template.as_str().into())) {
            Ok(message) => {
                prop_assert!(checked.is_ok());
                well_formed(&message.bytes);
                let text = String::from_utf8(message.bytes).unwrap();
                prop_assert!(!text.contains("{{token}}") || text.contains(TOKEN));
            }
            Err(ComposeError::Template(problems)) => prop_assert_eq!(checked, Err(problems)),
            Err(error) => prop_assert!(false, "checked, and still: {}", error),
        }
    }

    #[test]
    fn any_text_is_checked_without_a_panic(template in "\\PC{0,200}|[\\x00-\\x7f]{0,200}") {
        let _ = check(&template);
    }
}
