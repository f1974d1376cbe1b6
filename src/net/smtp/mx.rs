//! Straight to the recipient domain's own servers (RFC 5321 §5.1), as a small MTA would.
//!
//! The hosts come from the domain's MX records in order of preference, or from the domain's own address where it has none. The next host is
//! tried as Postfix does it: when a host cannot be reached, when it says 4xx at any step (the other one may be less busy, or not
//! greylist), and when it *greets* with 5xx ("this host takes no mail from you", `smtp_skip_5xx_greeting`). A 5xx reply to a command
//! speaks of the message and is final, and so is a lost connection after the final dot: the message may have been accepted.
//!
//! A single MX record with an empty host is the null MX (RFC 7505): the domain says that it takes no mail at all.

use std::net::IpAddr;

use crate::model::{Command, Endpoint, Handoff, Phase, TlsMode, Unreachable};
use crate::net::dial::{DialError, Dialer};
use crate::net::dns::Exchange;
use crate::net::smtp::Limits;
use crate::net::smtp::fault::{dialled, unreachable};
use crate::net::smtp::submit::{Hop, Letter, submit};
use crate::net::smtp::timer::Timer;

/// Hosts that are tried, as Postfix's `smtp_mx_address_limit`.
const MAX_HOSTS: usize = 5;

/// How to speak to whichever host it will be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way<'a> {
    pub source: Option<IpAddr>,
    pub port: u16,
    pub helo: Option<&'a str>,
    pub limits: Limits,
}

/// Hands `letter` to the first exchange of its recipient's domain that takes or refuses it.
pub(super) async fn deliver(dialer: &Dialer, timer: &mut Timer<'_>, way: &Way<'_>, letter: &Letter<'_>) -> Handoff {
    timer.enter(Phase::Connect);
    let hosts = match hosts(dialer, &letter.envelope.to, way.limits).await {
        Ok(hosts) => hosts,
        Err(handoff) => return handoff,
    };
    let mut last: Option<Handoff> = None;
    for host in hosts {
        let server = Endpoint {
            host,
            port: way.port,
            tls: TlsMode::Opportunistic,
            ca_file: None,
            server_name: None,
            source: way.source,
        };
        let hop = Hop { server: &server, credentials: None, helo: way.helo, limits: way.limits };
        let handoff = submit(dialer, timer, &hop, letter).await;
        if !tries_next(&handoff) {
            return handoff;
        }
        tracing::debug!(
            host = server.host,
            result = handoff.result().as_str(),
            "mail exchange did not take the message"
        );
        // A host that answered says more than one that did not.
        if last.as_ref().is_none_or(|last| last.reply().is_none() || handoff.reply().is_some()) {
            last = Some(handoff);
        }
    }
    last.unwrap_or_else(|| unreachable(Unreachable::Dns, Phase::Connect, "the domain names no mail exchange"))
}

/// The hosts to try, best first.
async fn hosts(dialer: &Dialer, recipient: &str, limits: Limits) -> Result<Vec<String>, Handoff> {
    let domain = recipient.rsplit_once('@').map_or(recipient, |(_, domain)| domain);
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        // RFC 5321 §4.1.3.
        return Ok(vec![literal.strip_prefix("IPv6:").unwrap_or(literal).into()]);
    }
    let exchanges = tokio::time::timeout(limits.connect, dialer.resolver().exchanges(domain)).await;
    let exchanges = exchanges.map_err(|_| {
        let reason = format!("DNS did not say within {:?} who takes mail for {domain}", limits.connect);
        unreachable(Unreachable::Dns, Phase::Connect, reason)
    })?;
    let exchanges = exchanges.map_err(|error| dialled(&DialError::Dns(error), Phase::Connect))?;
    let hosts: Vec<_> = exchanges.iter().map(host).filter(|host| !host.is_empty()).take(MAX_HOSTS).collect();
    if hosts.is_empty() {
        let reason = format!("{domain} takes no mail: it has a null MX (RFC 7505)");
        return Err(unreachable(Unreachable::Dns, Phase::Connect, reason));
    }
    Ok(hosts)
}

fn host(exchange: &Exchange) -> String {
    exchange.host.trim_end_matches('.').into()
}

fn tries_next(handoff: &Handoff) -> bool {
    match handoff {
        Handoff::Accepted { .. } | Handoff::Ambiguous { .. } => false,
        Handoff::Refused { command, .. } => *command == Command::Greeting,
        Handoff::Deferred { .. } | Handoff::Unreachable { .. } => true,
    }
}
