//! The single writer over a real SQLite database in memory, and over one that refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use tokio::sync::Semaphore;

use super::*;
use crate::model::{
    Attempt, Credentials, Endpoint, Expectation, FolderKind, FolderNames, Handoff, HandoffResult, Identity, ImapServer,
    Lane, Mailbox, MessageSource, Next, Outcome, Pending, Probe, Provider, Reading, Reply, RetryPolicy, Route,
    RouteKind, SecretError, SecretSource, Stage, Timings, TlsMode,
};
use crate::store::{Change, Found, SqliteStore};

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

/// A store that fails while `broken`, takes nothing of what it is told while it `rejects`, and waits before each write for `gate`.
struct Breakable {
    inner: SqliteStore,
    broken: Arc<AtomicBool>,
    rejects: Arc<AtomicBool>,
    gate: Arc<Semaphore>,
}

impl Breakable {
    async fn new() -> Self {
        let inner = SqliteStore::in_memory().await.unwrap();
        Self {
            inner,
            broken: Arc::default(),
            rejects: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }
}

impl Store for Breakable {
    async fn apply(&self, changes: &[Change]) -> Result<Vec<bool>, StoreError> {
        self.gate.acquire().await.unwrap().forget();
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Migration("disk full".into()));
        }
        if self.rejects.load(Ordering::SeqCst) {
            return Err(StoreError::Database(sqlx::Error::Encode("no such cell".into())));
        }
        self.inner.apply(changes).await
    }
    async fn unsettled(&self) -> Result<Vec<Pending>, StoreError> {
        self.inner.unsettled().await
    }
    async fn last_settled(&self) -> Result<Vec<Settled>, StoreError> {
        self.inner.last_settled().await
    }
    async fn find(&self, token: Token) -> Result<Option<Found>, StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Migration("input/output error".into()));
        }
        self.inner.find(token).await
    }
    async fn cursors(&self, mailbox: &MailboxName) -> Result<Vec<Cursor>, StoreError> {
        self.inner.cursors(mailbox).await
    }
    async fn kept(&self, mailbox: &MailboxName, before: Timestamp, limit: u32) -> Result<Vec<Kept>, StoreError> {
        self.inner.kept(mailbox, before, limit).await
    }
    async fn close(&self) {
        self.inner.close().await;
    }
}

#[tokio::test]
async fn a_store_that_refuses_stops_planning_and_loses_nothing_that_happened() {
    let store = Breakable::new().await;
    let broken = store.broken.clone();
    let clock = Clock::manual(at(0));
    let record = Record::open(store, &plan(), clock.clone(), Metrics::new()).await.unwrap();
    record.plan(seed(1)).await.unwrap();

    broken.store(true, Ordering::SeqCst);
    assert!(matches!(record.plan(seed(2)).await, Err(RecordError::Store(_))));
    assert_eq!(record.snapshot().store_writable, Some(false));
    assert_eq!(record.snapshot().pending.len(), 1);

    let mut revision = record.revision();
    let insisting = tokio::spawn({
        let record = record.clone();
        async move { record.attempted(awaited(&seed(1))).await }
    });
    revision.changed().await.unwrap();
    assert_eq!(record.snapshot().pending[&seed(1).token].stage, Stage::Sending, "not shown before it is stored");
    broken.store(false, Ordering::SeqCst);
    while !insisting.is_finished() {
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(insisting.await.unwrap().unwrap(), None);
    let snapshot = record.snapshot();
    assert_eq!(snapshot.store_writable, Some(true));
    assert!(matches!(snapshot.pending[&seed(1).token].stage, Stage::Awaited { .. }));
}

/// A seed that no store takes: another slot has its token.
fn unstorable(seed: &Seed) -> Arc<Seed> {
    Arc::new(Seed { token: seed.token, id: SeedId::derive(&lane(), 99), ..seed.clone() })
}

#[tokio::test]
async fn an_order_that_the_store_will_never_take_fails_alone_and_once() {
    let store = Breakable::new().await;
    let gate = store.gate.clone();
    let metrics = Metrics::new();
    let record = Record::open(store, &plan(), Clock::manual(at(0)), metrics.clone()).await.unwrap();
    record.plan(seed(1)).await.unwrap();
    // While the writer waits for the store, the rest gathers into one batch.
    gate.forget_permits(Semaphore::MAX_PERMITS);
    let order = |seed: Arc<Seed>| {
        let record = record.clone();
        tokio::spawn(async move { record.plan(seed).await })
    };
    let first = order(seed(2));
    tokio::task::yield_now().await;
    let (good, bad) = (order(seed(3)), order(unstorable(&seed(1))));
    let settling = tokio::spawn({
        let (record, mut settled) =
            (record.clone(), (*settled(&record.snapshot().pending[&seed(1).token], Outcome::Unsent)).clone());
        settled.attempt = None;
        async move { record.settle(Arc::new(settled)).await }
    });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(1000);
    assert_eq!(first.await.unwrap(), Ok(true));
    assert_eq!(good.await.unwrap(), Ok(true));
    assert_eq!(settling.await.unwrap(), Ok(true));
    assert!(matches!(bad.await.unwrap(), Err(RecordError::Rejected(_))));
    let world = World { record, metrics };
    assert_eq!(world.count("landfall_store_errors_total", "operation=\"write\""), 1.0);
    let snapshot = world.record.snapshot();
    assert_eq!(snapshot.store_writable, Some(true), "the store is well");
    assert_eq!(snapshot.pending.keys().collect::<Vec<_>>(), [&seed(2).token, &seed(3).token]);
}

#[tokio::test]
async fn what_will_never_be_stored_is_not_said_again() {
    let store = Breakable::new().await;
    let rejects = store.rejects.clone();
    let record = Record::open(store, &plan(), Clock::manual(at(0)), Metrics::new()).await.unwrap();
    record.plan(seed(1)).await.unwrap();
    rejects.store(true, Ordering::SeqCst);
    let said = record.attempted(awaited(&seed(1))).await;
    assert!(matches!(said, Err(RecordError::Rejected(_))), "{said:?}");
    let snapshot = record.snapshot();
    assert_eq!(snapshot.pending[&seed(1).token].stage, Stage::Sending, "nothing follows from it");
    assert_eq!(snapshot.store_writable, Some(true));
}

#[tokio::test]
async fn what_needs_no_store_is_taken_while_the_store_fails() {
    let store = Breakable::new().await;
    let (gate, broken) = (store.gate.clone(), store.broken.clone());
    let record = Record::open(store, &plan(), Clock::manual(at(0)), Metrics::new()).await.unwrap();
    gate.forget_permits(Semaphore::MAX_PERMITS);
    broken.store(true, Ordering::SeqCst);
    let order = |number| {
        let record = record.clone();
        tokio::spawn(async move { record.plan(seed(number)).await })
    };
    let plans: Vec<_> = (0..10).map(order).collect();
    let read = tokio::spawn({
        let record = record.clone();
        async move { record.mailbox_read(&lane().mailbox, at(1)).await }
    });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(1000);
    assert_eq!(read.await.unwrap(), Ok(()));
    for plan in plans {
        assert!(matches!(plan.await.unwrap(), Err(RecordError::Store(_))));
    }
    assert!(gate.available_permits() > 900, "a store that fails is not asked for each order");
    let snapshot = record.snapshot();
    assert_eq!((snapshot.mailboxes[&lane().mailbox].up, snapshot.store_writable), (Some(true), Some(false)));
}

#[tokio::test]
async fn whoever_insists_gives_up_when_everything_stops() {
    let store = Breakable::new().await;
    let broken = store.broken.clone();
    let record = Record::open(store, &plan(), Clock::manual(at(0)), Metrics::new()).await.unwrap();
    record.plan(seed(1)).await.unwrap();
    broken.store(true, Ordering::SeqCst);
    let mut revision = record.revision();
    let insisting = tokio::spawn({
        let record = record.clone();
        async move { record.attempted(awaited(&seed(1))).await }
    });
    revision.changed().await.unwrap();
    record.stop().await;
    assert!(matches!(insisting.await.unwrap(), Err(RecordError::Stopped)));
}

#[tokio::test]
async fn readings_that_fail_are_counted() {
    let store = Breakable::new().await;
    let broken = store.broken.clone();
    let metrics = Metrics::new();
    let record = Record::open(store, &plan(), Clock::manual(at(0)), metrics.clone()).await.unwrap();
    broken.store(true, Ordering::SeqCst);
    assert!(record.knows(seed(1).token, &lane().mailbox).await.is_err());
    let mut revision = record.revision();
    let insisting = tokio::spawn({
        let record = record.clone();
        async move { record.seen(seed(1).token, copy(&seed(1), "1")).await }
    });
    revision.changed().await.unwrap();
    let world = World { record, metrics };
    assert_eq!(world.count("landfall_store_errors_total", "operation=\"read\""), 2.0);
    assert_eq!(world.count("landfall_store_errors_total", "operation=\"write\""), 0.0);
    insisting.abort();
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
