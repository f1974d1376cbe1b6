//! Handing over to scripted servers.

mod auth;
mod mx;
mod outcomes;
mod server;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::Clock;
use crate::model::{
    Attempt, Command, Credentials, Endpoint, Envelope, Handoff, Phase, RouteKind, TlsMode, Unreachable,
};
use crate::net::dial::Dialer;
use crate::net::dns::Resolver;
use crate::net::smtp::{Limits, Target, hand_over};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.hello\r\n";

/// Time enough for a busy machine, where nothing is meant to time out.
const PATIENT: Limits =
    Limits { connect: Duration::from_secs(20), command: Duration::from_secs(20), data_end: Duration::from_secs(20) };
/// Where something is.
const HASTY: Limits =
    Limits { connect: Duration::from_secs(20), command: Duration::from_secs(1), data_end: Duration::from_secs(1) };

fn endpoint(port: u16, tls: TlsMode) -> Endpoint {
    Endpoint { host: "127.0.0.1".into(), port, tls, ca_file: None, server_name: None, source: None }
}

fn envelope() -> Envelope {
    Envelope { from: "bounces@shop.example".into(), to: "seed@there.example".into() }
}

/// Asks `dns`, or a port where nobody is.
fn dialer(dns: Option<SocketAddr>) -> Dialer {
    let servers = [dns.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9)))];
    Dialer::new(Resolver::new(&servers, Duration::from_millis(300)).unwrap())
}

/// One handoff, with what may differ between tests.
struct Case {
    server: Endpoint,
    credentials: Option<Credentials>,
    envelope: Envelope,
    message: Vec<u8>,
    limits: Limits,
}

impl Case {
    fn new(port: u16, tls: TlsMode) -> Self {
        let (server, message) = (endpoint(port, tls), MESSAGE.to_vec());
        Self { server, credentials: None, envelope: envelope(), message, limits: PATIENT }
    }

    fn trusting(mut self, ca_file: PathBuf) -> Self {
        self.server.ca_file = Some(ca_file);
        self
    }

    fn hasty(mut self) -> Self {
        self.limits = HASTY;
        self
    }

    async fn run(&self) -> Attempt {
        let way = RouteKind::Smtp { server: self.server.clone(), credentials: self.credentials.clone() };
        let target = Target { way: &way, helo: Some("probe.example"), limits: self.limits };
        hand_over(&dialer(None), &Clock::system(), &target, &self.envelope, &self.message).await
    }

    async fn handoff(&self) -> Handoff {
        self.run().await.handoff
    }
}

/// A handoff in one line, for tables.
fn brief(handoff: &Handoff) -> String {
    let code = handoff.reply().map_or_else(String::new, |reply| format!(" {}", reply.code));
    match handoff {
        Handoff::Accepted { queue_id, .. } => format!("accepted{code} {}", queue_id.as_deref().unwrap_or("-")),
        Handoff::Refused { command, .. } | Handoff::Deferred { command, .. } => {
            format!("{}{code} {command:?}", handoff.result().as_str())
        }
        Handoff::Unreachable { cause, phase, .. } => format!("{}{code} {}", cause.as_str(), phase.as_str()),
        Handoff::Ambiguous { .. } => "ambiguous".into(),
    }
}

fn detail(handoff: &Handoff) -> &str {
    match handoff {
        Handoff::Unreachable { detail, .. } | Handoff::Ambiguous { detail } => detail,
        _ => panic!("{handoff:?}"),
    }
}
