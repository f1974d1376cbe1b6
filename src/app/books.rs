//! The single writer, as the engine sees it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::{
    Attempted, Bounce, Cursor, Finding, Kept, MailboxFault, MailboxName, Returned, Seed, SeedId, Seen, Settled,
    Sighting, Snapshot, Token,
};
use crate::probe::ledger::{Ledger, LedgerError};
use crate::record::Record;
use crate::store::Store;

/// Lets the engine keep its books with the single writer; neither knows of the other.
#[derive(Debug)]
pub struct Books<S>(pub Record<S>);

impl<S> Clone for Books<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

fn failed(error: impl std::fmt::Display) -> LedgerError {
    LedgerError(error.to_string())
}

impl<S: Store> Ledger for Books<S> {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot()
    }

    async fn plan(&self, seed: Arc<Seed>) -> Result<bool, LedgerError> {
        self.0.plan(seed).await.map_err(failed)
    }

    async fn resend(&self, token: Token) -> Result<bool, LedgerError> {
        self.0.resend(token).await.map_err(failed)
    }

    async fn attempted(&self, attempted: Attempted) -> Result<Option<Arc<Sighting>>, LedgerError> {
        self.0.attempted(attempted).await.map_err(failed)
    }

    async fn seen(&self, token: Token, sighting: Arc<Sighting>) -> Result<Seen, LedgerError> {
        self.0.seen(token, sighting).await.map_err(failed)
    }

    async fn returned(&self, token: Token, bounce: Arc<Bounce>, late: Finding) -> Result<Returned, LedgerError> {
        self.0.returned(token, bounce, late).await.map_err(failed)
    }

    async fn settle(&self, settled: Arc<Settled>) -> Result<bool, LedgerError> {
        self.0.settle(settled).await.map_err(failed)
    }

    async fn advance(&self, cursor: Cursor) -> Result<(), LedgerError> {
        self.0.advance(cursor).await.map_err(failed)
    }

    async fn deleted(&self, id: SeedId, digest: [u8; 32]) -> Result<(), LedgerError> {
        self.0.deleted(id, digest).await.map_err(failed)
    }

    async fn mailbox_read(&self, mailbox: &MailboxName, at: Timestamp) -> Result<(), LedgerError> {
        self.0.mailbox_read(mailbox, at).await.map_err(failed)
    }

    async fn mailbox_failed(
        &self,
        mailbox: &MailboxName,
        fault: MailboxFault,
        detail: &str,
        down: bool,
    ) -> Result<(), LedgerError> {
        self.0.mailbox_failed(mailbox, fault, detail, down).await.map_err(failed)
    }

    async fn knows(&self, token: Token, mailbox: &MailboxName) -> Result<bool, LedgerError> {
        self.0.knows(token, mailbox).await.map_err(failed)
    }

    async fn cursors(&self, mailbox: &MailboxName) -> Result<Vec<Cursor>, LedgerError> {
        self.0.cursors(mailbox).await.map_err(failed)
    }

    async fn kept(&self, mailbox: &MailboxName, before: Timestamp) -> Result<Vec<Kept>, LedgerError> {
        self.0.kept(mailbox, before).await.map_err(failed)
    }
}
