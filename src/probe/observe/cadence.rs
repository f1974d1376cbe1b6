//! What to look at next in a mailbox, and when: pure.
//!
//! IDLE tells about the inbox only, and not every server keeps its promise, so every folder a seed may land in is polled while seeds are
//! under way: every two seconds just after a handoff, then ever more slowly, up to the configured interval. A mailbox that
//! awaits nothing is looked at every five minutes, for late copies.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::elapsed;
use crate::model::{Pending, Stage};

/// The least time between two polls.
const SOON: Duration = Duration::from_secs(2);
/// The time between two polls of a mailbox that awaits nothing.
const QUIET: Duration = Duration::from_mins(5);

/// What can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The inbox, from where it was read to.
    Inbox,
    /// The other folders that seeds are known to land in.
    Folders,
    /// Every folder.
    Sweep,
}

/// When what was looked at last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    pub inbox: Option<Timestamp>,
    pub folders: Option<Timestamp>,
}

/// What is due now, or when to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Now(Look),
    At(Timestamp),
}

/// What is due in a mailbox to which the seeds `pending` are under way, to which the bounces of `returning` would come, and which is polled every
/// `poll`. Only its own seeds have a deadline here.
pub fn due<'a>(
    now: Timestamp,
    poll: Duration,
    looked: Looked,
    pending: impl Iterator<Item = &'a Pending> + Clone,
    returning: impl Iterator<Item = &'a Pending>,
) -> Due {
    let deadlines = pending.clone().filter(|seed| seed.sighting.is_none()).filter_map(Pending::deadline_at);
    if deadlines.clone().any(|deadline| deadline <= now) {
        return Due::Now(Look::Sweep);
    }
    let youngest = pending.chain(returning).filter_map(|seed| under_way_since(seed, now)).max();
    let interval = interval(now, poll, youngest);
    let inbox = next(looked.inbox, interval, now);
    let folders = youngest.map(|_| next(looked.folders, interval, now));
    if inbox <= now {
        return Due::Now(Look::Inbox);
    }
    if folders.is_some_and(|at| at <= now) {
        return Due::Now(Look::Folders);
    }
    Due::At(deadlines.chain(folders).fold(inbox, Timestamp::min))
}

fn under_way_since(seed: &Pending, now: Timestamp) -> Option<Timestamp> {
    match seed.stage {
        Stage::Sending => Some(now),
        Stage::Awaited { since } => Some(since),
        Stage::Deferred { .. } => None,
    }
}

fn interval(now: Timestamp, poll: Duration, youngest: Option<Timestamp>) -> Duration {
    match youngest {
        Some(since) => (elapsed(since, now) / 2).clamp(SOON.min(poll), poll),
        None => poll.max(QUIET),
    }
}

fn next(last: Option<Timestamp>, interval: Duration, now: Timestamp) -> Timestamp {
    match last {
        // A clock that was set back must not stop the looking.
        Some(last) if last <= now => last.saturating_add(interval).unwrap_or(Timestamp::MAX),
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Expectation, Lane, Seed, SeedId, Token};

    const POLL: Duration = Duration::from_secs(30);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn seed(stage: Stage) -> Pending {
        let lane = Lane { probe: "p".into(), route: "r".into(), mailbox: "m".into() };
        let seed = Seed {
            id: SeedId::derive(&lane, 0),
            token: Token::from_bytes([1; 16]),
            lane,
            provider: "generic".into(),
            expect: Expectation::default(),
            planned_at: at(0),
            deadline: Duration::from_mins(10),
            patience: Duration::from_mins(10),
        };
        Pending { seed: Arc::new(seed), stage, attempts: 1, attempt: None, sighting: None }
    }

    fn looked(inbox: i64, folders: i64) -> Looked {
        Looked { inbox: Some(at(inbox)), folders: Some(at(folders)) }
    }

    #[test]
    fn a_fresh_session_reads_the_inbox_first_and_then_the_folders() {
        let pending = [seed(Stage::Awaited { since: at(0) })];
        assert_eq!(due(at(0), POLL, Looked::default(), pending.iter(), [].iter()), Due::Now(Look::Inbox));
        let looked = Looked { inbox: Some(at(0)), folders: None };
        assert_eq!(due(at(0), POLL, looked, pending.iter(), [].iter()), Due::Now(Look::Folders));
    }

    #[test]
    fn polls_come_soon_after_a_handoff_and_then_ever_more_slowly() {
        let pending = [seed(Stage::Awaited { since: at(0) })];
        assert_eq!(due(at(0), POLL, looked(0, 0), pending.iter(), [].iter()), Due::At(at(2)));
        assert_eq!(due(at(20), POLL, looked(20, 20), pending.iter(), [].iter()), Due::At(at(30)));
        assert_eq!(due(at(500), POLL, looked(500, 500), pending.iter(), [].iter()), Due::At(at(530)));
    }

    #[test]
    fn a_mailbox_that_awaits_nothing_is_looked_at_rarely_and_only_its_inbox() {
        let none: [Pending; 0] = [];
        assert_eq!(due(at(0), POLL, looked(0, -900), none.iter(), [].iter()), Due::At(at(300)));
        let deferred = [seed(Stage::Deferred { retry_at: at(900) })];
        assert_eq!(due(at(0), POLL, looked(0, -900), deferred.iter(), [].iter()), Due::At(at(300)));
    }

    #[test]
    fn a_deadline_brings_the_sweep_unless_the_copy_is_in_hand() {
        let mut pending = [seed(Stage::Awaited { since: at(0) })];
        assert_eq!(due(at(599), POLL, looked(599, 599), pending.iter(), [].iter()), Due::At(at(600)));
        assert_eq!(due(at(600), POLL, looked(600, 600), pending.iter(), [].iter()), Due::Now(Look::Sweep));
        pending[0].sighting = Some(Arc::new(crate::model::Sighting {
            mailbox: "m".into(),
            folder: "INBOX".into(),
            kind: crate::model::FolderKind::Inbox,
            uid_validity: 1,
            uid: 1,
            arrived_at: None,
            seen_at: at(1),
            message: Arc::from(&b""[..]),
            truncated: false,
            tab: None,
        }));
        assert_ne!(due(at(600), POLL, looked(600, 600), pending.iter(), [].iter()), Due::Now(Look::Sweep));
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_looking() {
        let none: [Pending; 0] = [];
        assert_eq!(due(at(0), POLL, looked(86_400, 86_400), none.iter(), [].iter()), Due::Now(Look::Inbox));
    }
}
