//! Reading one folder from where it was read to.
//!
//! IMAP gives each message a UID that only grows while the folder keeps its UIDVALIDITY (RFC 3501 §2.3.1.1). A seed is in the books before it
//! leaves, so a message that was looked at before cannot be a seed sent later, and the cursor never has to go back. A folder without a valid cursor
//! is read from its newest message down to the time of the oldest seed under way; where none is, from now on.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tracing::debug;

use crate::model::{Cursor, FolderKind, MailboxFault, Sighting, Token};
use crate::net::imap::discover::WatchedFolder;
use crate::net::imap::{Fault, Header, Opened, Refusal};
use crate::probe::ledger::Ledger;
use crate::probe::observe::find::body_tokens;
use crate::probe::observe::session::{Session, Trouble};
use crate::syntax::dsn;

/// Messages whose headers are fetched at once.
const WINDOW: u32 = 200;
/// The same, as a length.
const WINDOW_LEN: usize = 200;
/// The most bytes taken of one message; a seed is small, and what is cut is said to be.
const MESSAGE_LIMIT: usize = 1 << 20;
/// How far the receiver's arrival times are trusted when looking for the oldest message that can be a seed.
const ARRIVAL_MARGIN: Duration = Duration::from_hours(24);

impl<L: Ledger> Session<L> {
    /// Opens a folder and reads what is new in it. `thorough` asks for messages beyond the cursor even where UIDNEXT says that there are none.
    ///
    /// A folder that refuses makes the whole look a failure, for seeds could lie in it unseen; but not one that has gone since it was listed, or that the
    /// account has no right to read, unless seeds are known to land there.
    pub async fn read(&mut self, folder: &WatchedFolder, thorough: bool) -> Result<(), Trouble> {
        let wire = &folder.folder.wire;
        self.open = None;
        let opened = match self.imap.examine(wire).await? {
            Ok(opened) => opened,
            Err(refusal) if is_beside_the_point(folder.kind, &refusal) => {
                debug!(mailbox = %self.context.mailbox.name, folder = folder.folder.name, %refusal, "a listed folder cannot be read");
                return Ok(());
            }
            Err(refusal) => {
                let detail = format!("could not open the folder {}: {refusal}", folder.folder.name);
                return Err(Fault { reason: MailboxFault::Unavailable, detail, retry_after: None }.into());
            }
        };
        self.open = Some(wire.clone());
        match behind(self.cursors.get(wire), opened) {
            Behind::Unknown => self.read_first(folder, opened).await,
            Behind::By(0) if !thorough || opened.exists == 0 => Ok(()),
            Behind::By(few) if few <= WINDOW => self.read_open(folder).await,
            Behind::By(_) | Behind::Untold => self.catch_up(folder).await,
        }
    }

    /// Reads a folder for which there is no valid cursor: from the newest message down to the first window of messages that are all older
    /// than any seed under way.
    async fn read_first(&mut self, folder: &WatchedFolder, opened: Opened) -> Result<(), Trouble> {
        let snapshot = self.context.ledger.snapshot();
        let own = snapshot.pending_in(&self.context.mailbox.name);
        let returning = snapshot.pending_by(&self.context.returns);
        let oldest = own.chain(returning).map(|pending| pending.seed.planned_at).min();
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
    pub async fn read_open(&mut self, folder: &WatchedFolder) -> Result<(), Trouble> {
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
            if folder.kind == FolderKind::View {
                self.in_views.cursors.push(cursor.clone());
            } else {
                self.context.ledger.advance(cursor.clone()).await?;
            }
            self.cursors.insert(cursor.folder.clone(), cursor);
        }
        Ok(())
    }

    /// Finds out whether a message is a seed or the bounce of one, and records it if so. Nothing else is ever fetched beyond its headers, but what looks
    /// like a bounce in a mailbox that bounces come to, for whose it is stands in its body, and what is from one of our own senders: a relay may have taken the token out of
    /// every header and left it in the text.
    async fn look_at(&mut self, folder: &WatchedFolder, uid_validity: u32, header: &Header) -> Result<(), Trouble> {
        let takes_bounces = !self.context.returns.is_empty();
        if takes_bounces && dsn::may_be(&header.fields) && self.look_at_notice(header.uid).await? {
            return Ok(());
        }
        let suspect = self.context.marks.suspect(&header.fields);
        let mut token = self.known(suspect.tokens).await?;
        if token.is_none() && !suspect.is_ours {
            return Ok(());
        }
        let Some(message) = self.imap.message(header.uid, MESSAGE_LIMIT).await? else {
            return Ok(());
        };
        if token.is_none() {
            token = self.known(body_tokens(&message.bytes)).await?;
        }
        let Some(token) = token else {
            return Ok(());
        };
        let tab = self.tab(folder, header.uid).await?;
        let sighting = Arc::new(Sighting {
            mailbox: self.context.mailbox.name.clone(),
            folder: folder.folder.name.clone(),
            kind: if tab.is_some() { FolderKind::Category } else { folder.kind },
            tab,
            uid_validity,
            uid: header.uid,
            arrived_at: message.arrived_at.or(header.arrived_at),
            seen_at: self.context.clock.now(),
            message: message.bytes.into(),
            truncated: message.truncated,
        });
        if folder.kind == FolderKind::View {
            self.in_views.sightings.push((token, sighting));
            return Ok(());
        }
        self.sighted(token, sighting).await
    }

    /// Records a bounce of ours. `false` where the message is no notification.
    async fn look_at_notice(&mut self, uid: u32) -> Result<bool, Trouble> {
        let Some(message) = self.imap.message(uid, MESSAGE_LIMIT).await? else {
            return Ok(true);
        };
        let Some(notice) = dsn::parse(&message.bytes) else {
            return Ok(false);
        };
        self.context.returned(notice).await?;
        Ok(true)
    }

    /// The first of the candidates that is the token of a seed for this mailbox.
    async fn known(&self, candidates: Vec<Token>) -> Result<Option<Token>, Trouble> {
        for token in candidates {
            if self.context.ledger.knows(token, &self.context.mailbox.name).await? {
                return Ok(Some(token));
            }
        }
        Ok(None)
    }

    /// The tab of an inbox message, where the receiver tells it by search only.
    async fn tab(&mut self, folder: &WatchedFolder, uid: u32) -> Result<Option<String>, Trouble> {
        if folder.kind != FolderKind::Inbox || !self.context.mailbox.provider.gmail_tabs {
            return Ok(None);
        }
        Ok(self.imap.gmail_category(uid).await?.map(String::from))
    }
}

/// How far a folder has grown beyond its cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    /// By so many UIDs, not all of which need be messages.
    By(u32),
    /// The server does not tell.
    Untold,
    /// There is no cursor, or it is void: another UIDVALIDITY, or a UIDNEXT that ran backwards, as after a folder was rebuilt.
    Unknown,
}

fn behind(cursor: Option<&Cursor>, opened: Opened) -> Behind {
    match (cursor, opened.uid_next) {
        (Some(cursor), Some(next)) if cursor.uid_validity == opened.uid_validity => {
            next.checked_sub(cursor.uid_next).map_or(Behind::Unknown, Behind::By)
        }
        (Some(cursor), None) if cursor.uid_validity == opened.uid_validity => Behind::Untold,
        _ => Behind::Unknown,
    }
}

/// Whether a refusal is no reason to call the mailbox unread (RFC 5530 §3).
fn is_beside_the_point(kind: FolderKind, refusal: &Refusal) -> bool {
    matches!(kind, FolderKind::Other | FolderKind::View)
        && matches!(refusal.code.as_deref(), Some("NONEXISTENT" | "NOPERM"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(uid_validity: u32, uid_next: Option<u32>) -> Opened {
        Opened { uid_validity, uid_next, exists: 5 }
    }

    #[test]
    fn a_cursor_is_void_when_the_folder_was_made_anew_or_ran_backwards() {
        let cursor = Cursor { mailbox: "m".into(), folder: "INBOX".into(), uid_validity: 7, uid_next: 100 };
        for (folder, expected) in [
            (opened(7, Some(100)), Behind::By(0)),
            (opened(7, Some(103)), Behind::By(3)),
            (opened(7, None), Behind::Untold),
            (opened(7, Some(99)), Behind::Unknown),
            (opened(8, Some(100)), Behind::Unknown),
        ] {
            assert_eq!(behind(Some(&cursor), folder), expected);
        }
        assert_eq!(behind(None, opened(7, Some(1))), Behind::Unknown);
    }

    #[test]
    fn only_folders_where_no_seed_is_looked_for_may_refuse() {
        let refusal = |code: &str| Refusal { code: Some(code.into()), text: String::new() };
        for kind in FolderKind::ALL {
            let may = matches!(kind, FolderKind::Other | FolderKind::View);
            assert_eq!(is_beside_the_point(kind, &refusal("NOPERM")), may, "{kind:?}");
            assert_eq!(is_beside_the_point(kind, &refusal("NONEXISTENT")), may, "{kind:?}");
            assert!(!is_beside_the_point(kind, &refusal("INUSE")), "{kind:?}");
            assert!(!is_beside_the_point(kind, &Refusal { code: None, text: String::new() }), "{kind:?}");
        }
    }
}
