//! From what went wrong on the wire to the words of a handoff.

use std::time::Duration;

use crate::model::{Command, Handoff, Phase, Reply, Unreachable};
use crate::net::dial::DialError;

/// What went wrong with a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It broke, or the server closed it.
    Lost(String),
    /// The server said nothing for this long.
    Silent(Duration),
    /// The server said something that is not SMTP.
    Gibberish(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost(how) | Self::Gibberish(how) => f.write_str(how),
            Self::Silent(limit) => write!(f, "the server did not answer within {limit:?}"),
        }
    }
}

impl Fault {
    /// The handoff that ends in this fault during `phase`.
    pub fn during(&self, phase: Phase) -> Handoff {
        let cause = match self {
            Self::Lost(_) => Unreachable::Tcp,
            Self::Silent(_) => Unreachable::Timeout,
            Self::Gibberish(_) => Unreachable::Protocol,
        };
        unreachable(cause, phase, self.to_string())
    }
}

/// The message never left, and no reply says why.
pub(super) fn unreachable(cause: Unreachable, phase: Phase, detail: impl Into<String>) -> Handoff {
    Handoff::Unreachable { cause, phase, detail: detail.into(), reply: None }
}

/// No connection, or no TLS on it.
pub(super) fn dialled(error: &DialError, phase: Phase) -> Handoff {
    let cause = match error {
        DialError::Dns(_) => Unreachable::Dns,
        DialError::Tcp(..) => Unreachable::Tcp,
        DialError::Tls(..) => Unreachable::Tls,
        DialError::Timeout(..) => Unreachable::Timeout,
    };
    unreachable(cause, phase, error.to_string())
}

/// The handoff that ends with a reply other than the wanted one.
pub(super) fn answered(command: Command, reply: Reply) -> Handoff {
    match reply.code {
        400..=499 => Handoff::Deferred { command, reply },
        // RFC 4954 §6: 530 and 535 speak of us, not of the message, whatever command they answer.
        530 | 535 if command != Command::Message => unwelcome(command, reply),
        500..=599 if command == Command::Auth => unwelcome(command, reply),
        500..=599 => Handoff::Refused { command, reply },
        code => Handoff::Unreachable {
            cause: Unreachable::Protocol,
            phase: command.phase(),
            detail: format!("the server answered {code} where that means nothing: {}", reply.text),
            reply: Some(reply),
        },
    }
}

/// The server wants other credentials, or (RFC 3207 §4: the same 530) TLS first.
fn unwelcome(command: Command, reply: Reply) -> Handoff {
    let wants_tls = reply.code == 530 && reply.text.to_ascii_uppercase().contains("STARTTLS");
    let (cause, what) = if wants_tls {
        (Unreachable::Tls, "the server demands TLS")
    } else {
        (Unreachable::Auth, "the server refused the credentials")
    };
    let what =
        if cause == Unreachable::Auth && command != Command::Auth { "the server demands credentials" } else { what };
    let detail = format!("{what}: {} {}", reply.code, reply.text);
    Handoff::Unreachable { cause, phase: command.phase(), detail, reply: Some(reply) }
}
