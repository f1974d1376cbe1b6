//! The task that writes: one batch of orders, one transaction, one new snapshot.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::metrics::{Metrics, StoreOperation};
use crate::model::{
    Attempted, Bounce, Cursor, Finding, Lane, MailboxFault, MailboxName, Returned, Seed, SeedId, Seen, Settled,
    SharedSnapshot, Sighting, Token,
};
use crate::record::RecordError;
use crate::record::state::{Event, State, Step};
use crate::store::{Change, Store};

/// The most orders that become one transaction: enough to share the cost of the disk, few enough to answer soon.
const BATCH: usize = 256;

/// How many orders in a row that the store does not take by themselves either show that it takes none: the rest of the batch is not
/// tried. One would do if every error could be relied on to say whether it is about the order or about the store.
const TRIES: usize = 3;

/// Where an answer goes. Copies share it, so that an order can be tried again by itself; the first answer is the one that is given.
#[derive(Debug)]
pub(super) struct Reply<T>(Arc<Mutex<Option<Way<T>>>>);

type Way<T> = oneshot::Sender<Result<T, RecordError>>;

impl<T> Reply<T> {
    /// Both ends.
    pub(super) fn pair() -> (Self, oneshot::Receiver<Result<T, RecordError>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(sender)))), receiver)
    }

    /// Gives the answer; whoever asked may have gone.
    pub(super) fn give(self, answer: Result<T, RecordError>) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(sender.map(|sender| sender.send(answer)));
    }
}

impl<T> Clone for Reply<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

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
    Returned {
        token: Token,
        bounce: Arc<Bounce>,
        late: Box<Finding>,
        reply: Reply<Returned>,
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

    /// Takes all orders at once. Where the store does not take them so, each is tried alone: the one that is to blame fails alone.
    async fn take(&mut self, orders: Vec<Order>) {
        match self.try_to_take(&orders).await {
            Ok(()) => {}
            Err((failure, steps)) if orders.len() == 1 => self.refuse(&failure, steps),
            Err(_) => self.take_each(&orders).await,
        }
    }

    async fn take_each(&mut self, orders: &[Order]) {
        let (mut in_a_row, mut last) = (0, None);
        for order in orders {
            let hopeless = last.as_ref().filter(|_| in_a_row >= TRIES);
            if let Some(failure) = hopeless {
                let (next, steps) = self.follow(std::slice::from_ref(order)).await;
                if steps.iter().all(|step| step.changes.is_empty()) {
                    self.publish(next, steps, &[]);
                } else {
                    self.refuse(failure, steps);
                }
                continue;
            }
            match self.try_to_take(std::slice::from_ref(order)).await {
                Ok(()) => in_a_row = 0,
                Err((failure, steps)) => {
                    self.refuse(&failure, steps);
                    in_a_row = if matches!(failure, RecordError::Rejected(_)) { 0 } else { in_a_row + 1 };
                    last = Some(failure);
                }
            }
        }
    }

    /// What follows from `orders`.
    async fn follow(&self, orders: &[Order]) -> (State, Vec<Step>) {
        let mut next = self.state.clone();
        let mut steps = Vec::with_capacity(orders.len());
        for order in orders {
            steps.push(next.step(&order.said, self.store.as_ref(), self.clock.now()).await);
        }
        (next, steps)
    }

    /// Stores what follows from `orders` and answers; otherwise gives the steps back, and nothing has changed.
    async fn try_to_take(&mut self, orders: &[Order]) -> Result<(), (RecordError, Vec<Step>)> {
        let (next, steps) = self.follow(orders).await;
        let changes: Vec<Change> = steps.iter().flat_map(|step| step.changes.iter().cloned()).collect();
        if changes.is_empty() {
            self.publish(next, steps, &[]);
            return Ok(());
        }
        match self.store.apply(&changes).await {
            Ok(effects) => {
                self.publish(next, steps, &effects);
                Ok(())
            }
            Err(error) => Err((RecordError::from(&error), steps)),
        }
    }

    /// Says that an order was not stored. Only an error that is about the store makes it one that cannot be written to.
    fn refuse(&mut self, failure: &RecordError, steps: Vec<Step>) {
        self.metrics.store_failed(StoreOperation::Write);
        let was = self.state.snapshot().store_writable;
        if matches!(failure, RecordError::Rejected(_)) {
            let seed = steps.iter().flat_map(|step| &step.changes).find_map(Change::seed).map(tracing::field::display);
            error!(seed, error = %failure, "a bug in landfall: the store does not take what is to be recorded, which is lost");
        } else if was != Some(false) {
            error!(error = %failure, "could not write to the store: no seed is sent until it takes writes again");
        }
        if !matches!(failure, RecordError::Rejected(_)) {
            self.state.writable(false);
            self.show();
        }
        for step in steps {
            step.answer.fail(failure);
        }
    }

    fn publish(&mut self, next: State, steps: Vec<Step>, effects: &[bool]) {
        let was = self.state.snapshot().store_writable;
        self.state = next;
        if !effects.is_empty() {
            if was == Some(false) {
                info!("the store takes writes again");
            }
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
            Event::Unread => self.metrics.store_failed(StoreOperation::Read),
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
