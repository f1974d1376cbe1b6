//! Each rule with a case that fires it and a near miss that does not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::model::{
    AuthenticationResults, Bounce, Command, Expectation, FolderKind, Handoff, Lane, MethodResult, Phase, Reply, Seed,
    SeedId, SpamHeader, Stage, Timings, Token, Unreachable,
};

/// A reply that no catalog knows.
fn reply(code: u16) -> Reply {
    Reply { code, enhanced: Some("5.7.1".into()), text: "no\nreally".into() }
}

fn pending(handoff: Handoff, expect: Vec<Outcome>) -> Pending {
    let lane = Lane { probe: "p".into(), route: "r".into(), mailbox: "m".into() };
    let at = Timestamp::UNIX_EPOCH;
    let seed = Seed {
        id: SeedId::derive(&lane, 0),
        token: Token::from_bytes([1; 16]),
        lane,
        provider: "generic".into(),
        expect: Expectation::of(expect),
        planned_at: at,
        deadline: Duration::from_mins(1),
        patience: Duration::from_mins(1),
    };
    let attempt = Attempt { began_at: at, ended_at: at, handoff, timings: Timings::default() };
    Pending {
        seed: Arc::new(seed),
        stage: Stage::Awaited { since: at },
        attempts: 4,
        attempt: Some(attempt),
        sighting: None,
    }
}

fn sighting(folder: &str, kind: FolderKind) -> Sighting {
    Sighting {
        mailbox: "m".into(),
        folder: folder.into(),
        kind,
        uid_validity: 1,
        uid: 1,
        arrived_at: None,
        seen_at: Timestamp::UNIX_EPOCH,
        message: Arc::from(&b""[..]),
        truncated: false,
        tab: None,
    }
}

fn accepted() -> Handoff {
    Handoff::Accepted { reply: Reply { code: 250, enhanced: None, text: "ok".into() }, queue_id: Some("ABC".into()) }
}

fn unreachable(cause: Unreachable) -> Handoff {
    Handoff::Unreachable { cause, phase: Phase::Connect, detail: "the words".into(), reply: None }
}

fn refused(command: Command) -> Handoff {
    Handoff::Refused { command, reply: reply(550) }
}

fn says(results: &[(&str, &str)]) -> Reading {
    let results = results
        .iter()
        .map(|(method, result)| MethodResult {
            method: (*method).into(),
            result: (*result).into(),
            ..MethodResult::default()
        })
        .collect();
    let header = AuthenticationResults { authserv_id: Some("mx.test".into()), results, ..Default::default() };
    Reading { trusted: vec![header], ..Reading::default() }
}

/// The rules that fire, and their evidence.
fn fired(pending: &Pending, outcome: Outcome, sighting: Option<&Sighting>, reading: &Reading) -> Vec<(String, String)> {
    let findings = diagnose(&Case { pending, outcome, sighting, reading, bounce: None });
    findings.into_iter().map(|finding| (finding.rule, finding.evidence)).collect()
}

fn rules(pending: &Pending, outcome: Outcome, sighting: Option<&Sighting>, reading: &Reading) -> Vec<String> {
    fired(pending, outcome, sighting, reading).into_iter().map(|(rule, _)| rule).collect()
}

#[test]
fn each_way_of_not_reaching_a_route_has_its_own_rule() {
    for (cause, rule) in [
        (Unreachable::Dns, "route-dns"),
        (Unreachable::Tcp, "route-tcp"),
        (Unreachable::Tls, "route-tls"),
        (Unreachable::Auth, "route-auth"),
        (Unreachable::Timeout, "route-timeout"),
        (Unreachable::Protocol, "route-protocol"),
        (Unreachable::Local, "seed-not-made"),
    ] {
        let case = pending(unreachable(cause), Vec::new());
        let expected = [(rule.to_owned(), "the words".to_owned())];
        assert_eq!(fired(&case, Outcome::Unsent, None, &Reading::default()), expected);
    }
}

#[test]
fn a_refusal_is_blamed_on_what_was_refused() {
    for (command, rule) in [
        (Command::Greeting, "connection-refused-by-policy"),
        (Command::Ehlo, "connection-refused-by-policy"),
        (Command::Mail, "sender-refused"),
        (Command::Rcpt, "recipient-refused"),
        (Command::Data, "message-refused"),
        (Command::Message, "message-refused"),
    ] {
        let case = pending(refused(command), Vec::new());
        let [(fired_rule, evidence)] = &fired(&case, Outcome::Refused, None, &Reading::default())[..] else {
            panic!("one rule for {command:?}");
        };
        assert_eq!(fired_rule, rule);
        assert!(evidence.contains("was answered 550 5.7.1 no really"), "{evidence}");
    }
}

#[test]
fn a_refusal_that_the_catalog_knows_is_explained_and_one_that_it_does_not_keeps_the_general_remedy() {
    let known = Reply { code: 550, enhanced: Some("5.1.1".into()), text: "User unknown".into() };
    let case = pending(Handoff::Refused { command: Command::Rcpt, reply: known.clone() }, Vec::new());
    let meaning = replies::explain(&known, None).unwrap();
    let finding = &diagnose(&Case {
        pending: &case,
        outcome: Outcome::Refused,
        sighting: None,
        reading: &Reading::default(),
        bounce: None,
    })[0];
    assert_eq!(finding.rule, "recipient-refused");
    assert!(finding.evidence.ends_with(meaning.meaning), "{}", finding.evidence);
    assert_eq!(finding.remedy, meaning.remedy);

    let unknown = Reply { code: 599, enhanced: None, text: "qwertz".into() };
    assert_eq!(replies::explain(&unknown, None), None);
    let case = pending(Handoff::Refused { command: Command::Rcpt, reply: unknown }, Vec::new());
    let finding = &diagnose(&Case {
        pending: &case,
        outcome: Outcome::Refused,
        sighting: None,
        reading: &Reading::default(),
        bounce: None,
    })[0];
    assert_eq!(finding.evidence, "RCPT TO was answered 599 qwertz");
    assert!(finding.remedy.starts_with("check the mailbox's `address`"), "{}", finding.remedy);
}

#[test]
fn a_bounce_tells_who_returned_it_and_why() {
    let bounce = Bounce {
        action: crate::model::BounceAction::Failed,
        status: Some("5.1.1".into()),
        code: Some(550),
        diagnostic: "550 5.1.1 User unknown".into(),
        remote_mta: Some("mx.example".into()),
        recipient: None,
    };
    let case = pending(accepted(), Vec::new());
    let told = |outcome, bounce| {
        diagnose(&Case { pending: &case, outcome, sighting: None, reading: &Reading::default(), bounce })
    };
    let findings = told(Outcome::Bounced, Some(&bounce));
    assert_eq!(findings[0].rule, "returned");
    assert!(
        findings[0].evidence.starts_with("mx.example said 5.1.1: 550 5.1.1 User unknown"),
        "{}",
        findings[0].evidence
    );
    assert!(told(Outcome::Missing, None).iter().all(|finding| finding.rule != "returned"));
}

#[test]
fn deferrals_lost_connections_and_silence_are_told_apart() {
    let deferred = pending(Handoff::Deferred { command: Command::Rcpt, reply: reply(450) }, Vec::new());
    let [(rule, evidence)] = &fired(&deferred, Outcome::Refused, None, &Reading::default())[..] else { panic!() };
    assert_eq!(
        (rule.as_str(), evidence.as_str()),
        ("deferred-too-often", "4 tries, the last answered 450 5.7.1 no really")
    );

    let lost = pending(Handoff::Ambiguous { detail: "reset".into() }, Vec::new());
    assert_eq!(rules(&lost, Outcome::Unsent, None, &Reading::default()), ["handoff-lost"]);
    let found = sighting("Junk", FolderKind::Spam);
    assert_eq!(rules(&lost, Outcome::Spam, Some(&found), &Reading::default()), ["filed-as-spam"]);

    let silent = pending(accepted(), Vec::new());
    let [(rule, evidence)] = &fired(&silent, Outcome::Missing, None, &Reading::default())[..] else { panic!() };
    assert_eq!(rule, "accepted-and-lost");
    assert!(evidence.contains("250 (queue id ABC)"), "{evidence}");
    assert_eq!(rules(&silent, Outcome::Unobserved, None, &Reading::default()), ["mailbox-unreadable"]);
}

#[test]
fn what_the_receiver_says_is_quoted_and_errors_come_first() {
    let case = pending(accepted(), Vec::new());
    let junk = sighting("Junk", FolderKind::Spam);
    let reading = says(&[("spf", "softfail"), ("dkim", "none"), ("dmarc", "fail")]);
    assert_eq!(
        rules(&case, Outcome::Spam, Some(&junk), &reading),
        ["receiver-dmarc-fail", "receiver-spf-fail", "receiver-dkim-none", "filed-as-spam"]
    );
    let reading = says(&[("spf", "permerror"), ("dkim", "permerror")]);
    assert_eq!(
        rules(&case, Outcome::Spam, Some(&junk), &reading),
        ["receiver-spf-error", "receiver-dkim-fail", "filed-as-spam"]
    );
    assert_eq!(
        rules(&case, Outcome::Spam, Some(&junk), &says(&[("spf", "none")])),
        ["receiver-spf-none", "filed-as-spam"]
    );
    let evidence = &fired(&case, Outcome::Spam, Some(&junk), &says(&[("spf", "fail")]))[0].1;
    assert_eq!(evidence, "mx.test says spf=fail");
}

#[test]
fn passes_and_headers_of_others_claim_nothing() {
    let case = pending(accepted(), Vec::new());
    let junk = sighting("Junk", FolderKind::Spam);
    let passing = says(&[("spf", "pass"), ("dkim", "fail"), ("dkim", "pass"), ("dmarc", "pass")]);
    assert_eq!(rules(&case, Outcome::Spam, Some(&junk), &passing), ["filed-as-spam"]);
    let mut forged = says(&[("dmarc", "fail")]);
    forged.untrusted = std::mem::take(&mut forged.trusted);
    assert_eq!(rules(&case, Outcome::Spam, Some(&junk), &forged), ["filed-as-spam"]);
}

#[test]
fn the_filters_own_words_are_evidence() {
    let case = pending(accepted(), Vec::new());
    let header = SpamHeader { name: "X-Spam-Status".into(), value: "Yes, score=12".into() };
    let reading = Reading { spam_headers: vec![header], ..Reading::default() };
    let evidence = &fired(&case, Outcome::Spam, Some(&sighting("Junk", FolderKind::Spam)), &reading)[0].1;
    assert_eq!(evidence, "it landed in Junk; its filter says X-Spam-Status: Yes, score=12");
    let long = SpamHeader { name: "X".into(), value: "é".repeat(5000) };
    let reading = Reading { spam_headers: vec![long], ..Reading::default() };
    let evidence = &fired(&case, Outcome::Spam, Some(&sighting("Junk", FolderKind::Spam)), &reading)[0].1;
    assert!(evidence.chars().count() < 200 && evidence.ends_with('…'), "{evidence}");
}

#[test]
fn a_negative_control_that_is_delivered_is_the_worst_of_news_and_one_that_is_not_is_none() {
    let control = pending(accepted(), vec![Outcome::Refused, Outcome::Spam, Outcome::Missing]);
    let inbox = sighting("INBOX", FolderKind::Inbox);
    let reading = says(&[("dmarc", "fail")]);
    let expected = ["delivered-unauthenticated", "receiver-dmarc-fail"];
    assert_eq!(rules(&control, Outcome::Inbox, Some(&inbox), &reading), expected);
    assert_eq!(rules(&control, Outcome::Missing, None, &Reading::default()), [""; 0]);
    let ordinary = pending(accepted(), Vec::new());
    assert_eq!(rules(&ordinary, Outcome::Inbox, Some(&inbox), &reading), [""; 0]);
}

#[test]
fn another_folder_is_worth_knowing() {
    let case = pending(accepted(), Vec::new());
    for (outcome, kind) in [(Outcome::Other, FolderKind::Other), (Outcome::Category, FolderKind::Category)] {
        assert_eq!(rules(&case, outcome, Some(&sighting("Deep", kind)), &Reading::default()), ["filed-elsewhere"]);
    }
}

#[test]
fn rule_ids_are_unique_words_and_every_rule_is_complete() {
    let mut ids = BTreeSet::new();
    for rule in FAMILIES.into_iter().flatten() {
        assert!(ids.insert(rule.id), "{} twice", rule.id);
        assert!(rule.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", rule.id);
        assert!(!rule.title.is_empty() && !rule.reference.is_empty(), "{}", rule.id);
    }
}
