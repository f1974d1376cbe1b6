//! `landfall run`: the daemon.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::app;
use crate::cli::logging::LogArgs;
use crate::cli::{Output, Verdict};
use crate::clock::{Clock, Rng};

/// The most threads that do the daemon's work, besides those that wait for the disk: two cores carry thousands of mailboxes, and
/// every thread more costs memory.
const WORKERS: usize = 4;

/// Sends seeds and watches mailboxes until it is told to stop.
#[derive(Clone, Debug, Args)]
pub(super) struct RunArgs {
    /// The configuration.
    #[arg(long = "config.file", value_name = "FILE", default_value = "landfall.yaml")]
    config_file: PathBuf,
    /// Where to serve metrics, health and pages; `:9925` is every address of the host.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":9925")]
    listen_address: String,
    #[command(flatten)]
    log: LogArgs,
}

/// Runs the daemon.
pub(super) fn run(args: &RunArgs, out: &mut Output<'_>) -> Verdict {
    if let Err(error) = args.log.start("info") {
        return out.usage(&error);
    }
    let loaded = match app::load(&args.config_file) {
        Ok(loaded) => loaded,
        Err(errors) => return out.usage(&errors.to_string()),
    };
    for warning in &loaded.warnings {
        warn!(%warning, "configuration");
    }
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(WORKERS);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return out.usage(&format!("could not start the runtime: {error}")),
    };
    let verdict = runtime.block_on(async {
        let listener = match listen(&args.listen_address).await {
            Ok(listener) => listener,
            Err(error) => return out.usage(&error),
        };
        let stop = CancellationToken::new();
        if let Err(error) = stop_on_signals(&stop) {
            return out.usage(&format!("could not watch for signals: {error}"));
        }
        match app::run(loaded.config, listener, Clock::system(), Rng::system(), stop).await {
            Ok(()) => Verdict::Good,
            Err(error) => {
                error!(%error, "landfall cannot run");
                Verdict::Misused
            }
        }
    });
    // What still runs had its time.
    runtime.shutdown_background();
    verdict
}

/// Binds `[host]:port`; without a host every address, IPv6 and IPv4 where the host has both.
async fn listen(address: &str) -> Result<TcpListener, String> {
    let tries = match address.strip_prefix(':') {
        Some(port) => vec![format!("[::]:{port}"), format!("0.0.0.0:{port}")],
        None => vec![address.to_owned()],
    };
    let mut failure = String::new();
    for address in tries {
        match TcpListener::bind(&address).await {
            Ok(listener) => {
                let address = listener.local_addr().map_or(address, |at: SocketAddr| at.to_string());
                info!(address, "listening");
                return Ok(listener);
            }
            Err(error) => failure = format!("could not listen on {address}: {error}"),
        }
    }
    Err(failure)
}

/// SIGTERM and SIGINT stop; a second one ends the process at once, with the status that a shell gives to a process so ended.
pub(super) fn stop_on_signals(stop: &CancellationToken) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = stop.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => 143,
                _ = interrupt.recv() => 130,
            }
        };
        next().await;
        info!("told to stop; told again, landfall exits at once");
        stop.cancel();
        let status = next().await;
        warn!(status, "told to stop again: exiting at once");
        std::process::exit(status);
    });
    Ok(())
}
