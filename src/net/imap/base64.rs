//! Base64 (RFC 4648 §4), and its variant in folder names (RFC 3501 §5.1.3), which has `,` for `/` and no padding.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// With padding, as SASL wants it (RFC 3501 §6.2.2).
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = unpadded(bytes);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Without padding.
pub(super) fn unpadded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            let digit = usize::try_from(group >> (18 - 6 * at) & 63).unwrap_or_default();
            text.push(STANDARD.get(digit).map_or('A', |digit| char::from(*digit)));
        }
    }
    text
}

/// The value of a digit.
pub(super) fn digit(digit: u8) -> Option<u32> {
    STANDARD.iter().position(|known| *known == digit).and_then(|value| u32::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_section_10() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(plain.as_bytes()), encoded);
        }
        assert_eq!(encode(&[0xff, 0xff, 0xfe]), "///+");
        assert_eq!(digit(b'/'), Some(63));
        assert_eq!(digit(b'='), None);
    }
}
