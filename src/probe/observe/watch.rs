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
/// A session that lived this long was a good one, and its end is nothing to be told.
const GOOD_LIFE: Duration = Duration::from_mins(1);
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
    /// When this session had first read all that was due; `None` while it has not.
    healthy_since: Option<Timestamp>,
    /// Sessions in a row that did not come that far.
    failures: u32,
    /// Sessions in a row that did, and broke soon after.
    short_lives: u32,
}

impl<L: Ledger> Watch<L> {
    /// A watch that has not begun.
    pub fn new(context: Context<L>, rng: Rng, wake: Arc<Notify>) -> Self {
        Self {
            context,
            rng,
            wake,
            looked: Looked::default(),
            expired_at: None,
            healthy_since: None,
            failures: 0,
            short_lives: 0,
        }
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
                Due::Now(look) => self.look(session, look).await?,
                Due::At(at) => {
                    self.succeeded(now);
                    if self.expired_at.is_none_or(|last| elapsed(last, now) >= EXPIRE_EVERY) {
                        self.expired_at = Some(now);
                        session.expire().await?;
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

    /// All that was due has been read.
    fn succeeded(&mut self, now: Timestamp) {
        if self.failures > 0 {
            info!(mailbox = %self.context.mailbox.name, failures = self.failures, "the mailbox can be read again");
            self.failures = 0;
        }
        self.healthy_since.get_or_insert(now);
    }

    /// Records what went wrong, and says how long to wait.
    async fn failed(&mut self, trouble: Trouble) -> Duration {
        let end = self.end_of_session();
        let mailbox = &self.context.mailbox.name;
        let fault = match trouble {
            Trouble::Mailbox(fault) => fault,
            Trouble::Ledger(error) => {
                warn!(%mailbox, %error, "could not keep the books of a mailbox");
                return pause(FIRST_PAUSE, LONGEST_PAUSE, self.failures.max(self.short_lives), self.rng.jitter());
            }
        };
        let (reason, failures) = (fault.reason.as_str(), self.failures);
        if end == End::Failure {
            warn!(%mailbox, reason, error = %fault, failures, "could not read a mailbox");
        } else {
            info!(%mailbox, reason, error = %fault, "the session with a mailbox broke: connecting again");
        }
        let down = end == End::Failure;
        if let Err(error) = self.context.ledger.mailbox_failed(mailbox, fault.reason, &fault.detail, down).await {
            warn!(%mailbox, %error, "could not record the failure of a mailbox");
        }
        self.pause_after(&fault, end)
    }

    /// What the end of this session was. Servers end sessions as they please, and that is no failure of the mailbox; but a session that could not read
    /// all that was due is one, whatever it had read before.
    fn end_of_session(&mut self) -> End {
        match self.healthy_since.take() {
            Some(since) if self.context.clock.since(since) >= GOOD_LIFE => {
                self.short_lives = 0;
                End::GoodLife
            }
            Some(_) => {
                self.short_lives = self.short_lives.saturating_add(1);
                End::ShortLife
            }
            None => {
                self.failures = self.failures.saturating_add(1);
                End::Failure
            }
        }
    }

    fn pause_after(&self, fault: &Fault, end: End) -> Duration {
        let jitter = self.rng.jitter();
        let asked = fault.retry_after.unwrap_or_default();
        let ours = match (fault.reason, end) {
            (MailboxFault::Auth, _) => pause(AUTH_PAUSE, LONGEST_AUTH_PAUSE, self.failures, jitter),
            (MailboxFault::Throttled, _) => pause(AUTH_PAUSE, LONGEST_PAUSE, self.failures, jitter),
            (_, End::GoodLife) => Duration::from_secs(1).mul_f64(jitter),
            (_, End::ShortLife) => pause(FIRST_PAUSE, LONGEST_PAUSE, self.short_lives, jitter),
            (_, End::Failure) => pause(FIRST_PAUSE, LONGEST_PAUSE, self.failures, jitter),
        };
        ours.max(asked)
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It had read all that was due, and lived on for a while.
    GoodLife,
    /// It had read all that was due, and broke soon after.
    ShortLife,
    /// It could not read all that was due.
    Failure,
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
