//! What one order costs the single writer when there is much to remember: 50,000 lanes to as many mailboxes, and 10,000 seeds under way. The store is in memory, so
//! that the figures are those of the writer and not of a disk.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use jiff::Timestamp;
use landfall::clock::Clock;
use landfall::metrics::Metrics;
use landfall::model::{
    Attempt, Attempted, Credentials, Endpoint, Expectation, FolderKind, FolderNames, Handoff, Identity, ImapServer,
    Lane, Mailbox, MessageSource, Next, Outcome, Plan, Probe, Provider, Reading, Reply, RetryPolicy, Route, RouteKind,
    SecretError, SecretSource, Seed, SeedId, Seen, Settled, Sighting, Stage, Timings, TlsMode, Token,
};
use landfall::record::Record;
use landfall::store::SqliteStore;
use tokio::runtime::Runtime;

const LANES: u64 = 50_000;
const PENDING: u64 = 10_000;

#[derive(Debug)]
struct NoSecret;

impl SecretSource for NoSecret {
    fn read(&self) -> Result<secrecy::SecretString, SecretError> {
        Err(SecretError("none".into()))
    }
}

fn plan() -> Plan {
    let endpoint =
        Endpoint { host: "h".into(), port: 1, tls: TlsMode::None, ca_file: None, server_name: None, source: None };
    let address = "a@shop.example".to_owned();
    let identity = Arc::new(Identity {
        name: "shop".into(),
        display_name: String::new(),
        from: address.clone(),
        envelope_from: address.clone(),
        dkim: None,
    });
    let route = Route {
        name: "relay".into(),
        identity,
        kind: RouteKind::Smtp { server: endpoint.clone(), credentials: None },
        helo: None,
        retry: RetryPolicy::default(),
        connections: 1,
        bounces: None,
    };
    let provider = Arc::new(Provider::unknown("generic".into()));
    let mailbox = |number: u64| Mailbox {
        name: lane(number).mailbox,
        address: address.clone(),
        provider: provider.clone(),
        imap: ImapServer {
            server: endpoint.clone(),
            credentials: Credentials { username: Arc::new(NoSecret), password: Arc::new(NoSecret) },
            folders: FolderNames::default(),
            poll: Duration::from_secs(30),
        },
        keep: Duration::from_hours(1),
    };
    let probe = Probe {
        name: lane(0).probe,
        routes: vec![route.name.clone()],
        mailboxes: (0..LANES).map(|number| lane(number).mailbox).collect(),
        identity: None,
        every: Duration::from_mins(15),
        deadline: Duration::from_mins(30),
        patience: Duration::from_hours(2),
        message: MessageSource::BuiltIn,
        expect: Expectation::default(),
        header: "X-Landfall-Seed".into(),
    };
    let mut plan = Plan::default();
    plan.routes.insert(route.name.clone(), Arc::new(route));
    plan.mailboxes.extend((0..LANES).map(|number| (lane(number).mailbox, Arc::new(mailbox(number)))));
    plan.probes.insert(probe.name.clone(), Arc::new(probe));
    plan
}

fn lane(number: u64) -> Lane {
    let mailbox = format!("mailbox-{:05}", number % LANES);
    Lane { probe: "receipts".into(), route: "relay".into(), mailbox: mailbox.as_str().into() }
}

fn seed(number: u64) -> Arc<Seed> {
    Arc::new(Seed {
        id: SeedId::derive(&lane(number), i64::try_from(number).unwrap()),
        token: Token::from_bytes(u128::from(number).to_be_bytes()),
        lane: lane(number),
        provider: "generic".into(),
        expect: Expectation::default(),
        planned_at: Timestamp::UNIX_EPOCH,
        deadline: Duration::from_mins(30),
        patience: Duration::from_hours(2),
    })
}

/// Plans a seed and hands it off.
async fn launch(record: &Record<SqliteStore>, number: u64) {
    let seed = seed(number);
    assert!(record.plan(seed.clone()).await.unwrap());
    let at = Timestamp::UNIX_EPOCH;
    let reply = Reply { code: 250, enhanced: None, text: "ok".into() };
    let handoff = Handoff::Accepted { reply, queue_id: None };
    let attempt = Attempt { began_at: at, ended_at: at, handoff, timings: Timings::default() };
    let next = Next::Stage(Stage::Awaited { since: at });
    record.attempted(Attempted { token: seed.token, attempt, next }).await.unwrap();
}

/// Finds a seed and settles it.
async fn land(record: &Record<SqliteStore>, number: u64) {
    let seed = seed(number);
    let sighting = Sighting {
        tab: None,
        mailbox: seed.lane.mailbox.clone(),
        folder: "INBOX".into(),
        kind: FolderKind::Inbox,
        uid_validity: 1,
        uid: 7,
        arrived_at: None,
        seen_at: Timestamp::UNIX_EPOCH,
        message: b"Subject: x\r\n\r\nbody\r\n".to_vec().into(),
        truncated: false,
    };
    let Seen::Settles(pending) = record.seen(seed.token, Arc::new(sighting)).await.unwrap() else { return };
    let settled = Settled {
        seed,
        outcome: Outcome::Inbox,
        settled_at: Timestamp::UNIX_EPOCH,
        attempt: pending.attempt.clone(),
        folder: Some("INBOX".into()),
        delivery: None,
        late: false,
        reading: Reading::default(),
        bounce: None,
        findings: Vec::new(),
    };
    assert!(record.settle(Arc::new(settled)).await.unwrap());
}

fn world() -> (Runtime, Record<SqliteStore>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let record = runtime.block_on(async {
        let store = SqliteStore::in_memory().await.unwrap();
        let record = Record::open(store, &plan(), Clock::system(), Metrics::new()).await.unwrap();
        let launches = (0..PENDING).map(|number| {
            let record = record.clone();
            tokio::spawn(async move { launch(&record, number).await })
        });
        for launched in launches.collect::<Vec<_>>() {
            launched.await.unwrap();
        }
        record
    });
    (runtime, record)
}

#[divan::bench(sample_count = 20, sample_size = 5)]
fn mailbox_read(bencher: Bencher<'_, '_>) {
    let (runtime, record) = world();
    let mailbox = lane(7).mailbox;
    bencher.bench_local(|| runtime.block_on(record.mailbox_read(&mailbox, Timestamp::UNIX_EPOCH)).unwrap());
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn seen_and_settled(bencher: Bencher<'_, '_>) {
    let (runtime, record) = world();
    let mut next = 0..PENDING;
    bencher.bench_local(|| runtime.block_on(land(&record, next.next().unwrap())));
}

fn main() {
    divan::main();
}
