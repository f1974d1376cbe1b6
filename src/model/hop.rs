//! One step of a message's way, as a server on it wrote it down.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What one Received field says (RFC 5321 §4.4). Who wrote it, and whether it is true, the field does not prove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The name behind `from`, as written. Most servers put the client's HELO name there, some the name its address has in DNS.
    pub from: Option<String>,
    /// What the client called itself: told apart from the name by some servers (`helo=`, `HELO`), and the same as it for the others.
    pub helo: Option<String>,
    /// The address the client connected from.
    pub ip: Option<IpAddr>,
    /// The server that wrote the field.
    pub by: Option<String>,
    /// How it got the message: `SMTP`, `ESMTPS`, ... (RFC 3848) in capitals, or other words as written.
    pub protocol: Option<String>,
    /// Present where the connection was encrypted.
    pub tls: Option<HopTls>,
    /// The server's name for the message.
    pub id: Option<String>,
    /// Whom it was for, without angle brackets.
    pub recipient: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
}

/// What a Received field tells of the encryption; nothing but the fact where the protocol alone says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopTls {
    /// Such as `TLSv1.3`, however it was spelt.
    pub version: Option<String>,
    /// As written.
    pub cipher: Option<String>,
}
