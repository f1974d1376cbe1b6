//! What is due when: pure arithmetic, so that a restart neither forgets a slot nor fills one twice.
//!
//! Each lane has slots `every` apart on a grid that is fixed for all time and shifted by the lane's own name, so that a thousand lanes do not all
//! send on the minute. A slot's number is its time: it goes into the seed's id, and the store refuses a second seed with the same id.

use std::time::Duration;

use jiff::Timestamp;
use ring::digest;

use crate::model::Lane;

/// A moment at which a lane sends a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(Timestamp);

impl Slot {
    /// The last slot of `lane` at or before `now`: the one to fill at start-up, in case nobody did.
    #[must_use]
    pub fn current(lane: &Lane, every: Duration, now: Timestamp) -> Self {
        let step = step(every);
        let now = now.as_millisecond();
        let past = now.saturating_sub(offset(lane, step)).rem_euclid(step);
        Self::at_millisecond(now.saturating_sub(past))
    }

    /// A slot outside any schedule: a seed that somebody asked for at this moment.
    #[must_use]
    pub fn unscheduled(now: Timestamp) -> Self {
        Self(now)
    }

    /// The first slot after this one that is not before `now`: slots that passed while the daemon slept are not made up for.
    #[must_use]
    pub fn next(self, every: Duration, now: Timestamp) -> Self {
        let step = step(every);
        let at = self.0.as_millisecond();
        let missed = now.as_millisecond().saturating_sub(at).max(0) / step;
        Self::at_millisecond(at.saturating_add(missed.saturating_add(1).saturating_mul(step)))
    }

    /// When it is.
    #[must_use]
    pub fn at(self) -> Timestamp {
        self.0
    }

    /// Its number, for [`SeedId::derive`](crate::model::SeedId::derive).
    #[must_use]
    pub fn number(self) -> i64 {
        self.0.as_millisecond()
    }

    fn at_millisecond(at: i64) -> Self {
        Self(Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX))
    }
}

/// `every` in milliseconds, at least one.
fn step(every: Duration) -> i64 {
    i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1)
}

/// How far the grid of `lane` is shifted: from 0 to `step`, the same at every start.
fn offset(lane: &Lane, step: i64) -> i64 {
    let name = format!("{}\0{}\0{}", lane.probe, lane.route, lane.mailbox);
    let digest = digest::digest(&digest::SHA256, name.as_bytes());
    let number = digest.as_ref().iter().take(7).fold(0_i64, |number, byte| (number << 8) | i64::from(*byte));
    number.rem_euclid(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARTER: Duration = Duration::from_mins(15);

    fn lane(mailbox: &str) -> Lane {
        Lane { probe: "receipts".into(), route: "ses".into(), mailbox: mailbox.into() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_restart_within_a_slot_finds_the_same_slot() {
        let slot = Slot::current(&lane("a"), QUARTER, at("2026-03-01T12:00:00Z"));
        assert!(slot.at() <= at("2026-03-01T12:00:00Z"));
        assert_eq!(Slot::current(&lane("a"), QUARTER, slot.at()), slot);
        let end = slot.next(QUARTER, slot.at()).at();
        assert_eq!(Slot::current(&lane("a"), QUARTER, end - jiff::SignedDuration::from_millis(1)), slot);
        assert_ne!(Slot::current(&lane("a"), QUARTER, end), slot);
    }

    #[test]
    fn slots_that_passed_are_not_made_up_for() {
        let slot = Slot::current(&lane("a"), QUARTER, at("2026-03-01T12:00:00Z"));
        let next = slot.next(QUARTER, at("2026-03-01T18:00:00Z"));
        assert!(next.at() > at("2026-03-01T18:00:00Z") - jiff::SignedDuration::from_mins(1));
        assert!(next.at() <= at("2026-03-01T18:15:00Z"));
        assert_eq!((next.number() - slot.number()) % 900_000, 0);
    }

    #[test]
    fn a_clock_set_back_does_not_bring_the_past_back() {
        let slot = Slot::current(&lane("a"), QUARTER, at("2026-03-01T12:00:00Z"));
        assert!(slot.next(QUARTER, at("2026-02-01T00:00:00Z")) > slot);
    }

    #[test]
    fn lanes_are_spread_over_the_interval() {
        let now = at("2026-03-01T12:00:00Z");
        let slots: std::collections::BTreeSet<_> =
            (0..100).map(|n| Slot::current(&lane(&n.to_string()), QUARTER, now)).collect();
        assert!(slots.len() > 95, "{} different slots of 100", slots.len());
        let first_third = slots.iter().filter(|slot| now.duration_since(slot.at()).as_secs() < 300).count();
        assert!((15..55).contains(&first_third), "{first_third} of 100 in the first third");
    }
}
