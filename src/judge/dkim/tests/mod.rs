//! Signatures made here, the examples of the standards, and each way to break them.

use proptest::prelude::*;

use super::*;
use crate::judge::Zone;
use crate::syntax::dkim_key::KeyError;
use crate::syntax::dkim_signature::{Algorithm, SignatureError};
use crate::syntax::tag_list::TagListError;

pub(in crate::judge) mod signer;

use signer::{Key, signed};

const NOW: i64 = 1_700_000_000;
const TAGS: &str = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=good.test; s=s1; h=From:To:Subject:From; bh=@BH; b=@B";
const MESSAGE: &str = "From: Ann <ann@good.test>\r\nTo: bob@there.test\r\nSubject: Your\r\n invoice\r\nX-Other: 1\r\n\r\nHello  Bob,\r\n\r\nhere it is. \r\n\r\n";

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// The key as `s1._domainkey.good.test`, with more tags before it.
fn zone(tags: &str) -> Zone {
    Zone::default().txt("s1._domainkey.good.test", format!("v=DKIM1; {tags}{}", Key::rsa().record()))
}

fn sign(tags: &str) -> String {
    signed("DKIM-Signature", tags, &Key::rsa(), MESSAGE)
}

/// Signed with one more tag.
fn with(tag: &str) -> String {
    changed("h=From:", &format!("{tag}; h=From:"))
}

fn changed(from: &str, to: &str) -> String {
    assert!(TAGS.contains(from), "{from}");
    sign(&TAGS.replace(from, to))
}

async fn one(zone: &Zone, message: &str) -> DkimVerdict {
    let mut verdicts = verify(zone, message.as_bytes(), now()).await;
    assert_eq!(verdicts.len(), 1);
    verdicts.remove(0)
}

/// The verdict's word and the reason.
async fn outcome(zone: &Zone, message: &str) -> (&'static str, Option<DkimReason>) {
    let verdict = one(zone, message).await;
    assert_eq!(verdict.result == DkimResult::Pass, verdict.reason.is_none());
    (verdict.result.as_str(), verdict.reason)
}

fn body_changed(signed: Option<u64>, length: u64, header_holds: bool) -> Option<DkimReason> {
    Some(DkimReason::BodyHashMismatch(BodyMismatch { signed, length, header_holds }))
}

#[tokio::test]
async fn a_good_signature_and_all_that_is_known_of_it() {
    let message = sign(&TAGS.replace("h=From", "i=x@Mail.good.test; t=1699999999; x=1700000001; h=From"));
    let verdict = one(&zone("t=y; "), &message).await;
    assert_eq!((verdict.result, &verdict.reason), (DkimResult::Pass, &None));
    assert_eq!((verdict.domain.as_deref(), verdict.selector.as_deref()), (Some("good.test"), Some("s1")));
    assert_eq!(verdict.identity.as_deref(), Some("x@Mail.good.test"));
    assert_eq!((verdict.algorithm, verdict.key_bits), (Some(Algorithm::RsaSha256), Some(2048)));
    assert_eq!((verdict.timestamp, verdict.expires), (Some(1_699_999_999), Some(1_700_000_001)));
    assert_eq!(verdict.signed, ["From", "To", "Subject", "From"]);
    assert!(verdict.testing && !verdict.is_weak() && !verdict.converted);
    assert_eq!(verdict.body, None);
    assert!(verify(&zone(""), MESSAGE.as_bytes(), now()).await.is_empty());
}

#[tokio::test]
async fn every_form_and_both_kinds_of_key() {
    let both = zone("").txt("e._domainkey.good.test", format!("v=DKIM1; {}", Key::ed25519().record()));
    for form in ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed", "relaxed", "simple"] {
        let tags = TAGS.replace("relaxed/relaxed", form);
        assert_eq!(outcome(&both, &sign(&tags)).await, ("pass", None), "{form}");
        let tags = tags.replace("rsa-", "ed25519-").replace("s=s1", "s=e");
        let message = signed("DKIM-Signature", &tags, &Key::ed25519(), MESSAGE);
        assert_eq!(outcome(&both, &message).await, ("pass", None), "{form}");
        assert!(!one(&both, &message).await.is_weak());
    }
}

#[tokio::test]
async fn what_a_relay_may_do_and_what_not() {
    let zone = zone("");
    let relaxed = sign(TAGS);
    let simple = changed("relaxed/relaxed", "simple/simple");
    let header = Some(DkimReason::SignatureMismatch);
    for (from, to, survives) in [
        ("Your\r\n invoice", "Your invoice", true),
        ("Subject: Your", "SUBJECT :  Your \t", true),
        ("is. \r\n\r\n", "is.\t \r\n \r\n\t\r\n\r\n", true),
        ("X-Other: 1", "X-Other: 2", true),
        ("Your\r\n invoice", "Yourinvoice", false),
        ("To: bob", "To: rob", false),
        ("X-Other", "From: eve@evil.test\r\nX-Other", false),
    ] {
        let message = relaxed.replace(from, to);
        assert_ne!(message, relaxed);
        let expected = if survives { ("pass", None) } else { ("fail", header.clone()) };
        assert_eq!(outcome(&zone, &message).await, expected, "{from:?}");
    }
    assert_eq!(outcome(&zone, &simple.replace("Your\r\n invoice", "Your invoice")).await, ("fail", header));
    assert_eq!(outcome(&zone, &(simple.clone() + "\r\n\r\n")).await, ("pass", None));
    assert_eq!(outcome(&zone, &(simple + " \r\n")).await, ("fail", body_changed(None, 34, true)));
    let message = relaxed.replace("Hello", "Hallo!");
    assert_eq!(outcome(&zone, &message).await, ("fail", body_changed(None, 28, true)));
    let message = message.replace("bob@", "eve@");
    assert_eq!(outcome(&zone, &message).await, ("fail", body_changed(None, 28, false)));
}

#[tokio::test]
async fn with_a_length_text_may_be_added_below() {
    let zone = zone("");
    let message = with("l=10");
    let verdict = one(&zone, &(message.clone() + "<p>an advertisement\r\n")).await;
    assert_eq!((verdict.result, verdict.body), (DkimResult::Pass, Some(BodyCoverage { signed: 10, length: 50 })));
    let short = message.split_once("llo").unwrap().0;
    assert_eq!(outcome(&zone, short).await, ("fail", body_changed(Some(10), 4, true)));
    assert_eq!(outcome(&zone, &with("l=0").replace("Hello", "Bye")).await, ("pass", None));
}

#[tokio::test]
async fn names_in_h_are_taken_from_the_bottom_and_may_be_absent() {
    let zone = zone("");
    let message = "From: a@good.test\r\nReceived: two\r\nReceived: one\r\n\r\nhi\r\n";
    let tags = TAGS.replace("From:To:Subject:From", " From : Received\r\n\t:X-None:dkim-signature:From:X-None");
    let message = signed("DKIM-Signature", &tags, &Key::rsa(), message);
    let above = message.replace("From: a@", "Received: three\r\nFrom: a@");
    for good in [&message, &above] {
        assert_eq!(outcome(&zone, good).await, ("pass", None));
    }
    for bad in [above.replace("one", "1"), message.replace("Received: two", "X-None: two\r\nReceived: two")] {
        assert_eq!(outcome(&zone, &bad).await, ("fail", Some(DkimReason::SignatureMismatch)));
    }
}

#[tokio::test]
async fn the_signature_is_cut_out_wherever_and_however_it_is_folded() {
    for b in ["b=@B; bh=@BH", "b= @B\r\n\t ;\r\n bh=@BH", "bh=@BH;\r\n\tb = \r\n @B ;"] {
        for form in ["simple/simple", "relaxed/relaxed"] {
            let message = sign(&TAGS.replace("bh=@BH; b=@B", b).replace("relaxed/relaxed", form));
            assert_eq!(outcome(&zone(""), &message).await, ("pass", None), "{b} {form}");
        }
    }
    // Folded after it was signed, as MTAs do with long lines.
    let message = sign(TAGS);
    let at = message.find(" b=").unwrap() + 40;
    let (before, after) = message.split_at(at);
    let folded = format!("{before}\r\n\t{after}");
    assert_eq!(outcome(&zone(""), &folded).await, ("pass", None));
}

#[tokio::test]
async fn keys_that_are_not_there_or_of_no_use() {
    let name = "s1._domainkey.good.test";
    let message = sign(TAGS);
    let holding = |record: String| Zone::default().txt(name, record);
    for (zone, expected) in [
        (Zone::default(), ("permerror", DkimReason::NoKey)),
        (Zone::default().txt("x.s1._domainkey.good.test", ""), ("permerror", DkimReason::NoKey)),
        (zone("").failing(name), ("temperror", DkimReason::DnsFailed("SERVFAIL".into()))),
        (holding("v=DKIM1; p=".into()), ("permerror", DkimReason::KeyRevoked)),
        (holding("v=DKIM1; p=MIIB".into()), ("permerror", DkimReason::KeyUnreadable(KeyError::NotRsa))),
        (holding("v=spf1 -all".into()), ("permerror", DkimReason::KeyUnreadable(KeyError::Version))),
        (holding(Key::ed25519().record()), ("permerror", DkimReason::KeyTypeMismatch("ed25519"))),
        (zone("h=sha1; "), ("permerror", DkimReason::HashNotAllowed)),
        (zone("s=tlsrpt; "), ("permerror", DkimReason::ServiceType)),
    ] {
        let (word, reason) = outcome(&zone, &message).await;
        assert_eq!((word, reason), (expected.0, Some(expected.1)));
    }
}

#[tokio::test]
async fn short_and_long_rsa_keys() {
    // Keys of these lengths, with which nothing was ever signed.
    let record = |bytes: usize| {
        let modulus = [vec![0x80], vec![0x11; bytes - 1]].concat();
        let integer =
            [vec![0x02, 0x82], u16::try_from(bytes + 1).unwrap().to_be_bytes().to_vec(), vec![0], modulus].concat();
        let pair = [integer, vec![0x02, 0x03, 1, 0, 1]].concat();
        let der = [vec![0x30, 0x82], u16::try_from(pair.len()).unwrap().to_be_bytes().to_vec(), pair].concat();
        format!("p={}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der))
    };
    for (bytes, expected, result) in [
        (127, DkimReason::KeyTooShort(1016), "permerror"),
        (128, DkimReason::SignatureMismatch, "fail"),
        (1024, DkimReason::SignatureMismatch, "fail"),
        (1025, DkimReason::KeyTooLong(8200), "neutral"),
    ] {
        let zone = Zone::default().txt("s1._domainkey.good.test", record(bytes));
        let verdict = one(&zone, &sign(TAGS)).await;
        assert_eq!((verdict.result.as_str(), verdict.reason), (result, Some(expected)));
        assert_eq!(verdict.key_bits, Some(bytes * 8));
    }
}

#[tokio::test]
async fn any_good_key_of_several_will_do() {
    let name = "s1._domainkey.good.test";
    let (other, good) = (format!("v=DKIM1; {}", Key::ed25519().record()), format!("v=DKIM1; {}", Key::rsa().record()));
    let several = Zone::default().txt(name, "v=spf1 -all").txt(name, "v=DKIM1; p=").txt(name, &other);
    assert_eq!(outcome(&several, &sign(TAGS)).await.1, Some(DkimReason::KeyTypeMismatch("ed25519")));
    assert_eq!(outcome(&several.txt(name, &good), &sign(TAGS)).await, ("pass", None));
    let two = zone("").txt(name, "v=DKIM1; p=");
    let twice = signed("DKIM-Signature", TAGS, &Key::rsa(), &sign(TAGS));
    assert_eq!(verify(&two, twice.as_bytes(), now()).await.iter().filter(|v| v.reason.is_none()).count(), 2);
    assert_eq!(two.asked(), ["TXT s1._domainkey.good.test"], "each key is asked for once");
}

#[tokio::test]
async fn whom_a_signature_speaks_for() {
    let strict = zone("t=s; ");
    let exact = |identity: &str, exact| Some(DkimReason::DomainMismatch { identity: identity.into(), exact });
    for (i, loose, tight) in [
        ("@good.test", None, None),
        ("x@Good.Test", None, None),
        ("x@sub.good.test", None, exact("x@sub.good.test", true)),
        ("x@evilgood.test", exact("x@evilgood.test", false), exact("x@evilgood.test", false)),
        ("x@test", exact("x@test", false), exact("x@test", false)),
    ] {
        let message = with(&format!("i={i}"));
        assert_eq!(outcome(&zone(""), &message).await.1, loose, "{i}");
        assert_eq!(outcome(&strict, &message).await.1, tight, "{i}");
    }
    let message = changed("h=From:To:Subject:From", "h=To:Subject");
    assert_eq!(outcome(&zone(""), &message).await, ("permerror", Some(DkimReason::FromNotSigned)));
}

#[tokio::test]
async fn dates_matter_only_where_the_signature_holds() {
    let zone = zone("");
    for (tags, expected) in [
        (format!("t={}", NOW + 601), ("policy", Some(DkimReason::FromTheFuture { at: 1_700_000_601 }))),
        (format!("t={}", NOW + 600), ("pass", None)),
        (format!("x={}", NOW - 1), ("policy", Some(DkimReason::Expired { at: 1_699_999_999 }))),
        (format!("x={NOW}"), ("pass", None)),
    ] {
        let message = with(&tags);
        assert_eq!(outcome(&zone, &message).await, expected);
        assert_eq!(outcome(&zone, &message.replace("To: bob", "To: eve")).await.0, "fail");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_neutral_and_names_the_tag() {
    for (from, to, error) in [
        ("v=1; ", "", SignatureError::MissingTag("v")),
        ("rsa-sha256", "rsa-sha512", SignatureError::UnknownAlgorithm("rsa-sha512".into())),
        ("c=relaxed/relaxed", "c=nofws", SignatureError::BadTag { tag: "c", why: "is neither simple nor relaxed" }),
        ("s=s1", "s=s1; s=s1", SignatureError::Malformed(TagListError::Duplicate("s".into()))),
    ] {
        let message = sign(TAGS).replacen(from, to, 1);
        let verdict = one(&zone(""), &message).await;
        assert_eq!(
            (verdict.result, verdict.reason),
            (DkimResult::Neutral, Some(DkimReason::BadSignature(error.clone())))
        );
        let known = !matches!(error, SignatureError::Malformed(_));
        assert_eq!(verdict.domain.as_deref(), known.then_some("good.test"));
    }
}

#[tokio::test]
async fn only_so_many_signatures_are_checked() {
    let message =
        (0..=MAX_SIGNATURES).fold(MESSAGE.to_owned(), |m, _| signed("DKIM-Signature", TAGS, &Key::ed25519(), &m));
    let verdicts = verify(&Zone::default(), message.as_bytes(), now()).await;
    assert_eq!(verdicts.len(), MAX_SIGNATURES + 1);
    assert_eq!(verdicts[MAX_SIGNATURES - 1].reason, Some(DkimReason::NoKey));
    assert_eq!(verdicts[MAX_SIGNATURES].reason, Some(DkimReason::NotChecked));
    assert_eq!(verdicts[MAX_SIGNATURES].result, DkimResult::Neutral);
}

#[tokio::test]
async fn a_saved_message_with_line_feeds_is_converted() {
    let message = sign(TAGS).replace("\r\n", "\n");
    let verdict = one(&zone(""), &message).await;
    assert_eq!((verdict.result, verdict.converted), (DkimResult::Pass, true));
}

#[tokio::test]
async fn of_a_beginning_only_what_was_seen_is_judged() {
    let zone = zone("");
    let judged = async |message: &str| {
        let verdict = verify_beginning(&zone, message.as_bytes(), now()).await.remove(0);
        (verdict.result.as_str(), verdict.reason)
    };
    let cut = |message: &str| message.split_once("ere it").unwrap().0.to_owned();
    let (whole, length) = (sign(TAGS), with("l=12"));
    let not_seen = ("neutral", Some(DkimReason::NotSeen));
    assert_eq!(judged(&cut(&whole)).await, not_seen);
    assert_eq!(judged(&whole).await, not_seen);
    assert_eq!(judged(whole.split_once("X-Oth").unwrap().0).await, not_seen);
    assert_eq!(judged(&cut(&whole).replace("To: bob", "To: eve")).await, ("fail", Some(DkimReason::SignatureMismatch)));
    assert_eq!(judged(&cut(&length)).await, ("pass", None));
    assert_eq!(judged(&cut(&length).replace("Bob", "Eve")).await, ("fail", body_changed(Some(12), 12, true)));
    assert_eq!(judged(&cut(&with("l=15"))).await, not_seen);
}

#[tokio::test]
async fn enormous_headers_are_not_judged() {
    let many = sign(TAGS).replace("X-Other: 1", &"A: b\r\n".repeat(60_000));
    assert_eq!(outcome(&zone(""), &many).await, ("neutral", Some(DkimReason::HeaderTooLong)));
    let some = sign(TAGS).replace("X-Other: 1\r\n", &"A: b\r\n".repeat(10_000));
    assert_eq!(outcome(&zone(""), &some).await, ("pass", None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_changed_letter_is_noticed(at in 0..MESSAGE.len(), letter in "[a-z]") {
        let message = sign(TAGS);
        let at = message.len() - MESSAGE.len() + at;
        let (before, after) = message.split_at(at);
        let old = after.split_at(1).0;
        let in_other = before.rsplit("\r\n").next().is_some_and(|line| line.starts_with('X')) || old == "X";
        prop_assume!(old != letter && !in_other && !old.trim().is_empty() && !old.eq_ignore_ascii_case(&letter));
        let mut tampered = message.clone();
        tampered.replace_range(at..=at, &letter);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let verdict = runtime.block_on(one(&zone(""), &tampered));
        prop_assert_eq!(verdict.result, DkimResult::Fail, "{:?}", verdict.reason);
    }

    #[test]
    fn anything_can_be_judged(message in "((From|DKIM-Signature|A): ?[a-z=;1 ]{0,20}\r?\n){0,6}(\r?\n)?[a\r\n ]{0,20}", whole in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let zone = Zone::default();
        let verdicts = runtime.block_on(judge(&zone, message.as_bytes(), whole, now()));
        prop_assert!(verdicts.iter().all(|verdict| verdict.result == DkimResult::Neutral && verdict.reason.is_some()));
    }
}

/// The message of RFC 8463 Appendix A.3, with both signatures.
const FOOTBALL: &str = include_str!("../../../../tests/data/dkim/rfc8463.eml");

#[tokio::test]
async fn the_message_of_rfc_8463() {
    let zone = Zone::default()
        .txt("brisbane._domainkey.football.example.com", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
        .txt("test._domainkey.football.example.com", "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB");
    let verdicts = verify(&zone, FOOTBALL.as_bytes(), now()).await;
    assert!(verdicts.iter().all(|verdict| verdict.converted), "the file has line feeds");
    let seen: Vec<_> = verdicts.iter().map(|v| (v.result, v.key_bits, v.is_weak())).collect();
    assert_eq!(seen, [(DkimResult::Pass, Some(256), false), (DkimResult::Pass, Some(1024), true)]);
}

#[tokio::test]
async fn the_message_of_rfc_6376_appendix_a() {
    // As it was signed: the RFC's text has two spaces in the body, and it was signed with one.
    let zone = Zone::default().txt("brisbane._domainkey.example.com", "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB");
    let message = include_str!("../../../../tests/data/dkim/rfc6376.eml");
    let message = message.replace('\n', "\r\n");
    let verdict = one(&zone, &message).await;
    assert_eq!((verdict.result, verdict.is_weak(), verdict.converted), (DkimResult::Pass, true, false));
    assert_eq!(
        outcome(&zone, &message.replace("com  [", "com [")).await,
        ("fail", Some(DkimReason::SignatureMismatch))
    );
    assert_eq!(outcome(&zone, &message.replace("game. ", "game.  ")).await.1, body_changed(None, 55, true));
}
