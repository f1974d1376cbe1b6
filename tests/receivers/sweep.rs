//! Mail that arrives and moves while a sweep goes from folder to folder.

use std::time::Duration;

use crate::account::Account;
use crate::landfall::{Daemon, Receiver, Setup};
use crate::smtp::Mode;

/// The first list is the session's, the second is the first sweep's.
const IN_SWEEP: usize = 2;

/// A copy comes into the inbox when a sweep has read that, and is next met in the view of everything.
pub fn a_copy_that_comes_during_a_sweep_is_in_the_inbox() {
    let receiver = Receiver::start(Account::new(), Mode::Hold);
    receiver.account.lock().deliver_to = vec!["INBOX", "All"];
    let lost = receiver.another_way(Mode::Lose);
    receiver.account.when_examined("All", IN_SWEEP, |account| {
        assert_eq!(account.held.len(), 1, "the seed was handed off before the sweep");
        account.release();
    });
    let setup = Setup::new("sweep-comes", &receiver)
        .route("lossy", &lost, "")
        .probe("p", "routes: relay, mailboxes: all, every: 1h, deadline: 10m")
        .probe("lost", "routes: lossy, mailboxes: all, every: 1h, deadline: 4s, patience: 10m");
    let daemon = Daemon::start(&setup);
    daemon.until_settled("lost", "missing");
    daemon.until("p ends", || daemon.metric("landfall_seeds_pending", "") < 1.0);
    assert!(daemon.settled("p", "inbox") >= 1.0, "{}", daemon.state());
    assert!(daemon.metric("landfall_seeds_duplicate_total", "mailbox=\"m\"") < 1.0, "{}", daemon.state());
}

/// A copy lies in the junk folder until a sweep, which has read the inbox, comes to it; somebody has just moved it to the inbox then.
pub fn a_copy_that_moves_during_a_sweep_is_not_missing() {
    let receiver = Receiver::start(Account::new(), Mode::Hold);
    receiver.account.when_examined("Junk", IN_SWEEP, |account| {
        assert_eq!(account.held.len(), 1, "the seed was handed off before the sweep");
        account.folder("Junk").unwrap().uid_next += 1;
        account.release();
        // It keeps the time of its arrival.
        let inbox = account.folder("INBOX").unwrap();
        inbox.messages[0].arrived_at -= Duration::from_secs(3);
    });
    let setup = Setup::new("sweep-moves", &receiver)
        .probe("p", "routes: relay, mailboxes: all, every: 1h, deadline: 4s, patience: 10m");
    let daemon = Daemon::start(&setup);
    daemon.until("p ends", || receiver.account.len("INBOX") == 1 && daemon.metric("landfall_seeds_pending", "") < 1.0);
    assert!(daemon.settled("p", "inbox") >= 1.0, "{}", daemon.state());
    assert!(daemon.metric("landfall_seeds_late_total", "mailbox=\"m\"") < 1.0, "{}", daemon.state());
}
