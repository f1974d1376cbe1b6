//! Deleting our own seeds once they have been kept long enough; nothing else is ever deleted.

use jiff::Timestamp;
use tracing::{debug, info};

use crate::model::{Kept, Token};
use crate::net::imap::Deleted;
use crate::probe::ledger::Ledger;
use crate::probe::observe::session::{Session, Trouble};

impl<L: Ledger> Session<L> {
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
}
