//! Servers that refuse: the list, a folder, a deletion. Nothing is missing where nobody could look.

use crate::account::{Account, Listing};
use crate::landfall::{Daemon, Receiver, Setup, pause};
use crate::smtp::Mode;

/// Two seeds that arrived and a list that does not show them: the one with little patience is unobserved, and the other one is found as soon as the
/// list is whole.
fn unobserved_until_listed(name: &str, listing: Listing) {
    let receiver = Receiver::start(Account::new().with(|quirks| quirks.listing = listing), Mode::Deliver);
    let setup = Setup::new(name, &receiver)
        .probe("hasty", "routes: all, mailboxes: all, every: 1h, deadline: 2s, patience: 2s")
        .probe("patient", "routes: all, mailboxes: all, every: 1h, deadline: 10m");
    let daemon = Daemon::start(&setup);
    daemon.until("a failure", || {
        daemon.metric("landfall_mailbox_errors_total", "mailbox=\"m\" reason=\"unavailable\"") >= 1.0
    });
    assert!(daemon.metric("landfall_mailbox_up", "mailbox=\"m\"") < 1.0, "{}", daemon.state());
    daemon.until_settled("hasty", "unobserved");
    assert!(daemon.settled("", "missing") < 1.0, "{}", daemon.state());
    assert!(daemon.metric("landfall_mailbox_up", "mailbox=\"m\"") < 1.0, "{}", daemon.state());
    daemon.terminate();

    receiver.account.lock().quirks.listing = Listing::Everything;
    // A restart spares the pause after so many failures.
    let daemon = Daemon::start(&setup);
    daemon.until_settled("patient", "inbox");
    daemon
        .until("the hasty one is found late", || daemon.metric("landfall_seeds_late_total", "probe=\"hasty\"") >= 1.0);
    assert!(daemon.metric("landfall_mailbox_up", "mailbox=\"m\"") >= 1.0, "{}", daemon.state());
}

pub fn a_list_of_nothing_is_no_list() {
    unobserved_until_listed("list-nothing", Listing::Nothing);
}

pub fn a_list_without_the_inbox_is_no_list() {
    unobserved_until_listed("list-no-inbox", Listing::NoInbox);
}

pub fn an_inbox_that_cannot_be_selected_is_no_inbox() {
    unobserved_until_listed("list-noselect", Listing::InboxNoselect);
}

/// The same in one run: the deadline passes while the server lists nothing, and the copy is found when the list is back.
pub fn a_list_that_is_whole_again_is_believed() {
    let receiver = Receiver::start(Account::new(), Mode::Deliver);
    receiver.account.lock().quirks.listing = Listing::Nothing;
    let setup = Setup::new("list-back", &receiver)
        .probe("p", "routes: all, mailboxes: all, every: 1h, deadline: 1s, patience: 10m");
    let daemon = Daemon::start(&setup);
    daemon.until("two attempts", || receiver.account.counts().lists >= 2);
    assert!(daemon.settled("", "missing") < 1.0, "{}", daemon.state());
    receiver.account.lock().quirks.listing = Listing::Everything;
    daemon.until_settled("p", "inbox");
}

fn unobserved_where_refused(name: &str, folder: &'static str) {
    let account = Account::new().with(|quirks| quirks.refused = vec![(folder, "NO [NOPERM] not for you")]);
    let receiver = Receiver::start(account, Mode::Lose);
    let setup =
        Setup::new(name, &receiver).probe("p", "routes: all, mailboxes: all, every: 1h, deadline: 2s, patience: 2s");
    assert_eq!(setup.run_probe()("p")["outcome"], "unobserved");
}

pub fn an_inbox_that_may_not_be_read_is_not_searched() {
    unobserved_where_refused("inbox-noperm", "INBOX");
}

pub fn a_junk_folder_that_may_not_be_read_is_not_searched() {
    unobserved_where_refused("junk-noperm", "Junk");
}

pub fn a_forbidden_or_vanished_folder_does_not_stop_the_sweep() {
    let refused = vec![("Archive", "NO [NOPERM] not for you"), ("All", "NO [NONEXISTENT] no such folder")];
    let receiver = Receiver::start(Account::new().with(|quirks| quirks.refused = refused), Mode::Lose);
    let setup = Setup::new("other-noperm", &receiver)
        .probe("p", "routes: all, mailboxes: all, every: 1h, deadline: 2s, patience: 10m");
    assert_eq!(setup.run_probe()("p")["outcome"], "missing");
    let opened = receiver.account.counts().opened;
    for folder in ["INBOX", "Junk", "Archive", "All"] {
        assert!(opened.iter().any(|name| name == folder), "{folder} was not tried: {opened:?}");
    }
}

pub fn a_junk_folder_that_refuses_makes_no_login_storm() {
    let account = Account::new().with(|quirks| quirks.refused = vec![("Junk", "NO cannot open it now")]);
    let receiver = Receiver::start(account, Mode::Lose);
    let setup = Setup::new("junk-no", &receiver).probe("p", "routes: all, mailboxes: all, every: 1h, deadline: 10m");
    let daemon = Daemon::start(&setup);
    pause(12);
    let logins = receiver.account.counts().logins;
    assert!((1..=4).contains(&logins), "{logins} logins\n{}", daemon.state());
    assert!(daemon.metric("landfall_mailbox_up", "mailbox=\"m\"") < 1.0, "{}", daemon.state());
}

pub fn a_server_that_refuses_to_delete_makes_no_login_storm() {
    let receiver = Receiver::start(Account::new().with(|quirks| quirks.refuses_store = true), Mode::Deliver);
    let setup = Setup::new("no-store", &receiver)
        .mailbox("m", &receiver, "provider: generic, keep: 1s")
        .probe("p", "routes: all, mailboxes: all, every: 1s");
    let daemon = Daemon::start(&setup);
    daemon.until("three copies", || daemon.settled("p", "inbox") >= 3.0);
    daemon.terminate();

    let before = receiver.account.counts().logins;
    // What was kept long enough is deleted when a session has read all it has to.
    let daemon = Daemon::start(&setup);
    daemon.until("an attempt to delete", || receiver.account.counts().stores >= 1);
    pause(12);
    let logins = receiver.account.counts().logins - before;
    assert!((1..=4).contains(&logins), "{logins} logins\n{}", daemon.state());
    let settled = daemon.settled("p", "inbox");
    daemon.until("seeds are still found", || daemon.settled("p", "inbox") > settled);
}
