//! Seeds that nobody else will end: those of the last run, and those whose mailbox cannot be read.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::elapsed;
use crate::model::{Pending, Snapshot, Stage};
use crate::probe::engine::Engine;
use crate::probe::evidence::Evidence;
use crate::probe::ledger::Ledger;

/// How often to look for seeds that have waited for too long.
const REAP_EVERY: Duration = Duration::from_secs(15);

impl<L: Ledger> Engine<L> {
    /// Takes up a seed that the last run left unfinished.
    pub(super) async fn take_up(self: Arc<Self>, pending: Arc<Pending>, stop: CancellationToken) {
        let done = match (&pending.sighting, pending.stage) {
            (Some(sighting), Stage::Awaited { .. } | Stage::Deferred { .. }) => {
                self.conclude_seen(pending.seed.token, sighting).await
            }
            (None, Stage::Deferred { retry_at }) => self.retry(&pending.seed, retry_at, pending.attempts, &stop).await,
            _ => Ok(()),
        };
        if let Err(error) = done {
            warn!(seed = %pending.seed.id, %error, "could not take up a seed of the last run");
        }
    }

    /// Settles, from time to time, the seeds whose mailbox has been unreadable for longer than they can wait.
    pub(super) async fn reap(self: Arc<Self>, stop: CancellationToken) {
        let mut awake_since = self.clock.now();
        let mut last = awake_since;
        while !stop.is_cancelled() {
            let now = self.clock.now();
            if elapsed(last, now) > REAP_EVERY.saturating_mul(4) {
                // The machine slept, or its clock was set: nobody could look meanwhile, and that is not the mailbox's fault.
                awake_since = now;
            }
            last = now;
            let snapshot = self.ledger.snapshot();
            for pending in snapshot.pending.values().filter(|pending| is_hopeless(&snapshot, pending, awake_since, now))
            {
                info!(mailbox = %pending.seed.lane.mailbox, "a seed was given up: its mailbox could not be read");
                let settled = Arc::new(self.conclude(pending, Evidence::Unreadable));
                if let Err(error) = self.ledger.settle(settled).await {
                    warn!(%error, "could not settle a seed");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(REAP_EVERY) => {}
            }
        }
    }
}

/// Whether a seed has waited for its mailbox as long as it can, while Landfall itself was there to look, and the mailbox is not being read just now.
fn is_hopeless(snapshot: &Snapshot, pending: &Pending, awake_since: Timestamp, now: Timestamp) -> bool {
    let patience = pending.seed.patience;
    let reading = snapshot.mailboxes.get(&pending.seed.lane.mailbox).is_some_and(|mailbox| {
        mailbox.up == Some(true) && mailbox.last_read_at.is_some_and(|at| elapsed(at, now) <= patience)
    });
    pending.sighting.is_none()
        && !reading
        && elapsed(awake_since, now) >= patience
        && pending.gives_up_at().is_some_and(|at| at <= now)
}
