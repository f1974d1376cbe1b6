//! What follows from what was said: the state before, and the state, the changes and the counts after.

use std::sync::Arc;

use jiff::Timestamp;
use tracing::{error, info, warn};

use crate::model::{
    Attempt, Attempted, Bounce, Finding, Handoff, Lane, LaneState, MailboxFault, MailboxName, MailboxState, Next,
    Pending, Plan, ProviderName, ReloadState, Returned, RouteName, Seed, Seen, Settled, Sighting, Snapshot, Stage,
    Timings, Token,
};
use crate::record::RecordError;
use crate::record::writer::{Reply, Said};
use crate::store::{Change, CopyRole, Store, StoreError};

/// The state of everything, owned by the writer.
#[derive(Clone, Debug)]
pub(super) struct State(Snapshot);

/// What follows from one order.
pub(super) struct Step {
    /// To be stored. The last one's effect is the answer's.
    pub(super) changes: Vec<Change>,
    /// To be counted once it is stored and has taken effect (a handoff happened in any case).
    pub(super) events: Vec<Event>,
    /// To be given once it is stored.
    pub(super) answer: Answer,
}

/// Something to count.
#[derive(Debug)]
pub(super) enum Event {
    HandedOff(RouteName, Attempt),
    Settled(Arc<Settled>),
    Late(Lane, ProviderName),
    Duplicate(Lane, ProviderName),
    MailboxFault(MailboxName, MailboxFault),
}

/// An answer that waits for the store.
pub(super) enum Answer {
    Planned(Arc<Seed>, Reply<bool>),
    Bool(bool, Reply<bool>),
    Effect(Reply<bool>),
    Sighting(Option<Arc<Sighting>>, Reply<Option<Arc<Sighting>>>),
    Seen(Seen, Reply<Seen>),
    Returned(Result<Returned, RecordError>, Reply<Returned>),
    Done(Reply<()>),
    Unreadable(RecordError, Reply<Seen>),
}

impl Answer {
    /// Gives it; whoever asked may have gone.
    pub(super) fn give(self, took_effect: bool) {
        match self {
            Self::Planned(_, reply) | Self::Effect(reply) => drop(reply.send(Ok(took_effect))),
            Self::Bool(answer, reply) => drop(reply.send(Ok(answer))),
            Self::Sighting(answer, reply) => drop(reply.send(Ok(answer))),
            Self::Seen(answer, reply) => drop(reply.send(Ok(answer))),
            Self::Returned(answer, reply) => drop(reply.send(answer)),
            Self::Done(reply) => drop(reply.send(Ok(()))),
            Self::Unreadable(error, reply) => drop(reply.send(Err(error))),
        }
    }

    /// Says that it was not stored.
    pub(super) fn fail(self, error: &RecordError) {
        let error = error.clone();
        match self {
            Self::Planned(_, reply) | Self::Effect(reply) | Self::Bool(_, reply) => drop(reply.send(Err(error))),
            Self::Sighting(_, reply) => drop(reply.send(Err(error))),
            Self::Seen(_, reply) | Self::Unreadable(_, reply) => drop(reply.send(Err(error))),
            Self::Returned(_, reply) => drop(reply.send(Err(error))),
            Self::Done(reply) => drop(reply.send(Err(error))),
        }
    }
}

impl Step {
    fn new(answer: Answer) -> Self {
        Self { changes: Vec::new(), events: Vec::new(), answer }
    }

    fn change(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    fn event(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }
}

impl State {
    /// What the store remembers, seen from `plan`. A seed that was being handed off when the last run ended is ambiguous now.
    pub(super) async fn restore<S: Store>(store: &S, plan: &Plan, now: Timestamp) -> Result<Self, StoreError> {
        let mut state = Self(empty(plan));
        let mut changes = Vec::new();
        for mut pending in store.unsettled().await? {
            if pending.stage == Stage::Sending {
                changes.push(interrupted(&mut pending, now));
            }
            state.0.pending.insert(pending.seed.token, Arc::new(pending));
        }
        for settled in store.last_settled().await? {
            if let Some(lane) = state.0.lanes.get_mut(&settled.seed.lane) {
                *lane = Arc::new(LaneState { provider: lane.provider.clone(), last: Some(Arc::new(settled)) });
            }
        }
        info!(pending = state.0.pending.len(), interrupted = changes.len(), "read the store");
        if !changes.is_empty() {
            let written = store.apply(&changes).await;
            if let Err(error) = &written {
                error!(%error, "could not write to the store");
            }
            state.writable(written.is_ok());
        }
        Ok(state)
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.0
    }

    pub(super) fn writable(&mut self, writable: bool) {
        self.0.store_writable = Some(writable);
    }

    /// What only the store could tell: a seed is pending once its row is new.
    pub(super) fn effect(&mut self, answer: &Answer, took_effect: bool) {
        if let Answer::Planned(seed, _) = answer
            && took_effect
        {
            let pending =
                Pending { seed: seed.clone(), stage: Stage::Sending, attempts: 0, attempt: None, sighting: None };
            self.0.pending.insert(seed.token, Arc::new(pending));
        }
    }

    /// Takes one order.
    pub(super) async fn step<S: Store>(&mut self, said: Said, store: &S, now: Timestamp) -> Step {
        match said {
            Said::Plan { seed, reply } => Step::new(Answer::Planned(seed.clone(), reply)).change(Change::Plan(seed)),
            Said::Resend { token, reply } => self.resend(token, reply),
            Said::Attempted { attempted, reply } => self.attempted(*attempted, reply),
            Said::Seen { token, sighting, reply } => self.seen(token, sighting, store, reply).await,
            Said::Returned { token, bounce, late, reply } => self.returned(token, bounce, *late, store, reply).await,
            Said::Settle { settled, reply } => self.settle(settled, reply),
            Said::Advance { cursor, reply } => Step::new(Answer::Done(reply)).change(Change::Cursor(cursor)),
            Said::Deleted { id, digest, reply } => {
                Step::new(Answer::Done(reply)).change(Change::Deleted { id, digest })
            }
            Said::MailboxRead { mailbox, at, reply } => {
                self.mailbox(mailbox, |state| {
                    *state = MailboxState { up: Some(true), fault: None, last_read_at: Some(at) };
                });
                Step::new(Answer::Done(reply))
            }
            Said::MailboxFailed { mailbox, fault, detail, down, reply } => {
                self.mailbox(mailbox.clone(), |state| {
                    state.fault = Some((fault, detail));
                    if down {
                        state.up = Some(false);
                    }
                });
                Step::new(Answer::Done(reply)).event(Event::MailboxFault(mailbox, fault))
            }
            Said::Stop { reply } => Step::new(Answer::Done(reply)),
            Said::Prune { messages, results, reply } => {
                Step::new(Answer::Effect(reply)).change(Change::Prune { messages, results })
            }
            Said::Reloaded { successful, reply } => {
                let succeeded_at = if successful { Some(now) } else { self.0.reload.succeeded_at };
                self.0.reload = ReloadState { successful: Some(successful), succeeded_at };
                Step::new(Answer::Done(reply))
            }
        }
    }

    fn mailbox(&mut self, name: MailboxName, change: impl FnOnce(&mut MailboxState)) {
        change(self.0.mailboxes.entry(name).or_default());
    }

    fn resend(&mut self, token: Token, reply: Reply<bool>) -> Step {
        let Some(pending) = self
            .0
            .pending
            .get_mut(&token)
            .filter(|pending| pending.sighting.is_none() && matches!(pending.stage, Stage::Deferred { .. }))
        else {
            return Step::new(Answer::Bool(false, reply));
        };
        let id = pending.seed.id;
        Arc::make_mut(pending).stage = Stage::Sending;
        Step::new(Answer::Bool(true, reply)).change(Change::Resend(id))
    }

    fn attempted(&mut self, attempted: Attempted, reply: Reply<Option<Arc<Sighting>>>) -> Step {
        let Attempted { token, attempt, next } = attempted;
        let Some(pending) = self.0.pending.get_mut(&token) else {
            return Step::new(Answer::Sighting(None, reply));
        };
        let route = pending.seed.lane.route.clone();
        self.0.routes.entry(route.clone()).or_default().last = Some(attempt.handoff.result());
        let pending = Arc::make_mut(pending);
        pending.attempts = pending.attempts.saturating_add(1);
        pending.attempt = Some(attempt.clone());
        // A copy is better evidence than any reply: with one in hand the seed is settled by where it was found.
        let (stage, end) = match (next, &pending.sighting) {
            (Next::Stage(stage), None) => (stage, None),
            (Next::End(settled), None) => (Stage::Awaited { since: attempt.ended_at }, Some(settled)),
            (_, Some(_)) => (Stage::Awaited { since: attempt.ended_at }, None),
        };
        pending.stage = stage;
        let change =
            Change::Attempt { id: pending.seed.id, attempt: attempt.clone(), attempts: pending.attempts, stage };
        let sighting = pending.sighting.clone();
        let step = Step::new(Answer::Sighting(sighting, reply)).change(change).event(Event::HandedOff(route, attempt));
        match end {
            Some(settled) => self.end(settled, step),
            None => step,
        }
    }

    async fn seen<S: Store>(&mut self, token: Token, sighting: Arc<Sighting>, store: &S, reply: Reply<Seen>) -> Step {
        if let Some(pending) = self.0.pending.get_mut(&token) {
            return seen_pending(pending, sighting, reply);
        }
        let found = match store.find(token).await {
            Ok(found) => found.filter(|found| found.lane.mailbox == sighting.mailbox),
            Err(error) => {
                warn!(%error, "could not read the store");
                return Step::new(Answer::Unreadable(RecordError::Store(error.to_string()), reply));
            }
        };
        let Some(found) = found else {
            return Step::new(Answer::Seen(Seen::Foreign, reply));
        };
        if found.digests.contains(&sighting.digest()) {
            return Step::new(Answer::Seen(Seen::Known, reply));
        }
        let provider = self.0.lanes.get(&found.lane).map_or_else(|| "unknown".into(), |lane| lane.provider.clone());
        let (seen, role, event) = if found.digests.is_empty() {
            (Seen::Late, CopyRole::Late, Event::Late(found.lane, provider))
        } else {
            (Seen::Duplicate, CopyRole::Duplicate, Event::Duplicate(found.lane, provider))
        };
        Step::new(Answer::Seen(seen, reply)).change(Change::Copy { id: found.id, sighting, role }).event(event)
    }

    async fn returned<S: Store>(
        &mut self,
        token: Token,
        bounce: Arc<Bounce>,
        late: Finding,
        store: &S,
        reply: Reply<Returned>,
    ) -> Step {
        if let Some(pending) = self.0.pending.get(&token) {
            let returned = match (&pending.sighting, pending.stage) {
                (Some(_), _) => Returned::Known,
                (None, Stage::Sending) => Returned::Early,
                (None, Stage::Deferred { .. } | Stage::Awaited { .. }) => Returned::Settles(pending.clone()),
            };
            return Step::new(Answer::Returned(Ok(returned), reply));
        }
        let found = match store.find(token).await {
            Ok(Some(found)) => found,
            Ok(None) => return Step::new(Answer::Returned(Ok(Returned::Foreign), reply)),
            Err(error) => {
                warn!(%error, "could not read the store");
                return Step::new(Answer::Returned(Err(RecordError::Store(error.to_string())), reply));
            }
        };
        if found.bounced || found.outcome.is_none() {
            return Step::new(Answer::Returned(Ok(Returned::Known), reply));
        }
        self.remember_bounce(token, &found.lane, &bounce, &late);
        let answer = Answer::Returned(Ok(Returned::Late(found.lane)), reply);
        Step::new(answer).change(Change::Bounced { id: found.id, bounce, finding: Box::new(late) })
    }

    /// Adds a late bounce to the lane's last result, where it is that seed's.
    fn remember_bounce(&mut self, token: Token, lane: &Lane, bounce: &Bounce, late: &Finding) {
        if let Some(state) = self.0.lanes.get_mut(lane)
            && let Some(last) = state.last.as_ref().filter(|last| last.seed.token == token)
        {
            let mut settled = Settled::clone(last);
            settled.bounce = Some(bounce.clone());
            settled.findings.push(late.clone());
            *state = Arc::new(LaneState { provider: state.provider.clone(), last: Some(Arc::new(settled)) });
        }
    }

    fn settle(&mut self, settled: Arc<Settled>, reply: Reply<bool>) -> Step {
        if !self.0.pending.contains_key(&settled.seed.token) {
            return Step::new(Answer::Bool(false, reply));
        }
        self.end(settled, Step::new(Answer::Bool(true, reply)))
    }

    fn end(&mut self, settled: Arc<Settled>, step: Step) -> Step {
        self.0.pending.remove(&settled.seed.token);
        if let Some(lane) = self.0.lanes.get_mut(&settled.seed.lane) {
            *lane = Arc::new(LaneState { provider: lane.provider.clone(), last: Some(settled.clone()) });
        }
        let step = if settled.late {
            step.event(Event::Late(settled.seed.lane.clone(), settled.seed.provider.clone()))
        } else {
            step
        };
        step.change(Change::Settle(settled.clone())).event(Event::Settled(settled))
    }
}

fn seen_pending(pending: &mut Arc<Pending>, sighting: Arc<Sighting>, reply: Reply<Seen>) -> Step {
    let (id, lane, provider) = (pending.seed.id, pending.seed.lane.clone(), pending.seed.provider.clone());
    if lane.mailbox != sighting.mailbox {
        return Step::new(Answer::Seen(Seen::Foreign, reply));
    }
    match &pending.sighting {
        // It was recorded, and then whoever found it could not settle it (a fault, a restart): again.
        Some(known) if known.digest() == sighting.digest() => {
            let seen = if pending.stage == Stage::Sending { Seen::Held } else { Seen::Settles(pending.clone()) };
            Step::new(Answer::Seen(seen, reply))
        }
        Some(_) => Step::new(Answer::Seen(Seen::Duplicate, reply))
            .change(Change::Copy { id, sighting, role: CopyRole::Duplicate })
            .event(Event::Duplicate(lane, provider)),
        None => {
            Arc::make_mut(pending).sighting = Some(sighting.clone());
            let seen = if pending.stage == Stage::Sending { Seen::Held } else { Seen::Settles(pending.clone()) };
            Step::new(Answer::Seen(seen, reply)).change(Change::Copy { id, sighting, role: CopyRole::First })
        }
    }
}

/// The snapshot of a plan of which nothing is known yet.
fn empty(plan: &Plan) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (lane, _) in plan.lanes() {
        if let Some(mailbox) = plan.mailboxes.get(&lane.mailbox) {
            let provider = mailbox.provider.name.clone();
            snapshot.lanes.insert(lane, Arc::new(LaneState { provider, last: None }));
        }
    }
    snapshot.mailboxes = plan.mailboxes.keys().map(|name| (name.clone(), MailboxState::default())).collect();
    snapshot.routes = plan.routes.keys().map(|name| (name.clone(), crate::model::RouteState::default())).collect();
    snapshot
}

/// The daemon ended while this seed was being handed off: nobody knows whether it left, and it is never sent again.
fn interrupted(pending: &mut Pending, now: Timestamp) -> Change {
    let attempt = Attempt {
        began_at: pending.seed.planned_at,
        ended_at: now,
        handoff: Handoff::Ambiguous { detail: "landfall was stopped during the handoff".into() },
        timings: Timings::default(),
    };
    pending.stage = Stage::Awaited { since: now };
    pending.attempts = pending.attempts.saturating_add(1);
    pending.attempt = Some(attempt.clone());
    Change::Attempt { id: pending.seed.id, attempt, attempts: pending.attempts, stage: pending.stage }
}
