//! Where seeds are remembered: the contract that every database keeps.
//!
//! The store is written by one task only, `record`. It hands over [`Change`]s in batches; a batch is one transaction, durable
//! when [`Store::apply`] returns. Reading is for start-up, for tokens that are no longer pending, and for reports.

#[cfg(test)]
mod contract;
mod lock;
mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use thiserror::Error;

use crate::model::{
    Attempt, Bounce, Cursor, Finding, Kept, Lane, MailboxName, Outcome, Pending, Seed, SeedId, Settled, Sighting,
    Stage, Token,
};

pub use lock::StoreLock;
pub use sqlite::SqliteStore;

/// One thing to remember.
#[derive(Clone, Debug)]
pub enum Change {
    /// A seed is about to leave: stored in [`Stage::Sending`]. Takes no effect where its id is known already.
    Plan(Arc<Seed>),
    /// An attempt is over and the seed is now in `stage`. Takes no effect on a seed that is settled.
    Attempt {
        /// Whose.
        id: SeedId,
        /// The attempt.
        attempt: Attempt,
        /// How often it was tried, this one included.
        attempts: u32,
        /// Where it is now.
        stage: Stage,
    },
    /// A seed is being tried again: back to [`Stage::Sending`]. Takes effect only on a seed that is [`Stage::Deferred`], so that of two
    /// processes only one sends it.
    Resend(SeedId),
    /// A copy was seen. Takes no effect where a copy of this seed with the same [`Sighting::digest`] is known, or the seed is not.
    Copy {
        /// Whose.
        id: SeedId,
        /// Where and what.
        sighting: Arc<Sighting>,
        /// What it is to its seed.
        role: CopyRole,
    },
    /// A seed has ended. Takes no effect where it had ended before.
    Settle(Arc<Settled>),
    /// A seed that had ended turns out to have been returned: kept with its result, the finding added. Takes no effect where it has a bounce, or
    /// has not ended.
    Bounced {
        /// Whose.
        id: SeedId,
        /// What its sender was told.
        bounce: Arc<Bounce>,
        /// What that means.
        finding: Box<Finding>,
    },
    /// A folder was read up to here.
    Cursor(Cursor),
    /// A copy was deleted from its mailbox (or is gone from it).
    Deleted {
        /// Whose.
        id: SeedId,
        /// Which copy.
        digest: [u8; 32],
    },
    /// Forgets messages of copies seen before `messages` (their headers stay), and settled seeds planned before `results` with all
    /// their copies. Forgets only so many of each that writing is not held up: where it says that it took effect there may be more, and
    /// it is to be applied again, in a batch of its own.
    Prune {
        /// Limit for stored messages.
        messages: Timestamp,
        /// Limit for results.
        results: Timestamp,
    },
}

impl Change {
    /// The seed that it is about.
    #[must_use]
    pub fn seed(&self) -> Option<SeedId> {
        match self {
            Self::Plan(seed) => Some(seed.id),
            Self::Settle(settled) => Some(settled.seed.id),
            Self::Attempt { id, .. }
            | Self::Resend(id)
            | Self::Copy { id, .. }
            | Self::Bounced { id, .. }
            | Self::Deleted { id, .. } => Some(*id),
            Self::Cursor(_) | Self::Prune { .. } => None,
        }
    }
}

/// What a copy is to its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyRole {
    /// The one that settles it.
    First,
    /// Seen after the seed had ended without one.
    Late,
    /// One more.
    Duplicate,
}

impl CopyRole {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::First, Self::Late, Self::Duplicate];

    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// A seed that is known to the store, found by its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: SeedId,
    /// Its lane.
    pub lane: Lane,
    /// How it ended; `None` while it has not.
    pub outcome: Option<Outcome>,
    /// Whether a bounce is kept with its result.
    pub bounced: bool,
    /// Digests of the copies seen so far.
    pub digests: Vec<[u8; 32]>,
}

/// Why the store could not do it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database was written by a newer Landfall.
    #[error(
        "the database has schema version {found}, this landfall knows versions up to {known}: run the newer landfall that wrote it, or use another file"
    )]
    Newer {
        /// What stands in it.
        found: i64,
        /// The latest this program knows.
        known: i64,
    },
    /// Another daemon runs on it.
    #[error("another landfall is using the database {path}: stop it first, or give this one a file of its own")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is to lie in a directory that does not exist.
    #[error("the database's directory {directory} does not exist: create it, or name another file")]
    NoDirectory {
        /// The directory.
        directory: PathBuf,
    },
    /// A cell holds what was never written there.
    #[error("the database is inconsistent: table {table}, column {column}, row {row}: {reason}")]
    Inconsistent {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
        /// Key of the row.
        row: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database refused: disk full, read-only, locked, damaged.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database's schema could not be brought up to date: {0}")]
    Migration(String),
}

impl StoreError {
    /// Whether the error is about the data and not about the database: it will be the same for ever, and other data can be stored.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Inconsistent { .. } | Self::Database(sqlx::Error::Encode(_)) => true,
            Self::Database(sqlx::Error::Database(error)) => {
                // SQLite's primary result codes: TOOBIG, CONSTRAINT, MISMATCH. The higher bits tell the kind of constraint.
                let code = error.code().and_then(|code| code.parse::<u32>().ok());
                matches!(code.map(|code| code & 0xff), Some(18..=20))
            }
            _ => false,
        }
    }
}

/// A database that remembers seeds. One contract test (`store/contract.rs`) holds for every implementation.
pub trait Store: Send + Sync + 'static {
    /// Applies all changes in one transaction, durable on return; tells for each whether it took effect. On an error none has.
    fn apply(&self, changes: &[Change]) -> impl Future<Output = Result<Vec<bool>, StoreError>> + Send;

    /// Every seed that has not ended, with its last attempt and its first copy.
    fn unsettled(&self) -> impl Future<Output = Result<Vec<Pending>, StoreError>> + Send;

    /// The last seed that ended in each lane.
    fn last_settled(&self) -> impl Future<Output = Result<Vec<Settled>, StoreError>> + Send;

    /// The seed with this token.
    fn find(&self, token: Token) -> impl Future<Output = Result<Option<Found>, StoreError>> + Send;

    /// How far the folders of `mailbox` were read.
    fn cursors(&self, mailbox: &MailboxName) -> impl Future<Output = Result<Vec<Cursor>, StoreError>> + Send;

    /// Copies of settled seeds in `mailbox` that were seen before `before` and have not been deleted; at most `limit`.
    fn kept(
        &self,
        mailbox: &MailboxName,
        before: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Kept>, StoreError>> + Send;

    /// Waits until everything is written, and closes.
    fn close(&self) -> impl Future<Output = ()> + Send;
}
