//! What is: gauges derived from the snapshot while it is being scraped. Nothing here is remembered between two scrapes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::DescriptorEncoder;

use crate::metrics::descriptor;
use crate::model::{Lane, Outcome, ProviderName, Settled, Snapshot};

/// Writes everything that `snapshot` knows.
pub(crate) fn encode(snapshot: &Snapshot, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    pending(snapshot, encoder)?;
    lanes(snapshot, encoder)?;
    mailboxes_and_routes(snapshot, encoder)?;
    descriptor::STORE_WRITABLE.gauge(encoder, snapshot.store_writable.map(flag))?;
    descriptor::RELOAD_SUCCESSFUL.gauge(encoder, snapshot.reload.successful.map(flag))?;
    descriptor::RELOAD_SUCCEEDED.gauge(encoder, snapshot.reload.succeeded_at.map(seconds))
}

/// 0 or 1.
pub(crate) fn flag(value: bool) -> u32 {
    u32::from(value)
}

/// Unix time in seconds, to the millisecond.
pub(crate) fn seconds(at: Timestamp) -> f64 {
    SignedDuration::from_millis(at.as_millisecond()).as_secs_f64()
}

fn lane_labels<'a>(lane: &'a Lane, provider: &'a ProviderName) -> [(&'static str, &'a str); 4] {
    [
        ("probe", lane.probe.as_str()),
        ("route", lane.route.as_str()),
        ("mailbox", lane.mailbox.as_str()),
        ("provider", provider.as_str()),
    ]
}

/// Configured lanes have 0 where nothing is under way; a lane that was removed is there for as long as it has seeds.
fn pending(snapshot: &Snapshot, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut counts: BTreeMap<(&Lane, &ProviderName), u64> =
        snapshot.lanes.iter().map(|(lane, state)| ((lane, &state.provider), 0)).collect();
    for pending in snapshot.pending.values() {
        let count = counts.entry((&pending.seed.lane, &pending.seed.provider)).or_default();
        *count = count.saturating_add(1);
    }
    let samples = counts.iter().map(|((lane, provider), count)| (lane_labels(lane, provider), *count));
    descriptor::SEEDS_PENDING.gauges(encoder, samples)
}

fn lanes(snapshot: &Snapshot, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let settled = || {
        snapshot
            .lanes
            .iter()
            .filter_map(|(lane, state)| state.last.as_deref().map(|last| (lane, &state.provider, last)))
    };
    let outcomes = settled().flat_map(|(lane, provider, last)| {
        Outcome::ALL.into_iter().map(move |outcome| {
            let [probe, route, mailbox, provider] = lane_labels(lane, provider);
            ([probe, route, mailbox, provider, ("outcome", outcome.as_str())], flag(outcome == last.outcome))
        })
    });
    descriptor::LAST_OUTCOME.gauges(encoder, outcomes)?;
    let times = settled().map(|(lane, provider, last)| (lane_labels(lane, provider), seconds(last.settled_at)));
    descriptor::LAST_SETTLED.gauges(encoder, times)?;
    descriptor::FINDING.gauges(encoder, settled().flat_map(|(lane, _, last)| findings(lane, last)))
}

/// One sample for each rule and severity, however often the rule found something.
fn findings<'a>(lane: &'a Lane, last: &'a Settled) -> impl Iterator<Item = ([(&'static str, &'a str); 5], u32)> {
    let distinct: BTreeSet<_> = last.findings.iter().map(|f| (f.rule.as_str(), f.severity.as_str())).collect();
    distinct.into_iter().map(move |(rule, severity)| {
        let labels = [
            ("probe", lane.probe.as_str()),
            ("route", lane.route.as_str()),
            ("mailbox", lane.mailbox.as_str()),
            ("rule", rule),
            ("severity", severity),
        ];
        (labels, 1)
    })
}

fn mailboxes_and_routes(snapshot: &Snapshot, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mailboxes = || snapshot.mailboxes.iter().map(|(name, state)| ([("mailbox", name.as_str())], state));
    let up = mailboxes().filter_map(|(labels, state)| state.up.map(|up| (labels, flag(up))));
    descriptor::MAILBOX_UP.gauges(encoder, up)?;
    let read = mailboxes().filter_map(|(labels, state)| state.last_read_at.map(|at| (labels, seconds(at))));
    descriptor::MAILBOX_LAST_READ.gauges(encoder, read)?;
    let routes = snapshot.routes.iter();
    let up = routes.filter_map(|(name, state)| state.up().map(|up| ([("route", name.as_str())], flag(up))));
    descriptor::ROUTE_UP.gauges(encoder, up)
}
