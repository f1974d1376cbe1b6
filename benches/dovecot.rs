//! From the relay's 250 to a settled seed, with real servers between: a Postfix relay, DNS, a Postfix receiver with its filters, Dovecot.
//!
//! `make bench` runs it; it needs root and the packages of `tests/setup.sh`. The daemon's own store tells both times, in milliseconds.
//! `cargo bench --bench daemon` tells what of this is Landfall's: most is the servers', and the half second that Dovecot waits before it
//! tells a client in IDLE of new mail.
#![expect(clippy::unwrap_used, reason = "a benchmark whose servers do not start has nothing to say")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]

#[path = "daemon/figures.rs"]
mod figures;
#[path = "../tests/real/landfall.rs"]
#[expect(dead_code, clippy::panic, clippy::indexing_slicing, reason = "the tests' own, of which this needs a part")]
mod landfall;
#[path = "../tests/world/mod.rs"]
#[expect(dead_code, reason = "the tests' own, of which this needs a part")]
mod world;

use std::time::Duration;

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use figures::Figures;
use landfall::{Daemon, Setup};
use world::World;

const MAILBOXES: u32 = 10;
const SEEDS: f64 = 100.0;

fn main() {
    // `cargo test --benches` runs this without `--bench`: there is nothing to test here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let world = World::start().unwrap();
    let mut setup = Setup::new(&world, "bench");
    for number in 0..MAILBOXES {
        let mailbox = world.user("alpha.test", &format!("bench{number}")).unwrap();
        setup = setup.mailbox(&format!("m{number}"), &mailbox, "");
    }
    let setup = setup.probe("p", "{ routes: [relay], mailboxes: all, every: 2s, deadline: 30s }");
    let daemon = Daemon::start(&setup);
    let inbox = "outcome=\"inbox\"";
    daemon.until_metric("landfall_seeds_settled_total", &[inbox], SEEDS, Duration::from_mins(2));
    daemon.terminate();
    let figures = Figures::new(deliveries(&setup));
    println!(
        "delivery, relay's 250 to settled, Postfix and Dovecot ({MAILBOXES} mailboxes, each of which gets a seed every 2 s):"
    );
    println!("  {figures}");
    world.stop();
}

/// From the end of the handoff to the settling, of every seed in an inbox.
fn deliveries(setup: &Setup) -> Vec<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rows = runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(setup.database()).read_only(true);
        let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
        let query = "SELECT seeds.settled_at - attempts.ended_at AS took
                     FROM seeds
                     JOIN attempts ON attempts.seed = seeds.id
                     WHERE seeds.outcome = 'inbox'";
        sqlx::query(query).fetch_all(&pool).await.unwrap()
    });
    let took = |row: &sqlx::sqlite::SqliteRow| Duration::from_millis(row.get::<i64, _>("took").try_into().unwrap_or(0));
    rows.iter().map(took).collect()
}
