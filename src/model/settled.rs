//! The end of a seed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Attempt, Bounce, Finding, Outcome, Reading, Seed};

/// A seed that has ended, with everything that was learned on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The seed.
    pub seed: Arc<Seed>,
    /// How it ended.
    pub outcome: Outcome,
    /// When that was said.
    pub settled_at: Timestamp,
    /// The last attempt to hand it off; `None` only where it was never tried.
    pub attempt: Option<Attempt>,
    /// The folder it was seen in, by its name for people.
    pub folder: Option<String>,
    /// From the end of the handoff to the arrival.
    pub delivery: Option<Duration>,
    /// It arrived, but after the deadline.
    pub late: bool,
    /// What the copy said; empty where there is none.
    pub reading: Reading,
    /// What its sender was told of it: with [`Outcome::Bounced`] that is how it ended; with another outcome the notification came after the end.
    pub bounce: Option<Bounce>,
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
}

impl Settled {
    /// Whether the probe wanted this; `None` where nobody could look.
    #[must_use]
    pub fn expected(&self) -> Option<bool> {
        self.seed.expect.met_by(self.outcome)
    }
}
