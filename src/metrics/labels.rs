//! The label sets of the counters. Names of labels stand here, in the order of the descriptors; values are the one word that each thing has everywhere.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};

use crate::metrics::StoreOperation;
use crate::model::{HandoffResult, Lane, MailboxFault, MailboxName, Outcome, Phase, ProviderName, RouteName};

/// Writes a label set whose names are the family's and whose values are given in that order.
fn labels<const N: usize>(encoder: &mut LabelSetEncoder<'_>, labels: [(&str, &str); N]) -> fmt::Result {
    EncodeLabelSet::encode(&labels, encoder)
}

/// A lane and its receiver.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByLane(pub(crate) Lane, pub(crate) ProviderName);

impl EncodeLabelSet for ByLane {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let Self(lane, provider) = self;
        labels(
            encoder,
            [
                ("probe", lane.probe.as_str()),
                ("route", lane.route.as_str()),
                ("mailbox", lane.mailbox.as_str()),
                ("provider", provider.as_str()),
            ],
        )
    }
}

/// One end of a lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByOutcome(pub(crate) ByLane, pub(crate) Outcome);

impl EncodeLabelSet for ByOutcome {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)?;
        labels(encoder, [("outcome", self.1.as_str())])
    }
}

/// The way from a route to a mailbox, whatever the probe.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByWay(pub(crate) RouteName, pub(crate) MailboxName, pub(crate) ProviderName);

impl ByWay {
    /// The way that the seeds of `lane` go.
    pub(crate) fn of(lane: &Lane, provider: &ProviderName) -> Self {
        Self(lane.route.clone(), lane.mailbox.clone(), provider.clone())
    }
}

impl EncodeLabelSet for ByWay {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let Self(route, mailbox, provider) = self;
        labels(encoder, [("route", route.as_str()), ("mailbox", mailbox.as_str()), ("provider", provider.as_str())])
    }
}

/// One judge's result of one method on a way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByVerdict(
    pub(crate) ByWay,
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
);

impl EncodeLabelSet for ByVerdict {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let Self(way, method, result, judge) = self;
        way.encode(encoder)?;
        labels(encoder, [("method", method), ("result", result), ("judge", judge)])
    }
}

/// One way in which a route's handoffs end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByResult(pub(crate) RouteName, pub(crate) HandoffResult);

impl EncodeLabelSet for ByResult {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        labels(encoder, [("route", self.0.as_str()), ("result", self.1.as_str())])
    }
}

/// One phase of a route's handoffs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByPhase(pub(crate) RouteName, pub(crate) Phase);

impl EncodeLabelSet for ByPhase {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        labels(encoder, [("route", self.0.as_str()), ("phase", self.1.as_str())])
    }
}

/// One way in which a mailbox fails.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByFault(pub(crate) MailboxName, pub(crate) MailboxFault);

impl EncodeLabelSet for ByFault {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        labels(encoder, [("mailbox", self.0.as_str()), ("reason", self.1.as_str())])
    }
}

impl EncodeLabelSet for StoreOperation {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        labels(encoder, [("operation", self.as_str())])
    }
}
