//! The domain of the From field (RFC 9989 §5.3.1).

use std::net::IpAddr;

use mail_parser::MessageParser;

use crate::syntax::header::named;

/// Whose message it claims to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// Every address of the From field is of this domain. In lower case, as A-labels.
    One(String),
    /// Addresses of several domains.
    Several(Vec<String>),
    /// No From field, no address in it, or an address without a domain that DNS could know.
    Missing,
}

impl Author {
    /// Reads it from a message, or from its header section. A message with several From fields is not one that RFC 5322 §3.6 allows; it is
    /// judged by all of them, since nobody knows which one a reader is shown.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        let mut domains = Vec::new();
        for field in named(message, "From") {
            let alone = [b"From:", field.raw, b"\r\n\r\n"].concat();
            let Some(parsed) = MessageParser::default().parse_headers(alone.as_slice()) else { continue };
            let addresses = parsed.from().into_iter().flat_map(|from| from.iter()).filter_map(|entry| entry.address());
            for address in addresses {
                let Some(domain) = address.rsplit_once('@').and_then(|(_, domain)| normal(domain)) else { continue };
                if !domains.contains(&domain) {
                    domains.push(domain);
                }
            }
        }
        match domains.len() {
            0 | 1 => domains.pop().map_or(Self::Missing, Self::One),
            _ => Self::Several(domains),
        }
    }

    /// A single domain, such as a user gave it.
    #[must_use]
    pub fn domain(domain: &str) -> Self {
        normal(domain).map_or(Self::Missing, Self::One)
    }
}

/// The domain in lower case, as A-labels (RFC 9989 §5.3.1, RFC 5890 §2.3), without a final dot. `None` for what cannot be a name in DNS: an
/// address, an empty or overlong label, an overlong name (RFC 1035 §2.3.4).
pub(super) fn normal(domain: &str) -> Option<String> {
    let domain = domain.trim();
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    if domain.len() > 1_000 || domain.parse::<IpAddr>().is_ok() {
        return None;
    }
    let ascii = idna::domain_to_ascii(domain).ok()?;
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_name_byte);
    (ascii.len() <= 253 && ascii.split('.').all(label)).then_some(ascii)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(domain: &str) -> Author {
        Author::One(domain.into())
    }

    #[test]
    fn from_fields() {
        let several = |domains: [&str; 2]| Author::Several(domains.map(String::from).to_vec());
        for (message, author) in [
            ("From: a@Shop.Example\r\n\r\n", one("shop.example")),
            ("From: \"x@evil.example\" <a@shop.example>\r\n\r\n", one("shop.example")),
            ("from: Shop (at home)\r\n <a@shop.example.>\r\n\r\n", one("shop.example")),
            ("From: a@shop.example, b@SHOP.example\r\n\r\n", one("shop.example")),
            ("From: a@shop.example, b@other.example\r\n\r\n", several(["shop.example", "other.example"])),
            ("From: a@shop.example\r\nFrom: b@other.example\r\n\r\n", several(["shop.example", "other.example"])),
            ("From: <a@bücher.example>\r\n\r\n", one("xn--bcher-kva.example")),
            ("From: Team: a@shop.example;\r\n\r\n", one("shop.example")),
            ("From: undisclosed:;\r\n\r\n", Author::Missing),
            ("From: a\r\n\r\n", Author::Missing),
            ("From:\r\n\r\n", Author::Missing),
            ("From: <a@[192.0.2.1]>\r\n\r\n", Author::Missing),
            ("Subject: From: a@shop.example\r\n\r\nFrom: a@shop.example\r\n", Author::Missing),
            ("", Author::Missing),
        ] {
            assert_eq!(Author::of(message.as_bytes()), author, "{message}");
        }
    }

    #[test]
    fn names_that_dns_cannot_know() {
        let long = "x".repeat(64) + ".example";
        for name in ["", ".", "a..b", ".a", "192.0.2.1", "2001:db8::1", "[192.0.2.1]", "a b.example", long.as_str()] {
            assert_eq!(Author::domain(name), Author::Missing, "{name}");
        }
        assert_eq!(Author::domain(&vec!["abcdefgh"; 40].join(".")), Author::Missing);
        assert_eq!(Author::domain(" _x.Shop.example. "), one("_x.shop.example"));
    }

    proptest! {
        #[test]
        fn anything_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[ -~é@<>,;\"()]{0,80}") {
            for from in [[b"From: ".as_slice(), &bytes, b"\r\n\r\n"].concat(), format!("From: {text}\r\n\r\n").into_bytes()] {
                if let Author::One(domain) = Author::of(&from) {
                    prop_assert!(domain.is_ascii() && domain.len() <= 253);
                    prop_assert_eq!(normal(&domain), Some(domain));
                }
            }
        }
    }
}
