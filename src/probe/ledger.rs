//! What the engine needs of whoever keeps the books. The daemon gives it the single writer; the stages never learn more of it than this.

use std::sync::Arc;

use jiff::Timestamp;
use thiserror::Error;

use crate::model::{
    Attempted, Bounce, Cursor, Finding, Kept, MailboxFault, MailboxName, Returned, Seed, SeedId, Seen, Settled,
    Sighting, Snapshot, Token,
};

/// The books could not be kept or read, in the words of whoever keeps them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct LedgerError(pub String);

/// Keeps the books. Each method returns when what was said is durable.
pub trait Ledger: Clone + Send + Sync + 'static {
    /// The state of everything now.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// A seed is about to leave; `false` where it was planned before. On an error it must not leave.
    fn plan(&self, seed: Arc<Seed>) -> impl Future<Output = Result<bool, LedgerError>> + Send;

    /// A deferred seed is about to leave again; `false` where it has ended meanwhile. On an error it must not leave.
    fn resend(&self, token: Token) -> impl Future<Output = Result<bool, LedgerError>> + Send;

    /// An attempt is over. Gives back the copy that was seen while it lasted.
    fn attempted(
        &self,
        attempted: Attempted,
    ) -> impl Future<Output = Result<Option<Arc<Sighting>>, LedgerError>> + Send;

    /// A copy was seen.
    fn seen(&self, token: Token, sighting: Arc<Sighting>) -> impl Future<Output = Result<Seen, LedgerError>> + Send;

    /// A bounce was found. Where its seed has ended before, it is kept with the result, together with the finding `late`.
    fn returned(
        &self,
        token: Token,
        bounce: Arc<Bounce>,
        late: Finding,
    ) -> impl Future<Output = Result<Returned, LedgerError>> + Send;

    /// A seed has ended; `false` where it had ended before.
    fn settle(&self, settled: Arc<Settled>) -> impl Future<Output = Result<bool, LedgerError>> + Send;

    /// A folder was read up to here.
    fn advance(&self, cursor: Cursor) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// A copy is gone from its mailbox.
    fn deleted(&self, id: SeedId, digest: [u8; 32]) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// The inbox was read to the end.
    fn mailbox_read(
        &self,
        mailbox: &MailboxName,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// The mailbox could not be read; `down` where that is no passing trouble.
    fn mailbox_failed(
        &self,
        mailbox: &MailboxName,
        fault: MailboxFault,
        detail: &str,
        down: bool,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Whether this token belongs to a seed for this mailbox, ended or not.
    fn knows(&self, token: Token, mailbox: &MailboxName) -> impl Future<Output = Result<bool, LedgerError>> + Send;

    /// How far the mailbox's folders were read.
    fn cursors(&self, mailbox: &MailboxName) -> impl Future<Output = Result<Vec<Cursor>, LedgerError>> + Send;

    /// Copies that have been kept in the mailbox since before `before`.
    fn kept(
        &self,
        mailbox: &MailboxName,
        before: Timestamp,
    ) -> impl Future<Output = Result<Vec<Kept>, LedgerError>> + Send;
}
