//! The headers in which receivers say what their spam filter thought.
//!
//! Most are undocumented and some are opaque (base64 for the vendor's own support), but a change in them is often the only trace of why mail
//! moved. They are kept as written; what they mean is for a diagnosis to say. Any of them may also be forged or come from a relay.

/// Names, in lower case. One that ends in `*` stands for all that start so.
const VERDICTS: [&str; 51] = [
    // Microsoft 365 and Outlook.com.
    "x-forefront-antispam-report*",
    "x-microsoft-antispam*",
    "x-ms-exchange-organization-pcl",
    "x-ms-exchange-organization-scl",
    "x-sid-*",
    // SpamAssassin, and what imitates it (Fastmail, GMX, Mail.ru).
    "x-spam",
    "x-spam-*",
    // rspamd.
    "x-rspamd-*",
    "x-spamd-*",
    // Amazon SES.
    "x-ses-spam-verdict",
    "x-ses-virus-verdict",
    // Gmail, on mail through Groups.
    "x-gm-phishy",
    "x-gm-spam",
    // Yahoo, AOL, Yahoo! JAPAN.
    "x-yahoofilteredbulk",
    "x-ymailisg",
    // Proton.
    "x-pm-origin",
    "x-pm-spam*",
    // iCloud, and Proofpoint before it.
    "x-icl-info",
    "x-icl-score",
    "x-mantsh",
    "x-proofpoint-spam-*",
    "x-proofpoint-virus-*",
    // GMX, web.de, T-Online.
    "x-gmx-antispam",
    "x-gmx-antivirus",
    "x-ui-filterresults",
    "x-toi-expurgateid",
    "x-toi-spam*",
    "x-toi-virusscan",
    // Mail.ru.
    "x-7564579a",
    "x-77f55803",
    "x-mailru-*",
    "x-mras",
    // Yandex.
    "x-yandex-avir",
    "x-yandex-spam",
    // Zoho.
    "x-zm-*",
    "x-zoho-virus-status",
    "x-zohomail-*",
    // Fastmail.
    "x-me-authentication-results",
    // QQ and Tencent Exmail.
    "x-qq-*",
    // NetEase and others on Coremail.
    "x-cm-senderinfo",
    "x-cm-transid",
    "x-coremail-antispam",
    "x-ntes-sc",
    // Aliyun.
    "x-alimail-antispam",
    // Naver, Daum.
    "x-naver-esv",
    "x-hanmail-attr",
    "x-hm-figure",
    // Gateways before many a mailbox.
    "x-barracuda-*",
    "x-ironport-anti-spam-*",
    "x-mimecast-spam-*",
    "x-vade-spam*",
];

/// Whether the header called `name`, in any case, is one of them.
pub(super) fn is_verdict(name: &str) -> bool {
    VERDICTS.iter().any(|verdict| match verdict.strip_suffix('*') {
        Some(start) => name.get(..start.len()).is_some_and(|name| name.eq_ignore_ascii_case(start)),
        None => name.eq_ignore_ascii_case(verdict),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_beginnings_in_any_case() {
        for name in [
            "X-Microsoft-Antispam",
            "X-Microsoft-Antispam-Mailbox-Delivery",
            "X-Forefront-Antispam-Report",
            "X-Forefront-Antispam-Report-Untrusted",
            "X-MS-Exchange-Organization-SCL",
            "X-SID-Result",
            "X-Spam",
            "X-Spam-Flag",
            "x-rspamd-score",
            "X-Spamd-Result",
            "X-SES-Spam-Verdict",
            "X-SES-Virus-Verdict",
            "X-YahooFilteredBulk",
            "X-YMailISG",
            "X-Pm-Spamscore",
            "X-Pm-Spam-Action",
            "X-Yandex-Spam",
            "X-CM-TRANSID",
            "X-QQ-FEAT",
            "X-UI-Filterresults",
        ] {
            assert!(is_verdict(name), "{name}");
        }
    }

    #[test]
    fn ordinary_headers_are_not() {
        for name in [
            "",
            "Subject",
            "X-Spammer",
            "X-Mailer",
            "X-SES-Outgoing",
            "X-MS-Exchange-Organization",
            "Received-SPF",
            "X-",
        ] {
            assert!(!is_verdict(name), "{name}");
        }
    }

    #[test]
    fn the_list_is_in_lower_case_without_doubles() {
        let mut seen = std::collections::BTreeSet::new();
        for verdict in VERDICTS {
            assert_eq!(verdict, verdict.to_lowercase());
            assert!(seen.insert(verdict), "{verdict} twice");
        }
    }
}
