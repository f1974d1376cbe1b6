//! Report addresses (RFC 9989 §4.8 `dmarc-uri`): a URI of RFC 3986 in which `,` and `!` are percent-encoded.

use crate::syntax::dmarc::OddityKind;

/// The URI, without its size limit, and what is odd about it. `None` where it is no URI.
pub(super) fn read(text: &str) -> (Option<&str>, Option<OddityKind>) {
    let (uri, limit) = match text.split_once('!') {
        Some((uri, limit)) if is_size(limit) => (uri, true),
        _ => (text, false),
    };
    let Some((scheme, rest)) = uri.split_once(':') else { return (None, Some(OddityKind::InvalidUri)) };
    if !is_scheme(scheme) || rest.is_empty() || !is_uri_text(rest) {
        return (None, Some(OddityKind::InvalidUri));
    }
    if !scheme.eq_ignore_ascii_case("mailto") {
        return (Some(uri), Some(OddityKind::NotMailto));
    }
    // RFC 6068 §2: an address has both parts; headers may follow behind a `?`.
    let address = rest.split_once('?').map_or(rest, |(address, _)| address);
    match address.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() => {
            (Some(uri), limit.then_some(OddityKind::SizeLimit))
        }
        _ => (None, Some(OddityKind::InvalidUri)),
    }
}

/// RFC 7489 §6.4: a number and perhaps a unit.
fn is_size(limit: &str) -> bool {
    let digits = limit.trim_end_matches(['k', 'm', 'g', 't', 'K', 'M', 'G', 'T']);
    limit.len() <= digits.len() + 1 && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// RFC 3986 §3.1.
fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// RFC 3986 §2: unreserved, reserved (but `!`, which must be encoded here), and percent-encoded bytes.
fn is_uri_text(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@$&'()*+=;".contains(&byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris() {
        for (text, uri, oddity) in [
            ("mailto:a@b.example", Some("mailto:a@b.example"), None),
            ("MailTo:A%21b@B.example", Some("MailTo:A%21b@B.example"), None),
            ("mailto:a@b.example?subject=x", Some("mailto:a@b.example?subject=x"), None),
            ("mailto:a@b.example!10m", Some("mailto:a@b.example"), Some(OddityKind::SizeLimit)),
            ("mailto:a@b.example!10", Some("mailto:a@b.example"), Some(OddityKind::SizeLimit)),
            ("mailto:a@b.example!mm", None, Some(OddityKind::InvalidUri)),
            ("mailto:a@b.example!", None, Some(OddityKind::InvalidUri)),
            ("https://b.example/dmarc", Some("https://b.example/dmarc"), Some(OddityKind::NotMailto)),
            ("a@b.example", None, Some(OddityKind::InvalidUri)),
            ("mailto:", None, Some(OddityKind::InvalidUri)),
            ("mailto:a", None, Some(OddityKind::InvalidUri)),
            ("mailto:@b.example", None, Some(OddityKind::InvalidUri)),
            ("mailto:a@b.example c", None, Some(OddityKind::InvalidUri)),
            ("mailto:a%2@b.example", None, Some(OddityKind::InvalidUri)),
            ("mailto:ä@b.example", None, Some(OddityKind::InvalidUri)),
            ("1mailto:a@b.example", None, Some(OddityKind::InvalidUri)),
            ("", None, Some(OddityKind::InvalidUri)),
        ] {
            assert_eq!(read(text), (uri, oddity), "{text}");
        }
    }
}
