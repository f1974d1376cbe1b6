//! Handing one message to an SMTP server (RFC 5321), and saying exactly what became of it.
//!
//! A handoff is a dialogue of commands and three-digit replies: greeting, EHLO, perhaps STARTTLS (RFC 3207) and a second EHLO, perhaps AUTH
//! (RFC 4954), MAIL, RCPT, DATA, the message with a final dot, and one last reply. Until that last reply begins with `2`
//! the server has promised nothing; once it does, the message is the server's responsibility (RFC 5321 §4.2.5).
//!
//! The result is always a [`Handoff`](crate::model::Handoff), never an error: that a relay is down is what Landfall wants to know. Whom to call differs with the
//! step that failed, so each step keeps its own words:
//!
//! - a 5xx or 4xx reply is *refused* or *deferred*, with the command it answers;
//! - a name that does not resolve, a connection that fails or breaks, a handshake that fails, refused credentials, an answer that is not SMTP,
//!   and silence are *unreachable*, each with its cause and phase;
//! - only when the final dot was written and no verdict came back is it *ambiguous*: the server may have the message (RFC 1047).
//!   A connection lost any earlier is not, because a server must not deliver a message whose end it has not seen (RFC 5321 §4.1.1.4).
//!
//! The servers are not trusted: replies have bounded lines, length and time, and words that a server says out of turn end the dialogue. That
//! last rule also closes the STARTTLS injection (CVE-2011-0411), where somebody on the path adds plain text before the handshake
//! and the client takes it for something said under TLS.

mod auth;
mod body;
mod extensions;
mod fault;
mod mx;
mod queue_id;
mod reply;
mod session;
mod submit;
#[cfg(test)]
mod tests;
mod timer;
mod wire;

use std::time::Duration;

use crate::clock::Clock;
use crate::model::{Attempt, Envelope, Phase, Route, RouteKind, Unreachable};
use crate::net::dial::Dialer;

use fault::unreachable;
use submit::{Hop, Letter};
use timer::Timer;

/// Where a message is handed to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// One server, or the recipient's MX hosts.
    pub way: &'a RouteKind,
    /// The name in EHLO; the host's own name where `None`.
    pub helo: Option<&'a str>,
    /// How long each step may take.
    pub limits: Limits,
}

impl<'a> From<&'a Route> for Target<'a> {
    fn from(route: &'a Route) -> Self {
        Self { way: &route.kind, helo: route.helo.as_deref(), limits: Limits::default() }
    }
}

/// How long each step may take. The RFC's own times (RFC 5321 §4.5.3.2) suit a queue that has days; a probe would rather know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One TCP connection, with its name resolution, or one TLS handshake.
    pub connect: Duration,
    /// One command and its reply, the greeting, or 16 KiB of the message.
    pub command: Duration,
    /// The final dot and its reply: the server may scan the message before it answers.
    pub data_end: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(30), command: Duration::from_mins(1), data_end: Duration::from_mins(2) }
    }
}

/// Hands `message` to `to` and says what became of it. The message may have any line ends; the server gets CRLF.
///
/// Dropping the future closes the connection. Whoever drops it after the message was on its way must treat the seed as ambiguous.
pub async fn hand_over(
    dialer: &Dialer,
    clock: &Clock,
    to: &Target<'_>,
    envelope: &Envelope,
    message: &[u8],
) -> Attempt {
    let mut timer = Timer::start(clock);
    let body = body::on_the_wire(message);
    let letter = Letter { envelope, size: message.len(), eight_bit: !message.is_ascii(), body: &body };
    let handoff = match check(envelope, to.helo) {
        Err(reason) => unreachable(Unreachable::Protocol, Phase::Envelope, reason),
        Ok(()) => match to.way {
            RouteKind::Smtp { server, credentials } => {
                let hop = Hop { server, credentials: credentials.as_ref(), helo: to.helo, limits: to.limits };
                submit::submit(dialer, &mut timer, &hop, &letter).await
            }
            RouteKind::Mx { source, port } => {
                let way = mx::Way { source: *source, port: *port, helo: to.helo, limits: to.limits };
                mx::deliver(dialer, &mut timer, &way, &letter).await
            }
        },
    };
    timer.finish(handoff)
}

/// Addresses and names go into command lines: nothing in them may end the line or the angle brackets around an address.
fn check(envelope: &Envelope, helo: Option<&str>) -> Result<(), String> {
    let breaks = |c: char| c.is_control() || c.is_whitespace() || c == '<' || c == '>';
    for address in [&envelope.from, &envelope.to] {
        if address.contains(breaks) {
            return Err(format!("{address:?} is not an address: it holds a space, a bracket or a control character"));
        }
    }
    if let Some(helo) = helo.filter(|helo| helo.is_empty() || helo.contains(breaks)) {
        return Err(format!("{helo:?} is not a name to say in EHLO"));
    }
    if envelope.to.rsplit_once('@').is_none_or(|(local, domain)| local.is_empty() || domain.is_empty()) {
        return Err(format!("{:?} is not an address: it needs a part on either side of the @", envelope.to));
    }
    Ok(())
}
