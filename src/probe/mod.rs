//! The way of a seed: compose, hand off, observe, interpret, diagnose, settle.
//!
//! ```text
//! schedule -> compose -> (books: sending) -> send -> (books: awaited)        launch
//! mailbox watcher: new message -> token known? -> sighting                   observe
//! pending + sighting -> interpret -> diagnose -> settled                     settle (pure)
//! ```
//!
//! It is two halves joined by the token, because mail may take hours, the daemon may restart between, and one IMAP session serves
//! many seeds. Each stage is a module that knows no other; [`engine`] alone knows their order. What they share are two words: the
//! [`ledger`] where everything is written down, and the [`evidence`] on which a seed ends.

pub mod compose;
pub mod diagnose;
pub mod engine;
pub mod evidence;
pub mod interpret;
pub mod ledger;
mod observe;
pub mod send;
mod settle;
