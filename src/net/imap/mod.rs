//! Reading test mailboxes (IMAP4rev1, RFC 3501), from servers that need not mean well.
//!
//! A session is [connected](Imap::connect) and logged in, lists its [folders](Imap::folders), which [`discover`] sorts into
//! inbox, tabs and junk, opens one [for reading](Imap::examine), looks at the [headers](Imap::headers) of new messages, takes a
//! [message](Imap::message) that turns out to be a seed, and waits for more in [IDLE](Imap::idle). Bytes become responses in
//! `frame`, responses become data in `scan` and `response`, and `session` runs commands.
//!
//! The protocol's traps, and what is done about each:
//! - A FETCH may be answered NO, BAD or not at all. The tagged answer of every command is looked at, so that "nothing new" is
//!   never confused with "could not look": the first makes a seed missing, the second only unobserved.
//! - A server may announce a literal of any size, send lines without end, nest lists ten thousand deep, or trickle one byte a
//!   minute. [`Limits`] bound each of them, and no parser here calls itself.
//! - Texts for people come in any encoding (QQ and NetEase write GBK). They are cleaned and cut, and never fail a response.
//! - Servers say anything at any time: new messages, removed ones, flags, capabilities. All is taken in, whatever the command is.
//!
//! The protocol is spoken here and not by the `async-imap` crate: of the above it turns NO into an empty list, waits for ever
//! when IDLE is refused, overflows its stack on nested lists, allows half a gigabyte, reparses a growing literal from its
//! start, and fails on a status text that is not ASCII. To guard against all that takes a second parser in front of it; this
//! one is all that is left to do.

mod capabilities;
mod command;
mod delete;
pub mod discover;
mod fault;
mod fetch;
mod folder;
mod frame;
mod idle;
mod limits;
mod login;
mod response;
mod scan;
mod session;
#[cfg(test)]
mod tests;

pub use capabilities::Capabilities;
pub use delete::Deleted;
pub use fault::{Fault, Refusal};
pub use fetch::{Header, Message, Opened};
pub use folder::Folder;
pub use idle::IdleEnd;
pub use limits::Limits;
pub use session::Imap;
