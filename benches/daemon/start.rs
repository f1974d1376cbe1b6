//! From the start of the process to the first 200 of `/-/ready`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use landfall::model::{Expectation, Lane, Outcome, Reading, Seed, SeedId, Settled, Token};
use landfall::store::{Change, SqliteStore, Store as _, StoreError};

use crate::figures::Figures;
use crate::receiver::Receiver;
use crate::setup::{Daemon, Directory, Plan};

const STARTS: usize = 20;
const MAILBOXES: i64 = 10;
/// How many settled seeds the full store holds.
const SETTLED: i64 = 100_000;

pub fn run() -> io::Result<()> {
    let receiver = Receiver::start(Duration::ZERO, None)?;
    let mailboxes = usize::try_from(MAILBOXES).map_err(io::Error::other)?;
    let plan = Plan { mailboxes, smtp: receiver.smtp, imap: receiver.imap, tls: false, every: "1h" };
    let empty = (0..STARTS).map(|_| {
        let directory = Directory::new("empty")?;
        start(&plan, &directory)
    });
    println!("start to ready, store not yet made:            {}", Figures::new(empty.collect::<io::Result<Vec<_>>>()?));

    let directory = Directory::new("full")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(fill(&directory)).map_err(io::Error::other)?;
    let full = (0..STARTS).map(|_| start(&plan, &directory));
    println!(
        "start to ready, {SETTLED} settled seeds in store: {}",
        Figures::new(full.collect::<io::Result<Vec<_>>>()?)
    );
    Ok(())
}

fn start(plan: &Plan, directory: &Directory) -> io::Result<Duration> {
    let config = directory.0.join("landfall.yaml");
    std::fs::write(&config, plan.config(directory))?;
    let daemon = Daemon::start(&config, &[])?;
    let ready_after = daemon.ready_after;
    daemon.stop()?;
    Ok(ready_after)
}

/// Fills the store as the lanes of the plan would have done.
async fn fill(directory: &Directory) -> Result<(), StoreError> {
    let store = SqliteStore::open(&directory.store()).await?;
    for slot in 0..SETTLED / MAILBOXES {
        let seeds = (0..MAILBOXES).map(|mailbox| seed(mailbox, slot));
        let changes: Vec<_> = seeds.flat_map(|seed| [Change::Plan(Arc::clone(&seed)), settled(seed)]).collect();
        store.apply(&changes).await?;
    }
    store.close().await;
    Ok(())
}

fn seed(mailbox: i64, slot: i64) -> Arc<Seed> {
    let lane = Lane { probe: "p".into(), route: "relay".into(), mailbox: format!("m{mailbox}").as_str().into() };
    let token: [u8; 16] = [mailbox.to_be_bytes(), slot.to_be_bytes()].concat().try_into().unwrap_or_default();
    Arc::new(Seed {
        id: SeedId::derive(&lane, slot),
        token: Token::from_bytes(token),
        lane,
        provider: "generic".into(),
        expect: Expectation::default(),
        planned_at: Timestamp::from_second(slot).unwrap_or_default(),
        deadline: Duration::from_mins(30),
        patience: Duration::from_hours(2),
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
