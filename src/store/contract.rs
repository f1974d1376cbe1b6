//! What holds for every [`Store`]: one suite, run against each implementation by `store_contract!`.

mod random;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{
    Attempt, Bounce, BounceAction, Command, Cursor, Expectation, Finding, FolderKind, Handoff, HandoffResult, Lane,
    Outcome, Pending, Phase, Reading, Reply, Seed, SeedId, Settled, Severity, Sighting, Stage, Timings, Token,
    Unreachable,
};
use crate::store::{Change, CopyRole, Found, Kept, Store};

/// Makes one test of each point of the contract. `$open` gives a store and whatever must outlive it.
macro_rules! store_contract {
    ($open:expr) => {
        $crate::store::contract::store_contract!($open;
            a_slot_is_planned_once attempts_move_a_seed_until_it_is_settled only_a_deferred_seed_is_resent
            a_copy_is_stored_once a_seed_settles_once a_late_bounce_is_kept_once_and_the_outcome_stays a_failing_change_undoes_its_batch cursors_go_where_they_are_told
            the_last_settled_of_each_lane_is_given
            lanes_differ_by_probe_route_and_mailbox kept_copies_are_old_settled_and_not_deleted
            pruning_forgets_messages_then_results pruning_goes_in_steps every_value_reads_back
            every_word_is_taken);
    };
    ($open:expr; $($name:ident)*) => {$(
        #[tokio::test]
        async fn $name() {
            let (store, _guard) = $open.await;
            $crate::store::contract::$name(&store).await;
        }
    )*};
}
pub(crate) use store_contract;

/// A moment.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

/// The seed of slot `slot` in the lane to `mailbox`, planned at `slot`.
pub(crate) fn seed(mailbox: &str, slot: i64) -> Arc<Seed> {
    let lane = Lane { probe: "welcome".into(), route: "relay".into(), mailbox: mailbox.into() };
    let id = SeedId::derive(&lane, slot);
    Arc::new(Seed {
        id,
        token: Token::parse(&SeedId::derive(&lane, -1 - slot).to_string()).unwrap(),
        lane,
        provider: "gmail".into(),
        expect: Expectation::of(vec![Outcome::Inbox, Outcome::Category]),
        planned_at: at(slot),
        deadline: Duration::from_mins(30),
        patience: Duration::from_hours(2),
    })
}

/// An attempt that was accepted.
pub(crate) fn accepted() -> Attempt {
    let reply = Reply { code: 250, enhanced: Some("2.0.0".into()), text: "Ok: queued as 4F1".into() };
    let mut timings = Timings::default();
    timings.add(Phase::Connect, Duration::from_millis(12));
    Attempt {
        began_at: at(1),
        ended_at: at(2),
        handoff: Handoff::Accepted { reply, queue_id: Some("4F1".into()) },
        timings,
    }
}

/// A copy in the inbox of `mailbox`; its digest depends on `trace`.
pub(crate) fn sighting(mailbox: &str, trace: &str, seen_at: Timestamp) -> Arc<Sighting> {
    Arc::new(Sighting {
        mailbox: mailbox.into(),
        folder: "INBOX".into(),
        kind: FolderKind::Inbox,
        uid_validity: u32::MAX,
        uid: 7,
        arrived_at: Some(at(3)),
        seen_at,
        message: format!("Received: {trace}\r\n\r\nbody\0\u{e9}").into_bytes().into(),
        truncated: false,
        tab: None,
    })
}

/// The end of `seed` in the inbox.
pub(crate) fn settled(seed: &Arc<Seed>, settled_at: Timestamp) -> Arc<Settled> {
    Arc::new(Settled {
        seed: Arc::clone(seed),
        outcome: Outcome::Inbox,
        settled_at,
        attempt: Some(accepted()),
        folder: Some("INBOX".into()),
        delivery: Some(Duration::from_secs(1)),
        late: false,
        reading: Reading::default(),
        bounce: None,
        findings: Vec::new(),
    })
}

/// Applies one change; whether it took effect.
pub(crate) async fn one(store: &impl Store, change: Change) -> bool {
    store.apply(&[change]).await.unwrap()[0]
}

fn copy(seed: &Seed, sighting: &Arc<Sighting>, role: CopyRole) -> Change {
    Change::Copy { id: seed.id, sighting: Arc::clone(sighting), role }
}

fn awaited(seed: &Seed) -> Change {
    Change::Attempt { id: seed.id, attempt: accepted(), attempts: 1, stage: Stage::Awaited { since: at(2) } }
}

pub(crate) async fn a_slot_is_planned_once(store: &impl Store) {
    let seed = seed("a", 0);
    assert!(one(store, Change::Plan(Arc::clone(&seed))).await);
    let again = Arc::new(Seed { token: Token::from_bytes([9; 16]), ..(*seed).clone() });
    assert!(!one(store, Change::Plan(again)).await);
    let pending =
        Pending { seed: Arc::clone(&seed), stage: Stage::Sending, attempts: 0, attempt: None, sighting: None };
    assert_eq!(store.unsettled().await.unwrap(), [pending]);
    assert_eq!(store.find(Token::from_bytes([9; 16])).await.unwrap(), None);
    let found = Found { id: seed.id, lane: seed.lane.clone(), outcome: None, bounced: false, digests: Vec::new() };
    assert_eq!(store.find(seed.token).await.unwrap(), Some(found));
}

pub(crate) async fn attempts_move_a_seed_until_it_is_settled(store: &impl Store) {
    let seed = seed("a", 0);
    assert!(!one(store, awaited(&seed)).await, "not planned yet");
    one(store, Change::Plan(Arc::clone(&seed))).await;
    let stage = Stage::Deferred { retry_at: at(900) };
    let deferred = Change::Attempt { id: seed.id, attempt: accepted(), attempts: 3, stage };
    assert!(one(store, deferred.clone()).await);
    let pending = store.unsettled().await.unwrap().remove(0);
    assert_eq!((pending.stage, pending.attempts, pending.attempt), (stage, 3, Some(accepted())));
    assert!(one(store, awaited(&seed)).await);
    assert_eq!(store.unsettled().await.unwrap()[0].stage, Stage::Awaited { since: at(2) });
    one(store, Change::Settle(settled(&seed, at(9)))).await;
    assert!(!one(store, deferred).await);
    assert_eq!(store.unsettled().await.unwrap(), []);
}

pub(crate) async fn only_a_deferred_seed_is_resent(store: &impl Store) {
    let seed = seed("a", 0);
    one(store, Change::Plan(Arc::clone(&seed))).await;
    assert!(!one(store, Change::Resend(seed.id)).await, "is being sent");
    let stage = Stage::Deferred { retry_at: at(900) };
    one(store, Change::Attempt { id: seed.id, attempt: accepted(), attempts: 1, stage }).await;
    assert!(one(store, Change::Resend(seed.id)).await);
    assert!(!one(store, Change::Resend(seed.id)).await, "somebody else was first");
    assert_eq!(store.unsettled().await.unwrap()[0].stage, Stage::Sending);
    one(store, awaited(&seed)).await;
    assert!(!one(store, Change::Resend(seed.id)).await, "has left");
}

pub(crate) async fn a_copy_is_stored_once(store: &impl Store) {
    let seed = seed("a", 0);
    let (first, second) = (sighting("a", "x", at(4)), sighting("a", "y", at(5)));
    assert!(!one(store, copy(&seed, &first, CopyRole::First)).await, "of no known seed");
    one(store, Change::Plan(Arc::clone(&seed))).await;
    assert!(one(store, copy(&seed, &first, CopyRole::First)).await);
    let moved = Arc::new(Sighting { folder: "Archive".into(), uid: 8, ..(*first).clone() });
    assert!(!one(store, copy(&seed, &moved, CopyRole::Duplicate)).await);
    assert!(one(store, copy(&seed, &second, CopyRole::Duplicate)).await);
    assert_eq!(store.unsettled().await.unwrap()[0].sighting, Some(Arc::clone(&first)));
    let found = store.find(seed.token).await.unwrap().unwrap();
    assert_eq!(found.digests, [first.digest(), second.digest()]);
}

pub(crate) async fn a_seed_settles_once(store: &impl Store) {
    let seed = seed("a", 0);
    assert!(!one(store, Change::Settle(settled(&seed, at(9)))).await, "not planned");
    one(store, Change::Plan(Arc::clone(&seed))).await;
    let end = settled(&seed, at(9));
    assert!(one(store, Change::Settle(Arc::clone(&end))).await);
    let other = Settled { outcome: Outcome::Missing, ..(*settled(&seed, at(10))).clone() };
    assert!(!one(store, Change::Settle(Arc::new(other))).await);
    assert!(!one(store, Change::Plan(Arc::clone(&seed))).await, "known, though it has ended");
    assert_eq!(store.last_settled().await.unwrap(), [(*end).clone()]);
    assert_eq!(store.find(seed.token).await.unwrap().unwrap().outcome, Some(Outcome::Inbox));
}

pub(crate) async fn a_late_bounce_is_kept_once_and_the_outcome_stays(store: &impl Store) {
    let seed = seed("a", 0);
    let bounce = Arc::new(Bounce {
        action: BounceAction::Failed,
        status: Some("5.1.1".into()),
        code: Some(550),
        diagnostic: "550 no such user 退信".into(),
        remote_mta: None,
        recipient: None,
    });
    let finding = Finding {
        rule: "bounced-late".into(),
        severity: Severity::Error,
        title: String::new(),
        evidence: "\"it's".into(),
        remedy: String::new(),
        reference: String::new(),
    };
    let late = Change::Bounced { id: seed.id, bounce: bounce.clone(), finding: Box::new(finding.clone()) };
    one(store, Change::Plan(Arc::clone(&seed))).await;
    assert!(!one(store, late.clone()).await, "it has not ended");
    let end = settled(&seed, at(9));
    one(store, Change::Settle(Arc::clone(&end))).await;
    assert!(!store.find(seed.token).await.unwrap().unwrap().bounced);
    assert!(one(store, late.clone()).await);
    assert!(!one(store, late).await, "known");
    let kept = Settled { bounce: Some(Bounce::clone(&bounce)), findings: vec![finding], ..(*end).clone() };
    assert_eq!(store.last_settled().await.unwrap(), [kept]);
    assert!(store.find(seed.token).await.unwrap().unwrap().bounced);
}

pub(crate) async fn a_failing_change_undoes_its_batch(store: &impl Store) {
    let (one_seed, other) = (seed("a", 0), seed("b", 0));
    let thief = Arc::new(Seed { token: one_seed.token, ..(*other).clone() });
    let batch = [Change::Plan(Arc::clone(&one_seed)), Change::Plan(thief), Change::Plan(Arc::clone(&other))];
    store.apply(&batch).await.unwrap_err();
    assert_eq!(store.unsettled().await.unwrap(), []);
    assert_eq!(store.apply(&[Change::Plan(one_seed), Change::Plan(other)]).await.unwrap(), [true, true]);
    assert_eq!(store.apply(&[]).await.unwrap(), [] as [bool; 0]);
}

pub(crate) async fn cursors_go_where_they_are_told(store: &impl Store) {
    let cursor = |folder: &str, uid_validity, uid_next| Cursor {
        mailbox: "a".into(),
        folder: folder.into(),
        uid_validity,
        uid_next,
    };
    let elsewhere = Cursor { mailbox: "b".into(), ..cursor("INBOX", 1, 1) };
    let batch = [cursor("INBOX", 1, 500), cursor("Junk", 1, u32::MAX), elsewhere].map(Change::Cursor);
    assert_eq!(store.apply(&batch).await.unwrap(), [true; 3]);
    assert!(one(store, Change::Cursor(cursor("INBOX", 2, 1))).await);
    let cursors = store.cursors(&"a".into()).await.unwrap();
    assert_eq!(cursors, [cursor("INBOX", 2, 1), cursor("Junk", 1, u32::MAX)]);
    assert_eq!(store.cursors(&"c".into()).await.unwrap(), []);
}

pub(crate) async fn the_last_settled_of_each_lane_is_given(store: &impl Store) {
    assert_eq!(store.last_settled().await.unwrap(), []);
    for (mailbox, slot, ended) in [("a", 0, 50), ("a", 1, 40), ("b", 0, 10), ("b", 1, 20), ("c", 5, 1)] {
        let seed = seed(mailbox, slot);
        store.apply(&[Change::Plan(Arc::clone(&seed)), Change::Settle(settled(&seed, at(ended)))]).await.unwrap();
    }
    store.apply(&[Change::Plan(seed("d", 0))]).await.unwrap();
    let want =
        [("a", 0, 50), ("b", 1, 20), ("c", 5, 1)].map(|(m, slot, ended)| (*settled(&seed(m, slot), at(ended))).clone());
    assert_eq!(store.last_settled().await.unwrap(), want);
}

pub(crate) async fn lanes_differ_by_probe_route_and_mailbox(store: &impl Store) {
    let names = ["a", "b", "c"];
    let lanes =
        names.into_iter().flat_map(|p| names.into_iter().flat_map(move |r| names.into_iter().map(move |m| (p, r, m))));
    // Some lanes are missing, so that the next one differs in more than its last part.
    let lanes: Vec<_> =
        lanes.filter(|lane| ![("a", "c", "c"), ("b", "a", "a"), ("b", "c", "b")].contains(lane)).collect();
    let mut want = Vec::new();
    for (probe, route, mailbox) in lanes {
        let lane = Lane { probe: probe.into(), route: route.into(), mailbox: mailbox.into() };
        for slot in 0..2 {
            let (id, token) = (SeedId::derive(&lane, slot), SeedId::derive(&lane, -1 - slot).to_string());
            let token = Token::parse(&token).unwrap();
            let seed = Arc::new(Seed { id, token, lane: lane.clone(), ..(*seed("a", slot)).clone() });
            let end = settled(&seed, at(10 + slot));
            store.apply(&[Change::Plan(seed), Change::Settle(Arc::clone(&end))]).await.unwrap();
            if slot == 1 {
                want.push((*end).clone());
            }
        }
    }
    assert_eq!(want.len(), 24);
    assert_eq!(store.last_settled().await.unwrap(), want);
}

pub(crate) async fn kept_copies_are_old_settled_and_not_deleted(store: &impl Store) {
    let copies = [("old", 1), ("older", 0), ("young", 9), ("pending", 2), ("gone", 3)];
    for (slot, (trace, seen)) in (0..).zip(copies) {
        let seed = seed("a", slot);
        let sighting = sighting("a", trace, at(seen));
        store.apply(&[Change::Plan(Arc::clone(&seed)), copy(&seed, &sighting, CopyRole::First)]).await.unwrap();
        if trace != "pending" {
            one(store, Change::Settle(settled(&seed, at(20)))).await;
        }
    }
    let gone = Change::Deleted { id: seed("a", 4).id, digest: sighting("a", "gone", at(3)).digest() };
    assert!(one(store, gone.clone()).await);
    assert!(!one(store, gone).await);
    let want = [("older", 1), ("old", 0)].map(|(trace, slot)| Kept {
        id: seed("a", slot).id,
        token: seed("a", slot).token,
        digest: sighting("a", trace, at(0)).digest(),
        folder: "INBOX".into(),
        uid_validity: u32::MAX,
        uid: 7,
    });
    assert_eq!(store.kept(&"a".into(), at(9), 10).await.unwrap(), want);
    assert_eq!(store.kept(&"a".into(), at(9), 1).await.unwrap(), want[..1]);
    assert_eq!(store.kept(&"b".into(), at(9), 10).await.unwrap(), []);
}

pub(crate) async fn pruning_forgets_messages_then_results(store: &impl Store) {
    let (old, new, pending) = (seed("a", 0), seed("a", 100), seed("b", 0));
    for seed in [&old, &new, &pending] {
        let copy = copy(seed, &sighting("a", "x", seed.planned_at), CopyRole::First);
        store.apply(&[Change::Plan(Arc::clone(seed)), copy]).await.unwrap();
    }
    for seed in [&old, &new] {
        one(store, Change::Settle(settled(seed, at(200)))).await;
    }
    assert!(!one(store, Change::Prune { messages: at(50), results: at(0) }).await, "all done in one step");
    let left = store.unsettled().await.unwrap().remove(0).sighting.unwrap();
    assert_eq!((&*left.message, left.truncated), (&b"Received: x\r\n\r\n"[..], true));
    assert!(store.find(old.token).await.unwrap().is_some());
    assert!(!one(store, Change::Prune { messages: at(50), results: at(50) }).await);
    assert_eq!(store.find(old.token).await.unwrap(), None);
    assert_eq!(store.find(new.token).await.unwrap().unwrap().digests.len(), 1);
    assert!(store.find(pending.token).await.unwrap().is_some(), "what has not ended is not forgotten");
    assert_eq!(store.kept(&"a".into(), at(500), 10).await.unwrap().len(), 1);
    assert_eq!(store.last_settled().await.unwrap(), [(*settled(&new, at(200))).clone()]);
}

pub(crate) async fn pruning_goes_in_steps(store: &impl Store) {
    let seeds: Vec<_> = (0..1_000).map(|slot| seed("a", slot)).collect();
    let changes: Vec<_> = seeds
        .iter()
        .flat_map(|seed| [Change::Plan(Arc::clone(seed)), Change::Settle(settled(seed, at(2_000)))])
        .collect();
    store.apply(&changes).await.unwrap();
    let mut steps = 0;
    while one(store, Change::Prune { messages: at(0), results: at(5_000) }).await {
        steps += 1;
        assert!(steps < 1_000, "it comes to an end");
    }
    assert!(steps > 1, "not all at once");
    assert_eq!(store.last_settled().await.unwrap(), []);
}

pub(crate) async fn every_value_reads_back(store: &impl Store) {
    for way in random::ways(200) {
        let seed = Arc::clone(&way.settled.seed);
        let mut changes = vec![
            Change::Plan(Arc::clone(&seed)),
            Change::Attempt { id: seed.id, attempt: way.attempt.clone(), attempts: way.attempts, stage: way.stage },
        ];
        let sighting = way.sighting.map(Arc::new);
        changes.extend(sighting.iter().map(|sighting| copy(&seed, sighting, CopyRole::First)));
        assert!(store.apply(&changes).await.unwrap().into_iter().all(|took_effect| took_effect));
        let pending = Pending {
            seed: Arc::clone(&seed),
            stage: way.stage,
            attempts: way.attempts,
            attempt: Some(way.attempt),
            sighting,
        };
        assert_eq!(store.unsettled().await.unwrap(), [pending]);
        assert!(one(store, Change::Settle(Arc::new(way.settled.clone()))).await);
        let last = store.last_settled().await.unwrap();
        assert!(last.contains(&way.settled), "{:?}", way.settled);
        one(store, Change::Prune { messages: at(0), results: Timestamp::MAX }).await;
    }
}

/// One value of each variant that a column tells apart by a word: none may be one that the schema does not know.
pub(crate) async fn every_word_is_taken(store: &impl Store) {
    let reply = || Reply { code: 450, enhanced: None, text: "later".into() };
    let mut handoffs =
        vec![Handoff::Accepted { reply: reply(), queue_id: None }, Handoff::Ambiguous { detail: "lost".into() }];
    for command in Command::ALL {
        handoffs.push(Handoff::Refused { command, reply: reply() });
        handoffs.push(Handoff::Deferred { command, reply: reply() });
    }
    for cause in Unreachable::ALL {
        handoffs.extend(Phase::ALL.map(|phase| Handoff::Unreachable {
            cause,
            phase,
            detail: "gone".into(),
            reply: None,
        }));
    }
    let results: BTreeSet<_> = handoffs.iter().map(Handoff::result).collect();
    assert_eq!(results.len(), HandoffResult::ALL.len(), "every result is tried");
    let seed = seed("a", 0);
    one(store, Change::Plan(Arc::clone(&seed))).await;
    let stages = [Stage::Sending, Stage::Deferred { retry_at: at(900) }, Stage::Awaited { since: at(2) }];
    for (handoff, stage) in handoffs.into_iter().zip(stages.into_iter().cycle()) {
        let attempt = Attempt { handoff, ..accepted() };
        assert!(one(store, Change::Attempt { id: seed.id, attempt: attempt.clone(), attempts: 1, stage }).await);
        let pending = store.unsettled().await.unwrap().remove(0);
        assert_eq!((pending.attempt, pending.stage), (Some(attempt), stage));
    }
    for (number, kind) in FolderKind::ALL.into_iter().enumerate() {
        for role in CopyRole::ALL {
            let trace = format!("{number} {}", role.as_str());
            let sighting = Arc::new(Sighting { kind, ..(*sighting("a", &trace, at(5))).clone() });
            assert!(one(store, copy(&seed, &sighting, role)).await, "{trace}");
        }
    }
    for (slot, outcome) in (1..).zip(Outcome::ALL) {
        let other = self::seed("b", slot);
        let settled = Arc::new(Settled { outcome, ..(*settled(&other, at(slot))).clone() });
        one(store, Change::Plan(other)).await;
        assert!(one(store, Change::Settle(settled.clone())).await);
        assert_eq!(store.last_settled().await.unwrap(), [(*settled).clone()]);
    }
}
