//! One session with a mailbox: what is new in its folders since they were last read.
//!
//! What may be said of a mailbox hangs on what was read of it. Of the inbox, the tabs and the junk folder any refusal ends the session: a seed
//! could lie there unseen. A sweep that was not complete is no sweep, and nothing is called missing after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{debug, info, warn};

use crate::clock::{Clock, elapsed};
use crate::model::{Cursor, FolderKind, Mailbox, MailboxFault, Pending, RouteName, Seen, Settled, Sighting, Token};
use crate::net::dial::Dialer;
use crate::net::imap::discover::{WatchedFolder, classify};
use crate::net::imap::{Fault, Folder, IdleEnd, Imap, Limits};
use crate::probe::evidence::{Conclude, Evidence};
use crate::probe::ledger::{Ledger, LedgerError};
use crate::probe::observe::find::Marks;

/// The least time between two looks at an inbox that tells of changes without pause.
const BREATH: Duration = Duration::from_millis(100);
/// How often a busy inbox is said to have been read.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Why a session cannot go on.
#[derive(Debug)]
pub enum Trouble {
    /// The server, the network or the credentials.
    Mailbox(Fault),
    /// Our own books.
    Ledger(LedgerError),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Mailbox(fault)
    }
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// What every session of a mailbox needs.
#[derive(Clone)]
pub struct Context<L> {
    pub mailbox: Arc<Mailbox>,
    pub marks: Arc<Marks>,
    /// The routes whose bounces come to this mailbox.
    pub returns: Arc<BTreeSet<RouteName>>,
    pub ledger: L,
    pub dialer: Arc<Dialer>,
    pub clock: Clock,
    pub conclude: Conclude,
}

impl<L: Ledger> Context<L> {
    /// Ends a seed.
    pub async fn settle(&self, pending: &Pending, evidence: Evidence<'_>) -> Result<(), Trouble> {
        let settled: Settled = (self.conclude)(pending, evidence, &self.mailbox.provider, self.clock.now());
        self.ledger.settle(Arc::new(settled)).await?;
        Ok(())
    }
}

/// A logged-in session, its folders and how far they were read.
pub struct Session<L> {
    pub context: Context<L>,
    pub imap: Imap,
    pub folders: Vec<WatchedFolder>,
    pub cursors: BTreeMap<String, Cursor>,
    /// The folder the server has open, on the wire.
    pub open: Option<String>,
    /// What a sweep found in views. It counts only once the folders that they are views of have been read again.
    pub in_views: Views,
    /// When the inbox last changed, and when it was last said to have been read.
    changed_at: Option<Timestamp>,
    told_at: Option<Timestamp>,
}

/// What is held back of the views.
#[derive(Default)]
pub struct Views {
    pub sightings: Vec<(Token, Arc<Sighting>)>,
    pub cursors: Vec<Cursor>,
}

impl<L: Ledger> Session<L> {
    /// Connects, logs in and finds the folders.
    pub async fn open(context: Context<L>) -> Result<Self, Trouble> {
        let mut imap = Imap::connect(&context.dialer, &context.mailbox.imap, Limits::default()).await?;
        let folders = watched(&context.mailbox, &imap.folders().await?)?;
        debug!(mailbox = %context.mailbox.name, folders = folders.len(), "logged in");
        let cursors = context.ledger.cursors(&context.mailbox.name).await?;
        let cursors = cursors.into_iter().map(|cursor| (cursor.folder.clone(), cursor)).collect();
        let in_views = Views::default();
        Ok(Self { context, imap, folders, cursors, open: None, in_views, changed_at: None, told_at: None })
    }

    /// Ends the session politely.
    pub async fn close(self) {
        self.imap.logout().await;
    }

    /// Reads what is new in the inbox.
    pub async fn inbox(&mut self) -> Result<(), Trouble> {
        self.read_all(|kind| kind == FolderKind::Inbox, false).await?;
        self.tell_read().await
    }

    /// Reads what is new in the other folders that seeds are known to land in.
    pub async fn others(&mut self) -> Result<(), Trouble> {
        self.read_all(|kind| matches!(kind, FolderKind::Spam | FolderKind::Category), false).await
    }

    /// Reads every folder that mail can land in, and settles the seeds whose deadline was over when it began.
    ///
    /// A sweep takes time, and mail arrives and is moved meanwhile. So inbox, tabs and junk are read once more at its end: what came into them after
    /// their turn, and what went from one not yet read to one already read, is found there, and not taken for missing, nor for a
    /// message that is in a view alone.
    pub async fn sweep(&mut self) -> Result<(), Trouble> {
        let began_at = self.context.clock.now();
        let listed = self.imap.folders().await?;
        self.folders = watched(&self.context.mailbox, &listed)?;
        self.in_views = Views::default();
        self.read_all(|kind| !matches!(kind, FolderKind::View | FolderKind::Own), true).await?;
        self.read_all(|kind| kind == FolderKind::View, true).await?;
        self.read_all(|kind| matches!(kind, FolderKind::Inbox | FolderKind::Spam | FolderKind::Category), false)
            .await?;
        self.record_views().await?;
        let snapshot = self.context.ledger.snapshot();
        let overdue = snapshot.pending_in(&self.context.mailbox.name).filter(|pending| {
            pending.sighting.is_none() && pending.deadline_at().is_some_and(|deadline| deadline <= began_at)
        });
        for pending in overdue {
            self.context.settle(pending, Evidence::Swept).await?;
        }
        self.tell_read().await
    }

    async fn record_views(&mut self) -> Result<(), Trouble> {
        let Views { sightings, cursors } = std::mem::take(&mut self.in_views);
        for (token, sighting) in sightings {
            self.sighted(token, sighting).await?;
        }
        for cursor in cursors {
            self.context.ledger.advance(cursor).await?;
        }
        Ok(())
    }

    /// Waits in IDLE for the inbox to change, or for `wake`, at most `limit`. `false` where the server will not.
    pub async fn idle(&mut self, limit: Duration, wake: impl Future<Output = ()>) -> Result<bool, Trouble> {
        let Some(inbox) = self.of_kind(|kind| kind == FolderKind::Inbox).into_iter().next() else {
            return Ok(false);
        };
        if self.open.as_ref() != Some(&inbox.folder.wire) {
            self.read(&inbox, false).await?;
        }
        match self.imap.idle(limit, wake).await? {
            IdleEnd::Changed => {
                self.changed(&inbox).await?;
                Ok(true)
            }
            IdleEnd::Woken | IdleEnd::TimedOut => Ok(true),
            IdleEnd::Refused(refusal) => {
                info!(mailbox = %self.context.mailbox.name, %refusal, "the server refuses IDLE: polling only");
                Ok(false)
            }
        }
    }

    /// Reads the inbox after IDLE told of a change. A server that tells without pause is given one.
    async fn changed(&mut self, inbox: &WatchedFolder) -> Result<(), Trouble> {
        let clock = self.context.clock.clone();
        if self.changed_at.is_some_and(|at| clock.since(at) < BREATH) {
            clock.sleep(BREATH).await;
        }
        self.read_open(inbox).await?;
        self.changed_at = Some(clock.now());
        if self.told_at.is_none_or(|at| clock.since(at) >= TELL_EVERY) {
            self.tell_read().await?;
        }
        Ok(())
    }

    async fn tell_read(&mut self) -> Result<(), Trouble> {
        let now = self.context.clock.now();
        self.told_at = Some(now);
        self.context.ledger.mailbox_read(&self.context.mailbox.name, now).await?;
        Ok(())
    }

    /// Whether the server offers IDLE.
    pub fn can_idle(&self) -> bool {
        self.imap.capabilities().has("IDLE") && !self.context.mailbox.provider.idle_limit.is_zero()
    }

    async fn read_all(&mut self, wanted: impl Fn(FolderKind) -> bool, thorough: bool) -> Result<(), Trouble> {
        for folder in self.of_kind(wanted) {
            self.read(&folder, thorough).await?;
        }
        Ok(())
    }

    fn of_kind(&self, wanted: impl Fn(FolderKind) -> bool) -> Vec<WatchedFolder> {
        self.folders.iter().filter(|folder| folder.folder.selectable && wanted(folder.kind)).cloned().collect()
    }

    /// Records a copy, and settles its seed where that is what it does.
    pub async fn sighted(&self, token: Token, sighting: Arc<Sighting>) -> Result<(), Trouble> {
        let (mailbox, folder) = (&self.context.mailbox.name, &sighting.folder);
        match self.context.ledger.seen(token, sighting.clone()).await? {
            Seen::Settles(pending) => self.context.settle(&pending, Evidence::Seen(&sighting)).await,
            Seen::Late => {
                let delay_s = sighting.arrived_at.map(|at| elapsed(at, sighting.seen_at).as_secs());
                info!(%mailbox, folder, delay_s, "a seed that had been given up was found");
                Ok(())
            }
            Seen::Duplicate => {
                warn!(%mailbox, folder, "a seed was delivered twice");
                Ok(())
            }
            Seen::Held | Seen::Known | Seen::Foreign => Ok(()),
        }
    }
}

/// What each of the listed folders is. Every account has an inbox (RFC 3501 §5.1): a list without one, as servers under maintenance give, is
/// no list to conclude anything from.
fn watched(mailbox: &Mailbox, listed: &[Folder]) -> Result<Vec<WatchedFolder>, Fault> {
    let folders = classify(listed, &mailbox.imap.folders, &mailbox.provider.folders);
    if folders.iter().any(|folder| folder.folder.selectable && folder.kind == FolderKind::Inbox) {
        return Ok(folders);
    }
    let detail = format!("the server lists {} folders and no inbox among them", listed.len());
    Err(Fault { reason: MailboxFault::Unavailable, detail, retry_after: None })
}
