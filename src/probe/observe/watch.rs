//! Keeping a mailbox under watch: sessions end, servers go away, passwords change.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::{Rng, elapsed};
use crate::model::MailboxFault;
use crate::net::imap::Fault;
use crate::probe::ledger::Ledger;
use crate::probe::observe::cadence::{self, Due, Look, Looked};
use crate::probe::observe::session::{Context, Session, Trouble};

/// The first pause after a mailbox could not be read; it doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// The first pause after refused credentials: trying them often locks accounts (NetEase blocks IMAP and SMTP for minutes).
const AUTH_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause after refused credentials.
const LONGEST_AUTH_PAUSE: Duration = Duration::from_mins(15);
/// How often to look for seeds that have been kept long enough.
const EXPIRE_EVERY: Duration = Duration::from_mins(10);

/// The watch over one mailbox.
pub struct Watch<L> {
    context: Context<L>,
    rng: Rng,
    /// Rung when a seed for this mailbox has been handed off.
    wake: Arc<Notify>,
    looked: Looked,
    expired_at: Option<Timestamp>,
    /// The inbox was read since the last failure.
    healthy: bool,
    failures: u32,
}

impl<L: Ledger> Watch<L> {
    /// A watch that has not begun.
    pub fn new(context: Context<L>, rng: Rng, wake: Arc<Notify>) -> Self {
        Self { context, rng, wake, looked: Looked::default(), expired_at: None, healthy: false, failures: 0 }
    }

    /// Watches until `stop`. Whatever happens to this mailbox happens to no other.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let trouble = tokio::select! {
                () = stop.cancelled() => return,
                opened = Session::open(self.context.clone()) => match opened {
                    Ok(mut session) => match self.serve(&mut session, &stop).await {
                        Ok(()) => return session.close().await,
                        Err(trouble) => trouble,
                    },
                    Err(trouble) => trouble,
                },
            };
            let pause = self.failed(trouble).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.context.clock.sleep(pause) => {}
            }
        }
    }

    /// Looks at what is due until `stop`.
    async fn serve(&mut self, session: &mut Session<L>, stop: &CancellationToken) -> Result<(), Trouble> {
        let mut idles = session.can_idle();
        self.looked = Looked::default();
        while !stop.is_cancelled() {
            let now = self.context.clock.now();
            match self.due(now) {
                Due::Now(look) => {
                    self.look(session, look).await?;
                    self.succeeded();
                }
                Due::At(at) => {
                    if self.expired_at.is_none_or(|last| elapsed(last, now) >= EXPIRE_EVERY) {
                        session.expire().await?;
                        self.expired_at = Some(now);
                    }
                    idles = self.wait(session, at, idles, stop).await?;
                }
            }
        }
        Ok(())
    }

    fn due(&self, now: Timestamp) -> Due {
        let snapshot = self.context.ledger.snapshot();
        let pending = snapshot.pending_in(&self.context.mailbox.name).map(AsRef::as_ref);
        let returning = snapshot.pending_by(&self.context.returns).map(AsRef::as_ref);
        cadence::due(now, self.context.mailbox.imap.poll, self.looked, pending, returning)
    }

    async fn look(&mut self, session: &mut Session<L>, look: Look) -> Result<(), Trouble> {
        match look {
            Look::Inbox => {
                session.inbox().await?;
                self.looked.inbox = Some(self.context.clock.now());
            }
            Look::Folders => {
                session.others().await?;
                self.looked.folders = Some(self.context.clock.now());
            }
            Look::Sweep => {
                session.sweep().await?;
                let now = Some(self.context.clock.now());
                self.looked = Looked { inbox: now, folders: now };
            }
        }
        Ok(())
    }

    /// Waits until `at`, a new seed, `stop`, or (in IDLE) new mail. Says whether the server still takes IDLE.
    async fn wait(
        &self,
        session: &mut Session<L>,
        at: Timestamp,
        idles: bool,
        stop: &CancellationToken,
    ) -> Result<bool, Trouble> {
        let wake = async {
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.notified() => {}
                () = self.context.clock.sleep_until(at) => {}
            }
        };
        if !idles {
            wake.await;
            return Ok(false);
        }
        session.idle(self.context.mailbox.provider.idle_limit, wake).await
    }

    fn succeeded(&mut self) {
        if self.failures > 0 {
            info!(mailbox = %self.context.mailbox.name, failures = self.failures, "the mailbox can be read again");
        }
        self.healthy = true;
        self.failures = 0;
    }

    /// Records what went wrong, and says how long to wait. The first failure of a mailbox that was read before is not called down:
    /// servers end sessions as they please, and the next connection tells more.
    async fn failed(&mut self, trouble: Trouble) -> Duration {
        let mailbox = &self.context.mailbox.name;
        let passing = std::mem::replace(&mut self.healthy, false);
        if !passing {
            self.failures = self.failures.saturating_add(1);
        }
        match trouble {
            Trouble::Ledger(error) => {
                warn!(%mailbox, %error, "could not keep the books of a mailbox");
                pause(FIRST_PAUSE, LONGEST_PAUSE, self.failures, self.rng.jitter())
            }
            Trouble::Mailbox(fault) => {
                let reason = fault.reason.as_str();
                if passing {
                    info!(%mailbox, reason, error = %fault, "the session with a mailbox broke: connecting again");
                } else {
                    warn!(%mailbox, reason, error = %fault, failures = self.failures, "could not read a mailbox");
                }
                let said = self.context.ledger.mailbox_failed(mailbox, fault.reason, &fault.detail, !passing).await;
                if let Err(error) = said {
                    warn!(%mailbox, %error, "could not record the failure of a mailbox");
                }
                self.pause_after(&fault, passing)
            }
        }
    }

    fn pause_after(&self, fault: &Fault, passing: bool) -> Duration {
        let jitter = self.rng.jitter();
        let asked = fault.retry_after.unwrap_or_default();
        let ours = match fault.reason {
            MailboxFault::Auth => pause(AUTH_PAUSE, LONGEST_AUTH_PAUSE, self.failures.max(1), jitter),
            _ if passing => Duration::from_secs(1).mul_f64(jitter),
            _ => pause(FIRST_PAUSE, LONGEST_PAUSE, self.failures, jitter),
        };
        ours.max(asked)
    }
}

/// The pause after the given number of failures in a row.
fn pause(first: Duration, longest: Duration, failures: u32, jitter: f64) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(longest).mul_f64(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_are_spread() {
        let at = |failures| pause(FIRST_PAUSE, LONGEST_PAUSE, failures, 1.0).as_secs();
        assert_eq!([at(0), at(1), at(2), at(3), at(7), at(1000)], [5, 5, 10, 20, 300, 300]);
        assert_eq!(pause(FIRST_PAUSE, LONGEST_PAUSE, 1, 0.5), Duration::from_millis(2500));
    }
}
