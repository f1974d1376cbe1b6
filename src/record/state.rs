//! What follows from what was said: the state before, and the state, the changes and the counts after.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::{error, info, warn};

use crate::model::{
    Attempt, Attempted, Bounce, Finding, Handoff, Lane, LaneState, MailboxFault, MailboxName, MailboxState, Next,
    Pending, Plan, ProviderName, ReloadState, Returned, RouteName, RouteState, Seed, Seen, Settled, Sighting, Snapshot,
    Stage, Timings, Token, Unreachable,
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
    /// The store could not be read.
    Unread,
}

/// An answer that waits for the store.
pub(super) enum Answer {
    Planned(Arc<Seed>, Reply<bool>),
    Resent(Token, Reply<bool>),
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
            Self::Planned(_, reply) | Self::Resent(_, reply) | Self::Effect(reply) => reply.give(Ok(took_effect)),
            Self::Bool(answer, reply) => reply.give(Ok(answer)),
            Self::Sighting(answer, reply) => reply.give(Ok(answer)),
            Self::Seen(answer, reply) => reply.give(Ok(answer)),
            Self::Returned(answer, reply) => reply.give(answer),
            Self::Done(reply) => reply.give(Ok(())),
            Self::Unreadable(error, reply) => reply.give(Err(error)),
        }
    }

    /// Says that it was not stored.
    pub(super) fn fail(self, error: &RecordError) {
        let error = error.clone();
        match self {
            Self::Planned(_, reply) | Self::Resent(_, reply) | Self::Effect(reply) | Self::Bool(_, reply) => {
                reply.give(Err(error));
            }
            Self::Sighting(_, reply) => reply.give(Err(error)),
            Self::Seen(_, reply) | Self::Unreadable(_, reply) => reply.give(Err(error)),
            Self::Returned(_, reply) => reply.give(Err(error)),
            Self::Done(reply) => reply.give(Err(error)),
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
            state.pending().insert(pending.seed.token, Arc::new(pending));
        }
        for settled in store.last_settled().await? {
            if let Some(lane) = state.lanes().get_mut(&settled.seed.lane) {
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

    /// What only the store could tell: a seed is pending once its row is new, and no longer ours once somebody else has sent it again.
    pub(super) fn effect(&mut self, answer: &Answer, took_effect: bool) {
        match answer {
            Answer::Planned(seed, _) if took_effect => {
                let pending =
                    Pending { seed: seed.clone(), stage: Stage::Sending, attempts: 0, attempt: None, sighting: None };
                self.pending().insert(seed.token, Arc::new(pending));
            }
            Answer::Resent(token, _) if !took_effect => {
                warn!("a seed that was to be tried again is no longer deferred in the store: another process has it");
                self.pending().remove(token);
            }
            _ => {}
        }
    }

    /// Takes one order.
    pub(super) async fn step<S: Store>(&mut self, said: &Said, store: &S, now: Timestamp) -> Step {
        match said {
            Said::Plan { seed, reply } => {
                Step::new(Answer::Planned(seed.clone(), reply.clone())).change(Change::Plan(seed.clone()))
            }
            Said::Resend { token, reply } => self.resend(*token, reply.clone()),
            Said::Attempted { attempted, reply } => self.attempted(attempted, reply.clone()),
            Said::Seen { token, sighting, reply } => self.seen(*token, sighting, store, reply.clone()).await,
            Said::Returned { token, bounce, late, reply } => {
                self.returned(*token, bounce.clone(), Finding::clone(late), store, reply.clone()).await
            }
            Said::Settle { settled, reply } => self.settle(settled, reply.clone()),
            Said::Advance { cursor, reply } => {
                Step::new(Answer::Done(reply.clone())).change(Change::Cursor(cursor.clone()))
            }
            Said::Deleted { id, digest, reply } => {
                Step::new(Answer::Done(reply.clone())).change(Change::Deleted { id: *id, digest: *digest })
            }
            Said::MailboxRead { mailbox, at, reply } => {
                self.mailbox(mailbox.clone(), |state| {
                    *state = MailboxState { up: Some(true), fault: None, last_read_at: Some(*at) };
                });
                Step::new(Answer::Done(reply.clone()))
            }
            Said::MailboxFailed { mailbox, fault, detail, down, reply } => {
                self.mailbox(mailbox.clone(), |state| {
                    state.fault = Some((*fault, detail.clone()));
                    if *down {
                        state.up = Some(false);
                    }
                });
                Step::new(Answer::Done(reply.clone())).event(Event::MailboxFault(mailbox.clone(), *fault))
            }
            Said::Stop { reply } => Step::new(Answer::Done(reply.clone())),
            Said::Prune { messages, results, reply } => Step::new(Answer::Effect(reply.clone()))
                .change(Change::Prune { messages: *messages, results: *results }),
            Said::Reloaded { successful, reply } => {
                let succeeded_at = if *successful { Some(now) } else { self.0.reload.succeeded_at };
                self.0.reload = ReloadState { successful: Some(*successful), succeeded_at };
                Step::new(Answer::Done(reply.clone()))
            }
        }
    }

    fn pending(&mut self) -> &mut BTreeMap<Token, Arc<Pending>> {
        Arc::make_mut(&mut self.0.pending)
    }

    fn lanes(&mut self) -> &mut BTreeMap<Lane, Arc<LaneState>> {
        Arc::make_mut(&mut self.0.lanes)
    }

    fn mailbox(&mut self, name: MailboxName, change: impl FnOnce(&mut MailboxState)) {
        change(Arc::make_mut(&mut self.0.mailboxes).entry(name).or_default());
    }

    fn resend(&mut self, token: Token, reply: Reply<bool>) -> Step {
        let Some(pending) = self
            .pending()
            .get_mut(&token)
            .filter(|pending| pending.sighting.is_none() && matches!(pending.stage, Stage::Deferred { .. }))
        else {
            return Step::new(Answer::Bool(false, reply));
        };
        let id = pending.seed.id;
        Arc::make_mut(pending).stage = Stage::Sending;
        Step::new(Answer::Resent(token, reply)).change(Change::Resend(id))
    }

    fn attempted(&mut self, attempted: &Attempted, reply: Reply<Option<Arc<Sighting>>>) -> Step {
        let Attempted { token, attempt, next } = attempted.clone();
        let Some(pending) = Arc::make_mut(&mut self.0.pending).get_mut(&token) else {
            return Step::new(Answer::Sighting(None, reply));
        };
        let route = pending.seed.lane.route.clone();
        // A message that could not be made says nothing about the route that it was meant for.
        if !matches!(attempt.handoff, Handoff::Unreachable { cause: Unreachable::Local, .. }) {
            Arc::make_mut(&mut self.0.routes).entry(route.clone()).or_default().last = Some(attempt.handoff.result());
        }
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

    async fn seen<S: Store>(&mut self, token: Token, sighting: &Arc<Sighting>, store: &S, reply: Reply<Seen>) -> Step {
        let sighting = sighting.clone();
        if self.0.pending.contains_key(&token)
            && let Some(pending) = self.pending().get_mut(&token)
        {
            return seen_pending(pending, sighting, reply);
        }
        let found = match store.find(token).await {
            Ok(found) => found.filter(|found| found.lane.mailbox == sighting.mailbox),
            Err(error) => {
                warn!(%error, "could not read the store");
                return Step::new(Answer::Unreadable(RecordError::from(&error), reply)).event(Event::Unread);
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
        if let Some(state) = Arc::make_mut(&mut self.0.lanes).get_mut(lane)
            && let Some(last) = state.last.as_ref().filter(|last| last.seed.token == token)
        {
            let mut settled = Settled::clone(last);
            settled.bounce = Some(bounce.clone());
            settled.findings.push(late.clone());
            *state = Arc::new(LaneState { provider: state.provider.clone(), last: Some(Arc::new(settled)) });
        }
    }

    fn settle(&mut self, settled: &Arc<Settled>, reply: Reply<bool>) -> Step {
        if !self.0.pending.contains_key(&settled.seed.token) {
            return Step::new(Answer::Bool(false, reply));
        }
        self.end(settled.clone(), Step::new(Answer::Bool(true, reply)))
    }

    fn end(&mut self, settled: Arc<Settled>, step: Step) -> Step {
        self.pending().remove(&settled.seed.token);
        if let Some(lane) = self.lanes().get_mut(&settled.seed.lane) {
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
    let mut lanes = BTreeMap::new();
    for (lane, _) in plan.lanes() {
        if let Some(mailbox) = plan.mailboxes.get(&lane.mailbox) {
            let provider = mailbox.provider.name.clone();
            lanes.insert(lane, Arc::new(LaneState { provider, last: None }));
        }
    }
    let mailboxes: BTreeMap<_, _> = plan.mailboxes.keys().map(|name| (name.clone(), MailboxState::default())).collect();
    let routes: BTreeMap<_, _> = plan.routes.keys().map(|name| (name.clone(), RouteState::default())).collect();
    Snapshot { lanes: lanes.into(), mailboxes: mailboxes.into(), routes: routes.into(), ..Snapshot::default() }
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
