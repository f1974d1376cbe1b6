//! Deleting one seed, and nothing else.
//!
//! IMAP deletes in two steps: a message is flagged `\Deleted`, and EXPUNGE removes *every* message of the folder so flagged,
//! whoever flagged it. Only UIDPLUS (RFC 4315) can remove one message, so that without it nothing is touched. Nor is the folder
//! ever closed with CLOSE, which expunges as well.

use crate::net::imap::command::Command;
use crate::net::imap::fault::{Fault, specific};
use crate::net::imap::response::Condition;
use crate::net::imap::session::Imap;

/// What became of a message that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Done,
    /// It was gone before, or its folder is, or the folder was made anew (another UIDVALIDITY).
    Gone,
    /// The message with that UID is somebody else's. It was not touched.
    NotOurs,
    /// The server cannot delete one message alone, the folder is read-only, or deleting is refused in it. The message is still there
    /// (flagged as deleted, where flagging was allowed and removing was not).
    Unsupported,
}

impl Imap {
    /// Deletes the message `uid` of the folder `wire`, if `is_ours` recognises its header `fields`. Afterwards the folder is
    /// open for writing: open another, or the same for reading, before going on.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn delete(
        &mut self,
        wire: &str,
        uid_validity: u32,
        uid: u32,
        is_ours: impl Fn(&[u8]) -> bool,
        fields: &[&str],
    ) -> Result<Deleted, Fault> {
        if !self.capabilities.has("UIDPLUS") {
            return Ok(Deleted::Unsupported);
        }
        let status = match self.open("SELECT", wire).await? {
            Err(refusal) if refusal.code.as_deref() == Some("NONEXISTENT") => return Ok(Deleted::Gone),
            Err(_) => return Ok(Deleted::Unsupported),
            Ok((opened, _)) if opened.uid_validity != uid_validity => return Ok(Deleted::Gone),
            Ok((_, status)) => status,
        };
        if status.says("READ-ONLY") {
            return Ok(Deleted::Unsupported);
        }
        match self.headers(uid, Some(uid), fields).await?.first() {
            None => return Ok(Deleted::Gone),
            Some(header) if !is_ours(&header.fields) => return Ok(Deleted::NotOurs),
            Some(_) => {}
        }
        let flag = format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)");
        if !self.may("STORE", &flag).await? || !self.may("EXPUNGE", &format!("UID EXPUNGE {uid}")).await? {
            return Ok(Deleted::Unsupported);
        }
        Ok(Deleted::Done)
    }

    /// Runs a command; `false` where the server will not do it here (an access control list without that right): that is no
    /// trouble of the mailbox. A refusal that concerns the whole account is.
    async fn may(&mut self, step: &'static str, command: &str) -> Result<bool, Fault> {
        let keep = self.limits.header;
        let status = self.run(step, Command::new(command), keep, |_| Ok(())).await?;
        let refused = status.condition == Condition::No && specific(&status).is_none();
        if status.is_ok() || refused { Ok(!refused) } else { Err(self.refused(step, status)) }
    }
}
