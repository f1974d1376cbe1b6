//! Base64 (RFC 4648 §4), as far as the mail formats here need it: without line breaks, with the alphabet's last character chosen by the
//! caller, because modified UTF-7 writes `,` where everybody else writes `/`.

const FIRST_62: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Decodes `text`, whose padding has been taken off. `None` for a character outside the alphabet, for an impossible length, and for
/// bits left over that are not zero: then the text was cut or damaged.
pub(super) fn decode(text: &[u8], last: u8) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text {
        bits = (bits << 6 | sextet(*byte, last)?) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.extend((bits >> held).to_le_bytes().first());
        }
    }
    let left_over = bits & ((1 << held) - 1);
    (held < 6 && left_over == 0).then_some(bytes)
}

fn sextet(byte: u8, last: u8) -> Option<u32> {
    match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' => Some(62),
        _ if byte == last => Some(63),
        _ => None,
    }
}

/// Appends `bytes` in Base64 to `text`, without padding.
pub(super) fn encode_to(text: &mut String, bytes: &[u8], last: u8) {
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().zip([16, 8, 0]).fold(0_u32, |group, (byte, shift)| group | u32::from(*byte) << shift);
        for shift in [18, 12, 6, 0].into_iter().take(chunk.len() + 1) {
            let digit = match group >> shift & 63 {
                62 => b'+',
                63 => last,
                // Below 62 here, so there is always one.
                index => FIRST_62.get(usize::try_from(index).unwrap_or(0)).copied().unwrap_or(b'A'),
            };
            text.push(char::from(digit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_vectors() {
        for (plain, coded) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")]
        {
            let mut text = String::new();
            encode_to(&mut text, plain.as_bytes(), b'/');
            assert_eq!(text, coded);
            assert_eq!(decode(coded.as_bytes(), b'/').as_deref(), Some(plain.as_bytes()));
        }
    }

    #[test]
    fn damaged_text_is_not_decoded() {
        for text in ["Z", "Zm9vY", "Zh", "Zm9", "Zm 9v", "Zm9v="] {
            assert_eq!(decode(text.as_bytes(), b'/'), None, "{text}");
        }
        assert_eq!(decode(b"//", b'/'), None);
        assert_eq!(decode(b"//8", b'/'), Some(vec![0xff, 0xff]));
        assert_eq!(decode(b",,8", b','), Some(vec![0xff, 0xff]));
        assert_eq!(decode(b"//8", b','), None);
    }
}
