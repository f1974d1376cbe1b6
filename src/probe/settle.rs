//! From what is known of a seed to its end: pure.
//!
//! The order of belief: a copy in a folder is worth more than any reply; a bounce proves that the message left and did not arrive; a complete sweep without a copy proves that a message which
//! the route accepted is missing, and that nobody can say whether an ambiguous one ever left; where nobody could look, nothing is claimed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::elapsed;
use crate::model::{Finding, Handoff, HandoffResult, Outcome, Pending, Reading, Settled, Sighting};
use crate::probe::evidence::Evidence;

/// How a seed ended for which there is this evidence.
#[must_use]
pub fn outcome(pending: &Pending, evidence: Evidence<'_>) -> Outcome {
    let handoff = pending.attempt.as_ref().map(|attempt| attempt.handoff.result());
    match (evidence, handoff) {
        (Evidence::Seen(sighting), _) => sighting.kind.outcome(),
        (Evidence::Bounced(_), _) => Outcome::Bounced,
        (Evidence::Unreadable, _) => Outcome::Unobserved,
        (_, Some(HandoffResult::Refused | HandoffResult::Deferred)) => Outcome::Refused,
        (_, Some(HandoffResult::Accepted)) => Outcome::Missing,
        (_, Some(HandoffResult::Unreachable | HandoffResult::Ambiguous) | None) => Outcome::Unsent,
    }
}

/// Puts the end of a seed together.
#[must_use]
pub fn settle(
    pending: &Pending,
    evidence: Evidence<'_>,
    reading: Reading,
    findings: Vec<Finding>,
    now: Timestamp,
) -> Settled {
    let (folder, delivery, late) = match evidence {
        Evidence::Seen(sighting) => {
            let place = sighting.tab.as_ref().unwrap_or(&sighting.folder);
            (Some(place.clone()), delivery(pending, sighting), late(pending, sighting))
        }
        Evidence::Bounced(_) | Evidence::Handoff | Evidence::Swept | Evidence::Unreadable => (None, None, false),
    };
    let bounce = match evidence {
        Evidence::Bounced(bounce) => Some(bounce.clone()),
        Evidence::Seen(_) | Evidence::Handoff | Evidence::Swept | Evidence::Unreadable => None,
    };
    Settled {
        seed: Arc::clone(&pending.seed),
        outcome: outcome(pending, evidence),
        settled_at: now,
        attempt: pending.attempt.clone(),
        folder,
        delivery,
        late,
        reading,
        bounce,
        findings,
    }
}

/// From the end of the handoff to the arrival. Only an accepted handoff has an end that can be measured from, and only a receiver's clock that agrees
/// with ours can be measured by.
fn delivery(pending: &Pending, sighting: &Sighting) -> Option<Duration> {
    let attempt = pending.attempt.as_ref()?;
    let accepted = matches!(attempt.handoff, Handoff::Accepted { .. });
    match arrival(attempt.ended_at, sighting) {
        Arrival::At(at) if accepted => Some(elapsed(attempt.ended_at, at)),
        Arrival::At(_) | Arrival::InTime => None,
    }
}

fn late(pending: &Pending, sighting: &Sighting) -> bool {
    let Some((deadline, attempt)) = pending.deadline_at().zip(pending.attempt.as_ref()) else {
        return false;
    };
    matches!(arrival(attempt.ended_at, sighting), Arrival::At(at) if at > deadline)
}

/// When a copy arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    /// Then, as far as the clocks tell.
    At(Timestamp),
    /// The receiver says before it was handed off: its clock is slow, or the relay answered late. It was in time, more is not known.
    InTime,
}

/// What Landfall saw within two seconds it measures by its own clock. Where it came by later (a poll, a sweep, a restart), the receiver's INTERNALDATE
/// tells more: it has whole seconds and the receiver's clock, so a moment just before the handoff is the handoff.
fn arrival(handed_off: Timestamp, sighting: &Sighting) -> Arrival {
    const CLOSE: Duration = Duration::from_secs(2);
    match sighting.arrived_at {
        Some(arrived) if elapsed(arrived, sighting.seen_at) <= CLOSE => Arrival::At(sighting.seen_at),
        Some(arrived) if elapsed(arrived, handed_off) <= CLOSE => Arrival::At(arrived.max(handed_off)),
        Some(_) => Arrival::InTime,
        None => Arrival::At(sighting.seen_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attempt, Expectation, FolderKind, Lane, Reply, Seed, SeedId, Stage, Timings, Token};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    /// Accepted (or not) at second 100; the deadline is a minute later.
    fn pending(handoff: Handoff) -> Pending {
        let lane = Lane { probe: "p".into(), route: "r".into(), mailbox: "m".into() };
        let seed = Seed {
            id: SeedId::derive(&lane, 0),
            token: Token::from_bytes([1; 16]),
            lane,
            provider: "generic".into(),
            expect: Expectation::default(),
            planned_at: at(0),
            deadline: Duration::from_mins(1),
            patience: Duration::from_mins(1),
        };
        let attempt = Attempt { began_at: at(99), ended_at: at(100), handoff, timings: Timings::default() };
        Pending {
            seed: Arc::new(seed),
            stage: Stage::Awaited { since: at(100) },
            attempts: 1,
            attempt: Some(attempt),
            sighting: None,
        }
    }

    fn accepted() -> Pending {
        pending(Handoff::Accepted { reply: Reply { code: 250, enhanced: None, text: String::new() }, queue_id: None })
    }

    fn ambiguous() -> Pending {
        pending(Handoff::Ambiguous { detail: "lost".into() })
    }

    fn sighting(arrived: Option<i64>, seen: i64) -> Sighting {
        Sighting {
            mailbox: "m".into(),
            folder: "INBOX".into(),
            kind: FolderKind::Inbox,
            tab: None,
            uid_validity: 1,
            uid: 1,
            arrived_at: arrived.map(at),
            seen_at: at(seen),
            message: Arc::from(&b""[..]),
            truncated: false,
        }
    }

    /// Delivery in seconds, and whether it is late.
    fn judged(pending: &Pending, arrived: Option<i64>, seen: i64) -> (Option<u64>, bool) {
        let sighting = sighting(arrived, seen);
        let settled = settle(pending, Evidence::Seen(&sighting), Reading::default(), Vec::new(), at(seen));
        (settled.delivery.map(|delivery| delivery.as_secs()), settled.late)
    }

    #[test]
    fn what_is_seen_at_once_is_measured_by_our_clock_and_what_is_seen_later_by_the_receivers() {
        assert_eq!(judged(&accepted(), Some(102), 103), (Some(3), false));
        assert_eq!(judged(&accepted(), Some(110), 150), (Some(10), false));
        assert_eq!(judged(&accepted(), None, 130), (Some(30), false));
        assert_eq!(judged(&accepted(), Some(99), 150), (Some(0), false), "whole seconds, cut");
    }

    #[test]
    fn late_is_what_arrived_late_and_not_what_was_looked_for_late() {
        assert_eq!(judged(&accepted(), Some(158), 400), (Some(58), false));
        assert_eq!(judged(&accepted(), Some(170), 400), (Some(70), true));
        assert_eq!(judged(&accepted(), Some(171), 172), (Some(72), true));
    }

    #[test]
    fn a_receivers_slow_clock_makes_neither_a_late_copy_nor_a_time() {
        assert_eq!(judged(&accepted(), Some(90), 400), (None, false));
    }

    #[test]
    fn an_ambiguous_handoff_has_no_end_to_measure_from() {
        assert_eq!(judged(&ambiguous(), Some(110), 111), (None, false));
        assert_eq!(judged(&ambiguous(), Some(300), 301), (None, true));
    }

    #[test]
    fn the_outcome_follows_the_order_of_belief() {
        let seen = sighting(None, 110);
        assert_eq!(outcome(&ambiguous(), Evidence::Seen(&seen)), Outcome::Inbox);
        assert_eq!(outcome(&accepted(), Evidence::Swept), Outcome::Missing);
        assert_eq!(outcome(&ambiguous(), Evidence::Swept), Outcome::Unsent);
        assert_eq!(outcome(&accepted(), Evidence::Unreadable), Outcome::Unobserved);
        assert_eq!(outcome(&ambiguous(), Evidence::Unreadable), Outcome::Unobserved);
        let reply = Reply { code: 450, enhanced: None, text: String::new() };
        let deferred = pending(Handoff::Deferred { command: crate::model::Command::Rcpt, reply });
        assert_eq!(outcome(&deferred, Evidence::Handoff), Outcome::Refused);
    }
}
