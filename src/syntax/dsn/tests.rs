//! Notifications as their writers write them, and letters that are none.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::model::BounceAction::{self, Delayed, Failed, Relayed};

/// The token in every fixture.
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn fixture(name: &str) -> Vec<u8> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/bounces").join(format!("{name}.eml"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// File, action, status, code, remote MTA, recipient, how the diagnostic begins.
type Case = (&'static str, BounceAction, &'static str, u16, &'static str, &'static str, &'static str);

const ANN: &str = "ann@mail.example";
const MX: &str = "mx.mail.example";

#[rustfmt::skip]
const CASES: [Case; 31] = [
    ("postfix-unknown-user", Failed, "5.1.1", 550, MX, ANN, "550 5.1.1 <ann@mail.example>: Recipient address rejected"),
    ("postfix-expired", Failed, "4.4.1", 0, "relay.shop.example", ANN, "connect to mx.mail.example[198.51.100.7]:25: Connection timed out"),
    ("postfix-delayed", Delayed, "4.7.1", 450, MX, ANN, "450 4.7.1 Greylisted"),
    ("postfix-relayed", Relayed, "2.0.0", 0, MX, ANN, "250 2.0.0 Ok: queued"),
    ("several-recipients", Failed, "5.2.2", 552, MX, ANN, "552 5.2.2 over quota"),
    ("forwarded-original-recipient", Failed, "5.7.1", 550, "mx.elsewhere.example", "ann@forward.example", "550 5.7.1 SPF check failed"),
    ("sendmail-unknown-user", Failed, "5.1.1", 550, MX, ANN, "550 5.1.1 <ann@mail.example>... User unknown"),
    ("exchange-online-recipient-not-found", Failed, "5.1.10", 550, "AB1PR01MB0001.eurprd01.prod.example", ANN, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient"),
    ("exchange-remote-dmarc", Failed, "5.7.509", 550, MX, ANN, "550 5.7.509 Access denied"),
    ("gmail-address-not-found", Failed, "5.1.1", 550, MX, ANN, "550 5.1.1 no such user"),
    ("gmail-delayed", Delayed, "4.4.1", 0, "googlemail.com", ANN, "The recipient server did not accept"),
    ("ses-complete", Failed, "5.7.1", 554, "a1-2.smtp-out.eu-west-1.amazonses.com", ANN, "554 5.7.1 Service unavailable"),
    ("yahoo-disabled-mailbox", Failed, "5.0.0", 554, "sonic1.bf2.yahoo.example", ANN, "554: delivery error"),
    ("one-group-only", Failed, "5.1.1", 550, MX, ANN, "550 unknown"),
    ("status-only-in-text", Failed, "5.0.0", 550, "relay.shop.example", ANN, "550-5.7.26 This mail has been blocked"),
    ("internationalized", Failed, "5.1.1", 550, MX, "анна@mail.example", "550 5.1.1 нет такого пользователя"),
    ("verp-without-original", Failed, "5.1.1", 0, MX, ANN, ""),
    ("mixed-instead-of-report", Failed, "5.2.1", 0, MX, ANN, ""),
    ("qmail-unknown-user", Failed, "5.1.1", 550, "", ANN, "550 5.1.1 User unknown"),
    ("qmail-without-code", Failed, "5.1.1", 0, "", ANN, "(#5.1.1)"),
    ("exim-unrouteable", Failed, "5.7.1", 550, MX, ANN, "550 5.7.1 Rejected by policy"),
    ("exim-delayed", Delayed, "4.7.1", 451, MX, ANN, "451 4.7.1 Try later"),
    ("outlook-plain", Failed, "5.2.2", 554, "", ANN, "'554 5.2.2 mailbox full"),
    ("qq-chinese-html", Failed, "", 550, "mx3.qq.example", "ann@qq.example", "550 Mailbox not found"),
    ("netease-chinese", Failed, "", 554, "163.example", "ann@163.example", "554 DT:SPM 163 mx1,please see"),
    ("aliyun-chinese", Failed, "5.1.1", 550, "", ANN, "550 5.1.1 用户不存在"),
    ("gmail-plain-old", Failed, "5.2.1", 550, "", ANN, "550 5.2.1 mailbox disabled"),
    ("ses-sns-json", Failed, "5.1.1", 550, "198.51.100.7", ANN, "550 5.1.1 user unknown"),
    ("docomo-japanese", Failed, "", 550, "", "ann@docomo.example", "550 Unknown user ann@docomo.example"),
    // The relay's own words for what it tried.
    ("postfix-expired", Failed, "4.4.1", 0, "relay.shop.example", ANN, "connect to"),
    ("postfix-delayed", Delayed, "4.7.1", 450, MX, ANN, "450"),
];

#[test]
fn each_writers_notification_is_read() {
    for (name, action, status, code, remote_mta, recipient, diagnostic) in CASES {
        let notice = parse(&fixture(name)).unwrap_or_else(|| panic!("{name} is none"));
        let bounce = &notice.bounce;
        let read = (bounce.action, bounce.status.as_deref().unwrap_or_default(), bounce.code.unwrap_or_default());
        assert_eq!(read, (action, status, code), "{name}: {notice:#?}");
        assert_eq!(bounce.remote_mta.as_deref().unwrap_or_default(), remote_mta, "{name}");
        assert_eq!(bounce.recipient.as_deref().unwrap_or_default(), recipient, "{name}");
        assert!(bounce.diagnostic.starts_with(diagnostic), "{name}: {:?}", bounce.diagnostic);
        assert_eq!(bounce.diagnostic.is_empty(), diagnostic.is_empty(), "{name}: {:?}", bounce.diagnostic);
        assert_eq!(notice.tokens, [Token::parse(TOKEN).unwrap()], "{name}");
    }
}

#[test]
fn the_original_is_named_where_it_was_returned() {
    let id = format!("{TOKEN}@shop.example");
    for name in [
        "postfix-unknown-user",
        "sendmail-unknown-user",
        "qmail-unknown-user",
        "exim-unrouteable",
        "outlook-plain",
        "netease-chinese",
    ] {
        assert_eq!(parse(&fixture(name)).unwrap().original_message_id.as_ref(), Some(&id), "{name}");
    }
    assert_eq!(parse(&fixture("verp-without-original")).unwrap().original_message_id, None);
    assert_eq!(parse(&fixture("several-recipients")).unwrap().envelope_id.as_deref(), Some("seed-42"));
}

#[test]
fn what_is_no_notification_is_none() {
    for name in ["no-vacation", "no-feedback-report", "no-read-receipt", "no-postmaster-letter", "no-forwarded-bounce"]
    {
        assert_eq!(parse(&fixture(name)), None, "{name}");
    }
    assert_eq!(parse(b""), None);
}

#[test]
fn every_fixture_is_in_a_test() {
    let text = include_str!("tests.rs");
    for entry in std::fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/bounces")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(text.contains(&format!("\"{}\"", name.trim_end_matches(".eml"))), "{name}");
    }
}

#[test]
fn a_flood_of_tokens_recipients_and_parts_is_bounded() {
    let mut message =
        b"From: mailer-daemon@x.example\r\nSubject: undeliverable mail\r\n\r\nunable to deliver\r\n".to_vec();
    for number in 0..10_000_u32 {
        message.extend(format!("{number:032x}\r\n").into_bytes());
    }
    assert_eq!(parse(&message).unwrap().tokens.len(), MAX_TOKENS);
    let group = "Final-Recipient: rfc822; a@b.example\r\nAction: delayed\r\nStatus: 4.0.0\r\n\r\n".repeat(20_000);
    let report = format!(
        "From: mailer-daemon@x\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n{group}\r\n--b--\r\n"
    );
    assert_eq!(parse(report.as_bytes()).unwrap().bounce.action, Delayed);
    let long = format!("From: mailer-daemon@x\r\n\r\nunable to deliver: 550 {}", "x".repeat(100_000));
    assert_eq!(parse(long.as_bytes()).unwrap().bounce.diagnostic.len(), MAX_TEXT);
}

proptest! {
    #[test]
    fn anything_can_be_read(body in proptest::collection::vec(any::<u8>(), 0..600)) {
        let message = [b"From: mailer-daemon@x\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n".as_slice(), &body].concat();
        if let Some(notice) = parse(&message) {
            check(&notice);
        }
    }

    #[test]
    fn a_damaged_notification_is_read_or_not(at in 0_usize..4_000, byte in any::<u8>(), case in 0..CASES.len()) {
        let mut message = fixture(CASES[case].0);
        let at = at % message.len();
        message[at] = byte;
        if let Some(notice) = parse(&message) {
            check(&notice);
        }
        prop_assert_eq!(parse(&message[..at]).is_some() && !may_be(&message[..at]), false);
    }
}

fn check(notice: &Notice) {
    let bounce = &notice.bounce;
    for text in
        [Some(&bounce.diagnostic), bounce.remote_mta.as_ref(), bounce.recipient.as_ref(), bounce.status.as_ref()]
    {
        assert!(text.is_none_or(|text| text.len() <= MAX_TEXT && !text.contains(char::is_control)), "{bounce:?}");
    }
    assert!(bounce.code.is_none_or(|code| (400..600).contains(&code)));
}
