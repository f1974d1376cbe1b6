//! The single writer: the only module that changes state.
//!
//! Whoever learned something says it through the [`Record`] handle and gets the answer when it is durable. One task takes what was said since it
//! last looked, works out what follows (`state`), gives all of it to the store as one transaction, and only then counts it, publishes
//! the new [`Snapshot`] and answers. Hence: what a metric or a page shows is in the store; nothing is counted twice; and a seed's
//! first byte leaves only after its row is on disk.
//!
//! When the store fails (disk full, read-only) nothing changes but `store_writable`: new seeds are refused, and what must not be
//! lost is said again until it is stored. What needs no store (a mailbox was read) is taken all the same.
//!
//! A batch that fails is tried again order by order, so that one that the store will never take (a bug: a value that the schema does not
//! know) fails alone. It is logged with its seed, counted and given up; the store counts as writable.

mod state;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::metrics::{Metrics, StoreOperation};
use crate::model::{
    Attempted, Bounce, Cursor, Finding, Kept, MailboxFault, MailboxName, Plan, Returned, Seed, SeedId, Seen, Settled,
    SharedSnapshot, Sighting, Snapshot, Token,
};
use crate::record::writer::{Order, Said};
use crate::store::{Store, StoreError};

/// It was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The store refused; in its words.
    #[error("{0}")]
    Store(String),
    /// The store does not take this and never will, whatever state it is in; in its words. A bug.
    #[error("{0}")]
    Rejected(String),
    /// The writer has stopped: the daemon is shutting down.
    #[error("the recorder has stopped")]
    Stopped,
}

impl From<&StoreError> for RecordError {
    fn from(error: &StoreError) -> Self {
        if error.is_permanent() { Self::Rejected(error.to_string()) } else { Self::Store(error.to_string()) }
    }
}

/// How long to wait before saying again what the store did not take.
const AGAIN: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
];

/// Orders that may wait for the writer before whoever speaks has to wait.
const QUEUE: usize = 1024;

/// The way to the single writer. Cheap to clone.
#[derive(Debug)]
pub struct Record<S> {
    orders: mpsc::Sender<Order>,
    snapshot: SharedSnapshot,
    revision: watch::Receiver<u64>,
    store: Arc<S>,
    metrics: Metrics,
    clock: Clock,
    /// Whoever says something again and again is to give up.
    stopping: CancellationToken,
}

impl<S> Clone for Record<S> {
    fn clone(&self) -> Self {
        Self {
            orders: self.orders.clone(),
            snapshot: self.snapshot.clone(),
            revision: self.revision.clone(),
            store: self.store.clone(),
            metrics: self.metrics.clone(),
            clock: self.clock.clone(),
            stopping: self.stopping.clone(),
        }
    }
}

impl<S: Store> Record<S> {
    /// Reads what the store remembers, and starts the writer. Seeds that were being handed off when the last run ended become ambiguous.
    /// The task ends when the last handle is dropped.
    ///
    /// # Errors
    /// When the store cannot be read. One that can be read and not written is no error: the daemon serves and says so.
    pub async fn open(store: S, plan: &Plan, clock: Clock, metrics: Metrics) -> Result<Self, StoreError> {
        let store = Arc::new(store);
        let state = state::State::restore(store.as_ref(), plan, clock.now()).await?;
        let snapshot = Arc::new(ArcSwap::from_pointee(state.snapshot().clone()));
        let (orders, inbox) = mpsc::channel(QUEUE);
        let (published, revision) = watch::channel(0);
        let writer = writer::Writer {
            store: store.clone(),
            state,
            metrics: metrics.clone(),
            snapshot: snapshot.clone(),
            published,
            clock: clock.clone(),
        };
        tokio::spawn(writer.run(inbox));
        Ok(Self { orders, snapshot, revision, store, metrics, clock, stopping: CancellationToken::new() })
    }

    /// The state of everything now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Where the state is published.
    #[must_use]
    pub fn shared(&self) -> SharedSnapshot {
        self.snapshot.clone()
    }

    /// Changes with each published state.
    #[must_use]
    pub fn revision(&self) -> watch::Receiver<u64> {
        self.revision.clone()
    }

    /// Stores a seed that is about to leave. `false` where this seed was planned before.
    ///
    /// # Errors
    /// When it could not be stored: it must not be sent.
    pub async fn plan(&self, seed: Arc<Seed>) -> Result<bool, RecordError> {
        self.say(|reply| Said::Plan { seed: seed.clone(), reply }).await
    }

    /// Says that a deferred seed is being sent again. `false` where it has ended meanwhile.
    ///
    /// # Errors
    /// When it could not be stored: it must not be sent.
    pub async fn resend(&self, token: Token) -> Result<bool, RecordError> {
        self.say(|reply| Said::Resend { token, reply }).await
    }

    /// Records the end of an attempt, and gives back the copy that was seen while it lasted.
    ///
    /// # Errors
    /// When the writer has stopped, or the store will never take it ([`RecordError::Rejected`]).
    pub async fn attempted(&self, attempted: Attempted) -> Result<Option<Arc<Sighting>>, RecordError> {
        self.insist(|reply| Said::Attempted { attempted: Box::new(attempted.clone()), reply }).await
    }

    /// Records a copy.
    ///
    /// # Errors
    /// When the writer has stopped, or the store will never take it ([`RecordError::Rejected`]).
    pub async fn seen(&self, token: Token, sighting: Arc<Sighting>) -> Result<Seen, RecordError> {
        self.insist(|reply| Said::Seen { token, sighting: sighting.clone(), reply }).await
    }

    /// Records a bounce. Where its seed has ended before, it is kept with the result, together with the finding `late`.
    ///
    /// # Errors
    /// Only when the writer has stopped.
    pub async fn returned(&self, token: Token, bounce: Arc<Bounce>, late: Finding) -> Result<Returned, RecordError> {
        self.insist(|reply| Said::Returned { token, bounce: bounce.clone(), late: Box::new(late.clone()), reply }).await
    }

    /// Records the end of a seed. `false` where it had ended before.
    ///
    /// # Errors
    /// When the writer has stopped, or the store will never take it ([`RecordError::Rejected`]).
    pub async fn settle(&self, settled: Arc<Settled>) -> Result<bool, RecordError> {
        self.insist(|reply| Said::Settle { settled: settled.clone(), reply }).await
    }

    /// Records how far a folder was read.
    ///
    /// # Errors
    /// When the writer has stopped, or the store will never take it ([`RecordError::Rejected`]).
    pub async fn advance(&self, cursor: Cursor) -> Result<(), RecordError> {
        self.insist(|reply| Said::Advance { cursor: cursor.clone(), reply }).await
    }

    /// Records that a copy is no longer in its mailbox.
    ///
    /// # Errors
    /// When the writer has stopped, or the store will never take it ([`RecordError::Rejected`]).
    pub async fn deleted(&self, id: SeedId, digest: [u8; 32]) -> Result<(), RecordError> {
        self.insist(|reply| Said::Deleted { id, digest, reply }).await
    }

    /// Says that the inbox of `mailbox` was read to the end at `at`.
    ///
    /// # Errors
    /// Only when the writer has stopped.
    pub async fn mailbox_read(&self, mailbox: &MailboxName, at: Timestamp) -> Result<(), RecordError> {
        self.say(|reply| Said::MailboxRead { mailbox: mailbox.clone(), at, reply }).await
    }

    /// Says that `mailbox` failed to be read; `down` where that is no passing trouble.
    ///
    /// # Errors
    /// Only when the writer has stopped.
    pub async fn mailbox_failed(
        &self,
        mailbox: &MailboxName,
        fault: MailboxFault,
        detail: &str,
        down: bool,
    ) -> Result<(), RecordError> {
        self.say(|reply| Said::MailboxFailed { mailbox: mailbox.clone(), fault, detail: detail.into(), down, reply })
            .await
    }

    /// Forgets what is older than the limits. `true` where there may be more to forget.
    ///
    /// # Errors
    /// When the store refused.
    pub async fn prune(&self, messages: Timestamp, results: Timestamp) -> Result<bool, RecordError> {
        self.say(|reply| Said::Prune { messages, results, reply }).await
    }

    /// Says how the reading of the configuration went.
    ///
    /// # Errors
    /// Only when the writer has stopped.
    pub async fn reloaded(&self, successful: bool) -> Result<(), RecordError> {
        self.say(|reply| Said::Reloaded { successful, reply }).await
    }

    /// Whether `token` belongs to a seed for `mailbox`, ended or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn knows(&self, token: Token, mailbox: &MailboxName) -> Result<bool, StoreError> {
        if let Some(pending) = self.snapshot.load().pending.get(&token) {
            return Ok(pending.seed.lane.mailbox == *mailbox);
        }
        Ok(self.read(self.store.find(token).await)?.is_some_and(|found| found.lane.mailbox == *mailbox))
    }

    /// How far the folders of `mailbox` were read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn cursors(&self, mailbox: &MailboxName) -> Result<Vec<Cursor>, StoreError> {
        self.read(self.store.cursors(mailbox).await)
    }

    /// Copies in `mailbox` that have been kept since before `before`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn kept(&self, mailbox: &MailboxName, before: Timestamp) -> Result<Vec<Kept>, StoreError> {
        self.read(self.store.kept(mailbox, before, 50).await)
    }

    /// Ends the writer after what was said so far, and closes the store. Whoever says something later hears that it has stopped.
    pub async fn stop(&self) {
        self.stopping.cancel();
        // An error means that the writer has ended already.
        drop(self.say(|reply| Said::Stop { reply }).await);
        self.store.close().await;
    }

    async fn say<T>(&self, said: impl FnOnce(writer::Reply<T>) -> Said) -> Result<T, RecordError> {
        let (reply, answer) = writer::Reply::pair();
        self.orders.send(Order { said: said(reply) }).await.map_err(|_| RecordError::Stopped)?;
        answer.await.map_err(|_| RecordError::Stopped)?
    }

    /// Counts a reading that failed.
    fn read<T>(&self, read: Result<T, StoreError>) -> Result<T, StoreError> {
        if read.is_err() {
            self.metrics.store_failed(StoreOperation::Read);
        }
        read
    }

    /// Says it until it is recorded: what happened in the world cannot be taken back. Gives up when the store will never take it, and
    /// when everything stops.
    async fn insist<T>(&self, said: impl Fn(writer::Reply<T>) -> Said) -> Result<T, RecordError> {
        let mut waits = AGAIN.into_iter();
        let mut wait = Duration::ZERO;
        loop {
            match self.say(&said).await {
                Err(RecordError::Store(_)) => wait = waits.next().unwrap_or(wait),
                answer => return answer,
            }
            tokio::select! {
                () = self.stopping.cancelled() => return Err(RecordError::Stopped),
                () = self.clock.sleep(wait) => {}
            }
        }
    }
}
