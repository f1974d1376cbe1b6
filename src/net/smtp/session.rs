//! The dialogue with one server, command by command.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::{Command, Handoff, Phase, Reply, Unreachable};
use crate::net::dial::Stream;
use crate::net::smtp::Limits;
use crate::net::smtp::extensions::Extensions;
use crate::net::smtp::fault::{Fault, answered, unreachable};
use crate::net::smtp::queue_id::queue_id;
use crate::net::smtp::submit::Letter;
use crate::net::smtp::timer::Timer;
use crate::net::smtp::wire::Wire;

/// How long a goodbye may take.
const QUIT: Duration = Duration::from_secs(1);
/// The message is sent in pieces of this many bytes, each with its own time limit.
const PIECE: usize = 16 * 1024;

/// A connection to a server that has not been told everything yet.
#[derive(Debug)]
pub(super) struct Session<'t, 'c> {
    pub wire: Wire,
    pub timer: &'t mut Timer<'c>,
    pub limits: Limits,
    /// What the last EHLO offered.
    pub extensions: Extensions,
    /// Under TLS.
    pub secured: bool,
}

impl<'t, 'c> Session<'t, 'c> {
    pub fn new(stream: Stream, secured: bool, limits: Limits, timer: &'t mut Timer<'c>) -> Self {
        Self { wire: Wire::new(stream), timer, limits, extensions: Extensions::default(), secured }
    }

    /// Sends one command and reads its reply, whatever it says.
    pub async fn ask(&mut self, line: &str) -> Result<Reply, Handoff> {
        self.wire.command(line, self.limits.command).await.map_err(|fault| fault.during(self.timer.phase()))
    }

    /// Reads the greeting (RFC 5321 §3.1).
    pub async fn greeting(&mut self) -> Result<(), Handoff> {
        let reply = self.wire.reply(self.limits.command).await;
        let reply = reply.map_err(|fault| fault.during(self.timer.phase()))?;
        if reply.code == 220 { Ok(()) } else { Err(answered(Command::Greeting, reply)) }
    }

    /// Says who is calling: EHLO, or HELO to a server that does not know it (RFC 5321 §3.2).
    pub async fn hello(&mut self, name: Option<&str>) -> Result<(), Handoff> {
        let name = name.map_or_else(|| own_name(self.wire.local_address()), str::to_owned);
        let reply = self.ask(&format!("EHLO {name}")).await?;
        self.extensions = match reply.code {
            250 => Extensions::parse(&reply.text),
            500..=599 => {
                let reply = self.ask(&format!("HELO {name}")).await?;
                if reply.code != 250 {
                    return Err(answered(Command::Ehlo, reply));
                }
                Extensions::default()
            }
            _ => return Err(answered(Command::Ehlo, reply)),
        };
        Ok(())
    }

    /// MAIL and RCPT.
    pub async fn envelope(&mut self, letter: &Letter<'_>) -> Result<(), Handoff> {
        self.timer.enter(Phase::Envelope);
        let parameters = self.parameters(letter)?;
        let reply = self.ask(&format!("MAIL FROM:<{}>{parameters}", letter.envelope.from)).await?;
        if !is_positive(&reply) {
            return Err(answered(Command::Mail, reply));
        }
        let reply = self.ask(&format!("RCPT TO:<{}>", letter.envelope.to)).await?;
        if is_positive(&reply) { Ok(()) } else { Err(answered(Command::Rcpt, reply)) }
    }

    /// Only what is needed: a parameter that a server does not know is a reason to refuse.
    fn parameters(&self, letter: &Letter<'_>) -> Result<String, Handoff> {
        let mut parameters = String::new();
        if self.extensions.size {
            parameters.push_str(&format!(" SIZE={}", letter.size));
        }
        if letter.eight_bit && self.extensions.eight_bit {
            parameters.push_str(" BODY=8BITMIME");
        }
        if !letter.envelope.from.is_ascii() || !letter.envelope.to.is_ascii() {
            if !self.extensions.utf8 {
                let reason = "an address is not ASCII and the server does not offer SMTPUTF8";
                return Err(unreachable(Unreachable::Protocol, Phase::Envelope, reason));
            }
            parameters.push_str(" SMTPUTF8");
        }
        Ok(parameters)
    }

    /// DATA, the message, and the verdict on it.
    pub async fn data(&mut self, letter: &Letter<'_>) -> Handoff {
        self.timer.enter(Phase::Data);
        match self.ask("DATA").await {
            Ok(reply) if reply.code == 354 => {}
            Ok(reply) => return answered(Command::Data, reply),
            Err(handoff) => return handoff,
        }
        if let Err(fault) = self.wire.listens() {
            return fault.during(Phase::Data);
        }
        for piece in letter.body.chunks(PIECE) {
            if let Err(fault) = self.wire.send(piece, self.limits.command).await {
                return self.interrupted(&fault).await;
            }
        }
        self.verdict().await
    }

    /// The connection broke before the end of the message, so nothing was accepted. A server that had enough may have said why.
    async fn interrupted(&mut self, fault: &Fault) -> Handoff {
        match self.wire.reply(QUIT.min(self.limits.command)).await {
            Ok(reply) if (400..=599).contains(&reply.code) => answered(Command::Message, reply),
            _ => fault.during(Phase::Data),
        }
    }

    /// The final dot: from its first byte on, the server may have accepted the message, and only its reply tells.
    async fn verdict(&mut self) -> Handoff {
        let limit = self.limits.data_end;
        let reply = match self.wire.send_end(b".\r\n", limit).await {
            Err((fault, false)) => return self.interrupted(&fault).await,
            Err((fault, true)) => Err(fault),
            Ok(()) => self.wire.reply(limit).await,
        };
        match reply {
            Ok(reply) if is_positive(&reply) => {
                let queue_id = queue_id(&reply.text);
                Handoff::Accepted { reply, queue_id }
            }
            Ok(reply) if (400..=599).contains(&reply.code) => answered(Command::Message, reply),
            Ok(reply) => Handoff::Ambiguous {
                detail: format!("the server answered the message with {} {}", reply.code, reply.text),
            },
            Err(fault) => Handoff::Ambiguous { detail: format!("after the end of the message: {fault}") },
        }
    }

    /// Ends the session, politely where the server can still be spoken to. Never takes longer than two seconds.
    pub async fn close(self, handoff: &Handoff) {
        self.timer.stop();
        let ours = matches!(handoff, Handoff::Unreachable { cause: Unreachable::Auth | Unreachable::Tls, .. });
        if handoff.reply().map_or(ours, |reply| reply.code != 421) {
            self.wire.quit(QUIT).await;
        }
    }
}

fn is_positive(reply: &Reply) -> bool {
    (200..=299).contains(&reply.code)
}

/// The host's own name where it is one that DNS could know, or else our address (RFC 5321 §4.1.4, §4.1.3).
fn own_name(address: Option<IpAddr>) -> String {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    let is_full = name.contains('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    match address {
        _ if is_full => name,
        Some(IpAddr::V4(address)) => format!("[{address}]"),
        Some(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        None => "localhost".into(),
    }
}
