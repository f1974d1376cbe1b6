//! The token that joins the two halves of a seed's way.

use std::fmt;

/// 128 random bits that stand in three places of a seed: its own header, the left part of its Message-ID and the last
/// line of its body. Whoever does not hold the message cannot guess it, so a copy that carries it is ours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token([u8; 16]);

/// Characters of a token in text: lower-case hexadecimal, which survives every relay that changes case or re-encodes.
const TEXT_LEN: usize = 32;

impl Token {
    /// A token made of the given random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads the 32 hexadecimal digits that [`fmt::Display`] writes, in either case. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != TEXT_LEN || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|bits| Self(bits.to_be_bytes()))
    }

    /// Every run of exactly 32 hexadecimal digits in `text`, each a possible token. Linear in the length of the text.
    pub fn candidates(text: &[u8]) -> impl Iterator<Item = Self> {
        text.split(|b| !b.is_ascii_alphanumeric())
            .filter(|word| word.len() == TEXT_LEN)
            .filter_map(|word| str::from_utf8(word).ok())
            .filter_map(Self::parse)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_in_either_case() {
        let token = Token::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        let text = token.to_string();
        assert_eq!(text, "000102030405060708090a0b0c0d0eff");
        assert_eq!(Token::parse(&text), Some(token));
        assert_eq!(Token::parse(&text.to_uppercase()), Some(token));
    }

    #[test]
    fn what_is_not_32_hexadecimal_digits_is_no_token() {
        for text in [
            "",
            "00",
            "+00102030405060708090a0b0c0d0eff",
            "000102030405060708090a0b0c0d0efg",
            "000102030405060708090a0b0c0d0eff0",
        ] {
            assert_eq!(Token::parse(text), None, "{text}");
        }
    }

    #[test]
    fn candidates_are_whole_words_only() {
        let token = Token::from_bytes([7; 16]);
        let text = format!("Reference: {token}.\r\n<{token}@x> {token}ff 00{token} \u{fffd}");
        assert_eq!(Token::candidates(text.as_bytes()).collect::<Vec<_>>(), [token, token]);
    }
}
