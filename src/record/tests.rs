//! The single writer over a real SQLite database in memory, and over one that refuses.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::model::{
    Attempt, Bounce, BounceAction, Credentials, Endpoint, Expectation, Finding, FolderKind, FolderNames, Handoff,
    HandoffResult, Identity, ImapServer, Lane, Mailbox, MessageSource, Next, Outcome, Pending, Probe, Provider,
    Reading, Reply, RetryPolicy, Returned, Route, RouteKind, SecretError, SecretSource, Severity, Stage, Timings,
    TlsMode,
};
use crate::store::{Change, Found, SqliteStore};

mod faults;

#[derive(Debug)]
struct NoSecret;

impl SecretSource for NoSecret {
    fn read(&self) -> Result<secrecy::SecretString, SecretError> {
        Err(SecretError("none".into()))
    }
}

fn lane() -> Lane {
    Lane { probe: "receipts".into(), route: "relay".into(), mailbox: "inbox-1".into() }
}

/// One probe by one route to one mailbox.
fn plan() -> Plan {
    let endpoint =
        Endpoint { host: "h".into(), port: 1, tls: TlsMode::None, ca_file: None, server_name: None, source: None };
    let identity = Arc::new(Identity {
        name: "shop".into(),
        display_name: String::new(),
        from: "a@shop.example".into(),
        envelope_from: "a@shop.example".into(),
        dkim: None,
    });
    let route = Route {
        name: lane().route,
        identity,
        kind: RouteKind::Smtp { server: endpoint.clone(), credentials: None },
        helo: None,
        retry: RetryPolicy::default(),
        connections: 1,
        bounces: None,
    };
    let mailbox = Mailbox {
        name: lane().mailbox,
        address: "b@c.example".into(),
        provider: Arc::new(Provider::unknown("generic".into())),
        imap: ImapServer {
            server: endpoint,
            credentials: Credentials { username: Arc::new(NoSecret), password: Arc::new(NoSecret) },
            folders: FolderNames::default(),
            poll: Duration::from_secs(30),
        },
        keep: Duration::from_hours(1),
    };
    let probe = Probe {
        name: lane().probe,
        routes: vec![route.name.clone()],
        mailboxes: vec![mailbox.name.clone()],
        identity: None,
        every: Duration::from_mins(15),
        deadline: Duration::from_mins(30),
        patience: Duration::from_hours(2),
        message: MessageSource::BuiltIn,
        expect: Expectation::default(),
        header: "X-Landfall-Seed".into(),
    };
    let mut plan = Plan::default();
    plan.routes.insert(route.name.clone(), Arc::new(route));
    plan.mailboxes.insert(mailbox.name.clone(), Arc::new(mailbox));
    plan.probes.insert(probe.name.clone(), Arc::new(probe));
    plan
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn seed(number: u8) -> Arc<Seed> {
    Arc::new(Seed {
        id: SeedId::derive(&lane(), i64::from(number)),
        token: Token::from_bytes([number; 16]),
        lane: lane(),
        provider: "generic".into(),
        expect: Expectation::default(),
        planned_at: at(0),
        deadline: Duration::from_mins(30),
        patience: Duration::from_hours(2),
    })
}

fn attempt(result: HandoffResult) -> Attempt {
    let reply = Reply { code: 250, enhanced: None, text: "ok".into() };
    let handoff = match result {
        HandoffResult::Accepted => Handoff::Accepted { reply, queue_id: None },
        HandoffResult::Deferred => Handoff::Deferred { command: crate::model::Command::Rcpt, reply },
        _ => Handoff::Ambiguous { detail: "lost".into() },
    };
    Attempt { began_at: at(1), ended_at: at(2), handoff, timings: Timings::default() }
}

fn awaited(seed: &Seed) -> Attempted {
    Attempted {
        token: seed.token,
        attempt: attempt(HandoffResult::Accepted),
        next: Next::Stage(Stage::Awaited { since: at(2) }),
    }
}

fn copy(seed: &Seed, queue_id: &str) -> Arc<Sighting> {
    let message = format!("Received: id {queue_id}\r\nX-Landfall-Seed: {}\r\n\r\nbody\r\n", seed.token);
    Arc::new(Sighting {
        mailbox: seed.lane.mailbox.clone(),
        folder: "INBOX".into(),
        kind: FolderKind::Inbox,
        uid_validity: 1,
        uid: 7,
        arrived_at: Some(at(3)),
        seen_at: at(3),
        message: message.into_bytes().into(),
        truncated: false,
        tab: None,
    })
}

fn settled(pending: &Pending, outcome: Outcome) -> Arc<Settled> {
    Arc::new(Settled {
        seed: pending.seed.clone(),
        outcome,
        settled_at: at(4),
        attempt: pending.attempt.clone(),
        folder: None,
        delivery: None,
        late: false,
        reading: Reading::default(),
        bounce: None,
        findings: Vec::new(),
    })
}

struct World<S = SqliteStore> {
    record: Record<S>,
    metrics: Metrics,
}

async fn world() -> World {
    let metrics = Metrics::new();
    metrics.expect(&plan());
    let store = SqliteStore::in_memory().await.unwrap();
    let record = Record::open(store, &plan(), Clock::manual(at(0)), metrics.clone()).await.unwrap();
    World { record, metrics }
}

impl<S: Store> World<S> {
    /// The value of the first series of `family` whose labels contain `label`.
    fn count(&self, family: &str, label: &str) -> f64 {
        let exposition = crate::metrics::Exposition::new(
            self.record.shared(),
            self.metrics.clone(),
            crate::metrics::Build::current(),
            at(0),
            crate::metrics::Process::read,
        );
        let text = exposition.render(crate::metrics::Format::Text).unwrap();
        let line = text.lines().find(|line| line.starts_with(family) && line.contains(label));
        line.unwrap_or_else(|| panic!("no {family} with {label} in\n{text}"))
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    async fn pending(&self, seed: &Arc<Seed>) -> Arc<Pending> {
        assert!(self.record.plan(seed.clone()).await.unwrap());
        self.record.attempted(awaited(seed)).await.unwrap();
        self.record.snapshot().pending[&seed.token].clone()
    }

    async fn settle_by(&self, seed: &Arc<Seed>, sighting: &Arc<Sighting>, outcome: Outcome) {
        let Seen::Settles(pending) = self.record.seen(seed.token, sighting.clone()).await.unwrap() else {
            panic!("the first copy settles");
        };
        assert!(self.record.settle(settled(&pending, outcome)).await.unwrap());
    }
}

#[tokio::test]
async fn a_slot_is_filled_once() {
    let world = world().await;
    assert!(world.record.plan(seed(1)).await.unwrap());
    let again = Arc::new(Seed { token: Token::from_bytes([99; 16]), ..Seed::clone(&seed(1)) });
    assert!(!world.record.plan(again.clone()).await.unwrap());
    let snapshot = world.record.snapshot();
    assert_eq!(snapshot.pending.keys().collect::<Vec<_>>(), [&seed(1).token]);
    assert_eq!(snapshot.pending[&seed(1).token].stage, Stage::Sending);
    assert_eq!(snapshot.store_writable, Some(true));
}

#[tokio::test]
async fn a_seed_is_settled_and_counted_once() {
    let world = world().await;
    let seed = seed(1);
    let pending = world.pending(&seed).await;
    world.settle_by(&seed, &copy(&seed, "A"), Outcome::Inbox).await;
    assert!(!world.record.settle(settled(&pending, Outcome::Missing)).await.unwrap());
    assert_eq!(world.count("landfall_seeds_settled_total", "outcome=\"inbox\""), 1.0);
    assert_eq!(world.count("landfall_seeds_settled_total", "outcome=\"missing\""), 0.0);
    let snapshot = world.record.snapshot();
    assert!(snapshot.pending.is_empty());
    assert_eq!(snapshot.lanes[&lane()].last.as_ref().unwrap().outcome, Outcome::Inbox);
}

#[tokio::test]
async fn the_same_copy_is_known_and_another_delivery_is_a_duplicate_counted_once() {
    let world = world().await;
    let seed = seed(1);
    world.pending(&seed).await;
    world.settle_by(&seed, &copy(&seed, "A"), Outcome::Inbox).await;
    assert!(matches!(world.record.seen(seed.token, copy(&seed, "A")).await.unwrap(), Seen::Known));
    assert!(matches!(world.record.seen(seed.token, copy(&seed, "B")).await.unwrap(), Seen::Duplicate));
    assert!(matches!(world.record.seen(seed.token, copy(&seed, "B")).await.unwrap(), Seen::Known));
    assert_eq!(world.count("landfall_seeds_duplicate_total", "receipts"), 1.0);
    assert_eq!(world.count("landfall_seeds_settled_total", "outcome=\"inbox\""), 1.0);
}

#[tokio::test]
async fn a_copy_after_missing_is_late_and_changes_nothing_else() {
    let world = world().await;
    let seed = seed(1);
    let pending = world.pending(&seed).await;
    assert!(world.record.settle(settled(&pending, Outcome::Missing)).await.unwrap());
    assert!(matches!(world.record.seen(seed.token, copy(&seed, "A")).await.unwrap(), Seen::Late));
    assert!(matches!(world.record.seen(seed.token, copy(&seed, "A")).await.unwrap(), Seen::Known));
    assert_eq!(world.count("landfall_seeds_late_total", "receipts"), 1.0);
    assert_eq!(world.count("landfall_seeds_settled_total", "outcome=\"inbox\""), 0.0);
    assert_eq!(world.record.snapshot().lanes[&lane()].last.as_ref().unwrap().outcome, Outcome::Missing);
}

fn bounce() -> Arc<Bounce> {
    Arc::new(Bounce {
        action: BounceAction::Failed,
        status: Some("5.1.1".into()),
        code: Some(550),
        diagnostic: "no such user".into(),
        remote_mta: None,
        recipient: None,
    })
}

fn late() -> Finding {
    Finding {
        rule: "bounced-late".into(),
        severity: Severity::Error,
        title: "returned".into(),
        evidence: "5.1.1".into(),
        remedy: "read it".into(),
        reference: "RFC 3464".into(),
    }
}

#[tokio::test]
async fn a_bounce_ends_its_seed_and_is_too_early_while_it_is_sent() {
    let world = world().await;
    let seed = seed(1);
    assert!(world.record.plan(seed.clone()).await.unwrap());
    let said = || world.record.returned(seed.token, bounce(), late());
    assert!(matches!(said().await.unwrap(), Returned::Early));
    world.record.attempted(awaited(&seed)).await.unwrap();
    let Returned::Settles(pending) = said().await.unwrap() else { panic!("it is awaited") };
    let end =
        Settled { bounce: Some(Bounce::clone(&bounce())), ..Settled::clone(&settled(&pending, Outcome::Bounced)) };
    assert!(world.record.settle(Arc::new(end)).await.unwrap());
    assert!(matches!(said().await.unwrap(), Returned::Known));
    assert_eq!(world.count("landfall_seeds_settled_total", "outcome=\"bounced\""), 1.0);
    let stranger = world.record.returned(Token::from_bytes([77; 16]), bounce(), late()).await.unwrap();
    assert!(matches!(stranger, Returned::Foreign));
}

#[tokio::test]
async fn a_bounce_after_missing_is_kept_and_the_outcome_stays() {
    let world = world().await;
    let seed = seed(1);
    let pending = world.pending(&seed).await;
    assert!(world.record.settle(settled(&pending, Outcome::Missing)).await.unwrap());
    let said = || world.record.returned(seed.token, bounce(), late());
    assert!(matches!(said().await.unwrap(), Returned::Late(at) if at == seed.lane));
    assert!(matches!(said().await.unwrap(), Returned::Known));
    let snapshot = world.record.snapshot();
    let last = snapshot.lanes[&seed.lane].last.clone().unwrap();
    assert_eq!((last.outcome, last.bounce.as_ref()), (Outcome::Missing, Some(&*bounce())));
    assert_eq!(last.findings, [late()]);
    assert_eq!(world.count("landfall_seeds_settled_total", "outcome=\"bounced\""), 0.0);
}

#[tokio::test]
async fn a_bounce_of_a_seed_whose_copy_was_found_says_nothing() {
    let world = world().await;
    let seed = seed(1);
    world.pending(&seed).await;
    world.record.seen(seed.token, copy(&seed, "A")).await.unwrap();
    assert!(matches!(world.record.returned(seed.token, bounce(), late()).await.unwrap(), Returned::Known));
}

#[tokio::test]
async fn a_copy_that_is_faster_than_the_routes_answer_is_held_and_given_back_with_it() {
    let world = world().await;
    let seed = seed(1);
    world.record.plan(seed.clone()).await.unwrap();
    assert!(matches!(world.record.seen(seed.token, copy(&seed, "A")).await.unwrap(), Seen::Held));
    let held = world.record.attempted(awaited(&seed)).await.unwrap();
    assert_eq!(held, Some(copy(&seed, "A")));
    assert!(world.record.snapshot().pending.contains_key(&seed.token), "it waits to be settled");
}

#[tokio::test]
async fn a_copy_beats_a_deferral_and_stops_the_retries() {
    let world = world().await;
    let seed = seed(1);
    world.record.plan(seed.clone()).await.unwrap();
    let deferred = Attempted {
        token: seed.token,
        attempt: attempt(HandoffResult::Deferred),
        next: Next::Stage(Stage::Deferred { retry_at: at(900) }),
    };
    assert_eq!(world.record.attempted(deferred).await.unwrap(), None);
    assert!(matches!(world.record.seen(seed.token, copy(&seed, "A")).await.unwrap(), Seen::Settles(_)));
    assert!(!world.record.resend(seed.token).await.unwrap());
}

#[tokio::test]
async fn tokens_of_others_and_other_mailboxes_are_foreign() {
    let world = world().await;
    let seed = seed(1);
    world.pending(&seed).await;
    let elsewhere = Arc::new(Sighting { mailbox: "inbox-2".into(), ..Sighting::clone(&copy(&seed, "A")) });
    assert!(matches!(world.record.seen(seed.token, elsewhere).await.unwrap(), Seen::Foreign));
    let forged = Token::from_bytes([0xee; 16]);
    assert!(matches!(world.record.seen(forged, copy(&seed, "A")).await.unwrap(), Seen::Foreign));
    assert!(!world.record.knows(forged, &lane().mailbox).await.unwrap());
    assert!(world.record.knows(seed.token, &lane().mailbox).await.unwrap());
    assert!(!world.record.knows(seed.token, &"inbox-2".into()).await.unwrap());
}

#[tokio::test]
async fn mailbox_health_tells_trouble_from_passing_trouble() {
    let world = world().await;
    let mailbox = lane().mailbox;
    world.record.mailbox_read(&mailbox, at(1)).await.unwrap();
    world.record.mailbox_failed(&mailbox, MailboxFault::Tcp, "reset", false).await.unwrap();
    assert_eq!(world.record.snapshot().mailboxes[&mailbox].up, Some(true));
    world.record.mailbox_failed(&mailbox, MailboxFault::Auth, "no", true).await.unwrap();
    let state = world.record.snapshot().mailboxes[&mailbox].clone();
    assert_eq!((state.up, state.last_read_at), (Some(false), Some(at(1))));
    assert_eq!(world.count("landfall_mailbox_errors_total", "reason=\"auth\""), 1.0);
    assert_eq!(world.count("landfall_mailbox_errors_total", "reason=\"tcp\""), 1.0);
}

#[tokio::test]
async fn a_seed_that_another_process_took_is_not_sent_again() {
    let store = SqliteStore::in_memory().await.unwrap();
    let record = Record::open(store.clone(), &plan(), Clock::manual(at(0)), Metrics::new()).await.unwrap();
    record.plan(seed(1)).await.unwrap();
    let deferred = Attempted {
        token: seed(1).token,
        attempt: attempt(HandoffResult::Deferred),
        next: Next::Stage(Stage::Deferred { retry_at: at(900) }),
    };
    record.attempted(deferred).await.unwrap();
    assert_eq!(store.apply(&[Change::Resend(seed(1).id)]).await.unwrap(), [true], "the other one");
    assert_eq!(record.resend(seed(1).token).await, Ok(false));
    assert!(record.snapshot().pending.is_empty(), "it is no longer ours");
}

#[tokio::test]
async fn a_message_that_could_not_be_made_says_nothing_about_its_route() {
    let world = world().await;
    let route = lane().route;
    world.record.plan(seed(1)).await.unwrap();
    let local = Handoff::Unreachable {
        cause: crate::model::Unreachable::Local,
        phase: crate::model::Phase::Connect,
        detail: "no key".into(),
        reply: None,
    };
    let attempt = Attempt { handoff: local, ..attempt(HandoffResult::Accepted) };
    let next = Next::Stage(Stage::Awaited { since: at(2) });
    world.record.attempted(Attempted { token: seed(1).token, attempt, next }).await.unwrap();
    assert_eq!(world.record.snapshot().routes[&route].up(), None);
    world.pending(&seed(2)).await;
    assert_eq!(world.record.snapshot().routes[&route].up(), Some(true));
}

#[tokio::test]
async fn a_restart_makes_what_was_in_smtp_ambiguous_and_keeps_the_rest() {
    let dir = std::env::temp_dir().join(format!("landfall-record-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("restart.db");
    drop(std::fs::remove_file(&file));
    let open = || async {
        let store = SqliteStore::open(&file).await.unwrap();
        Record::open(store, &plan(), Clock::manual(at(100)), Metrics::new()).await.unwrap()
    };
    let record = open().await;
    record.plan(seed(1)).await.unwrap();
    record.plan(seed(2)).await.unwrap();
    record.attempted(awaited(&seed(2))).await.unwrap();
    record.stop().await;
    assert!(matches!(record.plan(seed(3)).await, Err(RecordError::Stopped)));

    let record = open().await;
    let snapshot = record.snapshot();
    let interrupted = &snapshot.pending[&seed(1).token];
    assert_eq!(interrupted.attempt.as_ref().unwrap().handoff.result(), HandoffResult::Ambiguous);
    assert_eq!(interrupted.stage, Stage::Awaited { since: at(100) });
    assert_eq!(snapshot.pending[&seed(2).token].stage, Stage::Awaited { since: at(2) });
    assert!(!record.plan(seed(1)).await.unwrap(), "its slot is filled");
    record.stop().await;
    std::fs::remove_dir_all(&dir).unwrap();
}
