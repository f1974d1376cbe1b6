//! The HTTP side: `/metrics` for Prometheus, `/-/healthy` and `/-/ready` for whoever starts and stops the daemon, and one page for people.
//!
//! Everything is read from the current snapshot and the counters: a scrape or a page view causes no network and no store traffic, and two views
//! of the same moment cannot disagree. There is no login here, so nothing here changes anything: only GET and HEAD, and no request body.
//!
//! [`router`] says what is served, [`serve`] how connections are kept within bounds. `page` writes the HTML, `guard` is what every request and
//! every answer passes through.

mod guard;
mod page;
mod serve;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::sync::{Semaphore, watch};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tracing::error;

use crate::clock::Clock;
use crate::metrics::{Build, Exposition, Format, negotiate};
use crate::model::SharedSnapshot;

pub use serve::serve;

/// How many expositions and pages are written at once: each of a large installation takes some ten milliseconds of a core and
/// megabytes of memory. Further ones wait for their turn.
const AT_ONCE: usize = 2;

/// Whether the daemon does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is being built: the configuration is read, the store opened.
    Starting,
    /// It works.
    Ready,
    /// It was told to stop: nothing more is launched.
    Stopping,
}

impl Readiness {
    /// What `/-/ready` says.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "Landfall is not ready: it is starting, the store is not open yet.",
            Self::Ready => "Landfall is ready.",
            Self::Stopping => "Landfall is not ready: it is shutting down.",
        }
    }
}

/// What the handlers read.
#[derive(Clone, Debug)]
pub struct WebState {
    /// The state of everything.
    pub snapshot: SharedSnapshot,
    /// What `/metrics` gives.
    pub exposition: Arc<Exposition>,
    /// What `/-/ready` tells.
    pub readiness: watch::Receiver<Readiness>,
    /// For ages on the page, and for time limits.
    pub clock: Clock,
    /// Which program this is.
    pub build: Build,
}

#[derive(Clone, Debug)]
struct Inner {
    state: WebState,
    turns: Arc<Semaphore>,
}

/// Everything that is served.
pub fn router(state: WebState) -> Router {
    let clock = state.clock.clone();
    let inner = Inner { state, turns: Arc::new(Semaphore::new(AT_ONCE)) };
    Router::new()
        .route("/", get(index))
        .route("/style.css", get(style))
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(inner)
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(middleware::from_fn(guard::bodiless))
        .layer(middleware::from_fn_with_state(clock, guard::in_time))
        .layer(middleware::from_fn(guard::headers))
}

/// RFC 9110 §12.5.1: several Accept fields are one list.
fn accepted(headers: &HeaderMap) -> Format {
    let fields: Vec<_> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    negotiate(&fields.join(","))
}

async fn metrics(State(inner): State<Inner>, headers: HeaderMap) -> Response {
    let format = accepted(&headers);
    let exposition = Arc::clone(&inner.state.exposition);
    match inner.in_turn(move || exposition.render(format).ok()).await {
        Some(text) => ([(header::CONTENT_TYPE, format.content_type()), (header::VARY, "accept")], text).into_response(),
        None => broken("the metrics could not be written"),
    }
}

async fn index(State(inner): State<Inner>) -> Response {
    let state = inner.state.clone();
    let write = move || {
        let readiness = *state.readiness.borrow();
        page::index(&state.snapshot.load(), readiness, state.build, state.clock.now()).ok()
    };
    match inner.in_turn(write).await {
        Some(html) => Html(html).into_response(),
        None => broken("the page could not be written"),
    }
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css")).into_response()
}

async fn healthy() -> &'static str {
    "Landfall is healthy.\n"
}

async fn ready(State(inner): State<Inner>) -> Response {
    let readiness = *inner.state.readiness.borrow();
    let status = if readiness == Readiness::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{}\n", readiness.as_str())).into_response()
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "There is no such page. Try / or /metrics.\n").into_response()
}

async fn method_not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are served here.\n").into_response()
}

fn broken(what: &str) -> Response {
    error!(what, "request failed");
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{what}\n")).into_response()
}

impl Inner {
    /// Does `work` on a thread that may be kept busy, when it is its turn. `None` where it failed.
    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> Option<T> + Send + 'static) -> Option<T> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        // The turn goes along: a request that is given up does not stop its work, and must not let in another.
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        done.await.ok().flatten()
    }
}
