//! Every reply of the facts is recognised as itself, and replies that the catalog has never seen as what they are.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Replies as receivers write them, each with its entry.
const SEEN: &str = include_str!("../../../../tests/data/smtp-replies.tsv");

fn reply(code: u16, enhanced: &str, text: &str) -> Reply {
    Reply { code, enhanced: (!enhanced.is_empty()).then(|| enhanced.into()), text: text.into() }
}

fn said(provider: &str, code: u16, enhanced: &str, text: &str) -> Option<&'static str> {
    let provider = (!provider.is_empty()).then(|| ProviderName::from(provider));
    explain(&reply(code, enhanced, text), provider.as_ref()).map(|meaning| meaning.id)
}

#[test]
fn the_catalog_is_read_and_its_ids_are_its_own() {
    let catalog: Catalog = serde_saphyr::from_str(BUILT_IN).unwrap();
    let mut ids = BTreeSet::new();
    for (group, entry) in catalog.groups.iter().flat_map(|group| group.entries.iter().map(move |entry| (group, entry)))
    {
        assert!(entry.id.starts_with(&format!("{}-", group.name)), "{}", entry.id);
        assert!(ids.insert(entry.id.clone()), "{} twice", entry.id);
        assert!(
            !entry.texts.is_empty() || (entry.by_enhanced && !entry.enhanced.is_empty()),
            "{} matches nothing",
            entry.id
        );
        assert!(entry.texts.iter().all(|text| text.len() >= 6), "{} is too short", entry.id);
        assert!(entry.meaning.ends_with('.') && entry.remedy.ends_with('.'), "{}", entry.id);
        assert_eq!(serde_json::to_value(entry.kind).unwrap(), entry.kind.as_str());
    }
    assert!(ids.len() > 240, "{}", ids.len());
    assert_eq!(CATALOG.len(), catalog.groups.len());
}

#[test]
fn every_reply_that_was_seen_is_explained_by_its_entry() {
    let mut wrong = Vec::new();
    let lines = SEEN.lines().filter(|line| !line.starts_with('#'));
    for line in lines.clone() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [id, provider, code, enhanced, text] = cells[..] else { panic!("{line}") };
        let found = said(provider, code.parse().unwrap(), enhanced, text);
        if found != Some(id) {
            wrong.push(format!("{id} but {found:?}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), lines.count(), wrong.join("\n"));
    assert_eq!(lines_of_data(), 246);
}

fn lines_of_data() -> usize {
    SEEN.lines().filter(|line| !line.starts_with('#')).count()
}

#[test]
fn replies_that_no_table_was_made_from() {
    #[rustfmt::skip]
    let cases: [(&str, u16, &str, &str, Option<ReplyKind>); 30] = [
        ("gmail", 550, "5.7.26", "5.7.26 Unauthenticated email from shop.example is not accepted due to domain's\n5.7.26 DMARC policy.", Some(ReplyKind::Authentication)),
        ("gmail", 550, "5.1.1", "The email account that you tried to reach does not exist. Please try\n5.1.1 double-checking the recipient's email address", Some(ReplyKind::Mailbox)),
        ("gmail", 421, "4.7.28", "Gmail has detected an unusual rate of unsolicited mail originating from your IP Netblock [192.0.2.0 24]", Some(ReplyKind::Reputation)),
        ("google-workspace", 452, "4.2.2", "The recipient's inbox is out of storage space and inactive.", Some(ReplyKind::Mailbox)),
        ("outlook", 550, "5.7.1", "Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).", Some(ReplyKind::Blocklist)),
        ("microsoft365", 550, "5.7.606", "Access denied, banned sending IP [192.0.2.1]. To request removal", Some(ReplyKind::Blocklist)),
        ("outlook", 550, "5.7.515", "Access denied, sending domain shop.example doesn't meet the required authentication level.", Some(ReplyKind::Authentication)),
        ("microsoft365", 550, "5.1.10", "RESOLVER.ADR.RecipientNotFound; Recipient ann@mail.example not found by SMTP address lookup", Some(ReplyKind::Mailbox)),
        ("yahoo", 421, "4.7.0", "[TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints - 4.16.55.1", Some(ReplyKind::Rate)),
        ("aol", 553, "5.7.1", "[BL21] Connections will not be accepted from 192.0.2.1", Some(ReplyKind::Blocklist)),
        ("icloud", 550, "5.7.1", "Mail from IP 192.0.2.1 was rejected due to listing in Spamhaus SBL.", Some(ReplyKind::Blocklist)),
        ("qq", 550, "", "Suspected bounce attacks. http://service.mail.qq.com/", Some(ReplyKind::Policy)),
        ("qq", 550, "", "Mail content denied. http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000726", Some(ReplyKind::Content)),
        ("tencent-exmail", 550, "", "Ip frequency limited.", Some(ReplyKind::Rate)),
        ("netease", 554, "", "DT:SPM 126 smtp7,DMmowABHR", Some(ReplyKind::Content)),
        ("netease", 554, "", "HL:ITC 163 smtp10", None),
        ("docomo", 550, "", "Unknown user ann@docomo.ne.jp", Some(ReplyKind::Mailbox)),
        ("generic", 554, "5.7.1", "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", Some(ReplyKind::Blocklist)),
        ("generic", 450, "4.2.0", "<ann@mail.example>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/", Some(ReplyKind::Greylist)),
        ("generic", 450, "4.7.25", "Client host rejected: cannot find your hostname, [192.0.2.1]", Some(ReplyKind::ReverseDns)),
        ("generic", 550, "5.1.1", "<ann@mail.example>: Recipient address rejected: User unknown in virtual mailbox table", Some(ReplyKind::Mailbox)),
        ("generic", 552, "5.2.2", "Quota exceeded (mailbox for user is full)", Some(ReplyKind::Mailbox)),
        ("generic", 554, "5.7.1", "<ann@mail.example>: Relay access denied", Some(ReplyKind::Relay)),
        ("generic", 450, "4.1.8", "<x@nowhere.example>: Sender address rejected: Domain not found", Some(ReplyKind::Authentication)),
        ("generic", 550, "5.7.23", "no", Some(ReplyKind::Authentication)),
        ("generic", 452, "4.3.1", "Insufficient system storage", Some(ReplyKind::Server)),
        ("generic", 550, "5.7.1", "go away", Some(ReplyKind::Policy)),
        ("generic", 550, "", "go away", None),
        ("generic", 421, "", "Service not available, closing transmission channel", None),
        ("generic", 554, "5.0.0", "failed", None),
    ];
    for (provider, code, enhanced, text, kind) in cases {
        let meaning = explain(&reply(code, enhanced, text), Some(&ProviderName::from(provider)));
        assert_eq!(meaning.map(|meaning| meaning.kind), kind, "{provider}: {text}: {meaning:?}");
    }
}

#[test]
fn the_receivers_own_text_goes_before_everybodys_and_the_longer_before_the_shorter() {
    assert_eq!(said("docomo", 550, "", "Unknown user ann@docomo.ne.jp"), Some("docomo-unknown-or-filtered"));
    assert_eq!(said("generic", 550, "", "Unknown user ann@docomo.ne.jp"), Some("general-unknown-user"));
    assert_eq!(said("qq", 550, "", "Suspected spam ip"), Some("qq-suspected-ip"));
    assert_eq!(said("qq", 550, "", "Suspected spam"), Some("qq-suspected"));
    // Another receiver's words mean nothing here.
    assert_eq!(said("gmail", 550, "", "Suspected spam"), None);
    // The same enhanced code, by two receivers.
    assert_eq!(said("gmail", 550, "5.7.30", "no"), Some("gmail-dkim-bulk"));
    assert_eq!(said("generic", 550, "5.7.30", "no"), Some("standard-require-tls"));
    // One who is known by what they write, behind a mailbox of another name, or of none.
    let gmail = "The email account that you tried to reach does not exist. a640c23a62f3a - gsmtp";
    assert_eq!(said("generic", 550, "5.1.1", gmail), Some("gmail-no-user"));
    assert_eq!(said("", 550, "5.1.1", gmail), Some("gmail-no-user"));
    // The class of a success is no refusal.
    assert_eq!(said("", 250, "2.7.23", "Ok"), None);
}

#[test]
fn enhanced_codes_fit_by_value_range_and_subject() {
    for (known, code, expected) in [
        ("5.7.1", "5.7.1", 3),
        ("X.7.1", "4.7.1", 2),
        ("5.7.606-649", "5.7.606", 2),
        ("5.7.606-649", "5.7.650", 0),
        ("X.7.*", "5.7.99", 1),
        ("X.7.1", "2.7.1", 0),
        ("5.7.1", "4.7.1", 0),
        ("5.7.1", "5.7.10", 0),
        ("5.7.1", "5.7", 0),
        ("5.7.1", "", 0),
    ] {
        assert_eq!(fits(known, code), expected, "{known} {code}");
    }
}

proptest! {
    #[test]
    fn any_reply_can_be_explained(code in 200_u16..600, enhanced in proptest::option::of("[245X]\\.[0-9*]{1,3}\\.[0-9*-]{1,5}|\\PC{0,10}"), text in "\\PC{0,300}") {
        let _known = explain(&Reply { code, enhanced, text }, None);
    }
}
