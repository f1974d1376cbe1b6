//! What a route answered when a seed was handed to it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A server's reply to an SMTP command (RFC 5321 §4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The three-digit reply code.
    pub code: u16,
    /// The enhanced status code (RFC 3463) such as `5.7.1`, where the server gave one.
    pub enhanced: Option<String>,
    /// The text after the codes, lines joined by a line feed. Bounded; bytes that are not UTF-8 (QQ and NetEase write GBK)
    /// are replaced, the codes are not lost with them.
    pub text: String,
}

/// The stages of a handoff that are timed and counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Name resolution, TCP, greeting and EHLO.
    Connect,
    /// STARTTLS or the implicit handshake, and the EHLO after it.
    Tls,
    /// AUTH.
    Auth,
    /// MAIL FROM and RCPT TO.
    Envelope,
    /// DATA, the message and its final reply.
    Data,
}

impl Phase {
    /// Every phase, in the order they happen.
    pub const ALL: [Self; 5] = [Self::Connect, Self::Tls, Self::Auth, Self::Envelope, Self::Data];

    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Envelope => "envelope",
            Self::Data => "data",
        }
    }
}

/// The command that a reply answers: finer than [`Phase`], because a 550 to MAIL blames the sender and one to RCPT the recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Command {
    /// No command yet: the server's greeting.
    #[serde(rename = "greeting")]
    Greeting,
    /// EHLO or HELO.
    Ehlo,
    /// STARTTLS.
    StartTls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, before the message.
    Data,
    /// The final dot: the reply to the message itself.
    #[serde(rename = "message")]
    Message,
}

impl Command {
    /// Every command, in the order they are sent.
    pub const ALL: [Self; 8] =
        [Self::Greeting, Self::Ehlo, Self::StartTls, Self::Auth, Self::Mail, Self::Rcpt, Self::Data, Self::Message];

    /// The phase it belongs to.
    #[must_use]
    pub fn phase(self) -> Phase {
        match self {
            Self::Greeting | Self::Ehlo => Phase::Connect,
            Self::StartTls => Phase::Tls,
            Self::Auth => Phase::Auth,
            Self::Mail | Self::Rcpt => Phase::Envelope,
            Self::Data | Self::Message => Phase::Data,
        }
    }
}

/// Why a route could not be reached. Each has a different person to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unreachable {
    /// The name did not resolve.
    Dns,
    /// No TCP connection, or it broke before the message was sent.
    Tcp,
    /// The TLS handshake failed, the certificate was not trusted, or STARTTLS was demanded and not offered.
    Tls,
    /// The server refused the credentials, or they could not be read.
    Auth,
    /// The server said something that is not SMTP.
    Protocol,
    /// The server did not answer in time.
    Timeout,
    /// Landfall could not make the message: a template or a signing key that cannot be used.
    Local,
}

impl Unreachable {
    /// Every cause.
    pub const ALL: [Self; 7] =
        [Self::Dns, Self::Tcp, Self::Tls, Self::Auth, Self::Protocol, Self::Timeout, Self::Local];

    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
            Self::Local => "local",
        }
    }
}

/// What became of one attempt to hand a seed to a route. Each variant holds the reply it is based on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum Handoff {
    /// The route took responsibility for the message (RFC 5321 §4.2.5).
    Accepted {
        /// The final reply.
        reply: Reply,
        /// The relay's queue id, where its reply tells one.
        queue_id: Option<String>,
    },
    /// A permanent no (5xx).
    Refused {
        /// What was refused.
        command: Command,
        /// How.
        reply: Reply,
    },
    /// A temporary no (4xx): greylisting, rate limits, trouble at the server. Retried, as an MTA would.
    Deferred {
        /// What was deferred.
        command: Command,
        /// How.
        reply: Reply,
    },
    /// The message never left.
    Unreachable {
        /// Whose fault it seems.
        cause: Unreachable,
        /// The phase in which it showed.
        phase: Phase,
        /// The error in words, with the reply where there was one.
        detail: String,
        /// The server's reply, where the cause is one (535 to AUTH).
        reply: Option<Reply>,
    },
    /// The connection was lost after the message had been sent and before the final reply: nobody knows whether it left.
    /// It is awaited, and never sent again.
    Ambiguous {
        /// How it was lost.
        detail: String,
    },
}

/// The bare result of a [`Handoff`], as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HandoffResult {
    /// See [`Handoff::Accepted`].
    Accepted,
    /// See [`Handoff::Refused`].
    Refused,
    /// See [`Handoff::Deferred`].
    Deferred,
    /// See [`Handoff::Unreachable`].
    Unreachable,
    /// See [`Handoff::Ambiguous`].
    Ambiguous,
}

impl HandoffResult {
    /// Every result.
    pub const ALL: [Self; 5] = [Self::Accepted, Self::Refused, Self::Deferred, Self::Unreachable, Self::Ambiguous];

    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Deferred => "deferred",
            Self::Unreachable => "unreachable",
            Self::Ambiguous => "ambiguous",
        }
    }
}

impl Handoff {
    /// The bare result.
    #[must_use]
    pub fn result(&self) -> HandoffResult {
        match self {
            Self::Accepted { .. } => HandoffResult::Accepted,
            Self::Refused { .. } => HandoffResult::Refused,
            Self::Deferred { .. } => HandoffResult::Deferred,
            Self::Unreachable { .. } => HandoffResult::Unreachable,
            Self::Ambiguous { .. } => HandoffResult::Ambiguous,
        }
    }

    /// The phase that decided it.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self {
            Self::Accepted { .. } | Self::Ambiguous { .. } => Phase::Data,
            Self::Refused { command, .. } | Self::Deferred { command, .. } => command.phase(),
            Self::Unreachable { phase, .. } => *phase,
        }
    }

    /// The command whose reply decided it, where it was a reply.
    #[must_use]
    pub fn command(&self) -> Option<Command> {
        match self {
            Self::Accepted { .. } => Some(Command::Message),
            Self::Refused { command, .. } | Self::Deferred { command, .. } => Some(*command),
            Self::Unreachable { .. } | Self::Ambiguous { .. } => None,
        }
    }

    /// The reply it is based on.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Accepted { reply, .. } | Self::Refused { reply, .. } | Self::Deferred { reply, .. } => Some(reply),
            Self::Unreachable { reply, .. } => reply.as_ref(),
            Self::Ambiguous { .. } => None,
        }
    }
}

/// How long each phase took. A phase that was not reached has no time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings([Option<Duration>; Phase::ALL.len()]);

impl Timings {
    /// Notes that `phase` took `spent`, in addition to what was noted before.
    pub fn add(&mut self, phase: Phase, spent: Duration) {
        for (known, slot) in Phase::ALL.into_iter().zip(&mut self.0) {
            if known == phase {
                *slot = Some(slot.unwrap_or_default().saturating_add(spent));
            }
        }
    }

    /// The phases that were reached, in order, with their times.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, Duration)> {
        Phase::ALL.into_iter().zip(self.0).filter_map(|(phase, time)| time.map(|time| (phase, time)))
    }

    /// The time of all phases together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.iter().map(|(_, time)| time).sum()
    }
}

/// One attempt to hand a seed to its route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub began_at: Timestamp,
    /// When it was over: from here delivery is measured.
    pub ended_at: Timestamp,
    /// What came of it.
    pub handoff: Handoff,
    /// How long each phase took.
    pub timings: Timings,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timings_add_up_and_leave_out_what_was_not_reached() {
        let mut timings = Timings::default();
        timings.add(Phase::Connect, Duration::from_millis(3));
        timings.add(Phase::Envelope, Duration::from_millis(4));
        timings.add(Phase::Connect, Duration::from_millis(2));
        let seen: Vec<_> = timings.iter().collect();
        assert_eq!(seen, [(Phase::Connect, Duration::from_millis(5)), (Phase::Envelope, Duration::from_millis(4))]);
        assert_eq!(timings.total(), Duration::from_millis(9));
    }

    #[test]
    fn json_says_the_result_beside_its_fields() {
        let reply = Reply { code: 550, enhanced: Some("5.7.1".into()), text: "no".into() };
        let refused = Handoff::Refused { command: Command::Rcpt, reply };
        let json = serde_json::to_value(&refused).unwrap();
        assert_eq!(json["result"], refused.result().as_str());
        assert_eq!(json["command"], "RCPT");
        assert_eq!(serde_json::from_value::<Handoff>(json).unwrap(), refused);
    }
}
