//! One session with a mailbox: what is new in its folders since they were last read.
//!
//! A folder is read from its cursor: IMAP gives each message a UID that only grows while the folder keeps its UIDVALIDITY (RFC 3501
//! §2.3.1.1). A seed is in the books before it leaves, so a message that was looked at before cannot be a seed sent later, and the cursor
//! never has to go back. A folder without a valid cursor (never read, or UIDVALIDITY changed) is read from its newest message down
//! to the time of the oldest seed under way; where none is, from now on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{debug, info, warn};

use crate::clock::{Clock, elapsed};
use crate::model::{Cursor, FolderKind, Kept, Mailbox, MailboxFault, Pending, Seen, Settled, Sighting, Token};
use crate::net::dial::Dialer;
use crate::net::imap::discover::{WatchedFolder, classify};
use crate::net::imap::{Deleted, Fault, Header, IdleEnd, Imap, Limits, Opened};
use crate::probe::evidence::{Conclude, Evidence};
use crate::probe::ledger::{Ledger, LedgerError};
use crate::probe::observe::find::{Marks, Suspect, body_tokens};

/// Messages whose headers are fetched at once.
const WINDOW: u32 = 200;
/// The same, as a length.
const WINDOW_LEN: usize = 200;
/// The most bytes taken of one message; a seed is small, and what is cut is said to be.
const MESSAGE_LIMIT: usize = 1 << 20;
/// How far the receiver's arrival times are trusted when looking for the oldest message that can be a seed.
const ARRIVAL_MARGIN: Duration = Duration::from_hours(24);

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
    pub ledger: L,
    pub dialer: Arc<Dialer>,
    pub clock: Clock,
    pub conclude: Conclude,
}

/// A logged-in session, its folders and how far they were read.
pub struct Session<L> {
    context: Context<L>,
    imap: Imap,
    folders: Vec<WatchedFolder>,
    cursors: BTreeMap<String, Cursor>,
    /// The folder the server has open, on the wire.
    open: Option<String>,
}

impl<L: Ledger> Session<L> {
    /// Connects, logs in and finds the folders.
    pub async fn open(context: Context<L>) -> Result<Self, Trouble> {
        let imap = &context.mailbox.imap;
        let mut session = Imap::connect(&context.dialer, imap, Limits::default()).await?;
        let listed = session.folders().await?;
        let folders = classify(&listed, &imap.folders, &context.mailbox.provider.folders);
        debug!(mailbox = %context.mailbox.name, folders = folders.len(), "logged in");
        let cursors = context.ledger.cursors(&context.mailbox.name).await?;
        let cursors = cursors.into_iter().map(|cursor| (cursor.folder.clone(), cursor)).collect();
        Ok(Self { context, imap: session, folders, cursors, open: None })
    }

    /// Ends the session politely.
    pub async fn close(self) {
        self.imap.logout().await;
    }

    /// Reads what is new in the inbox.
    pub async fn inbox(&mut self) -> Result<(), Trouble> {
        for folder in self.of_kind(|kind| kind == FolderKind::Inbox) {
            self.read(&folder).await?;
        }
        self.context.ledger.mailbox_read(&self.context.mailbox.name, self.context.clock.now()).await?;
        Ok(())
    }

    /// Reads what is new in the other folders that seeds are known to land in.
    pub async fn others(&mut self) -> Result<(), Trouble> {
        for folder in self.of_kind(|kind| matches!(kind, FolderKind::Spam | FolderKind::Category)) {
            self.read(&folder).await?;
        }
        Ok(())
    }

    /// Reads what is new in every folder that mail can land in, views last, and settles the seeds whose deadline was over when it began.
    pub async fn sweep(&mut self) -> Result<(), Trouble> {
        let began_at = self.context.clock.now();
        let listed = self.imap.folders().await?;
        let imap = &self.context.mailbox.imap;
        self.folders = classify(&listed, &imap.folders, &self.context.mailbox.provider.folders);
        let mut folders = self.of_kind(|kind| !matches!(kind, FolderKind::Own));
        folders.sort_by_key(|folder| folder.kind == FolderKind::View);
        for folder in folders {
            self.read(&folder).await?;
        }
        let snapshot = self.context.ledger.snapshot();
        let overdue = snapshot.pending_in(&self.context.mailbox.name).filter(|pending| {
            pending.sighting.is_none() && pending.deadline_at().is_some_and(|deadline| deadline <= began_at)
        });
        for pending in overdue {
            self.settle(pending, Evidence::Swept).await?;
        }
        Ok(())
    }

    /// Waits in IDLE for the inbox to change, or for `wake`, at most `limit`. `false` where the server will not.
    pub async fn idle(&mut self, limit: Duration, wake: impl Future<Output = ()>) -> Result<bool, Trouble> {
        let Some(inbox) = self.of_kind(|kind| kind == FolderKind::Inbox).into_iter().next() else {
            return Ok(false);
        };
        if self.open.as_ref() != Some(&inbox.folder.wire) {
            self.read(&inbox).await?;
        }
        match self.imap.idle(limit, wake).await? {
            IdleEnd::Changed => {
                self.read_open(&inbox).await?;
                self.context.ledger.mailbox_read(&self.context.mailbox.name, self.context.clock.now()).await?;
                Ok(true)
            }
            IdleEnd::Woken | IdleEnd::TimedOut => Ok(true),
            IdleEnd::Refused(refusal) => {
                info!(mailbox = %self.context.mailbox.name, %refusal, "the server refuses IDLE: polling only");
                Ok(false)
            }
        }
    }

    /// Whether the server offers IDLE.
    pub fn can_idle(&self) -> bool {
        self.imap.capabilities().has("IDLE") && !self.context.mailbox.provider.idle_limit.is_zero()
    }

    /// Deletes our own copies that have been kept long enough.
    pub async fn expire(&mut self) -> Result<(), Trouble> {
        let mailbox = self.context.mailbox.clone();
        let before = self.context.clock.now().saturating_sub(mailbox.keep).unwrap_or(Timestamp::MIN);
        for copy in self.context.ledger.kept(&mailbox.name, before).await? {
            let Some(folder) = self.folders.iter().find(|folder| folder.folder.name == copy.folder) else {
                self.context.ledger.deleted(copy.id, copy.digest).await?;
                continue;
            };
            let wire = folder.folder.wire.clone();
            self.open = None;
            if !self.delete(&wire, &copy).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Deletes one copy; `false` where the server cannot delete a single message.
    async fn delete(&mut self, wire: &str, copy: &Kept) -> Result<bool, Trouble> {
        let fields = self.context.marks.fields();
        let token = copy.token;
        let is_ours = |fields: &[u8]| Token::candidates(fields).any(|found| found == token);
        let deleted = self.imap.delete(wire, copy.uid_validity, copy.uid, is_ours, &fields).await?;
        match deleted {
            Deleted::Done | Deleted::Gone => {}
            Deleted::NotOurs => {
                info!(mailbox = %self.context.mailbox.name, seed = %copy.id, "a kept copy carries no token any more: left where it is");
            }
            Deleted::Unsupported => {
                debug!(mailbox = %self.context.mailbox.name, "the server cannot delete single messages: seeds stay in the mailbox");
                return Ok(false);
            }
        }
        self.context.ledger.deleted(copy.id, copy.digest).await?;
        Ok(true)
    }

    fn of_kind(&self, wanted: impl Fn(FolderKind) -> bool) -> Vec<WatchedFolder> {
        self.folders.iter().filter(|folder| folder.folder.selectable && wanted(folder.kind)).cloned().collect()
    }

    /// Opens a folder and reads what is new in it. A folder that refuses makes the whole look a failure: seeds could lie in it unseen.
    async fn read(&mut self, folder: &WatchedFolder) -> Result<(), Trouble> {
        let wire = &folder.folder.wire;
        self.open = None;
        let opened = match self.imap.examine(wire).await? {
            Ok(opened) => opened,
            Err(refusal) if matches!(refusal.code.as_deref(), Some("NONEXISTENT" | "NOPERM")) => {
                debug!(mailbox = %self.context.mailbox.name, folder = folder.folder.name, %refusal, "a listed folder is not to be had: mail cannot land there");
                return Ok(());
            }
            Err(refusal) => {
                let detail = format!("could not open the folder {}: {refusal}", folder.folder.name);
                return Err(Fault { reason: MailboxFault::Unavailable, detail, retry_after: None }.into());
            }
        };
        self.open = Some(wire.clone());
        let behind = match self.cursors.get(wire) {
            Some(cursor) if cursor.uid_validity == opened.uid_validity => {
                opened.uid_next.map(|next| next.saturating_sub(cursor.uid_next))
            }
            _ => return self.read_first(folder, opened).await,
        };
        match behind {
            Some(0) => Ok(()),
            Some(few) if few <= WINDOW => self.read_open(folder).await,
            _ => self.catch_up(folder).await,
        }
    }

    /// Reads a folder for which there is no valid cursor: from the newest message down to the first window of messages that are all older
    /// than any seed under way.
    async fn read_first(&mut self, folder: &WatchedFolder, opened: Opened) -> Result<(), Trouble> {
        let snapshot = self.context.ledger.snapshot();
        let oldest = snapshot.pending_in(&self.context.mailbox.name).map(|pending| pending.seed.planned_at).min();
        if let (None, Some(next)) = (oldest, opened.uid_next) {
            return self.advance(folder, opened.uid_validity, next).await;
        }
        let oldest = oldest.unwrap_or(Timestamp::MAX).saturating_sub(ARRIVAL_MARGIN).unwrap_or(Timestamp::MIN);
        let is_old = |header: &Header| header.arrived_at.is_some_and(|at| at < oldest);
        let uids = self.imap.uids(1, None).await?;
        for window in uids.rchunks(WINDOW_LEN) {
            let headers = self.window(window).await?;
            for header in headers.iter().filter(|header| !is_old(header)) {
                self.look_at(folder, opened.uid_validity, header).await?;
            }
            if headers.iter().all(is_old) {
                break;
            }
        }
        let next = uids.last().map_or(1, |last| last.saturating_add(1)).max(opened.uid_next.unwrap_or(1));
        self.advance(folder, opened.uid_validity, next).await
    }

    /// Reads many new messages of the open folder, window by window, so that neither a long absence nor a flood costs memory.
    async fn catch_up(&mut self, folder: &WatchedFolder) -> Result<(), Trouble> {
        let Some(cursor) = self.cursors.get(&folder.folder.wire).cloned() else {
            return Ok(());
        };
        let uids = self.imap.uids(cursor.uid_next, None).await?;
        for window in uids.chunks(WINDOW_LEN) {
            for header in &self.window(window).await? {
                self.look_at(folder, cursor.uid_validity, header).await?;
            }
            let next = window.last().map_or(cursor.uid_next, |last| last.saturating_add(1));
            self.advance(folder, cursor.uid_validity, next).await?;
        }
        Ok(())
    }

    /// The headers of the messages with these UIDs, which are sorted.
    async fn window(&mut self, uids: &[u32]) -> Result<Vec<Header>, Trouble> {
        let (Some(first), Some(last)) = (uids.first(), uids.last()) else {
            return Ok(Vec::new());
        };
        Ok(self.imap.headers(*first, Some(*last), &self.context.marks.fields()).await?)
    }

    /// Reads what is new in the open folder, where it is little.
    async fn read_open(&mut self, folder: &WatchedFolder) -> Result<(), Trouble> {
        let Some(cursor) = self.cursors.get(&folder.folder.wire).cloned() else {
            return Ok(());
        };
        let headers = self.imap.headers(cursor.uid_next, None, &self.context.marks.fields()).await?;
        for header in &headers {
            self.look_at(folder, cursor.uid_validity, header).await?;
        }
        let next = headers.iter().map(|header| header.uid.saturating_add(1)).fold(cursor.uid_next, u32::max);
        self.advance(folder, cursor.uid_validity, next).await
    }

    async fn advance(&mut self, folder: &WatchedFolder, uid_validity: u32, uid_next: u32) -> Result<(), Trouble> {
        let cursor = Cursor {
            mailbox: self.context.mailbox.name.clone(),
            folder: folder.folder.wire.clone(),
            uid_validity,
            uid_next,
        };
        if self.cursors.get(&cursor.folder) != Some(&cursor) {
            self.context.ledger.advance(cursor.clone()).await?;
            self.cursors.insert(cursor.folder.clone(), cursor);
        }
        Ok(())
    }

    /// Finds out whether a message is a seed, and records it if so. Nothing else is ever fetched beyond its headers.
    async fn look_at(&mut self, folder: &WatchedFolder, uid_validity: u32, header: &Header) -> Result<(), Trouble> {
        let (tokens, needs_body) = match self.context.marks.suspect(&header.fields) {
            Suspect::Foreign => return Ok(()),
            Suspect::Tokens(tokens) => (self.known(tokens).await?, false),
            Suspect::Ours => (Vec::new(), true),
        };
        if tokens.is_empty() && !needs_body {
            return Ok(());
        }
        let Some(message) = self.imap.message(header.uid, MESSAGE_LIMIT).await? else {
            return Ok(());
        };
        let tokens = if needs_body { self.known(body_tokens(&message.bytes)).await? } else { tokens };
        let Some(token) = tokens.into_iter().next() else {
            return Ok(());
        };
        let (kind, name) = self.place(folder, header.uid).await?;
        let sighting = Sighting {
            mailbox: self.context.mailbox.name.clone(),
            folder: name,
            kind,
            uid_validity,
            uid: header.uid,
            arrived_at: message.arrived_at.or(header.arrived_at),
            seen_at: self.context.clock.now(),
            message: message.bytes.into(),
            truncated: message.truncated,
        };
        self.sighted(token, Arc::new(sighting)).await
    }

    async fn known(&self, candidates: Vec<Token>) -> Result<Vec<Token>, Trouble> {
        let mut known = Vec::new();
        for token in candidates {
            if self.context.ledger.knows(token, &self.context.mailbox.name).await? {
                known.push(token);
            }
        }
        Ok(known)
    }

    /// The folder's kind, and its name for people; where a receiver tells the tab of an inbox message by search only, the tab.
    async fn place(&mut self, folder: &WatchedFolder, uid: u32) -> Result<(FolderKind, String), Trouble> {
        if folder.kind == FolderKind::Inbox
            && self.context.mailbox.provider.gmail_tabs
            && let Some(tab) = self.imap.gmail_category(uid).await?
        {
            return Ok((FolderKind::Category, tab.into()));
        }
        Ok((folder.kind, folder.folder.name.clone()))
    }

    async fn sighted(&self, token: Token, sighting: Arc<Sighting>) -> Result<(), Trouble> {
        let (mailbox, folder) = (&self.context.mailbox.name, &sighting.folder);
        match self.context.ledger.seen(token, sighting.clone()).await? {
            Seen::Settles(pending) => self.settle(&pending, Evidence::Seen(&sighting)).await,
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

    async fn settle(&self, pending: &Pending, evidence: Evidence<'_>) -> Result<(), Trouble> {
        let settled: Settled =
            (self.context.conclude)(pending, evidence, &self.context.mailbox.provider, self.context.clock.now());
        self.context.ledger.settle(Arc::new(settled)).await?;
        Ok(())
    }
}
