//! How long each phase of a handoff takes.

use jiff::Timestamp;

use crate::clock::{Clock, elapsed};
use crate::model::{Attempt, Handoff, Phase, Timings};

/// Runs from one phase to the next. Time spent in a phase adds up over several servers.
#[derive(Debug)]
pub(super) struct Timer<'a> {
    clock: &'a Clock,
    began_at: Timestamp,
    /// The phase it is in and when it entered it; `None` while stopped.
    current: Option<(Phase, Timestamp)>,
    ended_at: Timestamp,
    timings: Timings,
}

impl<'a> Timer<'a> {
    pub fn start(clock: &'a Clock) -> Self {
        let now = clock.now();
        Self { clock, began_at: now, current: None, ended_at: now, timings: Timings::default() }
    }

    pub fn enter(&mut self, phase: Phase) {
        self.stop();
        self.current = Some((phase, self.ended_at));
    }

    /// The result is known from here on; what follows (QUIT) counts for nothing.
    pub fn stop(&mut self) {
        let now = self.clock.now();
        if let Some((phase, since)) = self.current.take() {
            self.timings.add(phase, elapsed(since, now));
            self.ended_at = now;
        } else if self.timings.iter().next().is_none() {
            // No phase was reached at all.
            self.ended_at = now;
        }
    }

    /// The phase it is in.
    pub fn phase(&self) -> Phase {
        self.current.map_or(Phase::Connect, |(phase, _)| phase)
    }

    pub fn finish(mut self, handoff: Handoff) -> Attempt {
        self.stop();
        Attempt { began_at: self.began_at, ended_at: self.ended_at, handoff, timings: self.timings }
    }
}
