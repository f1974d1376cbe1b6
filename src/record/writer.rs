//! The task that writes: one batch of orders, one transaction, one new snapshot.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::metrics::{Metrics, StoreOperation};
use crate::model::{
    Attempted, Cursor, Lane, MailboxFault, MailboxName, Seed, SeedId, Seen, Settled, SharedSnapshot, Sighting, Token,
};
use crate::record::RecordError;
use crate::record::state::{Event, State, Step};
use crate::store::{Change, Store};

/// The most orders that become one transaction: enough to share the cost of the disk, few enough to answer soon.
const BATCH: usize = 256;

pub(super) type Reply<T> = oneshot::Sender<Result<T, RecordError>>;

/// What somebody said, and where the answer goes.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) said: Said,
}

#[derive(Debug)]
pub(super) enum Said {
    Plan {
        seed: Arc<Seed>,
        reply: Reply<bool>,
    },
    Resend {
        token: Token,
        reply: Reply<bool>,
    },
    Attempted {
        attempted: Box<Attempted>,
        reply: Reply<Option<Arc<Sighting>>>,
    },
    Seen {
        token: Token,
        sighting: Arc<Sighting>,
        reply: Reply<Seen>,
    },
    Settle {
        settled: Arc<Settled>,
        reply: Reply<bool>,
    },
    Advance {
        cursor: Cursor,
        reply: Reply<()>,
    },
    Deleted {
        id: SeedId,
        digest: [u8; 32],
        reply: Reply<()>,
    },
    MailboxRead {
        mailbox: MailboxName,
        at: Timestamp,
        reply: Reply<()>,
    },
    MailboxFailed {
        mailbox: MailboxName,
        fault: MailboxFault,
        detail: String,
        down: bool,
        reply: Reply<()>,
    },
    Prune {
        messages: Timestamp,
        results: Timestamp,
        reply: Reply<bool>,
    },
    Reloaded {
        successful: bool,
        reply: Reply<()>,
    },
    /// The last order.
    Stop {
        reply: Reply<()>,
    },
}

/// The single writer.
pub(super) struct Writer<S> {
    pub(super) store: Arc<S>,
    pub(super) state: State,
    pub(super) metrics: Metrics,
    pub(super) snapshot: SharedSnapshot,
    pub(super) published: watch::Sender<u64>,
    pub(super) clock: Clock,
}

impl<S: Store> Writer<S> {
    /// Writes until it is told to stop, or nobody is left to say anything.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Order>) {
        let mut orders = Vec::new();
        while inbox.recv_many(&mut orders, BATCH).await > 0 {
            let last = orders.iter().any(|order| matches!(order.said, Said::Stop { .. }));
            self.take(std::mem::take(&mut orders)).await;
            if last {
                return;
            }
        }
    }

    async fn take(&mut self, orders: Vec<Order>) {
        let mut next = self.state.clone();
        let mut steps = Vec::with_capacity(orders.len());
        for order in orders {
            steps.push(next.step(order.said, self.store.as_ref(), self.clock.now()).await);
        }
        match self.store_all(&steps).await {
            Ok(effects) => self.publish(next, steps, &effects),
            Err(failure) => {
                self.state.writable(false);
                self.show();
                for step in steps {
                    step.answer.fail(&failure);
                }
            }
        }
    }

    /// One transaction for all steps; whether each change took effect.
    async fn store_all(&mut self, steps: &[Step]) -> Result<Vec<bool>, RecordError> {
        let changes: Vec<Change> = steps.iter().flat_map(|step| step.changes.iter().cloned()).collect();
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let stored = self.store.apply(&changes).await;
        let was = self.state.snapshot().store_writable;
        match stored {
            Ok(effects) => {
                if was == Some(false) {
                    info!("the store takes writes again");
                }
                Ok(effects)
            }
            Err(error) => {
                if was != Some(false) {
                    error!(%error, "could not write to the store: no seed is sent until it takes writes again");
                }
                self.metrics.store_failed(StoreOperation::Write);
                Err(RecordError::Store(error.to_string()))
            }
        }
    }

    fn publish(&mut self, next: State, steps: Vec<Step>, effects: &[bool]) {
        self.state = next;
        if !effects.is_empty() {
            self.state.writable(true);
        }
        let mut effects = effects.iter().copied();
        let mut answers = Vec::with_capacity(steps.len());
        for step in steps {
            let took_effect = effects.by_ref().take(step.changes.len()).last().unwrap_or(true);
            for event in &step.events {
                if took_effect || matches!(event, Event::HandedOff(..)) {
                    self.count(event);
                }
            }
            self.state.effect(&step.answer, took_effect);
            answers.push((step.answer, took_effect));
        }
        self.show();
        for (answer, took_effect) in answers {
            answer.give(took_effect);
        }
    }

    fn show(&self) {
        self.snapshot.store(Arc::new(self.state.snapshot().clone()));
        self.published.send_modify(|revision| *revision = revision.wrapping_add(1));
    }

    fn count(&self, event: &Event) {
        match event {
            Event::HandedOff(route, attempt) => self.metrics.handed_off(route, attempt),
            Event::Settled(settled) => {
                self.metrics.seed_settled(settled);
                log(settled);
            }
            Event::Late(lane, provider) => self.metrics.seed_late(lane, provider),
            Event::Duplicate(lane, provider) => self.metrics.seed_duplicate(lane, provider),
            Event::MailboxFault(mailbox, fault) => self.metrics.mailbox_fault(mailbox, *fault),
        }
    }
}

/// One line a seed: where it landed, and whether that was wanted.
fn log(settled: &Settled) {
    let Lane { probe, route, mailbox } = &settled.seed.lane;
    let (outcome, folder) = (settled.outcome.as_str(), settled.folder.as_deref());
    let delivery_ms = settled.delivery.map(|delivery| u64::try_from(delivery.as_millis()).unwrap_or(u64::MAX));
    let reply = settled.attempt.as_ref().and_then(|attempt| attempt.handoff.reply()).map(|reply| reply.code);
    if settled.expected() == Some(false) {
        warn!(%probe, %route, %mailbox, outcome, folder, delivery_ms, reply, "a seed did not end as its probe expects");
    } else {
        info!(%probe, %route, %mailbox, outcome, folder, delivery_ms, reply, "a seed has ended");
    }
}
