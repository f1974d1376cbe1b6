//! What a comment tells of TLS.

use crate::model::HopTls;

/// Protocols of RFC 3848 and RFC 6531 that say "over TLS", and what web mail writes.
const ENCRYPTED: [&str; 9] =
    ["SMTPS", "ESMTPS", "ESMTPSA", "LMTPS", "LMTPSA", "UTF8SMTPS", "UTF8SMTPSA", "UTF8LMTPS", "HTTPS"];

pub(super) fn by_protocol(protocol: &str) -> bool {
    ENCRYPTED.contains(&protocol) || protocol == "UTF8LMTPSA"
}

/// What the comment says, if it speaks of TLS.
pub(super) fn by_comment(comment: &str) -> Option<HopTls> {
    let mut tls = HopTls::default();
    let mut words = comment.split([' ', ',', ';', '(', ')']).filter(|word| !word.is_empty()).peekable();
    if comment.trim().eq_ignore_ascii_case("TLS") {
        return Some(tls);
    }
    while let Some(word) = words.next() {
        if let Some(value) = behind(word, "version=") {
            tls.version = tls.version.or_else(|| version(value));
        } else if let Some(value) = behind(word, "cipher=") {
            tls.cipher = tls.cipher.or_else(|| known(value));
        } else if word.eq_ignore_ascii_case("cipher") && tls.version.is_some() {
            tls.cipher = tls.cipher.or_else(|| words.peek().and_then(|value| known(value)));
        } else if words.peek() == Some(&"encrypted") {
            tls.cipher = tls.cipher.or_else(|| known(word));
        } else if let Some((name, cipher)) = word.split_once(':') {
            if let (None, Some(version)) = (&tls.version, version(name)) {
                tls.version = Some(version);
                tls.cipher = tls.cipher.or_else(|| cipher.split(':').next().and_then(known));
            }
        } else if tls.version.is_none() {
            tls.version = version(word);
        }
    }
    (tls.version.is_some() || tls.cipher.is_some()).then_some(tls)
}

fn behind<'a>(word: &'a str, key: &str) -> Option<&'a str> {
    let (start, value) = word.split_at_checked(key.len())?;
    start.eq_ignore_ascii_case(key).then_some(value)
}

fn known(cipher: &str) -> Option<String> {
    let none = cipher.is_empty() || cipher.eq_ignore_ascii_case("none") || cipher.contains('=');
    (!none).then(|| cipher.to_owned())
}

/// `TLSv1.3`, from `TLS1_3`, `TLS1.3`, `TLSv1.3`, `TLSv1/SSLv3`, in any case.
fn version(word: &str) -> Option<String> {
    let word = word.split('/').next()?.to_ascii_uppercase();
    let (name, number) = word.split_at_checked(3)?;
    let number = number.strip_prefix(['V', '_']).unwrap_or(number).replace('_', ".");
    let digits = |part: &str| part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = (1..=2).contains(&number.split('.').count()) && number.split('.').all(digits);
    ((name == "TLS" || name == "SSL") && fits).then(|| format!("{name}v{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments() {
        for (comment, expected) in [
            ("version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128", Some(("TLSv1.3", "TLS_AES_128_GCM_SHA256"))),
            ("version=TLS1_2, cipher=TLS_ECDHE_RSA", Some(("TLSv1.2", "TLS_ECDHE_RSA"))),
            ("version=TLSv1/SSLv3 cipher=AES256-SHA bits=256 verify=NO", Some(("TLSv1", "AES256-SHA"))),
            ("using TLSv1.3 with cipher X_Y (256/256 bits)", Some(("TLSv1.3", "X_Y"))),
            ("TLSv1.2:ECDHE-X:256:NO", Some(("TLSv1.2", "ECDHE-X"))),
            ("TLS1.3", Some(("TLSv1.3", ""))),
            ("DHE-RSA-AES256-SHA encrypted", Some(("", "DHE-RSA-AES256-SHA"))),
            ("TLS", Some(("", ""))),
            ("TLS_AES_128_GCM_SHA256", None),
            ("version=none, cipher=NONE", None),
            ("No client certificate requested", None),
            ("Postfix, from userid 1000", None),
            ("Exim 4.98", None),
            ("", None),
        ] {
            let text = |text: Option<String>| text.unwrap_or_default();
            let read = by_comment(comment).map(|tls| (text(tls.version), text(tls.cipher)));
            assert_eq!(read, expected.map(|(a, b)| (a.to_owned(), b.to_owned())), "{comment}");
        }
    }
}
