//! One seed along every lane, now, with books in memory: what `landfall probe` runs. The daemon's own books are never touched.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::app::{AppError, Books};
use crate::clock::{Clock, Rng};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::model::{Plan, Snapshot};
use crate::net::dial::Dialer;
use crate::net::dns::Resolver;
use crate::probe::engine::Engine;
use crate::record::Record;
use crate::schedule::Slot;
use crate::store::SqliteStore;

/// How long leaving the mailboxes politely may take.
const FINISH: Duration = Duration::from_secs(2);

/// A run under way.
#[derive(Debug)]
pub struct OneShot {
    record: Record<SqliteStore>,
    revision: watch::Receiver<u64>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl OneShot {
    /// Watches the mailboxes of `plan` and sends one seed along each of its lanes, until `stop` or [`OneShot::end`].
    ///
    /// # Errors
    /// When a part cannot be built.
    pub async fn begin(
        config: &Config,
        plan: &Arc<Plan>,
        clock: &Clock,
        rng: &Rng,
        stop: CancellationToken,
    ) -> Result<Self, AppError> {
        let dialer = Arc::new(Dialer::new(Resolver::new(&config.dns_servers, config.dns_timeout)?));
        let memory = |source| AppError::Store { place: "in memory".into(), source };
        let store = SqliteStore::in_memory().await.map_err(memory)?;
        let record = Record::open(store, plan, clock.clone(), Metrics::new()).await.map_err(memory)?;
        let engine = Engine::new(plan.clone(), Books(record.clone()), dialer, clock.clone(), rng.clone());
        let tasks = TaskTracker::new();
        engine.watch(&tasks, &stop);
        let slot = Slot::unscheduled(clock.now());
        for (lane, _) in plan.lanes() {
            let (engine, stop) = (engine.clone(), stop.clone());
            tasks.spawn(async move {
                if let Err(error) = engine.send(&lane, slot, &stop).await {
                    warn!(probe = %lane.probe, route = %lane.route, mailbox = %lane.mailbox, %error, "a seed was not sent");
                }
            });
        }
        Ok(Self { revision: record.revision(), record, tasks, stop })
    }

    /// The state of everything now.
    #[must_use]
    pub fn snapshot(&mut self) -> Arc<Snapshot> {
        self.revision.mark_unchanged();
        self.record.snapshot()
    }

    /// Waits until the state is another than [`OneShot::snapshot`] gave last; `false` where nothing can change any more.
    pub async fn changed(&mut self) -> bool {
        self.revision.changed().await.is_ok()
    }

    /// Leaves the mailboxes and closes the books.
    pub async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        // Leaving politely is worth a moment, not more.
        drop(tokio::time::timeout(FINISH, self.tasks.wait()).await);
        self.record.stop().await;
    }
}
