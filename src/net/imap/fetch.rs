//! Looking into the mailbox: its folders, and the messages in one of them. Nothing here changes anything: folders are opened
//! with EXAMINE and bodies read with PEEK.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::net::imap::command::Command;
use crate::net::imap::fault::{Fault, Refusal, specific};
use crate::net::imap::folder::Folder;
use crate::net::imap::response::{Condition, Data, Fetched, Status};
use crate::net::imap::session::Imap;

/// More folders than any test account has; what keeps a hostile list from filling the memory.
const MAX_FOLDERS: usize = 10_000;

/// More messages than one batch should ask for.
const MAX_HEADERS: usize = 20_000;

/// Bytes that folder names, or the header fields of one batch, may come to altogether.
const MAX_KEPT: usize = 16 << 20;

/// The tabs that Gmail knows besides the primary one (`category:` in its search).
const GMAIL_TABS: [&str; 4] = ["promotions", "updates", "social", "forums"];

/// An open folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// While this stays the same, so does every UID (RFC 3501 §2.3.1.1).
    pub uid_validity: u32,
    /// No message has this UID or a higher one yet. Some servers do not tell.
    pub uid_next: Option<u32>,
    /// How many messages it holds.
    pub exists: u32,
}

/// What is known of a message without its body.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Its UID.
    pub uid: u32,
    /// When it arrived, by the server's clock (INTERNALDATE, whole seconds).
    pub arrived_at: Option<Timestamp>,
    /// Its size in bytes (RFC822.SIZE); some servers estimate. 0 where it is not told.
    pub size: u32,
    /// The fields that were asked for, as they stand in the message, up to [`Limits::header`](crate::net::imap::Limits::header)
    /// bytes.
    pub fields: Vec<u8>,
}

/// A message.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its bytes, from the first.
    pub bytes: Vec<u8>,
    /// Its size in bytes, as the server tells it.
    pub size: u32,
    /// Whether it is longer than what was taken.
    pub truncated: bool,
    /// When it arrived, by the server's clock.
    pub arrived_at: Option<Timestamp>,
}

impl std::fmt::Debug for Header {
    /// Without the fields: mail never goes to a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Header").field("uid", &self.uid).field("size", &self.size).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Message {
    /// Without the bytes: mail never goes to a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("size", &self.size).field("truncated", &self.truncated).finish_non_exhaustive()
    }
}

impl Imap {
    /// Every folder of the account, with what the server says each is for.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn folders(&mut self) -> Result<Vec<Folder>, Fault> {
        let offers = |name| self.capabilities.has(name);
        // RFC 6154 §2: without LIST-EXTENDED (RFC 5258) there is no RETURN; such servers add the attributes to the plain LIST.
        let first = if offers("SPECIAL-USE") && offers("LIST-EXTENDED") {
            "LIST \"\" \"*\" RETURN (SPECIAL-USE)"
        } else if !offers("SPECIAL-USE") && offers("XLIST") {
            "XLIST \"\" \"*\""
        } else {
            "LIST \"\" \"*\""
        };
        match self.list(first).await? {
            Ok(folders) => Ok(folders),
            // Offered and yet refused: every server understands the plain form.
            Err(_) if first != "LIST \"\" \"*\"" => match self.list("LIST \"\" \"*\"").await? {
                Ok(folders) => Ok(folders),
                Err(status) => Err(self.refused("LIST", status)),
            },
            Err(status) => Err(self.refused("LIST", status)),
        }
    }

    async fn list(&mut self, command: &str) -> Result<Result<Vec<Folder>, Status>, Fault> {
        let (mut folders, mut kept) = (Vec::new(), 0_usize);
        let take = |data| {
            if let Data::Folder(folder) = data {
                if folders.len() >= MAX_FOLDERS {
                    return Err(Fault::protocol(format!("more than {MAX_FOLDERS} folders")));
                }
                charge(&mut kept, folder.wire.len())?;
                folders.push(folder);
            }
            Ok(())
        };
        let keep = self.limits.line;
        let status = self.run("LIST", Command::new(command), keep, take).await?;
        Ok(if status.is_ok() { Ok(folders) } else { Err(status) })
    }

    /// Opens a folder for reading, by its name on the wire. The inner error means that the server refused this folder alone.
    ///
    /// # Errors
    /// When the session is over, or the refusal concerns the whole account.
    pub async fn examine(&mut self, wire: &str) -> Result<Result<Opened, Refusal>, Fault> {
        self.open("EXAMINE", wire).await.map(|opened| opened.map(|(opened, _)| opened))
    }

    /// Opens a folder with EXAMINE or SELECT; gives the tagged status as well.
    pub(super) async fn open(
        &mut self,
        how: &'static str,
        wire: &str,
    ) -> Result<Result<(Opened, Status), Refusal>, Fault> {
        let (mut uid_validity, mut uid_next, mut exists) = (None, None, 0);
        let take = |data| {
            match data {
                Data::Exists(count) => exists = count,
                Data::Status(status) => {
                    uid_validity = status.number("UIDVALIDITY").or(uid_validity);
                    uid_next = status.number("UIDNEXT").or(uid_next);
                }
                _ => {}
            }
            Ok(())
        };
        let command = Command::new(how).eager(self.eager()).string(wire.as_bytes());
        let keep = self.limits.header;
        let status = self.run(how, command, keep, take).await?;
        if !status.is_ok() {
            return match specific(&status) {
                Some(_) => Err(self.refused(how, status)),
                None => Ok(Err(Refusal::new(&status))),
            };
        }
        let Some(uid_validity) = uid_validity.filter(|validity| *validity != 0) else {
            let text = "the server gives the folder no UIDVALIDITY".to_owned();
            return Ok(Err(Refusal { code: None, text }));
        };
        self.exists = Some(exists);
        self.changed = false;
        Ok(Ok((Opened { uid_validity, uid_next, exists }, status)))
    }

    /// The UIDs that messages of the open folder have, from `first` to `last` or the end, ascending. How a large folder is
    /// walked in batches: UIDs have gaps, so that a range of UIDs says nothing about how many messages it holds.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn uids(&mut self, first: u32, last: Option<u32>) -> Result<Vec<u32>, Fault> {
        let mut uids = Vec::new();
        if self.exists == Some(0) {
            return Ok(uids);
        }
        let take = |data| {
            if let Data::Fetch(Fetched { uid: Some(uid), .. }) = data
                && within(uid, first, last)
            {
                uids.push(uid);
            }
            Ok(())
        };
        self.fetch(&format!("UID FETCH {} (UID)", range(first, last)), 0, take).await?;
        uids.sort_unstable();
        uids.dedup();
        Ok(uids)
    }

    /// What is known of the messages with UIDs from `first_uid` to `last_uid` or the end: the given header fields, size and
    /// time of arrival. Sorted by UID. Ask for a few hundred at a time: [`Imap::uids`] tells which there are.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn headers(
        &mut self,
        first_uid: u32,
        last_uid: Option<u32>,
        fields: &[&str],
    ) -> Result<Vec<Header>, Fault> {
        let (mut headers, mut kept) = (BTreeMap::new(), 0_usize);
        // Some servers refuse any set of messages while there are none.
        if self.exists == Some(0) {
            return Ok(Vec::new());
        }
        let take = |data| {
            // A FETCH without a UID or without the section is the server's own news about flags.
            let Data::Fetch(Fetched { uid: Some(uid), size, arrived_at, section: Some(section) }) = data else {
                return Ok(());
            };
            // RFC 3501 §6.4.8: `7:*` is answered with the last message even where its UID is below 7.
            if !within(uid, first_uid, last_uid) {
                return Ok(());
            }
            if headers.len() >= MAX_HEADERS {
                return Err(Fault::protocol(format!("more than {MAX_HEADERS} messages in one batch")));
            }
            let (size, fields) = (size.unwrap_or_default(), section.unwrap_or_default());
            charge(&mut kept, fields.len())?;
            headers.insert(uid, Header { uid, arrived_at, size, fields });
            Ok(())
        };
        // Only the first bytes (RFC 3501 §6.4.5): a stranger's message with a header field of megabytes would be more than one answer may
        // hold, at every attempt, so that what came after it was never read.
        let keep = self.limits.header;
        let command = format!(
            "UID FETCH {} (UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS ({})]<0.{keep}>)",
            range(first_uid, last_uid),
            fields.join(" ")
        );
        self.fetch(&command, keep, take).await?;
        Ok(headers.into_values().collect())
    }

    /// One message, up to `max` bytes of it, which must be less than [`Limits::literal`](crate::net::imap::Limits::literal).
    /// `None` where it has gone meanwhile.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn message(&mut self, uid: u32, max: usize) -> Result<Option<Message>, Fault> {
        let mut message = None;
        let take = |data| {
            if let Data::Fetch(Fetched { uid: Some(which), size, arrived_at, section: Some(Some(bytes)) }) = data
                && which == uid
            {
                message = Some(Message { bytes, size: size.unwrap_or_default(), truncated: false, arrived_at });
            }
            Ok(())
        };
        // One byte more than wanted tells whether there is more: the size that servers tell is not always that of the bytes
        // they send.
        let max = max.min(self.limits.literal.saturating_sub(1));
        let asked = max.saturating_add(1);
        let command = format!("UID FETCH {uid} (UID INTERNALDATE RFC822.SIZE BODY.PEEK[]<0.{asked}>)");
        self.fetch(&command, asked, take).await?;
        if let Some(message) = &mut message {
            message.truncated = message.bytes.len() > max;
            message.bytes.truncate(max);
        }
        Ok(message)
    }

    /// Runs a FETCH. A refusal because messages have gone meanwhile (RFC 2180 §4.1, RFC 5530) is no fault: what is left has
    /// been sent.
    async fn fetch(
        &mut self,
        command: &str,
        keep: usize,
        take: impl FnMut(Data) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let status = self.run("FETCH", Command::new(command), keep, take).await?;
        let gone = status.condition == Condition::No && status.says("EXPUNGEISSUED");
        if status.is_ok() || gone { Ok(()) } else { Err(self.refused("FETCH", status)) }
    }

    /// The Gmail tab that a message of the open inbox is shown under, such as `promotions`; `None` for the primary tab, and for
    /// servers that are not Gmail.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn gmail_category(&mut self, uid: u32) -> Result<Option<&'static str>, Fault> {
        if !self.capabilities.has("X-GM-EXT-1") {
            return Ok(None);
        }
        for tab in GMAIL_TABS {
            let mut found = false;
            let take = |data| {
                found |= matches!(data, Data::Search(uids) if uids.contains(&uid));
                Ok(())
            };
            let command = Command::new(&format!("UID SEARCH UID {uid} X-GM-RAW \"category:{tab}\""));
            let keep = self.limits.header;
            let status = self.run("SEARCH", command, keep, take).await?;
            if !status.is_ok() {
                return Err(self.refused("SEARCH", status));
            }
            if found {
                return Ok(Some(tab));
            }
        }
        Ok(None)
    }
}

/// Counts `more` bytes that are kept.
fn charge(kept: &mut usize, more: usize) -> Result<(), Fault> {
    *kept = kept.saturating_add(more);
    if *kept > MAX_KEPT { Err(Fault::protocol(format!("more than {MAX_KEPT} bytes to keep"))) } else { Ok(()) }
}

fn range(first: u32, last: Option<u32>) -> String {
    last.map_or_else(|| format!("{first}:*"), |last| format!("{first}:{last}"))
}

fn within(uid: u32, first: u32, last: Option<u32>) -> bool {
    first <= uid && last.is_none_or(|last| uid <= last)
}
