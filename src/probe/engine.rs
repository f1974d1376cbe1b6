//! The order of the stages, and the tasks that run them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::clock::{Clock, NoEntropy, Rng, elapsed};
use crate::model::{
    Attempt, Attempted, Handoff, Lane, MailboxName, Next, Pending, Phase, Plan, Probe, Provider, RetryPolicy, Route,
    RouteName, Seed, SeedId, Settled, Sighting, Stage, Timings, Token, Unreachable,
};
use crate::net::dial::Dialer;
use crate::probe::ledger::{Ledger, LedgerError};
use crate::probe::observe::{Context, Marks, Watch};
use crate::probe::settle::{Evidence, settle};
use crate::probe::{compose, interpret, send};
use crate::schedule::Slot;

/// Turns a seed and the evidence into its end: interpret, then settle.
pub type Conclude = fn(&Pending, Evidence<'_>, &Provider, Timestamp) -> Settled;

/// How often to look for seeds whose mailbox has been unreadable for too long.
const REAP_EVERY: Duration = Duration::from_secs(15);
/// The time between the first logins to two mailboxes. Hundreds at once hold far more memory than they need afterwards, which
/// the allocator does not give back, and look like an attack to a server that has all of them.
const LOGIN_EVERY: Duration = Duration::from_millis(5);
/// Seeds that may wait for a free connection of their route, as a multiple of its connections. More than that is a route that cannot keep up.
const QUEUE_FACTOR: usize = 32;

/// Sends seeds and watches mailboxes.
pub struct Engine<L> {
    plan: Arc<Plan>,
    ledger: L,
    dialer: Arc<Dialer>,
    clock: Clock,
    rng: Rng,
    gates: BTreeMap<RouteName, Gate>,
    wakes: BTreeMap<MailboxName, Arc<Notify>>,
}

/// How many seeds of a route may be in SMTP, and how many may wait for that.
struct Gate {
    smtp: Semaphore,
    queue: Semaphore,
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
        let gate = |route: &Arc<Route>| {
            let smtp = route.connections.max(1);
            Gate { smtp: Semaphore::new(smtp), queue: Semaphore::new(smtp.saturating_mul(QUEUE_FACTOR)) }
        };
        let gates = plan.routes.iter().map(|(name, route)| (name.clone(), gate(route))).collect();
        let wakes = plan.mailboxes.keys().map(|name| (name.clone(), Arc::default())).collect();
        Arc::new(Self { plan, ledger, dialer, clock, rng, gates, wakes })
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
        let now = self.clock.now();
        let mut due: BTreeMap<(Slot, Lane), Arc<Probe>> = BTreeMap::new();
        for (lane, probe) in self.plan.lanes() {
            due.insert((Slot::current(&lane, probe.every, now), lane), probe.clone());
        }
        while let Some(((slot, lane), probe)) = due.pop_first() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_until(slot.at()) => {}
            }
            due.insert((slot.next(probe.every, self.clock.now()), lane.clone()), probe);
            let (engine, stop) = (self.clone(), stop.clone());
            tasks.spawn(async move {
                let queued = engine.gates.get(&lane.route).map(|gate| gate.queue.try_acquire());
                if queued.is_none_or(|queued| queued.is_err()) {
                    warn!(route = %lane.route, mailbox = %lane.mailbox, "a route cannot keep up: a slot is left out");
                } else if let Err(error) = engine.send(&lane, slot, &stop).await {
                    warn!(probe = %lane.probe, route = %lane.route, mailbox = %lane.mailbox, %error, "a seed was not sent");
                }
            });
        }
        stop.cancelled().await;
    }

    /// Sends one seed of `lane`, with its retries, and gives its token; `None` where this slot has its seed already. Returns when the handoff is over (or `stop`); the copy is the watch's business.
    ///
    /// # Errors
    /// When the seed could not be stored first, and so was not sent.
    pub async fn send(&self, lane: &Lane, slot: Slot, stop: &CancellationToken) -> Result<Option<Token>, NotSent> {
        let gate = self.gates.get(&lane.route).ok_or(NotSent::NoLane)?;
        let permit = tokio::select! {
            () = stop.cancelled() => return Ok(None),
            permit = gate.smtp.acquire() => permit,
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
        if let Some(wake) = self.wakes.get(&lane.mailbox) {
            wake.notify_one();
        }
        Ok(retry_at)
    }

    /// Tries a deferred seed again until it is taken, refused, or found.
    async fn retry(
        &self,
        seed: &Arc<Seed>,
        mut at: Timestamp,
        mut before: u32,
        stop: &CancellationToken,
    ) -> Result<(), LedgerError> {
        let Some(gate) = self.gates.get(&seed.lane.route) else {
            return Ok(());
        };
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.clock.sleep_until(at) => {}
            }
            let Ok(_permit) = gate.smtp.acquire().await else {
                return Ok(());
            };
            if !self.ledger.resend(seed.token).await? {
                return Ok(());
            }
            match self.attempt(seed, before).await? {
                Some(next) => at = next,
                None => return Ok(()),
            }
            before = before.saturating_add(1);
        }
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

    /// Takes up a seed that the last run left unfinished.
    async fn take_up(self: Arc<Self>, pending: Arc<Pending>, stop: CancellationToken) {
        let done = match (&pending.sighting, pending.stage) {
            (Some(sighting), Stage::Awaited { .. } | Stage::Deferred { .. }) => {
                self.conclude_seen(pending.seed.token, sighting).await
            }
            (None, Stage::Deferred { retry_at }) => self.retry(&pending.seed, retry_at, pending.attempts, &stop).await,
            _ => Ok(()),
        };
        if let Err(error) = done {
            warn!(seed = %pending.seed.id, %error, "could not take up a seed of the last run");
        }
    }

    /// Settles, from time to time, the seeds whose mailbox has been unreadable for longer than they can wait.
    async fn reap(self: Arc<Self>, stop: CancellationToken) {
        let began_at = self.clock.now();
        while !stop.is_cancelled() {
            let now = self.clock.now();
            for pending in self.ledger.snapshot().pending.values() {
                // A daemon that was down itself gives its mailboxes the same time to be read.
                let patient = elapsed(began_at, now) >= pending.seed.patience;
                if patient && pending.sighting.is_none() && pending.gives_up_at().is_some_and(|at| at <= now) {
                    info!(mailbox = %pending.seed.lane.mailbox, "a seed was given up: its mailbox could not be read");
                    let settled = Arc::new(self.conclude(pending, Evidence::Unreadable));
                    if let Err(error) = self.ledger.settle(settled).await {
                        warn!(%error, "could not settle a seed");
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(REAP_EVERY) => {}
            }
        }
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

/// The end of a seed for which there is this evidence: what its copy says, if there is one, and how it ended.
fn conclude(pending: &Pending, evidence: Evidence<'_>, provider: &Provider, now: Timestamp) -> Settled {
    let reading = match evidence {
        Evidence::Seen(sighting) => interpret::read(sighting.headers(), provider),
        Evidence::Handoff | Evidence::Swept | Evidence::Unreadable => crate::model::Reading::default(),
    };
    settle(pending, evidence, reading, Vec::new(), now)
}
