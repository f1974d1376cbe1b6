//! Copies that are hard to recognise, and folders that are hard to read.

use std::time::Duration;

use crate::account::{Account, Quirks};
use crate::landfall::{Daemon, Receiver, Setup};
use crate::smtp::Mode;

const ONCE: &str = "routes: all, mailboxes: all, every: 1h, deadline: 10m";

pub fn a_relay_that_strips_the_headers_leaves_the_token_in_the_body() {
    let receiver = Receiver::start(Account::new(), Mode::Strip);
    let seed = Setup::new("strip", &receiver).probe("p", ONCE).run_probe()("p");
    assert_eq!((&seed["outcome"], &seed["folder"]), (&"inbox".into(), &"INBOX".into()), "{seed:#}");
}

pub fn a_folder_that_was_rebuilt_is_read_anew() {
    let receiver = Receiver::start(Account::new(), Mode::Hold);
    for _ in 0..9 {
        receiver.account.lock().deliver(b"From: a@b.test\r\nSubject: old\r\n\r\nold\r\n");
    }
    let daemon = Daemon::start(&Setup::new("rebuilt", &receiver).probe("p", ONCE));
    daemon.until("the inbox is read", || {
        daemon.metric("landfall_mailbox_last_read_timestamp_seconds", "mailbox=\"m\"") > 0.0
    });
    daemon.until("the seed is handed off", || !receiver.account.lock().held.is_empty());
    {
        // What was there is lost, and UIDs start from 1 again under the UIDVALIDITY there was.
        let mut account = receiver.account.lock();
        let inbox = account.folder("INBOX").unwrap();
        inbox.messages.clear();
        inbox.uid_next = 1;
        account.release();
    }
    daemon.until_settled("p", "inbox");
}

pub fn a_server_without_uidnext_is_read_all_the_same() {
    let receiver = Receiver::start(Account::new().with(|quirks| quirks.tells_no_uid_next = true), Mode::Deliver);
    let setup = Setup::new("no-uidnext", &receiver).probe("p", "routes: all, mailboxes: all, every: 2s");
    let daemon = Daemon::start(&setup);
    daemon.until("two copies", || daemon.settled("p", "inbox") >= 2.0);
}

fn gmail() -> Receiver {
    let quirks = |quirks: &mut Quirks| quirks.gmail_tab = Some("promotions");
    let receiver = Receiver::start(Account::gmail().with(quirks), Mode::Deliver);
    receiver.account.lock().deliver_to = vec!["INBOX", "[Gmail]/All Mail"];
    receiver
}

pub fn a_gmail_tab_is_a_category() {
    let receiver = gmail();
    let setup = Setup::new("gmail", &receiver).mailbox("m", &receiver, "provider: gmail").probe("p", ONCE);
    let seed = setup.run_probe()("p");
    assert_eq!((&seed["outcome"], &seed["folder"]), (&"category".into(), &"promotions".into()), "{seed:#}");
}

pub fn a_gmail_copy_is_deleted_once_it_has_been_kept() {
    let receiver = gmail();
    let setup =
        Setup::new("gmail-keep", &receiver).mailbox("m", &receiver, "provider: gmail, keep: 1s").probe("p", ONCE);
    let daemon = Daemon::start(&setup);
    daemon.until_settled("p", "category");
    daemon.terminate();
    receiver.account.lock().deliver(b"From: a@b.test\r\nSubject: somebody else's\r\n\r\nhello\r\n");
    assert_eq!(receiver.account.len("INBOX"), 2);
    crate::landfall::pause(1);

    let daemon = Daemon::start(&setup);
    daemon.until("our copy is gone", || receiver.account.len("INBOX") == 1);
    let left = receiver.account.lock().folder("INBOX").unwrap().messages[0].bytes.clone();
    assert!(left.starts_with(b"From: a@b.test"), "{}", String::from_utf8_lossy(&left));
    assert_eq!(receiver.account.len("[Gmail]/All Mail"), 2, "nothing is deleted from a view");
}

pub fn a_view_shows_no_second_copy() {
    let receiver = Receiver::start(Account::new(), Mode::Deliver);
    receiver.account.lock().deliver_to = vec!["INBOX", "All"];
    let lost = receiver.another_way(Mode::Lose);
    let setup = Setup::new("view", &receiver)
        .route("lossy", &lost, "")
        .probe("p", "routes: relay, mailboxes: all, every: 1h, deadline: 10m")
        .probe("lost", "routes: lossy, mailboxes: all, every: 1h, deadline: 3s");
    let daemon = Daemon::start(&setup);
    daemon.until_settled("p", "inbox");
    // It takes a sweep to say so, which reads the view.
    daemon.until_settled("lost", "missing");
    assert!(receiver.account.counts().opened.iter().any(|name| name == "All"));
    for family in ["landfall_seeds_duplicate_total", "landfall_seeds_late_total"] {
        assert!(daemon.metric(family, "mailbox=\"m\"") < 1.0, "{}", daemon.state());
    }

    // Delivered again, a message has another trace; the very same bytes are but the message in another place.
    let again = receiver.account.lock().folder("INBOX").unwrap().messages[0].bytes.clone();
    receiver.account.lock().deliver(&again);
    receiver.account.lock().deliver(&[b"Received: from relay.test by mx.seed.test\r\n", &*again].concat());
    daemon
        .until("the second delivery is seen", || daemon.metric("landfall_seeds_duplicate_total", "probe=\"p\"") >= 1.0);
    let duplicates = daemon.metric("landfall_seeds_duplicate_total", "probe=\"p\"");
    assert!(daemon.settled("p", "inbox") < 2.0 && duplicates < 2.0, "{}", daemon.state());
}

/// Only a sweep finds it, so that there is no time of our own to measure by, and the server's says an hour before the handoff.
pub fn a_slow_clock_makes_no_copy_late() {
    let account = Account::new().with(|quirks| quirks.clock_behind = Duration::from_secs(3600));
    account.lock().deliver_to = vec!["Archive"];
    let receiver = Receiver::start(account, Mode::Deliver);
    let setup = Setup::new("slow-clock", &receiver)
        .probe("p", "routes: all, mailboxes: all, every: 1h, deadline: 3s, patience: 10m");
    let seed = setup.run_probe()("p");
    assert_eq!((&seed["outcome"], &seed["folder"]), (&"other".into(), &"Archive".into()), "{seed:#}");
    assert_eq!((&seed["late"], &seed["delivery_seconds"]), (&false.into(), &serde_json::Value::Null), "{seed:#}");
}
