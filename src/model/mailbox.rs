//! How a test mailbox can fail to be read, and how far it was read.

use serde::Serialize;

use crate::model::MailboxName;

/// Why a mailbox could not be read. Each has a different remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MailboxFault {
    /// The server's name did not resolve.
    Dns,
    /// No TCP connection, or it broke.
    Tcp,
    /// The handshake failed or the certificate is not trusted.
    Tls,
    /// The credentials were refused, or could not be read.
    Auth,
    /// The server says it cannot now (RFC 5530 `[UNAVAILABLE]`, `* BYE`).
    Unavailable,
    /// The server says we ask too much (`[LIMIT]`, `[OVERQUOTA]`, "too many connections", "throttled").
    Throttled,
    /// The server said something that is not IMAP, or more than the limits allow.
    Protocol,
    /// The server did not answer in time.
    Timeout,
}

impl MailboxFault {
    /// Every fault.
    pub const ALL: [Self; 8] = [
        Self::Dns,
        Self::Tcp,
        Self::Tls,
        Self::Auth,
        Self::Unavailable,
        Self::Throttled,
        Self::Protocol,
        Self::Timeout,
    ];

    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Unavailable => "unavailable",
            Self::Throttled => "throttled",
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
        }
    }
}

/// How far a folder was read: every message with a UID below `uid_next` has been looked at, while the folder keeps `uid_validity`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The mailbox.
    pub mailbox: MailboxName,
    /// The folder's name on the wire (modified UTF-7).
    pub folder: String,
    /// The folder's UIDVALIDITY when it was read.
    pub uid_validity: u32,
    /// The lowest UID that has not been looked at.
    pub uid_next: u32,
}
