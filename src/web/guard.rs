//! What every request and every answer passes through.

use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::clock::Clock;

/// How long an answer may take to be written.
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Nothing may be loaded but our own style sheet, nothing sent anywhere, and nobody may frame us: even markup that came from a mail
/// and was not escaped could do nothing.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Puts the headers on every answer.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Refuses a request with a body: no page here takes one. The connection is closed, so that the body is not read either.
pub(crate) async fn bodiless(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let close = [(header::CONNECTION, "close")];
    (StatusCode::PAYLOAD_TOO_LARGE, close, "No request body is taken here.\n").into_response()
}

/// Gives up on an answer that takes too long.
pub(crate) async fn in_time(State(clock): State<Clock>, request: Request, next: Next) -> Response {
    tokio::select! {
        response = next.run(request) => response,
        () = clock.sleep(REQUEST_TIME) => {
            (StatusCode::SERVICE_UNAVAILABLE, "The answer took too long.\n").into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::Method;
    use axum::middleware;
    use axum::routing::get;
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;
    use jiff::Timestamp;

    use super::*;

    #[tokio::test]
    async fn an_answer_that_never_comes_is_given_up() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let router = Router::new()
            .route("/", get(std::future::pending::<Response>))
            .layer(middleware::from_fn_with_state(clock.clone(), in_time));
        let request = Request::builder().method(Method::GET).uri("/").body(Body::empty()).unwrap();
        let answer = tokio::spawn(TowerToHyperService::new(router).call(request));
        tokio::task::yield_now().await;
        clock.advance(REQUEST_TIME - Duration::from_millis(1));
        tokio::task::yield_now().await;
        assert!(!answer.is_finished());
        clock.advance(Duration::from_millis(1));
        assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
