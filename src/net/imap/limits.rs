//! How long a server may take and how much it may say.

use std::time::Duration;

/// What is granted to a server before its session is given up. Every value is a hard bound: nothing a server sends makes
/// Landfall keep more, or wait longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For each address to connect to, and for the TLS handshake.
    pub connect: Duration,
    /// For the greeting, and for each command from its first byte to the tagged answer, however busy the server seems.
    pub command: Duration,
    /// Bytes of one response without its literals.
    pub line: usize,
    /// Bytes of one literal, as announced: a larger one ends the session before any of it is read.
    pub literal: usize,
    /// Bytes of everything that is sent in answer to one command.
    pub response: usize,
    /// Bytes of one message's header fields that [`Imap::headers`](crate::net::imap::Imap::headers) keeps; the rest is read and
    /// dropped, so that a stranger's message with a giant header costs the mailbox nothing.
    pub header: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            command: Duration::from_mins(1),
            line: 64 << 10,
            literal: 4 << 20,
            response: 64 << 20,
            header: 16 << 10,
        }
    }
}
