//! Random values of everything that a store holds, in whole milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use crate::model::{
    Attempt, AuthenticationResults, Bounce, BounceAction, Command, Expectation, Finding, FolderKind, Handoff, Lane,
    MethodResult, Outcome, Phase, Reading, Reply, Seed, SeedId, Settled, Severity, Sighting, SpamHeader, Stage,
    Timings, Token, Unreachable,
};

/// Everything that is random about the way of one seed.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub attempt: Attempt,
    pub attempts: u32,
    pub stage: Stage,
    pub sighting: Option<Sighting>,
    pub settled: Settled,
}

/// As many ways as asked for, no two of the same seed.
pub(super) fn ways(count: usize) -> Vec<Way> {
    let mut runner = TestRunner::new(Config::default());
    let ways = way();
    std::iter::repeat_with(|| ways.new_tree(&mut runner).unwrap().current()).take(count).collect()
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (-1_000_000_000_000_i64..10_000_000_000_000).prop_map(|ms| Timestamp::from_millisecond(ms).unwrap())
}

fn span() -> impl Strategy<Value = Duration> {
    (0_u64..1 << 62).prop_map(Duration::from_millis)
}

fn reply() -> impl Strategy<Value = Reply> {
    any::<(u16, Option<String>, String)>().prop_map(|(code, enhanced, text)| Reply { code, enhanced, text })
}

fn command() -> impl Strategy<Value = Command> {
    prop::sample::select(Command::ALL.to_vec())
}

fn handoff() -> impl Strategy<Value = Handoff> {
    let cause = prop::sample::select(Unreachable::ALL.to_vec());
    let phase = prop::sample::select(Phase::ALL.to_vec());
    prop_oneof![
        (reply(), any::<Option<String>>()).prop_map(|(reply, queue_id)| Handoff::Accepted { reply, queue_id }),
        (command(), reply()).prop_map(|(command, reply)| Handoff::Refused { command, reply }),
        (command(), reply()).prop_map(|(command, reply)| Handoff::Deferred { command, reply }),
        (cause, phase, any::<String>(), prop::option::of(reply()))
            .prop_map(|(cause, phase, detail, reply)| Handoff::Unreachable { cause, phase, detail, reply }),
        any::<String>().prop_map(|detail| Handoff::Ambiguous { detail }),
    ]
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let spent = prop::array::uniform5(prop::option::of((0_u64..1 << 40).prop_map(Duration::from_millis)));
    (moment(), moment(), handoff(), spent).prop_map(|(began_at, ended_at, handoff, spent)| {
        let mut timings = Timings::default();
        for (phase, spent) in Phase::ALL.into_iter().zip(spent) {
            spent.into_iter().for_each(|spent| timings.add(phase, spent));
        }
        Attempt { began_at, ended_at, handoff, timings }
    })
}

fn seeds() -> impl Strategy<Value = Seed> {
    static SLOT: AtomicI64 = AtomicI64::new(0);
    let names = any::<[String; 4]>();
    let expect = prop::collection::vec(prop::sample::select(Outcome::ALL.to_vec()), 0..4);
    (names, any::<[u8; 16]>(), expect, moment(), span(), span()).prop_map(
        |([probe, route, mailbox, provider], token, expect, planned_at, deadline, patience)| {
            let lane =
                Lane { probe: probe.as_str().into(), route: route.as_str().into(), mailbox: mailbox.as_str().into() };
            Seed {
                id: SeedId::derive(&lane, SLOT.fetch_add(1, Ordering::Relaxed)),
                token: Token::from_bytes(token),
                lane,
                provider: provider.as_str().into(),
                expect: Expectation::of(expect),
                planned_at,
                deadline,
                patience,
            }
        },
    )
}

fn sightings() -> impl Strategy<Value = Sighting> {
    let kind = prop::sample::select(FolderKind::ALL.to_vec());
    let message = (0_usize..200_000, any::<Vec<u8>>()).prop_map(|(fill, rest)| [vec![b'x'; fill], rest].concat());
    (any::<String>(), kind, any::<(u32, u32, bool)>(), prop::option::of(moment()), moment(), message).prop_map(
        |(folder, kind, (uid_validity, uid, truncated), arrived_at, seen_at, message)| Sighting {
            tab: None,
            mailbox: "a".into(),
            folder,
            kind,
            uid_validity,
            uid,
            arrived_at,
            seen_at,
            message: message.into(),
            truncated,
        },
    )
}

fn reading() -> impl Strategy<Value = Reading> {
    any::<[String; 4]>().prop_map(|[method, result, name, value]| {
        let results = vec![MethodResult { method, result, ..MethodResult::default() }];
        let header = AuthenticationResults { instance: Some(1), results, ..AuthenticationResults::default() };
        Reading {
            trusted: vec![header.clone()],
            untrusted: vec![header],
            spam_headers: vec![SpamHeader { name, value }],
        }
    })
}

fn findings() -> impl Strategy<Value = Vec<Finding>> {
    let severity = prop::sample::select(vec![Severity::Info, Severity::Warning, Severity::Error]);
    let finding =
        (any::<[String; 5]>(), severity).prop_map(|([rule, title, evidence, remedy, reference], severity)| Finding {
            rule,
            severity,
            title,
            evidence,
            remedy,
            reference,
        });
    prop::collection::vec(finding, 0..3)
}

pub(super) fn bounces() -> impl Strategy<Value = Bounce> {
    let action = prop::sample::select(BounceAction::ALL.to_vec());
    (action, any::<([Option<String>; 3], Option<u16>, String)>()).prop_map(
        |(action, ([status, remote_mta, recipient], code, diagnostic))| Bounce {
            action,
            status,
            code,
            diagnostic,
            remote_mta,
            recipient,
        },
    )
}

fn way() -> impl Strategy<Value = Way> {
    let stage = prop_oneof![
        Just(Stage::Sending),
        moment().prop_map(|retry_at| Stage::Deferred { retry_at }),
        moment().prop_map(|since| Stage::Awaited { since }),
    ];
    let end = (
        seeds(),
        prop::sample::select(Outcome::ALL.to_vec()),
        moment(),
        attempt(),
        any::<(Option<String>, bool)>(),
        prop::option::of(span()),
        (reading(), prop::option::of(bounces())),
        findings(),
    );
    let end =
        end.prop_map(|(seed, outcome, settled_at, attempt, (folder, late), delivery, (reading, bounce), findings)| {
            let (seed, attempt) = (Arc::new(seed), Some(attempt));
            Settled { seed, outcome, settled_at, attempt, folder, delivery, late, reading, bounce, findings }
        });
    (attempt(), any::<u32>(), stage, prop::option::of(sightings()), end)
        .prop_map(|(attempt, attempts, stage, sighting, settled)| Way { attempt, attempts, stage, sighting, settled })
}
