//! Connections within bounds: so many at once, so long for a request to arrive, so long for an answer to be taken.
//!
//! `axum::serve` has no such bounds: whoever opens connections and sends one byte a minute ("slow loris"), or asks for a large
//! page and never reads it, would hold file descriptors and memory for ever.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use hyper::rt::{Sleep, Timer};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::clock::Clock;

/// Connections at once. Further ones wait in the listener's queue until one ends.
const CONNECTIONS: usize = 128;

/// From the start of a connection, or the end of an answer, to the end of the next request's header.
const HEADER_TIME: Duration = Duration::from_secs(30);

/// Longest header section of a request, in bytes. (No less than hyper's smallest buffer, 8 KiB.)
const HEADER_BYTES: usize = 16 * 1024;

/// After this a connection takes no further request.
const LIFE: Duration = Duration::from_mins(5);

/// After that, or after the call to stop, an answer under way has this long to be taken.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait after accepting a connection failed: mostly because there are too many open files, which does not end at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until `shutdown`, then lets answers under way be taken for 5 seconds, and returns when every
/// connection is closed.
pub async fn serve(listener: TcpListener, router: Router, clock: Clock, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, _)| (stream, place))
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, place)) => {
                let connection = connection(stream, router.clone(), clock.clone(), shutdown.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!(%error, "could not accept a web connection");
                clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Serves one connection to its end.
async fn connection(stream: TcpStream, router: Router, clock: Clock, shutdown: CancellationToken) {
    // Answers are written whole: waiting for more to send in the same packet helps nobody.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "could not set TCP_NODELAY");
    }
    let connection = http1::Builder::new()
        .timer(ClockTimer(clock.clone()))
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = &mut connection => return log(ended),
        () = shutdown.cancelled() => {}
        () = clock.sleep(LIFE) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        ended = &mut connection => log(ended),
        () = clock.sleep(GRACE) => debug!("a web connection was cut: its client did not take the answer"),
    }
}

/// A client that goes away or sends nonsense is its own business.
fn log(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        debug!(%error, "a web connection ended early");
    }
}

/// Our clock as hyper wants it. Its deadlines are instants, which are taken back to spans here.
struct ClockTimer(Clock);

impl Timer for ClockTimer {
    fn sleep(&self, span: Duration) -> Pin<Box<dyn Sleep>> {
        let clock = self.0.clone();
        Box::pin(ClockSleep(Box::pin(async move { clock.sleep(span).await })))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(self.now()))
    }
}

struct ClockSleep(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl Future for ClockSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}

impl Sleep for ClockSleep {}
