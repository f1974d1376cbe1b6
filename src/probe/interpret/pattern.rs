//! Patterns of authserv-ids: a name in which `*` stands for any characters but a dot, none included. A star that crossed dots would let
//! `mx*`, which is how NetEase names its hosts, speak for `mx.google.com`.

/// Whether `name` is one that `pattern` stands for. Both are in lower case.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut names = name.split('.');
    pattern.split('.').all(|pattern| names.next().is_some_and(|name| label_matches(pattern, name)))
        && names.next().is_none()
}

/// The same for one label. Each part between stars is sought once, from left to right, the earliest match taken, so the time is
/// linear in the name.
fn label_matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut name) = name.strip_prefix(start).and_then(|name| name.strip_suffix(end)) else { return false };
    for part in middle.split('*') {
        let Some((_, after)) = name.split_once(part) else { return false };
        name = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name) in [
            ("mx.example", "mx.example"),
            ("*", ""),
            ("*", "mx"),
            ("*.example", ".example"),
            ("mx*.messagingengine.com", "mx4.messagingengine.com"),
            ("atlas*.free.mail.*.yahoo.com", "atlas322.free.mail.ne1.yahoo.com"),
            ("a*a", "aa"),
            ("a**b*", "ab"),
            ("*ab*ab*", "xabxabx"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn nothing_else_does() {
        for (pattern, name) in [
            ("", "mx.example"),
            ("mx.example", "mx.example.evil.example"),
            ("*.example", "example"),
            ("*", "mx.example"),
            ("mx*", "mx.google.com"),
            ("mx.*", "mx"),
            ("*.icloud.com", "spf.icloud.com.evil.example"),
            ("a*a", "a"),
            ("*ab*ab*", "xabx"),
            ("mx?", "mx1"),
            ("atlas*.*.yahoo.com", "atlas.yahoo.com"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    /// The definition, tried out in every way.
    fn defined(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => {
                let label = name.iter().position(|byte| *byte == b'.').unwrap_or(name.len());
                (0..=label).any(|skipped| defined(rest, &name[skipped..]))
            }
            ([first, rest @ ..], [other, others @ ..]) => first == other && defined(rest, others),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_definition(pattern in "[ab*.]{0,7}", name in "[ab.]{0,9}") {
            prop_assert_eq!(matches(&pattern, &name), defined(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
