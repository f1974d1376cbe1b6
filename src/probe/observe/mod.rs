//! Reading a test mailbox: one task a mailbox, one IMAP session, no command that changes anything but our own seeds.
//!
//! [`watch`] keeps a session open and tries again with growing pauses when it breaks; [`session`] looks at folders and remembers
//! how far it read; [`cadence`] says what to look at when; [`find`] tells seeds from the mail of others; [`returned`] says what a
//! bounce means for its seed.

mod cadence;
mod find;
mod returned;
mod session;
mod watch;

pub use find::Marks;
pub use session::Context;
pub use watch::Watch;
