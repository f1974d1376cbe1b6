//! A store that fails, and orders that it will never take.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;

use super::*;

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
