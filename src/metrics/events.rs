//! What happened: counters and histograms. Only the single writer calls these methods, once for each change that took effect in the store, so
//! that nothing is counted twice.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use crate::metrics::descriptor;
use crate::metrics::labels::{ByFault, ByLane, ByOutcome, ByPhase, ByResult, ByVerdict, ByWay};
use crate::metrics::series::Series;
use crate::model::{
    Attempt, HandoffResult, Lane, MailboxFault, MailboxName, Outcome, Plan, ProviderName, RouteName, Settled,
};

/// Upper bounds for the way from handoff to mailbox, in seconds: from a receiver next door to a relay's queue of a working day.
const DELIVERY_BUCKETS: [f64; 16] =
    [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0];

/// Upper bounds for one phase of a handoff, in seconds: from a relay on the same host to one that tarpits.
const HANDOFF_BUCKETS: [f64; 15] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// The methods whose results are counted.
const METHODS: [&str; 4] = ["spf", "dkim", "dmarc", "arc"];

/// The methods that every receiver is expected to report, one day.
const EXPECTED_METHODS: [&str; 3] = ["spf", "dkim", "dmarc"];

/// The result words of RFC 8601 §2.7. A receiver may write any word there, and whoever sends to the mailbox may make it do so: a word that is
/// not one of these must not become a series.
const RESULTS: [&str; 8] = ["none", "pass", "fail", "softfail", "neutral", "policy", "temperror", "permerror"];

/// Who judged, in `judge`: the receiver.
const RECEIVER: &str = "receiver";

/// What was wanted of a store that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreOperation {
    /// To remember something.
    Write,
    /// To tell what it remembers.
    Read,
}

impl StoreOperation {
    /// Every operation.
    pub const ALL: [Self; 2] = [Self::Write, Self::Read];

    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
        }
    }
}

#[derive(Debug)]
struct Families {
    settled: Series<ByOutcome, Counter>,
    unexpected: Series<ByLane, Counter>,
    late: Series<ByLane, Counter>,
    duplicate: Series<ByLane, Counter>,
    delivery: Series<ByWay, Histogram>,
    auth: Series<ByVerdict, Counter>,
    handoffs: Series<ByResult, Counter>,
    handoff_duration: Series<ByPhase, Histogram>,
    mailbox_errors: Series<ByFault, Counter>,
    store_errors: Series<StoreOperation, Counter>,
}

/// Counts what happens. A clone counts into the same series.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Families>);

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new() -> Self {
        let families = Families {
            settled: Series::new(&descriptor::SEEDS_SETTLED, Counter::default),
            unexpected: Series::new(&descriptor::SEEDS_UNEXPECTED, Counter::default),
            late: Series::new(&descriptor::SEEDS_LATE, Counter::default),
            duplicate: Series::new(&descriptor::SEEDS_DUPLICATE, Counter::default),
            delivery: Series::new(&descriptor::DELIVERY_DURATION, || Histogram::new(DELIVERY_BUCKETS)),
            auth: Series::new(&descriptor::AUTH_RESULTS, Counter::default),
            handoffs: Series::new(&descriptor::HANDOFFS, Counter::default),
            handoff_duration: Series::new(&descriptor::HANDOFF_DURATION, || Histogram::new(HANDOFF_BUCKETS)),
            mailbox_errors: Series::new(&descriptor::MAILBOX_ERRORS, Counter::default),
            store_errors: Series::new(&descriptor::STORE_ERRORS, Counter::default),
        };
        StoreOperation::ALL.into_iter().for_each(|operation| families.store_errors.expect(operation));
        Self(Arc::new(families))
    }

    /// Lets the counters of everything in `plan` start at 0, so that `increase()` sees the first bad event. What was counted before
    /// stays: a plan that is read again changes nothing.
    pub fn expect(&self, plan: &Plan) {
        for route in plan.routes.keys() {
            for result in HandoffResult::ALL {
                self.0.handoffs.expect(ByResult(route.clone(), result));
            }
        }
        for mailbox in plan.mailboxes.keys() {
            for fault in MailboxFault::ALL {
                self.0.mailbox_errors.expect(ByFault(mailbox.clone(), fault));
            }
        }
        for (lane, _) in plan.lanes() {
            if let Some(mailbox) = plan.mailboxes.get(&lane.mailbox) {
                self.expect_lane(&ByLane(lane, mailbox.provider.name.clone()));
            }
        }
    }

    fn expect_lane(&self, by_lane: &ByLane) {
        for outcome in Outcome::ALL {
            self.0.settled.expect(ByOutcome(by_lane.clone(), outcome));
        }
        for series in [&self.0.unexpected, &self.0.late, &self.0.duplicate] {
            series.expect(by_lane.clone());
        }
        let way = ByWay::of(&by_lane.0, &by_lane.1);
        for method in EXPECTED_METHODS {
            for result in ["pass", "fail"] {
                self.0.auth.expect(ByVerdict(way.clone(), method, result, RECEIVER));
            }
        }
    }

    /// A seed has ended.
    pub fn seed_settled(&self, settled: &Settled) {
        let by_lane = ByLane(settled.seed.lane.clone(), settled.seed.provider.clone());
        let way = ByWay::of(&by_lane.0, &by_lane.1);
        if let Some(delivery) = settled.delivery {
            self.0.delivery.count(way.clone(), |histogram| observe(histogram, delivery));
        }
        for method in METHODS {
            if let Some(result) = settled.reading.result(method) {
                let by_verdict = ByVerdict(way.clone(), method, registered(result), RECEIVER);
                self.0.auth.count(by_verdict, one);
            }
        }
        if settled.expected() == Some(false) {
            self.0.unexpected.count(by_lane.clone(), one);
        }
        self.0.settled.count(ByOutcome(by_lane, settled.outcome), one);
    }

    /// An attempt to hand a seed to `route` is over.
    pub fn handed_off(&self, route: &RouteName, attempt: &Attempt) {
        self.0.handoffs.count(ByResult(route.clone(), attempt.handoff.result()), one);
        for (phase, spent) in attempt.timings.iter() {
            self.0.handoff_duration.count(ByPhase(route.clone(), phase), |histogram| observe(histogram, spent));
        }
    }

    /// A copy came after its seed had ended without one.
    pub fn seed_late(&self, lane: &Lane, provider: &ProviderName) {
        self.0.late.count(ByLane(lane.clone(), provider.clone()), one);
    }

    /// One more copy of a seed came.
    pub fn seed_duplicate(&self, lane: &Lane, provider: &ProviderName) {
        self.0.duplicate.count(ByLane(lane.clone(), provider.clone()), one);
    }

    /// `mailbox` could not be read.
    pub fn mailbox_fault(&self, mailbox: &MailboxName, fault: MailboxFault) {
        self.0.mailbox_errors.count(ByFault(mailbox.clone(), fault), one);
    }

    /// The store failed.
    pub fn store_failed(&self, operation: StoreOperation) {
        self.0.store_errors.count(operation, one);
    }

    /// Writes all families.
    pub(crate) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        self.0.settled.encode(encoder)?;
        self.0.unexpected.encode(encoder)?;
        self.0.late.encode(encoder)?;
        self.0.duplicate.encode(encoder)?;
        self.0.delivery.encode(encoder)?;
        self.0.auth.encode(encoder)?;
        self.0.handoffs.encode(encoder)?;
        self.0.handoff_duration.encode(encoder)?;
        self.0.mailbox_errors.encode(encoder)?;
        self.0.store_errors.encode(encoder)
    }
}

fn one(counter: &Counter) {
    counter.inc();
}

fn observe(histogram: &Histogram, spent: Duration) {
    histogram.observe(spent.as_secs_f64());
}

/// `result` where it is a registered word, otherwise `other`.
fn registered(result: &str) -> &'static str {
    RESULTS.into_iter().find(|word| *word == result).unwrap_or("other")
}
