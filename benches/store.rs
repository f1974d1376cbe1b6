//! What the store costs: durable batches, start-up on a large file, and one step of pruning.
//!
//! `cargo bench --bench store`. Set `LANDFALL_BENCH_DIR` to the disk that is to be measured; the default is the system's directory for temporary
//! files, which may be in memory.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set up its file has nothing to say")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use divan::Bencher;
use jiff::Timestamp;
use landfall::model::{Expectation, Lane, Outcome, Reading, Seed, SeedId, Settled, Token};
use landfall::store::{Change, SqliteStore, Store as _};
use tokio::runtime::Runtime;

/// How many results the large file holds, and in how many lanes.
const RESULTS: i64 = 100_000;
const LANES: i64 = 1_000;

fn main() {
    divan::main();
}

fn seed(lane: i64, slot: i64) -> Arc<Seed> {
    let lane = Lane { probe: "welcome".into(), route: "relay".into(), mailbox: format!("m{lane:05}").as_str().into() };
    let id = SeedId::derive(&lane, slot);
    Arc::new(Seed {
        id,
        token: Token::parse(&SeedId::derive(&lane, -1 - slot).to_string()).unwrap(),
        lane,
        provider: "generic".into(),
        expect: Expectation::default(),
        planned_at: Timestamp::from_second(slot).unwrap(),
        deadline: Duration::from_mins(30),
        patience: Duration::from_hours(1),
    })
}

fn settled(seed: Arc<Seed>) -> Change {
    Change::Settle(Arc::new(Settled {
        settled_at: seed.planned_at,
        seed,
        outcome: Outcome::Inbox,
        attempt: None,
        folder: Some("INBOX".to_owned()),
        delivery: Some(Duration::from_secs(2)),
        late: false,
        reading: Reading::default(),
        bounce: None,
        findings: Vec::new(),
    }))
}

/// A file that is removed in the end.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        static NUMBER: AtomicI64 = AtomicI64::new(0);
        let directory = std::env::var_os("LANDFALL_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(directory.join(format!("landfall-bench-{}-{number}.db", std::process::id())))
    }

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.0).await.unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(suffix);
            std::fs::remove_file(name).ok();
        }
    }
}

/// A file with `RESULTS` settled seeds.
async fn large() -> File {
    let file = File::new();
    let store = file.open().await;
    for slot in 0..RESULTS / LANES {
        let seeds = (0..LANES).map(|lane| seed(lane, slot));
        let changes: Vec<_> = seeds.flat_map(|seed| [Change::Plan(Arc::clone(&seed)), settled(seed)]).collect();
        store.apply(&changes).await.unwrap();
    }
    store.close().await;
    file
}

/// Batches of so many plans, each durable before the next.
#[divan::bench(args = [1, 100], sample_count = 50)]
fn apply(bencher: Bencher<'_, '_>, size: i64) {
    let runtime = Runtime::new().unwrap();
    let file = File::new();
    let store = runtime.block_on(file.open());
    let slot = AtomicI64::new(0);
    bencher
        .with_inputs(|| {
            let from = slot.fetch_add(size, Ordering::Relaxed);
            (from..from.saturating_add(size)).map(|slot| Change::Plan(seed(0, slot))).collect::<Vec<_>>()
        })
        .bench_refs(|changes| runtime.block_on(store.apply(changes)).unwrap());
    runtime.block_on(store.close());
}

/// Opening the large file and reading what a start needs.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn start_up(bencher: Bencher<'_, '_>) {
    let runtime = Runtime::new().unwrap();
    let file = runtime.block_on(large());
    bencher.bench_local(|| {
        runtime.block_on(async {
            let store = file.open().await;
            let (pending, last) = (store.unsettled().await.unwrap(), store.last_settled().await.unwrap());
            store.close().await;
            (pending.len(), last.len())
        })
    });
}

/// One step of pruning in the large file.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn prune(bencher: Bencher<'_, '_>) {
    let runtime = Runtime::new().unwrap();
    let file = runtime.block_on(large());
    let store = runtime.block_on(file.open());
    let all = [Change::Prune { messages: Timestamp::MAX, results: Timestamp::MAX }];
    bencher.bench_local(|| runtime.block_on(store.apply(&all)).unwrap());
    runtime.block_on(store.close());
}
