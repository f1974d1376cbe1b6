//! The world's edges: everything that opens a socket.
//!
//! [`dial`] turns an [`Endpoint`](crate::model::Endpoint) into a connection, with names resolved by [`dns`] and certificates checked by
//! [`tls`]. Every step has a time-out and every answer a bounded size; an error says which step failed, because each has
//! a different person to call.

pub mod dial;
pub mod dns;
pub mod imap;
pub mod smtp;
pub mod tls;
