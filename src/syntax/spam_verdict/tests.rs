//! Header values as the filters write them.

use proptest::prelude::*;

use super::*;
use crate::model::{MethodResult, Property};

fn header(name: &str, value: &str) -> SpamHeader {
    SpamHeader { name: name.into(), value: value.into() }
}

fn verdict(name: &str, value: &str) -> SpamVerdict {
    let mut read = read(&[header(name, value)]);
    assert_eq!(read.len(), 1, "{name}: {value}");
    read.remove(0)
}

/// Header, value, filter, spam, score, threshold, action, overrides, how many tests.
type Case = (
    &'static str,
    &'static str,
    Filter,
    Option<bool>,
    Option<f64>,
    Option<f64>,
    &'static str,
    &'static [Override],
    usize,
);

#[rustfmt::skip]
const CASES: [Case; 49] = [
    ("X-Forefront-Antispam-Report", "CIP:192.0.2.1;CTRY:DE;LANG:en;SCL:1;SRV:;IPV:NLI;SFV:NSPM;H:mail.shop.example;PTR:mail.shop.example;CAT:NONE;SFS:(13230040)(1234);DIR:INB;", Filter::Microsoft, Some(false), Some(1.0), Some(5.0), "NONE", &[], 7),
    ("X-Forefront-Antispam-Report", "CIP:192.0.2.1;SCL:5;SFV:SPM;CAT:SPM;DIR:INB;", Filter::Microsoft, Some(true), Some(5.0), Some(5.0), "SPM", &[], 2),
    ("X-Forefront-Antispam-Report", "CIP:192.0.2.1;SCL:9;SFV:SPM;CAT:HPHISH", Filter::Microsoft, Some(true), Some(9.0), Some(5.0), "HPHISH", &[], 1),
    ("X-Forefront-Antispam-Report", "SCL:-1;SFV:SFE;CAT:NONE", Filter::Microsoft, Some(false), Some(-1.0), Some(5.0), "NONE", &[Override::SafeSender], 0),
    ("X-Forefront-Antispam-Report", "SCL:-1;SFV:SKA;CAT:NONE", Filter::Microsoft, Some(false), Some(-1.0), Some(5.0), "NONE", &[Override::AllowList], 0),
    ("X-Forefront-Antispam-Report", "SCL:-1;SFV:SKN", Filter::Microsoft, Some(false), Some(-1.0), Some(5.0), "", &[Override::AllowList], 0),
    ("X-Forefront-Antispam-Report", "SCL:-1;SFV:SKI", Filter::Microsoft, Some(false), Some(-1.0), Some(5.0), "", &[Override::Internal], 0),
    ("X-Forefront-Antispam-Report", "SCL:1;SFV:SKQ", Filter::Microsoft, Some(false), Some(1.0), Some(5.0), "", &[Override::Released], 0),
    ("X-Forefront-Antispam-Report", "SCL:6;SFV:BLK", Filter::Microsoft, Some(true), Some(6.0), Some(5.0), "", &[Override::BlockedSender], 0),
    ("X-Forefront-Antispam-Report", "SCL:6;SFV:SKB", Filter::Microsoft, Some(true), Some(6.0), Some(5.0), "", &[Override::BlockList], 0),
    ("X-Forefront-Antispam-Report", "SCL:6;SFV:SKS;CAT:SPM", Filter::Microsoft, Some(true), Some(6.0), Some(5.0), "SPM", &[Override::BlockList], 0),
    ("X-Forefront-Antispam-Report", "IPV:CAL;SCL:-1;SFV:NSPM", Filter::Microsoft, Some(false), Some(-1.0), Some(5.0), "", &[Override::AllowList], 0),
    ("X-Microsoft-Antispam-Mailbox-Delivery", "ucf:0;jmr:0;auth:0;dest:I;ENG:(910001)(944506478);", Filter::Microsoft, Some(false), None, None, "I", &[], 3),
    ("X-Microsoft-Antispam-Mailbox-Delivery", "ucf:0;jmr:0;auth:1;dest:J;OFR:SpamFilterAuthJ;ENG:(5062000305);RF:JunkEmail;", Filter::Microsoft, Some(true), None, None, "J", &[], 4),
    ("X-Microsoft-Antispam-Mailbox-Delivery", "ucf:1;jmr:0;auth:0;dest:C;OFR:CustomRules;", Filter::Microsoft, None, None, None, "C", &[Override::UserRule], 4),
    ("X-Microsoft-Antispam-Mailbox-Delivery", "dest:J;OFR:ExclusiveSettings;", Filter::Microsoft, Some(true), None, None, "J", &[Override::SafeSendersOnly], 1),
    ("X-Microsoft-Antispam-Mailbox-Delivery", "dest:I;OFR:TrustedSenderList", Filter::Microsoft, Some(false), None, None, "I", &[Override::SafeSender], 1),
    ("X-Microsoft-Antispam-Mailbox-Delivery", "wl:1;pcwl:1;kl:0;iwl:0;ijl:0;dest:I", Filter::Microsoft, Some(false), None, None, "I", &[Override::SafeSender], 0),
    ("X-Microsoft-Antispam-Mailbox-Delivery", "dest:I;OFR:SpamFilterPass,SafeSender", Filter::Microsoft, Some(false), None, None, "I", &[Override::SafeSender], 2),
    ("X-MS-Exchange-Organization-SCL", "1", Filter::Microsoft, Some(false), Some(1.0), Some(5.0), "", &[], 0),
    ("X-MS-Exchange-Organization-SCL", "-1", Filter::Microsoft, None, Some(-1.0), Some(5.0), "", &[], 0),
    ("X-Microsoft-Antispam", "BCL:3;ARA:1444111002|1", Filter::Microsoft, None, None, None, "", &[], 1),
    ("X-SES-Spam-Verdict", "PASS", Filter::Ses, Some(false), None, None, "PASS", &[], 0),
    ("X-SES-Spam-Verdict", "FAIL", Filter::Ses, Some(true), None, None, "FAIL", &[], 0),
    ("X-SES-Spam-Verdict", "GRAY", Filter::Ses, None, None, None, "GRAY", &[], 0),
    ("X-SES-Virus-Verdict", "PROCESSING_FAILED", Filter::Ses, None, None, None, "PROCESSING_FAILED", &[], 0),
    ("X-Spam-Status", "No, score=-1.9 required=5.0 tests=BAYES_00,DKIM_SIGNED, DKIM_VALID,SPF_PASS autolearn=ham autolearn_force=no version=4.0.0", Filter::SpamAssassin, Some(false), Some(-1.9), Some(5.0), "", &[], 4),
    ("X-Spam-Status", "Yes, score=105.0 required=5.0 tests=USER_IN_BLOCKLIST,GTUBE", Filter::SpamAssassin, Some(true), Some(105.0), Some(5.0), "", &[Override::BlockList], 2),
    ("X-Spam-Status", "No, score=-99.8 required=6 tests=[BAYES_50=0.8, USER_IN_WELCOMELIST=-100] autolearn=no", Filter::SpamAssassin, Some(false), Some(-99.8), Some(6.0), "", &[Override::AllowList], 2),
    ("X-Spam-Status", "No, hits=0.0 required=5.0 tests=none version=2.6", Filter::SpamAssassin, Some(false), Some(0.0), Some(5.0), "", &[], 0),
    ("X-Spam-Flag", "YES", Filter::SpamAssassin, Some(true), None, None, "", &[], 0),
    ("X-Spam-Level", "***", Filter::SpamAssassin, None, Some(3.0), None, "", &[], 0),
    ("X-Spam-Score", "-1.0", Filter::SpamAssassin, None, Some(-1.0), None, "", &[], 0),
    ("X-Spam-known-sender", "yes (\"Address no-reply@shop.example in From header is in addressbook\")", Filter::SpamAssassin, None, None, None, "", &[Override::SafeSender], 0),
    ("X-Spam-hits", "BAYES_00 -1.9, DKIM_VALID_AU -0.1, LANGUAGES en", Filter::SpamAssassin, None, None, None, "", &[], 3),
    ("X-Spamd-Result", "default: False [1.20 / 15.00]; DMARC_POLICY_ALLOW(-0.50)[shop.example,reject]; R_SPF_ALLOW(-0.20)[+ip4:192.0.2.0/24]; MIME_GOOD(-0.10)[text/plain]; RCVD_COUNT_ONE(0.00)[1]", Filter::Rspamd, Some(false), Some(1.2), Some(15.0), "", &[], 4),
    ("X-Spamd-Result", "default: True [17.50 / 15.00];\tGTUBE(0.00)[]; LOCAL_BL_IP(9.00)[192.0.2.1]", Filter::Rspamd, Some(true), Some(17.5), Some(15.0), "", &[Override::BlockList], 2),
    ("X-Rspamd-Score", "1.2", Filter::Rspamd, None, Some(1.2), None, "", &[], 0),
    ("X-Rspamd-Action", "add header", Filter::Rspamd, Some(true), None, None, "add header", &[], 0),
    ("X-Spam", "Yes", Filter::Rspamd, Some(true), None, None, "", &[], 0),
    ("X-YahooFilteredBulk", "192.0.2.1", Filter::Yahoo, Some(true), None, None, "", &[], 0),
    ("X-Pm-Spamscore", "3", Filter::Proton, None, Some(3.0), None, "", &[], 0),
    ("X-Pm-Spam-Action", "inbox", Filter::Proton, Some(false), None, None, "inbox", &[], 0),
    ("X-Mras", "Ok", Filter::MailRu, Some(false), None, None, "Ok", &[], 0),
    ("X-Yandex-Spam", "4", Filter::Yandex, Some(true), None, None, "4", &[], 0),
    ("X-UI-Filterresults", "junk:10;V03:K0:abc=;", Filter::Gmx, Some(true), Some(10.0), None, "junk", &[], 0),
    ("X-Barracuda-Spam-Status", "No, SCORE=0.50 using global scores of TAG_LEVEL=1000.0 QUARANTINE_LEVEL=1000.0 KILL_LEVEL=9.0 tests=BSF_SC0", Filter::Barracuda, Some(false), Some(0.5), Some(9.0), "", &[], 0),
    ("X-Proofpoint-Spam-Details", "rule=notspam policy=default score=0 spamscore=0 malwarescore=0", Filter::Proofpoint, Some(false), Some(0.0), None, "notspam", &[], 0),
    ("X-Vade-Spamstate", "spam:high", Filter::Vade, Some(true), None, None, "spam:high", &[], 0),
];

#[test]
fn each_filters_header_is_read() {
    for (name, value, filter, is_spam, score, threshold, action, overrides, tests) in CASES {
        let read = verdict(name, value);
        assert_eq!(
            (read.filter, read.is_spam, read.score, read.threshold),
            (filter, is_spam, score, threshold),
            "{name}: {value}"
        );
        assert_eq!(read.action.as_deref().unwrap_or_default(), action, "{name}: {value}");
        assert_eq!(read.overrides, overrides, "{name}: {value}");
        assert_eq!(read.tests.len(), tests, "{name}: {value}: {:?}", read.tests);
        assert_eq!((read.header.as_str(), read.raw.as_str()), (name, value));
        assert_eq!(verdict(&name.to_ascii_uppercase(), value).filter, filter);
        assert_eq!(serde_json::to_value(filter).unwrap(), filter.as_str());
    }
}

#[test]
fn what_says_nothing_certain_is_left_out() {
    for (name, value) in [
        ("X-YMailISG", "Yx8GkYoWLDsMd5"),
        ("X-Microsoft-Antispam-Message-Info", "c29tZXRoaW5n"),
        ("X-Forefront-Antispam-Report", ""),
        ("X-Spam", "undefined"),
        ("X-Spam-Status", ""),
        ("X-Spamd-Result", "what"),
        ("X-MS-Exchange-Organization-SCL", "none"),
        ("X-UI-Filterresults", "V03"),
        ("X-Spam-known-sender", "no"),
        ("Subject", "SCL:5"),
    ] {
        assert_eq!(read(&[header(name, value)]), [], "{name}: {value}");
    }
}

#[test]
fn scores_of_single_tests_and_options_that_look_like_symbols() {
    let read = verdict(
        "X-Spamd-Result",
        "default: False [0.0 / 15.0]; ARC_NA(0.00)[]; FAKE(x)[EVIL(9.00) in options; (1.00)]; MX_GOOD(-0.01)[];",
    );
    let tests: Vec<_> = read.tests.iter().map(|test| (test.name.as_str(), test.score)).collect();
    assert_eq!(tests, [("ARC_NA", Some(0.0)), ("MX_GOOD", Some(-0.01))]);
    let read = verdict("X-Spam-hits", "BAYES_00 -1.9");
    assert_eq!(read.tests, [Test { name: "BAYES_00".into(), score: Some(-1.9) }]);
}

#[test]
fn a_mailbox_that_decides_itself_is_told() {
    let verdicts = read(&[
        header("X-Forefront-Antispam-Report", "SCL:-1;SFV:SFE"),
        header("X-Microsoft-Antispam-Mailbox-Delivery", "dest:C;OFR:CustomRules;wl:1"),
        header("X-Spam-Flag", "NO"),
    ]);
    assert_eq!(overrides(&verdicts), [Override::SafeSender, Override::UserRule]);
    assert_eq!(overrides(&read(&[header("X-Spam-Flag", "NO")])), []);
    for by in [Override::SafeSender, Override::SafeSendersOnly, Override::BlockedSender, Override::Internal] {
        assert_eq!(serde_json::to_value(by).unwrap(), by.as_str());
    }
}

#[test]
fn composite_authentication_and_its_reason() {
    let result = |reason: Option<&str>, property: Option<&str>| {
        let properties = property.map(|value| Property { ptype: None, property: "reason".into(), value: value.into() });
        let result = MethodResult {
            method: "compauth".into(),
            result: "fail".into(),
            reason: reason.map(str::to_owned),
            properties: properties.into_iter().collect(),
            ..MethodResult::default()
        };
        composite_auth(&[AuthenticationResults { results: vec![result], ..AuthenticationResults::default() }]).unwrap()
    };
    assert!(result(Some("001"), None).meaning.unwrap().starts_with("failed"));
    assert_eq!(result(None, Some("100")).meaning, Some("passed"));
    assert_eq!(result(Some("601"), None).reason.as_deref(), Some("601"));
    assert_eq!((result(Some("xyz"), None).meaning, result(None, None).reason), (None, None));
    assert_eq!(composite_auth(&[]), None);
}

proptest! {
    #[test]
    fn anything_can_be_read(case in 0..CASES.len(), value in "\\PC{0,200}") {
        for verdict in read(&[header(CASES[case].0, &value)]) {
            prop_assert!(verdict.tests.len() <= MAX_TESTS && verdict.overrides.len() <= 8);
            prop_assert!(verdict.score.is_none_or(f64::is_finite) && verdict.threshold.is_none_or(f64::is_finite));
        }
    }

    #[test]
    fn a_cut_value_is_read_too(case in 0..CASES.len(), cut in 0_usize..200) {
        let value: String = CASES[case].1.chars().take(cut).collect();
        for verdict in read(&[header(CASES[case].0, &value)]) {
            prop_assert!(verdict.tests.len() <= CASES[case].8 + 1);
        }
    }
}
