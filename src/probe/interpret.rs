//! What a received copy says of itself: the receiver's verdicts on authentication, and what its spam filter thought.
//!
//! Anybody can write an Authentication-Results header, and a relay on the way may have written an honest one of its own. RFC 8601 §5 has the
//! border MTA remove those that bear its own authserv-id, but not every receiver does, and the position proves nothing (NetEase and Mail.ru
//! append theirs below the sender's headers). So each header is kept and sorted by one question: is its authserv-id a name that this
//! provider is known to use ([`Provider::authserv_ids`])? The answer "trusted" means "bears the right name", not "proven": whoever knows what
//! stood on the message when it left must still take those headers away. Several trusted ones are normal; iCloud writes four.

mod pattern;
mod spam_headers;

use crate::model::{AuthenticationResults, Provider, Reading, SpamHeader};
use crate::syntax::authentication_results::parse;
use crate::syntax::header::{Field, fields};

/// How many Authentication-Results headers are kept of each kind, and how many of a spam filter. The first ones are kept.
pub const MAX_HEADERS: usize = 100;
/// How much of a spam filter's header is kept, in bytes. X-Microsoft-Antispam-Message-Info alone may have 10 KiB that only Microsoft can read.
pub const MAX_SPAM_VALUE: usize = 2_048;

/// Reads the header section of a copy received at `provider`; `headers` may be the whole message, whose body is not looked at.
///
/// Nothing is trusted of a provider without patterns that always writes an authserv-id. Authentication-Results-Original, X-Original-... and
/// ARC-Authentication-Results are not the receiver's word on this copy and are left out.
#[must_use]
pub fn read(headers: &[u8], provider: &Provider) -> Reading {
    let mut reading = Reading::default();
    for field in fields(headers) {
        if field.is("Authentication-Results") {
            let header = parse(field.raw);
            let kept = if is_trusted(&header, provider) { &mut reading.trusted } else { &mut reading.untrusted };
            push_bounded(kept, header);
        } else if spam_headers::is_verdict(field.name) {
            push_bounded(&mut reading.spam_headers, spam_header(field));
        }
    }
    reading
}

fn is_trusted(header: &AuthenticationResults, provider: &Provider) -> bool {
    match &header.authserv_id {
        Some(id) => {
            let id = id.to_lowercase();
            provider.authserv_ids.iter().any(|pattern| pattern::matches(pattern, &id))
        }
        None => provider.omits_authserv_id,
    }
}

fn push_bounded<T>(kept: &mut Vec<T>, header: T) {
    if kept.len() < MAX_HEADERS {
        kept.push(header);
    }
}

fn spam_header(field: Field<'_>) -> SpamHeader {
    let mut value = field.unfold();
    value.truncate(value.floor_char_boundary(MAX_SPAM_VALUE));
    SpamHeader { name: field.name.to_owned(), value }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::FolderNames;

    fn provider(authserv_ids: &[&str], omits_authserv_id: bool) -> Provider {
        Provider {
            name: "test".into(),
            folders: FolderNames::default(),
            idle_limit: Duration::ZERO,
            authserv_ids: authserv_ids.iter().map(ToString::to_string).collect(),
            omits_authserv_id,
            gmail_tabs: false,
        }
    }

    fn ids(headers: &[AuthenticationResults]) -> Vec<&str> {
        headers.iter().map(|header| header.authserv_id.as_deref().unwrap_or("-")).collect()
    }

    const ICLOUD: &[u8] = b"Authentication-Results: bimi.icloud.com; bimi=none\r\n\
        authentication-results: DMARC.icloud.com;\r\n\tdmarc=pass header.from=shop.example\r\n\
        Authentication-Results: dkim-verifier.icloud.com; dkim=fail; dkim=pass\r\n\
        ARC-Authentication-Results: i=1; spf.icloud.com; spf=fail\r\n\
        Authentication-Results-Original: spf.icloud.com; spf=fail\r\n\
        Authentication-Results: spf.icloud.com.evil.example; spf=pass\r\n\
        Authentication-Results: spf=pass smtp.mailfrom=evil.example\r\n\
        Subject: x\r\n\
        Authentication-Results: spf.icloud.com; spf=softfail\r\n\
        \r\n\
        Authentication-Results: spf.icloud.com; spf=pass\r\n";

    #[test]
    fn the_providers_own_headers_are_trusted_in_message_order() {
        let reading = read(ICLOUD, &provider(&["*.icloud.com"], false));
        assert_eq!(
            ids(&reading.trusted),
            ["bimi.icloud.com", "DMARC.icloud.com", "dkim-verifier.icloud.com", "spf.icloud.com"]
        );
        assert_eq!(ids(&reading.untrusted), ["spf.icloud.com.evil.example", "-"]);
        assert_eq!(
            ["spf", "dkim", "dmarc", "arc"].map(|method| reading.result(method)),
            [Some("softfail"), Some("pass"), Some("pass"), None]
        );
    }

    #[test]
    fn a_header_without_authserv_id_is_trusted_only_where_the_provider_omits_it() {
        let outlook = b"Authentication-Results: spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=a.example; dmarc=pass action=none\r\n\
            Authentication-Results: a.example; spf=pass\r\n";
        assert_eq!(ids(&read(outlook, &provider(&[], true)).trusted), ["-"]);
        let generic = read(outlook, &provider(&[], false));
        assert_eq!((generic.trusted.len(), ids(&generic.untrusted)), (0, vec!["-", "a.example"]));
    }

    #[test]
    fn spam_headers_are_kept_unfolded_and_short() {
        let headers = format!(
            "X-Spam-Status: No, score=-0.1\r\n\ttests=DKIM_VALID\r\nx-forefront-antispam-report:\r\n CIP:192.0.2.1;SCL:1\r\n\
             X-Spambayes: no\r\nX-Microsoft-Antispam-Message-Info: {}\r\n",
            "ä".repeat(9_000)
        );
        let kept = read(headers.as_bytes(), &provider(&[], false)).spam_headers;
        let names: Vec<_> = kept.iter().map(|header| header.name.as_str()).collect();
        assert_eq!(names, ["X-Spam-Status", "x-forefront-antispam-report", "X-Microsoft-Antispam-Message-Info"]);
        assert_eq!(kept[0].value, "No, score=-0.1 tests=DKIM_VALID");
        assert_eq!(kept[1].value, "CIP:192.0.2.1;SCL:1");
        assert_eq!(kept[2].value.len(), MAX_SPAM_VALUE);
    }

    #[test]
    fn a_flood_is_cut_and_does_not_hide_the_providers_header() {
        let flood = b"Authentication-Results: evil.example; spf=pass\r\nX-Spam-Flag: NO\r\n".repeat(MAX_HEADERS * 3);
        let headers = [flood.as_slice(), b"Authentication-Results: mx.example; spf=fail\r\n"].concat();
        let reading = read(&headers, &provider(&["mx.example"], false));
        assert_eq!((reading.untrusted.len(), reading.spam_headers.len()), (MAX_HEADERS, MAX_HEADERS));
        assert_eq!(reading.result("spf"), Some("fail"));
    }

    proptest! {
        #[test]
        fn any_message_can_be_read(headers in proptest::collection::vec(any::<u8>(), 0..300)) {
            let headers = [b"Authentication-Results: ".as_slice(), &headers].concat();
            let reading = read(&headers, &provider(&["*"], true));
            prop_assert!(!reading.untrusted.is_empty() || !reading.trusted.is_empty());
        }
    }
}
