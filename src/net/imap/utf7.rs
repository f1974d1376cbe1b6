//! Folder names on the wire: modified UTF-7 (RFC 3501 §5.1.3).
//!
//! IMAP names were ASCII once, so that everything else hides between `&` and `-`: UTF-16 (big-endian) in base64 with `,` for
//! `/` and without padding; `&` itself is `&-`. QQ's junk folder is `Junk`, NetEase's `&V4NXPpCuTvY-` (垃圾邮件). Servers that
//! speak UTF-8 (RFC 6855) do so only to clients that enable it, and some against the rules without being asked.

use std::fmt::Write as _;

use crate::net::imap::base64;

/// The name for people. `None` where `wire` is not modified UTF-7: what comes from a server may be anything.
///
/// Accepts what broken encoders write and nobody can misread: printable ASCII within base64, and UTF-8 outside it.
#[must_use]
pub fn decode(wire: &str) -> Option<String> {
    let mut name = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((plain, shifted)) = rest.split_once('&') {
        name.push_str(plain);
        let (encoded, after) = shifted.split_once('-')?;
        if encoded.is_empty() {
            name.push('&');
        } else {
            name.push_str(&shifted_text(encoded)?);
        }
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

/// The text between `&` and `-`.
fn shifted_text(encoded: &str) -> Option<String> {
    let mut units = Vec::with_capacity(encoded.len() / 2);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in encoded.bytes() {
        let value = match byte {
            b',' => 63,
            b'/' => return None,
            _ => base64::digit(byte)?,
        };
        bits = (bits << 6 | value) & 0x003f_ffff;
        held += 6;
        if held >= 16 {
            held -= 16;
            units.push(u16::try_from(bits >> held & 0xffff).ok()?);
        }
    }
    // What is left must be padding: fewer than six bits, all zero.
    if held >= 6 || bits & ((1 << held) - 1) != 0 {
        return None;
    }
    String::from_utf16(&units).ok()
}

/// The name on the wire.
#[must_use]
pub fn encode(name: &str) -> String {
    let mut wire = String::with_capacity(name.len());
    let mut shifted: Vec<u8> = Vec::new();
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            close(&mut wire, &mut shifted);
            wire.push(c);
            if c == '&' {
                wire.push('-');
            }
        } else {
            shifted.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    close(&mut wire, &mut shifted);
    wire
}

fn close(wire: &mut String, shifted: &mut Vec<u8>) {
    if !shifted.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(wire, "&{}-", base64::unpadded(shifted).replace('/', ","));
        shifted.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_seen_at_receivers() {
        for (wire, name) in [
            ("INBOX", "INBOX"),
            ("&V4NXPpCuTvY-", "垃圾邮件"),
            ("&XfJT0ZAB-", "已发送"),
            ("&Xn9USpCuTvY-", "广告邮件"),
            ("&j,dg0TDhMPww6w-", "迷惑メール"),
            ("&BCEEPwQwBDw-", "Спам"),
            ("Entw&APw-rfe", "Entwürfe"),
            ("R&AOk-seaux &- amis", "Réseaux & amis"),
            ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
            ("&2D3eAA-", "😀"),
        ] {
            assert_eq!(decode(wire).as_deref(), Some(name));
            assert_eq!(encode(name), wire);
        }
    }

    #[test]
    fn what_is_not_modified_utf_7_is_none() {
        for wire in ["&", "&V4N", "&V4NXPpCuTvY", "a&/-", "&2D0-", "&AP-", "&APx-", "&A-", "&APw=-", "&\u{e9}-"] {
            assert_eq!(decode(wire), None, "{wire}");
        }
        assert_eq!(decode("&AGE-").as_deref(), Some("a"), "needless encoding is harmless");
        assert_eq!(decode("Entwürfe").as_deref(), Some("Entwürfe"), "raw UTF-8 is left as it is");
    }

    proptest! {
        #[test]
        fn decode_undoes_encode(name in any::<String>()) {
            let wire = encode(&name);
            prop_assert!(wire.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            prop_assert_eq!(decode(&wire), Some(name));
        }

        #[test]
        fn decode_never_panics_and_never_grows(wire in "[&A-Za-c0-3+,/=-]{0,60}|\\PC{0,40}") {
            if let Some(name) = decode(&wire) {
                prop_assert!(name.len() <= wire.len() * 2);
            }
        }
    }
}
