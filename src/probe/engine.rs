//! The order of the stages, and the tasks that run them.

mod leftovers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::clock::{Clock, NoEntropy, Rng};
use crate::model::{
    Attempt, Attempted, Handoff, Lane, MailboxName, Next, Pending, Phase, Plan, Probe, Provider, RetryPolicy, Route,
    RouteName, Seed, SeedId, Settled, Sighting, Stage, Timings, Token, Unreachable,
};
use crate::net::dial::Dialer;
use crate::probe::diagnose::{Case, diagnose};
use crate::probe::evidence::Evidence;
use crate::probe::ledger::{Ledger, LedgerError};
use crate::probe::observe::{Context, Marks, Watch};
use crate::probe::settle::{outcome, settle};
use crate::probe::{compose, interpret, send};
use crate::schedule::Slot;

/// How long to wait before a retry is tried again that could not be stored.
const BOOKS_PAUSE: Duration = Duration::from_mins(1);
/// The longest time between two looks at the clock: it may be set while we wait.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// The time between the first logins to two mailboxes. Hundreds at once hold far more memory than they need afterwards, which
/// the allocator does not give back, and look like an attack to a server that has all of them.
const LOGIN_EVERY: Duration = Duration::from_millis(5);

/// Sends seeds and watches mailboxes.
pub struct Engine<L> {
    plan: Arc<Plan>,
    ledger: L,
    dialer: Arc<Dialer>,
    clock: Clock,
    rng: Rng,
    /// How many seeds of each route may be in SMTP at once.
    gates: BTreeMap<RouteName, Semaphore>,
    /// Lanes whose seed waits for its route. One at a time: a route that cannot keep up leaves slots out and does not pile them up.
    waiting: Mutex<BTreeSet<Lane>>,
    wakes: BTreeMap<MailboxName, Arc<Notify>>,
}

/// Why a seed was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The books refuse it.
    #[error("could not store the seed before sending it: {0}")]
    Ledger(#[from] LedgerError),
    /// No token could be made.
    #[error(transparent)]
    Token(#[from] NoEntropy),
    /// The plan does not have this lane.
    #[error("there is no such lane")]
    NoLane,
}

impl<L: Ledger> Engine<L> {
    /// An engine for `plan` that has not begun.
    #[must_use]
    pub fn new(plan: Arc<Plan>, ledger: L, dialer: Arc<Dialer>, clock: Clock, rng: Rng) -> Arc<Self> {
        let gate = |route: &Arc<Route>| Semaphore::new(route.connections.max(1));
        let gates = plan.routes.iter().map(|(name, route)| (name.clone(), gate(route))).collect();
        let wakes = plan.mailboxes.keys().map(|name| (name.clone(), Arc::default())).collect();
        Arc::new(Self { plan, ledger, dialer, clock, rng, gates, waiting: Mutex::default(), wakes })
    }

    /// Sends every lane's seeds when they are due, and watches every mailbox, until `stop`; then finishes what is in SMTP.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        self.watch(&tasks, &stop);
        self.launch(&tasks, &stop).await;
        tasks.close();
        tasks.wait().await;
    }

    /// Watches every mailbox, takes up what the last run left, and gives up on seeds nobody can look for. Returns at once.
    pub fn watch(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let marks = Arc::new(Marks::of(&self.plan));
        let mut wait = Duration::ZERO;
        for (name, mailbox) in &self.plan.mailboxes {
            let context = Context {
                mailbox: mailbox.clone(),
                marks: marks.clone(),
                returns: Arc::new(self.plan.bouncing_to(name)),
                ledger: self.ledger.clone(),
                dialer: self.dialer.clone(),
                clock: self.clock.clone(),
                conclude,
            };
            let wake = self.wakes.get(name).cloned().unwrap_or_default();
            let watch = Watch::new(context, self.rng.clone(), wake);
            let (clock, stop) = (self.clock.clone(), stop.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = clock.sleep(wait) => {}
                }
                watch.run(stop).await;
            });
            wait = wait.saturating_add(LOGIN_EVERY);
        }
        for pending in self.ledger.snapshot().pending.values() {
            tasks.spawn(self.clone().take_up(pending.clone(), stop.clone()));
        }
        tasks.spawn(self.clone().reap(stop.clone()));
    }

    /// Sends the current slot's seed of every lane that has none yet, then each slot's as it comes.
    async fn launch(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let mut due = self.schedule();
        while let Some(((slot, lane), probe)) = due.pop_first() {
            let now = self.clock.now();
            let upcoming = Slot::current(&lane, probe.every, now).next(probe.every, now);
            if slot.at() <= now {
                due.insert((upcoming, lane.clone()), probe);
                tasks.spawn(self.clone().send_in_turn(lane, slot, stop.clone()));
                continue;
            }
            if slot > upcoming {
                // The clock was ahead and has been set right. That must not mean silence until it gets there again; no slot is filled twice by it.
                due = self.schedule();
                continue;
            }
            due.insert((slot, lane), probe);
            let look_again = now.saturating_add(LOOK_EVERY).unwrap_or(Timestamp::MAX);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_until(slot.at().min(look_again)) => {}
            }
        }
        stop.cancelled().await;
    }

    /// The current slot of every lane.
    fn schedule(&self) -> BTreeMap<(Slot, Lane), Arc<Probe>> {
        let now = self.clock.now();
        let slot = |lane: Lane, probe: &Arc<Probe>| ((Slot::current(&lane, probe.every, now), lane), probe.clone());
        self.plan.lanes().map(|(lane, probe)| slot(lane, probe)).collect()
    }

    /// Sends a scheduled seed, unless the one before it still waits for the route.
    async fn send_in_turn(self: Arc<Self>, lane: Lane, slot: Slot, stop: CancellationToken) {
        let Lane { probe, route, mailbox } = &lane;
        if !self.waiting().insert(lane.clone()) {
            warn!(%probe, %route, %mailbox, "the route cannot keep up: a slot is left out");
            return;
        }
        if let Err(error) = self.send(&lane, slot, &stop).await {
            warn!(%probe, %route, %mailbox, %error, "a seed was not sent");
        }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeSet<Lane>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one seed of `lane`, with its retries, and gives its token; `None` where this slot has its seed already, or `stop` came first. Returns
    /// when the handoff is over; the copy is the watch's business.
    ///
    /// # Errors
    /// When the seed could not be stored first, and so was not sent.
    pub async fn send(&self, lane: &Lane, slot: Slot, stop: &CancellationToken) -> Result<Option<Token>, NotSent> {
        let gate = self.gates.get(&lane.route).ok_or(NotSent::NoLane)?;
        let permit = turn(gate, stop).await;
        self.waiting().remove(lane);
        let Some(permit) = permit else {
            return Ok(None);
        };
        let seed = Arc::new(self.seed(lane, slot)?);
        if !self.ledger.plan(seed.clone()).await? {
            return Ok(None);
        }
        let retry_at = self.attempt(&seed, 0).await?;
        drop(permit);
        if let Some(at) = retry_at {
            self.retry(&seed, at, 1, stop).await?;
        }
        Ok(Some(seed.token))
    }

    fn seed(&self, lane: &Lane, slot: Slot) -> Result<Seed, NotSent> {
        let probe = self.plan.probes.get(&lane.probe).ok_or(NotSent::NoLane)?;
        let mailbox = self.plan.mailboxes.get(&lane.mailbox).ok_or(NotSent::NoLane)?;
        Ok(Seed {
            id: SeedId::derive(lane, slot.number()),
            token: Token::from_bytes(self.rng.bytes()?),
            lane: lane.clone(),
            provider: mailbox.provider.name.clone(),
            expect: probe.expect.clone(),
            planned_at: self.clock.now(),
            deadline: probe.deadline,
            patience: probe.patience,
        })
    }

    /// Hands a stored seed to its route once, after `before` earlier attempts. Gives the time of the retry, where there is to be one.
    async fn attempt(&self, seed: &Arc<Seed>, before: u32) -> Result<Option<Timestamp>, LedgerError> {
        let attempt = self.hand_off(seed).await;
        let (lane, result) = (&seed.lane, attempt.handoff.result());
        debug!(route = %lane.route, mailbox = %lane.mailbox, result = result.as_str(), duration_ms = attempt.timings.total().as_millis(), "handed off a seed");
        let retry = self.plan.routes.get(&lane.route).map(|route| route.retry).unwrap_or_default();
        let (next, retry_at) = match stage_after(&attempt, before, retry) {
            Some(stage @ Stage::Deferred { retry_at }) => (Next::Stage(stage), Some(retry_at)),
            Some(stage) => (Next::Stage(stage), None),
            None => (Next::End(Arc::new(self.ended(seed, &attempt, before))), None),
        };
        let seen = self.ledger.attempted(Attempted { token: seed.token, attempt, next }).await?;
        if let Some(sighting) = seen {
            self.conclude_seen(seed.token, &sighting).await?;
            return Ok(None);
        }
        let bounces = self.plan.routes.get(&lane.route).and_then(|route| route.bounces.as_ref());
        for wake in [Some(&lane.mailbox), bounces].into_iter().flatten().filter_map(|name| self.wakes.get(name)) {
            wake.notify_one();
        }
        Ok(retry_at)
    }

    /// Tries a deferred seed again until it is taken, refused, or found. Books that cannot be kept now only put it off.
    async fn retry(
        &self,
        seed: &Arc<Seed>,
        mut at: Timestamp,
        mut before: u32,
        stop: &CancellationToken,
    ) -> Result<(), LedgerError> {
        let Some(gate) = self.gates.get(&seed.lane.route) else {
            return self.give_up(seed).await;
        };
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.clock.sleep_until(at) => {}
            }
            let Some(_permit) = turn(gate, stop).await else {
                return Ok(());
            };
            match self.ledger.resend(seed.token).await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    warn!(seed = %seed.id, %error, "could not store a retry: put off");
                    at = self.clock.now().saturating_add(BOOKS_PAUSE).unwrap_or(Timestamp::MAX);
                    continue;
                }
            }
            match self.attempt(seed, before).await? {
                Some(next) => at = next,
                None => return Ok(()),
            }
            before = before.saturating_add(1);
        }
    }

    /// Ends a deferred seed whose route is no longer configured: by its last reply.
    async fn give_up(&self, seed: &Seed) -> Result<(), LedgerError> {
        let snapshot = self.ledger.snapshot();
        let Some(pending) = snapshot.pending.get(&seed.token) else {
            return Ok(());
        };
        self.ledger.settle(Arc::new(self.conclude(pending, Evidence::Handoff))).await.map(drop)
    }

    /// Composes and sends. What cannot be composed does not leave, and says why.
    async fn hand_off(&self, seed: &Seed) -> Attempt {
        let began_at = self.clock.now();
        let (plan, lane) = (&self.plan, &seed.lane);
        let parts = (plan.probes.get(&lane.probe), plan.routes.get(&lane.route), plan.mailboxes.get(&lane.mailbox));
        let (Some(probe), Some(route), Some(mailbox)) = parts else {
            return self.not_made(began_at, "its probe, route or mailbox is no longer configured".into());
        };
        let identity = probe.identity.as_ref().unwrap_or(&route.identity);
        match compose::compose(seed, identity, &mailbox.address, &probe.message, &probe.header, began_at) {
            Ok(message) => send::send(&self.dialer, &self.clock, route, &message.envelope, &message.bytes).await,
            Err(error) => self.not_made(began_at, error.to_string()),
        }
    }

    fn not_made(&self, began_at: Timestamp, detail: String) -> Attempt {
        warn!(%detail, "could not make a seed");
        let handoff = Handoff::Unreachable { cause: Unreachable::Local, phase: Phase::Connect, detail, reply: None };
        Attempt { began_at, ended_at: self.clock.now(), handoff, timings: Timings::default() }
    }

    /// The end of a seed whose handoff was the end of it.
    fn ended(&self, seed: &Arc<Seed>, attempt: &Attempt, before: u32) -> Settled {
        let pending = Pending {
            seed: seed.clone(),
            stage: Stage::Awaited { since: attempt.ended_at },
            attempts: before.saturating_add(1),
            attempt: Some(attempt.clone()),
            sighting: None,
        };
        self.conclude(&pending, Evidence::Handoff)
    }

    fn conclude(&self, pending: &Pending, evidence: Evidence<'_>) -> Settled {
        let unknown = Provider::unknown(pending.seed.provider.clone());
        let mailbox = self.plan.mailboxes.get(&pending.seed.lane.mailbox);
        let provider = mailbox.map_or(&unknown, |mailbox| &mailbox.provider);
        conclude(pending, evidence, provider, self.clock.now())
    }

    /// Settles a seed by a copy that was seen before it could be settled.
    async fn conclude_seen(&self, token: Token, sighting: &Sighting) -> Result<(), LedgerError> {
        let snapshot = self.ledger.snapshot();
        let Some(pending) = snapshot.pending.get(&token) else {
            return Ok(());
        };
        self.ledger.settle(Arc::new(self.conclude(pending, Evidence::Seen(sighting)))).await.map(drop)
    }
}

/// Waits for a turn at the route; `None` where `stop` came first, even with a turn to be had.
async fn turn<'a>(gate: &'a Semaphore, stop: &CancellationToken) -> Option<SemaphorePermit<'a>> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        permit = gate.acquire() => permit.ok(),
    }
}

/// Where a seed is after `attempt`, the attempts `before` it counted; `None` where that was the end of it.
fn stage_after(attempt: &Attempt, before: u32, retry: RetryPolicy) -> Option<Stage> {
    match attempt.handoff {
        Handoff::Accepted { .. } | Handoff::Ambiguous { .. } => Some(Stage::Awaited { since: attempt.ended_at }),
        Handoff::Deferred { .. } if before < retry.times => {
            let retry_at = attempt.ended_at.saturating_add(retry.interval).unwrap_or(Timestamp::MAX);
            Some(Stage::Deferred { retry_at })
        }
        Handoff::Deferred { .. } | Handoff::Refused { .. } | Handoff::Unreachable { .. } => None,
    }
}

/// The end of a seed for which there is this evidence: what its copy says, what is wrong with it, and how it ended.
fn conclude(pending: &Pending, evidence: Evidence<'_>, provider: &Provider, now: Timestamp) -> Settled {
    let sighting = match evidence {
        Evidence::Seen(sighting) => Some(sighting),
        Evidence::Bounced(_) | Evidence::Handoff | Evidence::Swept | Evidence::Unreadable => None,
    };
    let reading = sighting.map(|sighting| interpret::read(sighting.headers(), provider)).unwrap_or_default();
    let outcome = outcome(pending, evidence);
    let bounce = match evidence {
        Evidence::Bounced(bounce) => Some(bounce),
        Evidence::Seen(_) | Evidence::Handoff | Evidence::Swept | Evidence::Unreadable => None,
    };
    let findings = diagnose(&Case { pending, outcome, sighting, reading: &reading, bounce });
    settle(pending, evidence, reading, findings, now)
}
