//! On what grounds a seed ends: the word that passes between whoever finds the grounds and whoever draws the conclusion.
//!
//! The watch over a mailbox finds a copy or a complete sweep without one; the engine knows that a handoff was final, or that nobody can look any
//! more. What follows from it is decided in one place, and neither of them needs to know where: each is handed a [`Conclude`].

use jiff::Timestamp;

use crate::model::{Bounce, Pending, Provider, Settled, Sighting};

/// Why a seed has ended.
#[derive(Clone, Copy, Debug)]
pub enum Evidence<'a> {
    /// A copy was found.
    Seen(&'a Sighting),
    /// The sender was told that it could not be delivered.
    Bounced(&'a Bounce),
    /// The route's answer was the end of it.
    Handoff,
    /// The deadline is over, and a complete sweep of all folders, begun after it, found no copy.
    Swept,
    /// The deadline is over, and so is the time to wait for a mailbox that cannot be read.
    Unreadable,
}

/// Turns a seed and the evidence into its end: interpret, diagnose, settle.
pub type Conclude = fn(&Pending, Evidence<'_>, &Provider, Timestamp) -> Settled;
