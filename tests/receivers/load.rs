//! Servers that never stop talking, and servers that never start.
#![expect(clippy::disallowed_methods, reason = "what real servers do is measured by the real clock")]

use std::time::{Duration, Instant};

use crate::account::{Account, Idling};
use crate::landfall::{Daemon, Receiver, Setup, pause};
use crate::smtp::Mode;

pub fn an_idle_that_ends_at_once_is_replaced_by_polling() {
    let receiver = Receiver::start(Account::new().with(|quirks| quirks.idling = Idling::EndsAtOnce), Mode::Hold);
    let setup = Setup::new("idle-ends", &receiver).probe("p", "routes: all, mailboxes: all, every: 1h, deadline: 10m");
    let daemon = Daemon::start(&setup);
    daemon.until("an IDLE", || receiver.account.counts().idles >= 1);
    pause(3);
    let idles = receiver.account.counts().idles;
    assert!(idles <= 20, "{idles} times IDLE in 3 s\n{}", daemon.state());
    receiver.account.lock().release();
    daemon.until_settled("p", "inbox");
}

pub fn a_flood_of_news_neither_floods_back_nor_starves_others() {
    let flooding = Receiver::start(Account::new().with(|quirks| quirks.idling = Idling::Floods), Mode::Lose);
    let quiet = Receiver::start(Account::new(), Mode::Deliver);
    // One stranger's message, so that a FETCH has something to ask for.
    flooding.account.lock().deliver(b"From: a@b.test\r\nSubject: x\r\n\r\nhello\r\n");
    let setup = Setup::new("flood", &flooding)
        .route("good", &quiet.smtp, "")
        .mailbox("quiet", &quiet, "provider: generic")
        .probe("loud", "routes: relay, mailboxes: m, every: 1h, deadline: 10m")
        .probe("p", "routes: good, mailboxes: quiet, every: 1s, deadline: 10m");
    let daemon = Daemon::start(&setup);
    daemon.until("a FETCH", || flooding.account.counts().fetches >= 3);
    let (fetches, settled, began) = (flooding.account.counts().fetches, daemon.settled("p", "inbox"), Instant::now());
    pause(4);
    let (fetches, span) = (flooding.account.counts().fetches - fetches, began.elapsed());
    let settled = daemon.settled("p", "inbox") - settled;
    assert!(fetches > 0, "the flood was not heard\n{}", daemon.state());
    // Ten a second, and the polls.
    let most = span.as_millis() * 15 / 1000;
    assert!(fetches as u128 <= most, "{fetches} times FETCH in {span:?}\n{}", daemon.state());
    assert!(settled >= 2.0, "only {settled} seeds of another mailbox were found in {span:?}\n{}", daemon.state());
}

pub fn a_route_that_hangs_piles_nothing_up() {
    const CONNECTIONS: usize = 2;
    /// One waits for each connection, and one lane's next seed for a turn.
    const MOST: usize = CONNECTIONS + 1;
    let receiver = Receiver::start(Account::new(), Mode::Hang);
    let setup = Setup::new("hang", &receiver)
        .route("relay", &receiver.smtp, &format!(", connections: {CONNECTIONS}"))
        .probe("p", "routes: all, mailboxes: all, every: 1s, deadline: 10m");
    let daemon = Daemon::start(&setup);
    daemon.until("the connections are taken", || receiver.smtp.connections() >= CONNECTIONS);
    pause(8);
    assert_eq!(receiver.smtp.connections(), CONNECTIONS, "{}", daemon.state());
    let pending = daemon.metric("landfall_seeds_pending", "");
    assert!(pending <= 3.0, "{pending} seeds wait\n{}", daemon.state());
    let healed = Instant::now();
    receiver.smtp.set(Mode::Deliver);
    daemon.until("seeds flow again", || receiver.smtp.accepted().len() > MOST + 1);
    let at_once =
        receiver.smtp.accepted().iter().filter(|at| at.duration_since(healed) < Duration::from_millis(800)).count();
    // One more may have come due just then.
    assert!(at_once <= MOST + 1, "{at_once} seeds at once\n{}", daemon.state());
}
