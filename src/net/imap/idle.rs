//! IDLE (RFC 2177): the server speaks up when something happens, instead of being asked again and again.
//!
//! The command has no answer until the client ends it with a line `DONE`. Servers end the session after half an hour of silence
//! (some after ten minutes, some say IDLE and never speak), so that the caller restarts it and polls besides.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::net::imap::fault::{Fault, Refusal};
use crate::net::imap::response::{Response, Status};
use crate::net::imap::session::Imap;

/// A server that ends an IDLE sooner than this by itself does not do it, whatever it calls that. Asking it again at once would go on
/// for ever, many times a second.
const HONEST: Duration = Duration::from_secs(1);

/// Why waiting ended. In every case the session is ready for the next command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdleEnd {
    /// Messages came to the open folder or left it.
    Changed,
    /// The caller asked for it.
    Woken,
    /// Nothing happened within the limit.
    TimedOut,
    /// The server does not do it, or not now (it says no, or ends it by itself within a second): poll instead.
    Refused(Refusal),
}

impl Imap {
    /// Waits until something changes in the open folder, `wake` completes, or `limit` is over. A change that the server told
    /// during an earlier command, and that the caller has not asked for, ends it at once. To stop it, complete `wake`: a
    /// session whose waiting is cancelled is lost.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn idle(&mut self, limit: Duration, wake: impl Future<Output = ()>) -> Result<IdleEnd, Fault> {
        if self.take_changed() {
            return Ok(IdleEnd::Changed);
        }
        if !self.capabilities.has("IDLE") {
            return Ok(IdleEnd::Refused(Refusal { code: None, text: "the server does not offer IDLE".into() }));
        }
        self.enter()?;
        let tag = self.start("IDLE", self.limits.header)?;
        let patience = self.limits.command;
        let entered =
            timeout(patience, self.enter_idle(&tag)).await.map_err(|_| Fault::timeout("IDLE", patience))??;
        let end = match entered {
            Some(status) => refused(&status),
            None => {
                // Little is expected now, so little room is held.
                self.framer.relax();
                match self.wait_within(&tag, limit, wake).await? {
                    Waited::Ended(end) => end,
                    Waited::For(end) => {
                        timeout(patience, self.leave_idle(&tag))
                            .await
                            .map_err(|_| Fault::timeout("DONE", patience))??;
                        end
                    }
                }
            }
        };
        self.leave();
        // What changed while the command was being ended is told now, not by the next one.
        Ok(if self.take_changed() { IdleEnd::Changed } else { end })
    }

    /// Sends IDLE and waits for the server to agree; its answer where it ends the command instead.
    async fn enter_idle(&mut self, tag: &str) -> Result<Option<Status>, Fault> {
        self.send(format!("{tag} IDLE\r\n").as_bytes()).await?;
        loop {
            match self.receive("IDLE").await? {
                Response::Continue => return Ok(None),
                Response::Data(_) => {}
                Response::Tagged { tag: whose, status } => return own(tag, &whose, status).map(Some),
            }
        }
    }

    /// Waits for at most `limit`. What ends at once by itself is no waiting.
    async fn wait_within(
        &mut self,
        tag: &str,
        limit: Duration,
        wake: impl Future<Output = ()>,
    ) -> Result<Waited, Fault> {
        let soon = HONEST.min(limit);
        let mut waiting = pin!(self.wait(tag, wake));
        if let Ok(waited) = timeout(soon, &mut waiting).await {
            return Ok(match waited? {
                Told::Ended(status) => Waited::Ended(refused(&status)),
                Told::Over(end) => Waited::For(end),
            });
        }
        match timeout(limit.saturating_sub(soon), waiting).await {
            Ok(Ok(Told::Ended(status))) => Ok(Waited::Ended(ended(&status))),
            Ok(Ok(Told::Over(end))) => Ok(Waited::For(end)),
            Ok(Err(fault)) => Err(fault),
            Err(_) => Ok(Waited::For(IdleEnd::TimedOut)),
        }
    }

    async fn wait(&mut self, tag: &str, wake: impl Future<Output = ()>) -> Result<Told, Fault> {
        let mut wake = pin!(wake);
        while !self.changed {
            let response = tokio::select! {
                biased;
                () = &mut wake => return Ok(Told::Over(IdleEnd::Woken)),
                response = self.receive("IDLE") => response?,
            };
            match response {
                // Dovecot: `* OK Still here`.
                Response::Data(_) | Response::Continue => {}
                Response::Tagged { tag: whose, status } => return own(tag, &whose, status).map(Told::Ended),
            }
        }
        Ok(Told::Over(IdleEnd::Changed))
    }

    /// Sends DONE and waits for the tagged answer, whatever it says.
    async fn leave_idle(&mut self, tag: &str) -> Result<(), Fault> {
        self.send(b"DONE\r\n").await?;
        loop {
            if let Response::Tagged { tag: whose, status } = self.receive("DONE").await? {
                own(tag, &whose, status)?;
                return Ok(());
            }
        }
    }
}

/// What was heard while waiting.
enum Told {
    /// The server has ended the command by itself.
    Ended(Status),
    /// There is a reason to end it.
    Over(IdleEnd),
}

enum Waited {
    /// The server has ended the command by itself.
    Ended(IdleEnd),
    /// The command goes on and must be ended.
    For(IdleEnd),
}

fn own(tag: &str, whose: &str, status: Status) -> Result<Status, Fault> {
    if tag == whose { Ok(status) } else { Err(Fault::protocol("IDLE was answered with another tag")) }
}

fn refused(status: &Status) -> IdleEnd {
    IdleEnd::Refused(Refusal::new(status))
}

fn ended(status: &Status) -> IdleEnd {
    if status.is_ok() { IdleEnd::TimedOut } else { refused(status) }
}
