//! Header values that were wholly turned into encoded words (RFC 2047 §2): `=?charset?B?...?=`.
//!
//! RFC 2047 §5 allows encoded words in an unstructured field, a comment or a phrase only, yet Exchange Online encodes the whole value
//! of a structured field as soon as one character of it (a display name that a sender chose) is not ASCII. The value can then be read
//! only after decoding. A value in which an encoded word is one among plain ones is left as it is: there the sender, not the receiver,
//! may have written it, and decoding it could put his `;` where the receiver wrote none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The value with its encoded words decoded and joined (RFC 2047 §6.2: the white space between them does not count), as UTF-8 where the
/// charset is known and as the bytes that were encoded otherwise. `None` unless the value is encoded words and nothing else.
pub(super) fn decode_whole(value: &[u8]) -> Option<Vec<u8>> {
    let value = value.trim_ascii();
    if !value.starts_with(b"=?") {
        return None;
    }
    let mut decoded = Vec::with_capacity(value.len());
    for word in value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        decode_word(word, &mut decoded)?;
    }
    Some(decoded)
}

fn decode_word(word: &[u8], decoded: &mut Vec<u8>) -> Option<()> {
    let mut parts = word.strip_prefix(b"=?")?.strip_suffix(b"?=")?.split(|byte| *byte == b'?');
    let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let bytes = match encoding {
        b"B" | b"b" => STANDARD_NO_PAD.decode(without_padding(text)).ok()?,
        b"Q" | b"q" => quoted(text)?,
        _ => return None,
    };
    if charset.eq_ignore_ascii_case(b"iso-8859-1") || charset.eq_ignore_ascii_case(b"us-ascii") {
        decoded.extend(bytes.into_iter().map(char::from).collect::<String>().into_bytes());
    } else {
        decoded.extend(bytes);
    }
    Some(())
}

/// The "Q" encoding (RFC 2047 §4.2).
fn quoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            plain => *plain,
        });
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn without_padding(text: &[u8]) -> &[u8] {
    let kept = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    text.get(..kept).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Option<String> {
        decode_whole(value.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn words_are_joined_even_within_a_character() {
        assert_eq!(text(" =?utf-8?B?c3BmPW5vbmUg8A==?=\r\n =?UTF-8?b?n5iA?=").as_deref(), Some("spf=none \u{1f600}"));
        assert_eq!(text("=?utf-8?Q?spf=3Dpass_(=c3=a4)?=").as_deref(), Some("spf=pass (ä)"));
        assert_eq!(text("=?iso-8859-1?q?=E4?=").as_deref(), Some("ä"));
    }

    #[test]
    fn anything_else_is_left_alone() {
        for value in [
            "",
            "spf=pass",
            "mx.example; =?utf-8?B?c3Bm?=",
            "=?utf-8?B?c3Bm?= spf=pass",
            "=?utf-8?X?c3Bm?=",
            "=?utf-8?B?c3B?m?=",
            "=?utf-8?B?***?=",
            "=?utf-8?Q?=4?=",
            "=?utf-8?Q?=zz?=",
            "=?utf-8?Q?",
            "=?",
            "=?=",
        ] {
            assert_eq!(text(value), None, "{value}");
        }
    }
}
