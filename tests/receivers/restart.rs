//! What vanishes under a daemon: a key while it runs, a route while it does not.

use std::fs;

use crate::account::Account;
use crate::landfall::{Daemon, Receiver, Setup};
use crate::smtp::Mode;

pub fn a_key_that_vanishes_makes_seeds_unsent() {
    let receiver = Receiver::start(Account::new(), Mode::Deliver);
    let setup = Setup::new("key", &receiver);
    let key_file = setup.dir.join("s1.pem");
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    fs::write(&key_file, key.serialize_pem()).unwrap();
    let setup = setup
        .signed_with(&key_file.display().to_string())
        .probe("p", "routes: all, mailboxes: all, every: 1s, deadline: 10m");
    let daemon = Daemon::start(&setup);
    daemon.until_settled("p", "inbox");
    fs::remove_file(&key_file).unwrap();
    daemon.until_settled("p", "unsent");
    let finding = || daemon.metric("landfall_finding", "probe=\"p\" rule=\"seed-not-made\"") >= 1.0;
    daemon.until("the finding", finding);
    assert!(daemon.metric("landfall_store_writable", "") >= 1.0, "{}", daemon.state());

    let settled = daemon.settled("p", "inbox");
    fs::write(&key_file, key.serialize_pem()).unwrap();
    daemon.until("seeds are sent again", || daemon.settled("p", "inbox") > settled);
}

pub fn a_deferred_seed_without_its_route_is_refused() {
    let receiver = Receiver::start(Account::new(), Mode::Deliver);
    let deferring = receiver.another_way(Mode::Defer);
    let setup = Setup::new("route-gone", &receiver)
        .route("gone", &deferring, "")
        .probe("p", "routes: relay, mailboxes: all, every: 1h, deadline: 10m");
    let setup = setup.probe("deferred", "routes: gone, mailboxes: all, every: 1h, deadline: 10m");
    let daemon = Daemon::start(&setup);
    daemon.until_settled("p", "inbox");
    daemon.until("the deferral", || {
        daemon.metric("landfall_handoffs_total", "route=\"gone\" result=\"deferred\"") >= 1.0
    });
    assert!(daemon.metric("landfall_seeds_pending", "") >= 1.0, "{}", daemon.state());
    daemon.terminate();

    let setup = setup
        .without_route("gone")
        .without_probes()
        .probe("p", "routes: relay, mailboxes: all, every: 1h, deadline: 10m");
    let daemon = Daemon::start(&setup);
    daemon.until_settled("deferred", "refused");
    daemon.until("nothing is pending", || daemon.metric("landfall_seeds_pending", "") < 1.0);
}
