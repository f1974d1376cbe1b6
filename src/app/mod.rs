//! The composition root: builds the parts, starts them, and stops them in the right order.
//!
//! Start: store, books, web, engine. Stop: no more launches, what is in SMTP is finished, mailboxes are left politely; then the books are closed
//! and the web server goes, which until then says "not ready" and does not refuse the connection. The whole stop takes less than ten
//! seconds: what is not finished by then is left, and the next start finds it in the store.

mod books;
mod load;
mod one_shot;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::clock::{Clock, Rng};
use crate::config::{Config, Retention, StoreLocation};
use crate::metrics::{Build, Exposition, Metrics, Process};
use crate::model::Stage;
use crate::net::dial::Dialer;
use crate::net::dns::{DnsError, Resolver};
use crate::probe::engine::Engine;
use crate::record::{Record, RecordError};
use crate::store::{SqliteStore, StoreError, StoreLock};
use crate::web::{self, Readiness, WebState};

pub use books::Books;
pub use load::load;
pub use one_shot::OneShot;

/// How long the engine may take to finish what is in SMTP and to leave its mailboxes.
const FINISH: Duration = Duration::from_secs(8);
/// How long stopping may take in all. Who stops services often waits for ten seconds and then kills.
const STOP: Duration = Duration::from_millis(9500);
/// How often to forget what is older than the retention.
const PRUNE_EVERY: Duration = Duration::from_hours(1);

/// Why the daemon cannot run.
#[derive(Debug, Error)]
pub enum AppError {
    /// The store.
    #[error("could not open the store {place}: {source}")]
    Store {
        /// Which.
        place: String,
        /// Why.
        source: StoreError,
    },
    /// DNS.
    #[error("could not set up the resolver: {0}")]
    Dns(#[from] DnsError),
    /// The single writer is gone.
    #[error("could not record: {0}")]
    Record(#[from] RecordError),
}

/// Runs the daemon on `listener` until `stop`.
///
/// # Errors
/// When a part cannot be started. Once running, trouble is told by metrics and the log.
pub async fn run(
    config: Config,
    listener: TcpListener,
    clock: Clock,
    rng: Rng,
    stop: CancellationToken,
) -> Result<(), AppError> {
    let started_at = clock.now();
    let plan = Arc::new(config.plan);
    let dialer = Arc::new(Dialer::new(Resolver::new(&config.dns_servers, config.dns_timeout)?));
    let metrics = Metrics::new();
    metrics.expect(&plan);
    let _lock = lock(&config.store)?;
    let store = open(&config.store).await?;
    let record = Record::open(store, &plan, clock.clone(), metrics.clone())
        .await
        .map_err(|source| AppError::Store { place: config.store.to_string(), source })?;
    record.reloaded(true).await?;

    let (readiness, ready) = watch::channel(Readiness::Ready);
    let exposition = Exposition::new(record.shared(), metrics, Build::current(), started_at, Process::read);
    let router = web::router(WebState {
        snapshot: record.shared(),
        exposition: Arc::new(exposition),
        readiness: ready,
        clock: clock.clone(),
        build: Build::current(),
    });
    let web_stop = CancellationToken::new();
    let web = tokio::spawn(web::serve(listener, router, clock.clone(), web_stop.clone()));

    let tasks = TaskTracker::new();
    let engine = Engine::new(plan, Books(record.clone()), dialer, clock.clone(), rng);
    tasks.spawn(engine.run(stop.clone()));
    tasks.spawn(prune(record.clone(), config.retention, clock.clone(), stop.clone()));
    tasks.close();
    info!(startup_ms = clock.since(started_at).as_millis(), "landfall is ready");

    stop.cancelled().await;
    info!("stopping: nothing more is launched, what is being sent is finished");
    readiness.send_replace(Readiness::Stopping);
    let finish = async {
        if tokio::time::timeout(FINISH, tasks.wait()).await.is_err() {
            warn!(
                waited_s = FINISH.as_secs(),
                in_smtp = in_smtp(&record),
                "stopping without waiting any longer for what is not finished"
            );
        }
        web_stop.cancel();
        let ((), web) = tokio::join!(record.stop(), web);
        if let Err(error) = web {
            warn!(%error, "the web server did not stop by itself");
        }
    };
    if tokio::time::timeout(STOP, finish).await.is_err() {
        warn!(waited_s = STOP.as_secs_f64(), "stopping without waiting for the store or for web clients any longer");
    }
    info!("stopped");
    Ok(())
}

/// How many seeds are being handed off: ambiguous from the next start on, if they are left now.
fn in_smtp(record: &Record<SqliteStore>) -> usize {
    record.snapshot().pending.values().filter(|pending| pending.stage == Stage::Sending).count()
}

/// Makes sure that no other daemon uses the configured store.
fn lock(location: &StoreLocation) -> Result<StoreLock, AppError> {
    let StoreLocation::Sqlite(path) = location;
    StoreLock::take(path).map_err(|source| AppError::Store { place: location.to_string(), source })
}

/// Opens the configured store.
///
/// # Errors
/// When it cannot be opened or read.
pub async fn open(location: &StoreLocation) -> Result<SqliteStore, AppError> {
    let StoreLocation::Sqlite(path) = location;
    SqliteStore::open(path).await.map_err(|source| AppError::Store { place: location.to_string(), source })
}

/// Forgets what is older than the retention, every hour.
async fn prune(record: Record<SqliteStore>, retention: Retention, clock: Clock, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let ago = |span: Duration| clock.now().saturating_sub(span).unwrap_or(jiff::Timestamp::MIN);
        loop {
            match record.prune(ago(retention.messages), ago(retention.results)).await {
                Ok(true) if !stop.is_cancelled() => {}
                Ok(_) => break,
                Err(error) => {
                    warn!(%error, "could not forget what is older than the retention");
                    break;
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(PRUNE_EVERY) => {}
        }
    }
}
