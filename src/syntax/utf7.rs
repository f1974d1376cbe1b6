//! Modified UTF-7, the encoding of folder names in IMAP4rev1 (RFC 3501 §5.1.3).
//!
//! A folder that people call `Entwürfe` is `Entw&APw-rfe` on the wire: printable ASCII stands for itself, `&` is written `&-`, and
//! everything else is UTF-16 in Base64 (with `,` for `/`, without padding) between `&` and `-`. Commands must repeat the name exactly as
//! the server gave it, so the wire form is what is kept and sent; the decoded form is for people and for comparing with the names in a
//! configuration. Real servers break the rules: they send raw UTF-8, shift for characters that need none, or cut a sequence short.
//! [`decode`] is therefore total: it reads what can be read and leaves each damaged sequence as it was written.

use std::borrow::Cow;

use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::{Engine as _, alphabet};

/// Base64 whose last character is `,` instead of `/`, which is a common folder delimiter. Left-over bits that are not zero are refused.
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::IMAP_MUTF7, NO_PAD);

/// The name for people. A shift sequence that is not valid (not Base64, left-over bits, half a surrogate pair, no `-` at its end) is
/// kept as it was written, and so is text that is not ASCII. Linear in the length of the name.
#[must_use]
pub fn decode(wire: &str) -> Cow<'_, str> {
    if !wire.contains('&') {
        return Cow::Borrowed(wire);
    }
    let mut name = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((plain, shifted)) = rest.split_once('&') {
        name.push_str(plain);
        // A `&` before the `-` starts the damaged part anew, so that a lone `&` cannot swallow the sequence after it.
        let end = shifted.find(['-', '&']);
        let sequence = end.and_then(|end| shifted.split_at_checked(end)).filter(|(_, after)| after.starts_with('-'));
        match sequence.and_then(|(coded, after)| Some((characters(coded)?, after.strip_prefix('-')?))) {
            Some((characters, after)) => {
                name.push_str(&characters);
                rest = after;
            }
            None => {
                name.push('&');
                rest = shifted;
            }
        }
    }
    name.push_str(rest);
    Cow::Owned(name)
}

/// What the text between `&` and `-` stands for.
fn characters(coded: &str) -> Option<String> {
    if coded.is_empty() {
        return Some(String::from('&'));
    }
    let bytes = BASE64.decode(coded).ok()?;
    let (pairs, odd) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
    if odd.is_empty() { char::decode_utf16(units).collect::<Result<_, _>>().ok() } else { None }
}

/// The name for the wire: ASCII only, in the one form that RFC 3501 allows.
#[must_use]
pub fn encode(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let mut shifted = Vec::new();
    for character in name.chars() {
        if matches!(character, ' '..='~') {
            unshift(&mut wire, &mut shifted);
            wire.push(character);
            if character == '&' {
                wire.push('-');
            }
        } else {
            shifted.extend(character.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    unshift(&mut wire, &mut shifted);
    wire
}

fn unshift(wire: &mut String, shifted: &mut Vec<u8>) {
    if !shifted.is_empty() {
        wire.push('&');
        BASE64.encode_string(shifted.as_slice(), wire);
        wire.push('-');
        shifted.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_rfcs_example_and_folders_of_real_providers() {
        for (wire, name) in [
            ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
            ("Entw&APw-rfe", "Entwürfe"),
            ("&V4NXPpCuTvY-", "垃圾邮件"),
            ("&BCEEPwQwBDw-", "Спам"),
            ("R&AOk-ception & Cie", "Réception & Cie"),
            ("Tom &- Jerry", "Tom & Jerry"),
            ("&2D3eAA-", "\u{1f600}"),
            ("INBOX", "INBOX"),
            ("", ""),
        ] {
            assert_eq!(decode(wire), name);
            if !name.contains("Cie") {
                assert_eq!(encode(name), wire);
            }
        }
    }

    #[test]
    fn what_cannot_be_read_stays_as_it_was() {
        for wire in ["&", "a&b", "&AOk", "&AO-", "&!!-", "&2D0-", "&AOkA-", "Спам", "&&&", "&AOk&", "&AOl-"] {
            assert_eq!(decode(wire), wire);
        }
        assert_eq!(decode("&bad Entw&APw-rfe &- &oops"), "&bad Entwürfe & &oops");
        // Needless and adjacent shifts, forbidden but readable.
        assert_eq!(decode("&AGE-&AOk-&AOk-"), "aéé");
    }

    proptest! {
        #[test]
        fn every_name_survives_the_wire(name in any::<String>()) {
            let wire = encode(&name);
            prop_assert!(wire.bytes().all(|b| matches!(b, b' '..=b'~')));
            prop_assert_eq!(decode(&wire), name);
        }

        #[test]
        fn any_wire_can_be_read_and_grows_by_half_at_most(wire in "[ -~]{0,40}|[&,A-D0-9é-]{0,60}|\\PC{0,40}") {
            let name = decode(&wire);
            prop_assert!(name.len() <= wire.len() * 3 / 2, "{}", name);
            // What a damaged sequence was read as can itself be written and read.
            let canonical = encode(&name);
            prop_assert_eq!(decode(&canonical), name);
        }

        #[test]
        fn text_without_shifts_is_itself(wire in "[^&]{0,40}") {
            prop_assert_eq!(decode(&wire), wire.as_str());
        }
    }
}
