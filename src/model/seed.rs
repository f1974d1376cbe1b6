//! One test message, from the moment it is planned to the moment it is settled.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ring::digest;
use serde::Serialize;

use crate::model::{Attempt, Expectation, MailboxName, ProbeName, ProviderName, RouteName, Sighting, Token};

/// One way of a probe: this message, out by this route, to this mailbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Lane {
    /// The probe.
    pub probe: ProbeName,
    /// The way out.
    pub route: RouteName,
    /// Where it should arrive.
    pub mailbox: MailboxName,
}

/// The identity of a seed, derived from its lane and its slot in the schedule: planning the same slot twice gives the same id, which
/// the store refuses the second time, so that no restart and no second replica sends a seed again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeedId([u8; 16]);

impl SeedId {
    /// The id of the seed of `lane` in slot number `slot`.
    #[must_use]
    pub fn derive(lane: &Lane, slot: i64) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [lane.probe.as_str(), lane.route.as_str(), lane.mailbox.as_str()] {
            context.update(part.as_bytes());
            context.update(&[0]);
        }
        context.update(&slot.to_be_bytes());
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Self(id)
    }

    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|bits| Self(bits.to_be_bytes()))
    }
}

impl fmt::Display for SeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeedId({self})")
    }
}

impl Serialize for SeedId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One test message as it is planned. Everything here is known before its first byte leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Derived from lane and slot.
    pub id: SeedId,
    /// Unguessable; how the copy is recognised.
    pub token: Token,
    /// Probe, route and mailbox.
    pub lane: Lane,
    /// The receiver's profile.
    pub provider: ProviderName,
    /// What the probe accepts as good.
    pub expect: Expectation,
    /// When its slot came due.
    pub planned_at: Timestamp,
    /// How long after the handoff it may take before it is looked for everywhere and called missing.
    pub deadline: Duration,
    /// How long after the deadline its mailbox may stay unreadable before it is called unobserved.
    pub patience: Duration,
}

/// A seed that has not ended yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The seed.
    pub seed: Arc<Seed>,
    /// Where it is on its way.
    pub stage: Stage,
    /// How often it was handed to its route so far.
    pub attempts: u32,
    /// The last attempt.
    pub attempt: Option<Attempt>,
    /// A copy that was seen before the route's answer was recorded: mail is sometimes faster than its own acknowledgement.
    pub sighting: Option<Arc<Sighting>>,
}

/// Where a pending seed is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Stored, and being handed to its route.
    Sending,
    /// Deferred by the route; tried again at the given time.
    Deferred {
        /// When.
        retry_at: Timestamp,
    },
    /// Handed off (or ambiguous): awaited in its mailbox since the given time.
    Awaited {
        /// The end of the handoff.
        since: Timestamp,
    },
}

impl Pending {
    /// When a copy is late: `None` while it has not been handed off.
    #[must_use]
    pub fn deadline_at(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Awaited { since } => Some(later(since, self.seed.deadline)),
            Stage::Sending | Stage::Deferred { .. } => None,
        }
    }

    /// When waiting for an unreadable mailbox ends.
    #[must_use]
    pub fn gives_up_at(&self) -> Option<Timestamp> {
        self.deadline_at().map(|deadline| later(deadline, self.seed.patience))
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(probe: &str, route: &str, mailbox: &str) -> Lane {
        Lane { probe: probe.into(), route: route.into(), mailbox: mailbox.into() }
    }

    #[test]
    fn the_same_slot_has_the_same_id_and_any_other_another() {
        let id = SeedId::derive(&lane("p", "r", "m"), 7);
        assert_eq!(id, SeedId::derive(&lane("p", "r", "m"), 7));
        assert_ne!(id, SeedId::derive(&lane("p", "r", "m"), 8));
        assert_ne!(id, SeedId::derive(&lane("pr", "", "m"), 7));
        assert_ne!(SeedId::derive(&lane("a", "bc", "m"), 0), SeedId::derive(&lane("ab", "c", "m"), 0));
        assert_eq!(SeedId::parse(&id.to_string()), Some(id));
        assert_eq!(SeedId::parse("+0000000000000000000000000000001"), None);
    }
}
