//! Handing a composed seed to its route.

use crate::clock::Clock;
use crate::model::{Attempt, Envelope, Route};
use crate::net::dial::Dialer;
use crate::net::smtp::{Target, hand_over};

/// Hands `message` to `route` and says what became of it. A route that does not work is a result, not an error.
pub async fn send(dialer: &Dialer, clock: &Clock, route: &Route, envelope: &Envelope, message: &[u8]) -> Attempt {
    hand_over(dialer, clock, &Target::from(route), envelope, message).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::model::{Command, Endpoint, Handoff, Identity, RetryPolicy, RouteKind, TlsMode};
    use crate::net::dns::Resolver;

    #[tokio::test]
    async fn a_route_speaks_to_its_server_under_its_own_name() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let mut stream = BufReader::new(listener.accept().await.unwrap().0);
            stream.write_all(b"220 hi\r\n").await.unwrap();
            let mut hello = String::new();
            stream.read_line(&mut hello).await.unwrap();
            stream.write_all(b"450 4.3.2 later\r\n").await.unwrap();
            hello
        });
        let identity = Identity {
            name: "shop".into(),
            display_name: String::new(),
            from: "a@b.example".into(),
            envelope_from: "a@b.example".into(),
            dkim: None,
        };
        let (host, tls) = ("127.0.0.1".into(), TlsMode::None);
        let server_at = Endpoint { host, port, tls, ca_file: None, server_name: None, source: None };
        let route = Route {
            name: "relay".into(),
            identity: Arc::new(identity),
            kind: RouteKind::Smtp { server: server_at, credentials: None },
            helo: Some("mail.b.example".into()),
            retry: RetryPolicy::default(),
            connections: 1,
            bounces: None,
        };
        let dialer = Dialer::new(Resolver::new(&[], Duration::from_secs(1)).unwrap());
        let envelope = Envelope { from: "a@b.example".into(), to: "c@d.example".into() };
        let attempt = send(&dialer, &Clock::system(), &route, &envelope, b"Subject: x\r\n\r\n").await;
        assert!(matches!(attempt.handoff, Handoff::Deferred { command: Command::Ehlo, .. }), "{attempt:?}");
        assert_eq!(server.await.unwrap(), "EHLO mail.b.example\r\n");
    }
}
