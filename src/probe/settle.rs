//! From what is known of a seed to its end: pure.
//!
//! The order of belief: a copy in a folder is worth more than any reply; a complete sweep without a copy proves that a message which
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
            (Some(sighting.folder.clone()), delivery(pending, sighting), late(pending, sighting))
        }
        Evidence::Handoff | Evidence::Swept | Evidence::Unreadable => (None, None, false),
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
        findings,
    }
}

/// From the end of the handoff to the arrival. Only an accepted handoff has an end that can be measured from.
fn delivery(pending: &Pending, sighting: &Sighting) -> Option<Duration> {
    let attempt = pending.attempt.as_ref()?;
    matches!(attempt.handoff, Handoff::Accepted { .. })
        .then(|| elapsed(attempt.ended_at, arrival(attempt.ended_at, sighting)))
}

fn late(pending: &Pending, sighting: &Sighting) -> bool {
    let Some((deadline, attempt)) = pending.deadline_at().zip(pending.attempt.as_ref()) else {
        return false;
    };
    arrival(attempt.ended_at, sighting) > deadline
}

/// When the copy arrived.
///
/// What Landfall saw within two seconds it measures by its own clock. Where it came by later (a poll, a restart), the receiver's INTERNALDATE
/// tells more: it has whole seconds and the receiver's clock, so a moment just before the handoff is the handoff, and one long before
/// it is a clock that is wrong and not believed.
fn arrival(handed_off: Timestamp, sighting: &Sighting) -> Timestamp {
    const AT_ONCE: Duration = Duration::from_secs(2);
    match sighting.arrived_at {
        Some(arrived) if elapsed(arrived, sighting.seen_at) > AT_ONCE && elapsed(arrived, handed_off) <= AT_ONCE => {
            arrived.max(handed_off)
        }
        _ => sighting.seen_at,
    }
}
