//! Landfall tells a sender where its mail makes landfall: inbox, a tab, spam, refused, or lost.
//!
//! # The way of a seed
//!
//! A *seed* is one test message. A *lane* is a way for it: this probe, out by this route, to this mailbox.
//!
//! 1. A slot of the lane's schedule comes due. The seed gets an id made from lane and slot, and a token of 128 random bits that nobody can guess.
//! 2. It is written down, on disk, before its first byte leaves.
//! 3. Its message is composed, with the token in three places, and signed where the configuration says so.
//! 4. It is handed to the route by SMTP. The answer is one of five: accepted, refused, deferred, unreachable, ambiguous. A deferred seed is
//!    tried again; an ambiguous one never, because it may have left. Refused or unreachable is the end of it.
//! 5. Meanwhile each mailbox is watched over IMAP. A new message that carries a known token is a sighting: its bytes, its folder, its time.
//! 6. What the copy says is read: the receiver's verdicts on SPF, DKIM and DMARC, and its spam filter's headers.
//! 7. The seed is settled: inbox, category, spam or other by the folder of its copy; missing where a complete sweep after the deadline found
//!    none; unobserved where nobody could look.
//! 8. The single writer stores that, counts it, and publishes a new snapshot, from which the metrics and the page are derived.
//!
//! The first half (1 to 4) and the second (5 to 8) are joined by the token only: mail may take hours, the daemon may restart between, and
//! one IMAP session serves many seeds.
//!
//! # The modules, in reading order
//!
//! - [`model`]: the words above as plain data.
//! - [`clock`]: time and chance, which everything else is given.
//! - [`config`]: a YAML file in, a checked plan or all of its mistakes out.
//! - [`schedule`]: what is due when.
//! - [`syntax`]: text to value, one file a standard, for input that anybody may have written.
//! - [`net`]: DNS, TLS, SMTP and IMAP: everything that opens a socket.
//! - [`judge`]: our own verdicts on SPF, DKIM, ARC and DMARC, and where a copy came from.
//! - [`probe`]: the stages of a seed's way, and the engine that alone knows their order.
//! - [`store`]: the database, behind a contract that a test holds.
//! - [`record`]: the single writer; nobody else changes state.
//! - [`metrics`]: what Prometheus reads.
//! - [`web`]: `/metrics`, health, and a page for people.
//! - [`app`]: puts the parts together, starts and stops them.
//! - [`cli`]: the commands.
//!
//! `ARCHITECTURE.md` says which module may name which and why, and walks through what happens when things go wrong.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod judge;
pub mod metrics;
pub mod model;
pub mod net;
pub mod probe;
pub mod record;
pub mod schedule;
pub mod store;
pub mod syntax;
pub mod web;
