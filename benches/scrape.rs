//! What a scrape costs: 50,000 series, written as OpenMetrics and as the older text format.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use divan::Bencher;
use divan::counter::BytesCount;
use jiff::Timestamp;
use landfall::metrics::{Build, Exposition, Format, Metrics, Process};
use landfall::model::{
    Expectation, Lane, LaneState, Outcome, ProviderName, Reading, Seed, SeedId, Settled, Snapshot, Token,
};

/// Each has 9 series of last_outcome, 1 of last_settled, 1 of pending and 1 of duplicates: 12 in all, and some 50,000 together.
const LANES: u32 = 4167;

fn main() {
    divan::main();
}

fn settled(lane: &Lane, provider: &ProviderName) -> Settled {
    let seed = Seed {
        id: SeedId::derive(lane, 1),
        token: Token::from_bytes([1; 16]),
        lane: lane.clone(),
        provider: provider.clone(),
        expect: Expectation::default(),
        planned_at: Timestamp::UNIX_EPOCH,
        deadline: Duration::from_mins(30),
        patience: Duration::from_mins(30),
    };
    Settled {
        seed: Arc::new(seed),
        outcome: Outcome::Inbox,
        settled_at: Timestamp::UNIX_EPOCH,
        attempt: None,
        folder: None,
        delivery: None,
        late: false,
        reading: Reading::default(),
        bounce: None,
        findings: Vec::new(),
    }
}

fn exposition() -> Exposition {
    let metrics = Metrics::new();
    let provider = ProviderName::from("generic");
    let mut lanes = BTreeMap::new();
    for n in 0..LANES {
        let lane = Lane {
            probe: "receipts".into(),
            route: "relay".into(),
            mailbox: format!("mailbox-{n:05}").as_str().into(),
        };
        metrics.seed_duplicate(&lane, &provider);
        let last = Some(Arc::new(settled(&lane, &provider)));
        lanes.insert(lane, Arc::new(LaneState { provider: provider.clone(), last }));
    }
    let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot { lanes: lanes.into(), ..Snapshot::default() }));
    Exposition::new(snapshot, metrics, Build::current(), Timestamp::UNIX_EPOCH, Process::read)
}

fn scrape(bencher: Bencher<'_, '_>, format: Format) {
    let exposition = exposition();
    let bytes = exposition.render(format).map_or(0, |text| text.len());
    bencher.counter(BytesCount::new(bytes)).bench(|| exposition.render(format));
}

#[divan::bench]
fn open_metrics(bencher: Bencher<'_, '_>) {
    scrape(bencher, Format::OpenMetrics);
}

#[divan::bench]
fn text(bencher: Bencher<'_, '_>) {
    scrape(bencher, Format::Text);
}
