//! Fifty ends at random moments with seeds in flight: none is lost, none sent twice, none counted twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::landfall::{Daemon, Setup, pause};
use crate::the_world;
use crate::world::{Mailbox, World};

const RESTARTS: u32 = 50;
const MAILBOXES: u32 = 3;

/// Token and outcome of each seed in the database.
fn seeds(setup: &Setup) -> Vec<(String, Option<String>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(setup.database()).read_only(true);
        let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
        let rows = sqlx::query("SELECT token, outcome FROM seeds").fetch_all(&pool).await.unwrap();
        rows.iter().map(|row| (row.get("token"), row.get("outcome"))).collect()
    })
}

/// How many messages in the mailbox carry each token.
fn delivered(world: &World, mailbox: &Mailbox) -> BTreeMap<String, usize> {
    let mut tokens = BTreeMap::new();
    for message in world.messages(mailbox, "INBOX").unwrap() {
        let token = message.text.lines().find_map(|line| line.strip_prefix("X-Landfall-Seed: ")).unwrap();
        *tokens.entry(token.to_owned()).or_default() += 1;
    }
    tokens
}

/// SplitMix64, so that a failure can be repeated.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn fifty_ends_at_random_moments_lose_double_and_miscount_nothing() {
    let world = the_world();
    let mailboxes: Vec<Mailbox> =
        (0..MAILBOXES).map(|n| world.user("alpha.test", &format!("restart{n}")).unwrap()).collect();
    let mut setup = Setup::new(world, "restarts");
    for (number, mailbox) in mailboxes.iter().enumerate() {
        setup = setup.mailbox(&format!("m{number}"), mailbox, "");
    }
    let busy = setup.probe("p", "{ routes: [relay], mailboxes: all, every: 1s, deadline: 20s }");
    let mut chance = 20_261_122;
    let mut counted = 0.0;
    for round in 0..RESTARTS {
        let daemon = Daemon::start(&busy);
        pause(Duration::from_millis(random(&mut chance) % 1500));
        if round % 2 == 0 {
            daemon.kill();
        } else {
            counted += daemon.metric("landfall_seeds_settled_total", &[]).unwrap();
            drop(daemon.terminate());
        }
    }
    // Nothing new is sent any more; what is under way comes to its end.
    let config = busy.write();
    let quiet = std::fs::read_to_string(&config).unwrap().replace("every: 1s", "every: 9w");
    std::fs::write(&config, quiet).unwrap();
    let daemon = Daemon::start_with(&config, &[]);
    daemon.until("nothing is pending", Duration::from_secs(120), || {
        daemon.metric("landfall_seeds_pending", &[]).is_some_and(|pending| pending == 0.0)
    });
    counted += daemon.metric("landfall_seeds_settled_total", &[]).unwrap();
    assert_eq!(daemon.metric("landfall_seeds_duplicate_total", &[]), Some(0.0));
    drop(daemon.terminate());

    let seeds = seeds(&busy);
    assert!(seeds.len() > 100, "{} seeds are too few to prove anything", seeds.len());
    assert!(seeds.iter().all(|(_, outcome)| outcome.is_some()), "each has ended");
    assert!(counted <= f64::from(u32::try_from(seeds.len()).unwrap()), "{counted} counted of {}", seeds.len());

    let mut arrived = BTreeSet::new();
    for mailbox in &mailboxes {
        for (token, copies) in delivered(world, mailbox) {
            assert_eq!(copies, 1, "sent twice: {token}");
            arrived.insert(token);
        }
    }
    let inbox: BTreeSet<String> = seeds
        .iter()
        .filter(|(_, outcome)| outcome.as_deref() == Some("inbox"))
        .map(|(token, _)| token.clone())
        .collect();
    assert_eq!(inbox, arrived, "what arrived is what was found, and nothing that was found is not there");
    // What did not arrive never left: the daemon was killed while it was handing it off.
    let others: BTreeMap<&str, usize> = seeds.iter().filter(|(_, outcome)| outcome.as_deref() != Some("inbox")).fold(
        BTreeMap::new(),
        |mut others, (_, outcome)| {
            *others.entry(outcome.as_deref().unwrap()).or_default() += 1;
            others
        },
    );
    assert!(others.keys().all(|outcome| *outcome == "unsent"), "{others:?}");
    println!("{} seeds over {RESTARTS} restarts: {} in the inbox, others {others:?}", seeds.len(), inbox.len());
}
