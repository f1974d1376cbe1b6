//! Chains that were sealed here, whole and broken.

use super::*;
use crate::judge::Zone;
use crate::judge::dkim::BodyMismatch;
use crate::judge::dkim::tests::signer::{Key, seal, signed};

const MESSAGE: &str = "From: Ann <ann@good.test>\r\nTo: list@list.test\r\nSubject: Hello\r\n\r\nHello all\r\n";

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn zone() -> Zone {
    let record = |key: Key| format!("v=DKIM1; {}", key.record());
    Zone::default()
        .txt("r._domainkey.list.test", record(Key::rsa()))
        .txt("e._domainkey.list.test", record(Key::ed25519()))
}

/// One more set on top; odd instances with RSA, even ones with Ed25519.
fn add(message: &str, instance: u32, status: &str) -> String {
    let (key, a, s) = match instance % 2 {
        1 => (Key::rsa(), "rsa-sha256", "r"),
        _ => (Key::ed25519(), "ed25519-sha256", "e"),
    };
    let common = format!("i={instance}; a={a}; d=list.test; s={s}; t=1699999999");
    let tags = format!("{common}; c=relaxed/simple; h=from:to:subject; bh=@BH;\r\n\tb=@B");
    let signed = signed("ARC-Message-Signature", &tags, &key, message);
    let results =
        format!("ARC-Authentication-Results: i={instance}; mx{instance}.test;\r\n dkim=pass header.d=good.test\r\n");
    seal(&format!("{common}; cv={status};\r\n b=@B"), &key, &(results + &signed), |subject, span| {
        let mut input = Vec::new();
        for at in 1..=instance {
            for name in ["arc-authentication-results", "arc-message-signature", "arc-seal"] {
                let fields = subject.named(name);
                let place = fields[fields.len() - usize::try_from(at).unwrap()];
                if name == "arc-seal" && at == instance {
                    input.extend(subject.without(place, span.clone(), Canonicalization::Relaxed));
                } else {
                    input.extend(Canonicalization::Relaxed.field(subject.field(place)));
                    input.extend_from_slice(b"\r\n");
                }
            }
        }
        input
    })
}

fn chain(length: u32) -> String {
    (1..=length).fold(MESSAGE.to_owned(), |message, at| add(&message, at, if at == 1 { "none" } else { "pass" }))
}

async fn judged(message: &str) -> ArcVerdict {
    verify(&zone(), message.as_bytes(), now()).await
}

async fn reason(message: &str) -> (ArcResult, Option<ArcReason>) {
    let verdict = judged(message).await;
    (verdict.result, verdict.reason)
}

#[tokio::test]
async fn chains_that_hold() {
    assert_eq!(reason(MESSAGE).await, (ArcResult::None, None));
    for length in [1, 2, 3, 50] {
        let verdict = judged(&chain(length)).await;
        assert_eq!((verdict.result, &verdict.reason, verdict.oldest_pass), (ArcResult::Pass, &None, Some(0)));
        assert_eq!(verdict.instances.len(), usize::try_from(length).unwrap());
        let first = &verdict.instances[0];
        assert_eq!((first.instance, first.domain.as_str(), first.selector.as_str()), (1, "list.test", "r"));
        assert_eq!((first.status, first.timestamp), (ChainStatus::None, Some(1_699_999_999)));
        assert_eq!(first.results.authserv_id.as_deref(), Some("mx1.test"));
        assert_eq!(first.results.results[0].method, "dkim");
    }
}

#[tokio::test]
async fn who_changed_the_message_last() {
    // The second relay writes a footer, the third changes nothing.
    let message = chain(1) + "-- \r\nthe list\r\n";
    let message = add(&add(&message, 2, "pass"), 3, "pass");
    let verdict = judged(&message).await;
    assert_eq!((verdict.result, verdict.oldest_pass), (ArcResult::Pass, Some(2)));
}

#[tokio::test]
async fn a_changed_message_breaks_the_newest_signature() {
    let message = chain(2);
    let body = BodyMismatch { signed: None, length: 12, header_holds: true };
    let broken = |reason| (ArcResult::Fail, Some(ArcReason::MessageSignature { instance: 2, reason }));
    assert_eq!(reason(&message.replace("Hello all", "Hello  all")).await, broken(DkimReason::BodyHashMismatch(body)));
    assert_eq!(
        reason(&message.replace("Subject: Hello", "Subject: Hullo")).await,
        broken(DkimReason::SignatureMismatch)
    );
}

#[tokio::test]
async fn a_changed_statement_breaks_its_seal() {
    let message = chain(3);
    for (instance, field) in [(1, "mx1.test"), (2, "mx2.test"), (3, "mx3.test")] {
        let expected = ArcReason::Seal { instance, reason: DkimReason::SignatureMismatch };
        assert_eq!(reason(&message.replace(field, "evil.test")).await, (ArcResult::Fail, Some(expected)));
    }
}

#[tokio::test]
async fn sets_must_be_complete_and_say_the_right_thing() {
    let two = chain(2);
    let without = |message: &str, from: &str, to: &str| {
        assert!(message.contains(from));
        message.replacen(from, to, 1)
    };
    let sets: [(&str, String, ArcReason); 7] = [
        ("gap", without(&two, "ARC-Seal: i=1", "X: i=1"), ArcReason::Missing { instance: 1, field: "ARC-Seal" }),
        (
            "gap",
            without(&two, "ARC-Message-Signature: i=2", "X: i=2"),
            ArcReason::Missing { instance: 2, field: "ARC-Message-Signature" },
        ),
        (
            "twice",
            without(&two, "ARC-Authentication-Results: i=2", "ARC-Authentication-Results: i=1"),
            ArcReason::Duplicate { instance: 1, field: "ARC-Authentication-Results" },
        ),
        ("no number", without(&two, "Results: i=2;", "Results:"), ArcReason::NoInstance),
        (
            "bad",
            without(&two, "cv=pass", "cv=maybe"),
            ArcReason::BadField {
                field: "ARC-Seal",
                error: SignatureError::BadTag { tag: "cv", why: "is not none, pass or fail" },
            },
        ),
        ("first", add(MESSAGE, 1, "pass"), ArcReason::WrongStatus { instance: 1, status: ChainStatus::Pass }),
        ("second", add(&chain(1), 2, "none"), ArcReason::WrongStatus { instance: 2, status: ChainStatus::None }),
    ];
    for (what, message, expected) in sets {
        assert_eq!(reason(&message).await, (ArcResult::Fail, Some(expected)), "{what}");
    }
    let broken = add(&chain(1), 2, "fail");
    assert_eq!(reason(&broken).await, (ArcResult::Fail, Some(ArcReason::FoundBroken(2))));
    assert_eq!(reason(&add(&broken, 3, "pass")).await, (ArcResult::Fail, Some(ArcReason::FoundBroken(2))));
}

#[tokio::test]
async fn what_cannot_be_judged_is_unknown() {
    let message = chain(2);
    let verdict = verify(&zone().failing("e._domainkey.list.test"), message.as_bytes(), now()).await;
    let reason = DkimReason::DnsFailed("SERVFAIL".into());
    assert_eq!(verdict.reason, Some(ArcReason::MessageSignature { instance: 2, reason: reason.clone() }));
    assert_eq!(verdict.result, ArcResult::Unknown);
    let verdict = verify(&zone().failing("r._domainkey.list.test"), message.as_bytes(), now()).await;
    assert_eq!((verdict.result, verdict.reason), (ArcResult::Unknown, Some(ArcReason::Seal { instance: 1, reason })));
    let verdict = verify_beginning(&zone(), message.as_bytes(), now()).await;
    assert_eq!(verdict.result, ArcResult::Unknown);
    assert_eq!(verdict.instances.len(), 2);
    let verdict = verify(&Zone::default(), message.as_bytes(), now()).await;
    assert_eq!(verdict.result, ArcResult::Fail);
}
