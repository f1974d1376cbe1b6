//! SQLite: one file beside the daemon, or a database in memory for one run.
//!
//! **Durability.** The file is in WAL mode with `synchronous = FULL`: when [`Store::apply`] returns, its batch has been flushed to the
//! disk and survives a power cut. A batch costs one flush, whatever its size, so a busy writer should gather changes.
//!
//! **One writer, several readers.** Writing goes through one connection and begins with `BEGIN IMMEDIATE`, so that the write lock is
//! taken before anything is read. A transaction that reads first and then wants to write can be refused at once (`SQLITE_BUSY_SNAPSHOT`),
//! without regard to the busy time-out; an immediate one waits its turn. So a second process on the same file (`sqlite3`, a
//! backup) is waited for and damages nothing. A second *daemon* is refused all the same ([`StoreLock`](crate::store::StoreLock)): rows
//! are safe from it, what the first one has in memory is not. Reading has its own read-only
//! connections, which neither wait for the writer nor hold it up. The database in memory belongs to one connection and has it do both.
//!
//! **Faults.** A full disk or a file that became read-only makes `apply` fail and undo the batch; reading goes on. The
//! connection that failed is closed and the next `apply` opens another, which finds the file as it is then, so no restart is needed once
//! the fault is gone. It never makes a new file where the old one has vanished.
//!
//! **What a cell looks like** (all of it in `docs/schema.sql`). Times are INTEGER milliseconds since 1970-01-01T00:00:00Z and
//! durations INTEGER milliseconds, so what is finer than a millisecond is lost. Ids, tokens and digests are lower-case hexadecimal TEXT, enums
//! are their words: everything can be read and joined by hand with the `sqlite3` shell. Decoding trusts nothing: a cell that
//! Landfall cannot have written is [`StoreError::Inconsistent`] and names its table, column and row.
//!
//! **Start-up** with very many results is fast because nothing scans them: pending seeds have a partial index, and the view
//! `newest` jumps from one lane to the next in an index of which it reads one entry per lane.
//!
//! **Cancelling.** Dropping the future of `apply` leaves the batch either wholly applied or not at all.

mod apply;
mod cells;
mod encode;
mod open;
mod read;
#[cfg(test)]
mod tests;

use std::path::Path;

use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Sqlite, SqlitePool};

use crate::model::{Cursor, MailboxName, Pending, Settled, Token};
use crate::store::{Change, Found, Kept, Store, StoreError};

/// Seeds in an SQLite database.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    /// The one connection that writes.
    writer: SqlitePool,
    /// Those that read; the writer itself where the database is in memory.
    reader: SqlitePool,
    /// Whether closing the writer would lose everything.
    in_memory: bool,
}

impl SqliteStore {
    /// Opens the database in the file `path`, makes it where there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::NoDirectory`] where the directory of `path` is missing, [`StoreError::Newer`] where a newer Landfall wrote the file,
    /// [`StoreError::Migration`] where the schema could not be brought up to date, [`StoreError::Database`] for everything else
    /// (permissions, not a database, locked for longer than the busy time-out).
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        open::file(path).await
    }

    /// Makes an empty database in memory. It is gone when the store is.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], though none is to be expected.
    pub async fn in_memory() -> Result<Self, StoreError> {
        open::memory().await
    }

    /// Runs `changes` in one transaction on `conn`.
    async fn transact(conn: &mut PoolConnection<Sqlite>, changes: &[Change]) -> Result<Vec<bool>, StoreError> {
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let mut took_effect = Vec::with_capacity(changes.len());
        for change in changes {
            took_effect.push(apply::change(&mut tx, change).await?);
        }
        tx.commit().await?;
        Ok(took_effect)
    }
}

impl Store for SqliteStore {
    async fn apply(&self, changes: &[Change]) -> Result<Vec<bool>, StoreError> {
        let mut conn = self.writer.acquire().await?;
        let result = Self::transact(&mut conn, changes).await;
        // SQLite ends the transaction by itself on some errors (disk full), of which sqlx takes no notice; and a connection that was
        // opened on a read-only file stays read-only. A new connection has neither trouble.
        if result.is_err() && !self.in_memory {
            drop(conn.detach());
        }
        result
    }

    async fn unsettled(&self) -> Result<Vec<Pending>, StoreError> {
        read::unsettled(&mut *self.reader.begin().await?).await
    }

    async fn last_settled(&self) -> Result<Vec<Settled>, StoreError> {
        read::last_settled(&mut *self.reader.begin().await?).await
    }

    async fn find(&self, token: Token) -> Result<Option<Found>, StoreError> {
        read::find(&mut *self.reader.begin().await?, token).await
    }

    async fn cursors(&self, mailbox: &MailboxName) -> Result<Vec<Cursor>, StoreError> {
        read::cursors(&mut *self.reader.acquire().await?, mailbox).await
    }

    async fn kept(&self, mailbox: &MailboxName, before: Timestamp, limit: u32) -> Result<Vec<Kept>, StoreError> {
        read::kept(&mut *self.reader.acquire().await?, mailbox, before, limit).await
    }

    async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}
