//! Reading a test mailbox: one task a mailbox, one IMAP session, no command that changes anything but our own seeds.
//!
//! [`watch`] keeps a session open and tries again with growing pauses when it breaks; [`session`] looks at what is asked for, [`folder`] reads one
//! folder from where it was read to, [`expire`] deletes our own seeds in time; [`cadence`] says what to look at when; [`find`] tells seeds from the mail of others;
//! [`returned`] says what a bounce means for its seed.

mod cadence;
mod expire;
mod find;
mod folder;
mod returned;
mod session;
mod watch;

pub use find::Marks;
pub use session::Context;
pub use watch::Watch;
