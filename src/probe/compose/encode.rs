//! Text that is not plain ASCII, in headers (RFC 2047) and bodies (RFC 2045).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters of a line without its line end (RFC 5322 §2.1.1).
pub(super) const MAX_LINE: usize = 998;
/// Characters of a line of quoted-printable (RFC 2045 §6.7), without the final `=`.
const MAX_QUOTED: usize = 75;
/// Bytes of text in one encoded word: 60 characters of base64, of the 75 that a word may have (RFC 2047 §2).
const MAX_WORD: usize = 45;

/// Whether `name` may name a header field (RFC 5322 §2.2).
pub(super) fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 70 && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

/// `name <address>` for a From or To header, the name quoted or encoded as it needs.
pub(super) fn mailbox(name: &str, address: &str) -> String {
    let atom = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '\'' | '&' | '!' | '+');
    let name = name.trim();
    if name.is_empty() {
        address.into()
    } else if !name.is_ascii() {
        format!("{}\r\n <{address}>", encoded_words(name))
    } else if name.chars().all(atom) && !name.contains("  ") {
        format!("{name} <{address}>")
    } else {
        format!("\"{}\" <{address}>", name.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// `text` as encoded words in UTF-8 and base64, one a line.
fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if word.len() + c.len_utf8() > MAX_WORD {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let words: Vec<_> = words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join("\r\n ")
}

/// A header value in which words that are not ASCII are encoded. Words beside each other share an encoded word with the blanks between them,
/// because readers drop the blanks between two encoded words (RFC 2047 §6.2).
pub(super) fn unstructured(value: &str) -> String {
    if value.is_ascii() {
        return value.into();
    }
    let value = value.replace("\r\n", "");
    let words: Vec<&str> = value.split(' ').collect();
    let is_encoded = |word: &str| !word.is_ascii() || word.starts_with("=?");
    let mut lines: Vec<String> = Vec::new();
    let mut run = String::new();
    let mut follows_encoded = false;
    for word in words {
        if word.is_ascii() {
            if !run.is_empty() {
                if is_encoded(word) {
                    run.push(' ');
                }
                lines.push(encoded_words(&std::mem::take(&mut run)));
            }
            lines.push(word.into());
            follows_encoded = is_encoded(word);
        } else {
            if !run.is_empty() || follows_encoded {
                run.push(' ');
            }
            run.push_str(word);
            follows_encoded = false;
        }
    }
    if !run.is_empty() {
        lines.push(encoded_words(&run));
    }
    lines.join(" ")
}

/// `bytes`, a text with CRLF or LF line ends, as quoted-printable. Lines are broken between words where that is possible, so that a token
/// stays in one piece.
pub(super) fn quoted_printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + bytes.len() / 8);
    let mut lines = bytes.split(|b| *b == b'\n').peekable();
    while let Some(line) = lines.next() {
        let is_last = lines.peek().is_none();
        let line = if is_last { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
        quote_line(line, &mut out);
        if !is_last {
            out.push_str("\r\n");
        }
    }
    out
}

fn quote_line(line: &[u8], out: &mut String) {
    let mut width = 0;
    let mut words = line.split_inclusive(|b| *b == b' ').peekable();
    while let Some(word) = words.next() {
        let ends_line = words.peek().is_none();
        let units: Vec<String> =
            word.iter().enumerate().map(|(at, b)| unit(*b, ends_line && at + 1 == word.len())).collect();
        let total: usize = units.iter().map(String::len).sum();
        if width > 0 && width + total > MAX_QUOTED {
            out.push_str("=\r\n");
            width = 0;
        }
        for unit in units {
            if width + unit.len() > MAX_QUOTED {
                out.push_str("=\r\n");
                width = 0;
            }
            width += unit.len();
            out.push_str(&unit);
        }
    }
}

/// One byte. White space at the end of a line is encoded, or a relay might strip it.
fn unit(byte: u8, ends_line: bool) -> String {
    match byte {
        b' ' | b'\t' if !ends_line => char::from(byte).into(),
        b'=' => "=3D".into(),
        0x21..=0x7e => char::from(byte).into(),
        _ => format!("={byte:02X}"),
    }
}

/// `bytes` as lines of base64 (RFC 2045 §6.8).
pub(super) fn base64_lines(bytes: &[u8]) -> String {
    let lines: Vec<_> = bytes.chunks(57).map(|chunk| STANDARD.encode(chunk)).collect();
    lines.join("\r\n")
}

#[cfg(test)]
mod tests {
    use mail_parser::decoders::quoted_printable::quoted_printable_decode;
    use mail_parser::{HeaderValue, MessageParser};
    use proptest::prelude::*;

    use super::*;

    fn decoded_subject(value: &str) -> String {
        let raw = format!("Subject: {value}\r\n\r\n");
        let message = MessageParser::default().parse(raw.as_bytes()).unwrap();
        message.subject().unwrap_or_default().to_owned()
    }

    #[test]
    fn names_in_headers() {
        let table = [
            ("", "a@b"),
            ("Shop", "Shop <a@b>"),
            ("Shop, Inc. \"x\"", "\"Shop, Inc. \\\"x\\\"\" <a@b>"),
            ("Büro", "=?UTF-8?B?QsO8cm8=?=\r\n <a@b>"),
        ];
        for (name, expected) in table {
            assert_eq!(mailbox(name, "a@b"), expected);
        }
    }

    #[test]
    fn encoded_words_read_back_with_their_blanks() {
        assert_eq!(decoded_subject(&unstructured("a\r\n é\r\n b")), "a é b", "folds are no part of the words");
        for text in [
            "Your order at Büro",
            "一二三 四五六 seven",
            "é é é",
            "a é =?UTF-8?B?QQ==?= é b",
            "plain",
            "é",
            &"长".repeat(200),
        ] {
            let expected = text.replace("=?UTF-8?B?QQ==?=", "A");
            let encoded = unstructured(text);
            assert!(encoded.is_ascii() && encoded.lines().all(|line| text.is_ascii() || line.len() < 200));
            assert_eq!(decoded_subject(&encoded), expected, "{encoded}");
        }
    }

    #[test]
    fn display_names_read_back() {
        for name in ["Büro für Alles", "店铺", "a\\b \"c\" <d>", "O'Neil & Sons"] {
            let raw = format!("From: {}\r\n\r\n", mailbox(name, "a@b.example"));
            let message = MessageParser::default().parse(raw.as_bytes()).unwrap();
            let Some(HeaderValue::Address(from)) = message.header("From") else { panic!("{raw}") };
            assert_eq!(from.first().unwrap().name(), Some(name));
            assert_eq!(from.first().unwrap().address(), Some("a@b.example"));
        }
    }

    #[test]
    fn words_stay_whole_in_quoted_printable() {
        let text = format!("{} 0123456789abcdef0123456789abcdef", "é".repeat(22));
        let quoted = quoted_printable(text.as_bytes());
        assert!(quoted.ends_with("=\r\n0123456789abcdef0123456789abcdef"), "{quoted}");
    }

    proptest! {
        #[test]
        fn quoted_printable_reads_back(text in "([ \\t=.a-zé\\x00]|\r\n){0,300}") {
            let quoted = quoted_printable(text.as_bytes());
            prop_assert!(quoted.is_ascii());
            prop_assert!(quoted.split("\r\n").all(|line| line.len() <= 76 && !line.ends_with([' ', '\t'])));
            prop_assert_eq!(quoted_printable_decode(quoted.as_bytes()).unwrap(), text.into_bytes());
        }
    }
}
