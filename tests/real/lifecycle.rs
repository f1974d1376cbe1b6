//! The daemon over time: what is missing and what merely could not be looked at, late and doubled copies, foreign mail, mailboxes that hang.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::json;

use crate::landfall::{Daemon, Setup, landfall, pause};
use crate::the_world;
use crate::world::wait_for;

/// Long enough for anything on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn settled(outcome: &str) -> [String; 1] {
    [format!("outcome=\"{outcome}\"")]
}

fn count(daemon: &Daemon, outcome: &str) -> f64 {
    let [label] = settled(outcome);
    daemon.metric("landfall_seeds_settled_total", &[&label]).unwrap_or_default()
}

#[test]
fn accepted_and_silently_discarded_is_missing_only_after_a_full_sweep() {
    let world = the_world();
    let mailbox = world.user("delta.test", "blackhole1").unwrap();
    let (status, seed) = Setup::new(world, "blackhole1")
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [relay], mailboxes: [m], every: 1h, deadline: 4s }")
        .probe_one();
    assert_eq!((status, &seed["outcome"], &seed["expected"]), (1, &json!("missing"), &json!(false)), "{seed:#}");
    assert_eq!(seed["handoff"]["code"], 250, "the route had accepted it");
}

#[test]
fn dmarc_failures_swallowed_by_the_receiver_are_missing() {
    let world = the_world();
    let mailbox = world.user("delta.test", "swallow1").unwrap();
    let (_, seed) = Setup::new(world, "swallow1")
        .route("direct", "{ identity: strict, mx: { helo: direct.good.test } }")
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [direct], mailboxes: [m], every: 1h, deadline: 4s }")
        .probe_one();
    assert_eq!((&seed["outcome"], &seed["handoff"]["result"]), (&json!("missing"), &json!("accepted")), "{seed:#}");
}

#[test]
fn a_mailbox_whose_password_changed_makes_its_seeds_unobserved_and_never_missing() {
    let world = the_world();
    let mailbox = world.user("delta.test", "blackhole2").unwrap();
    let setup = Setup::new(world, "blackhole2")
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [relay], mailboxes: [m], every: 20s, deadline: 5s, patience: 3s }");
    let daemon = Daemon::start(&setup);
    daemon.until_metric("landfall_handoffs_total", &["result=\"accepted\""], 1.0, LONG);
    world.set_password(&mailbox, "changed").unwrap();
    daemon.until_metric("landfall_seeds_settled_total", &["outcome=\"unobserved\""], 1.0, LONG);
    assert_eq!(count(&daemon, "missing"), 0.0);
    assert_eq!(daemon.metric("landfall_mailbox_up", &["mailbox=\"m\""]), Some(0.0));
    assert!(daemon.metric("landfall_mailbox_errors_total", &["reason=\"auth\""]).unwrap() >= 1.0);
    assert_eq!(daemon.metric("landfall_seeds_unexpected_total", &[]), Some(0.0), "it counts against nobody");
}

#[test]
fn a_copy_found_after_the_deadline_is_late_with_its_placement() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "late1").unwrap();
    let setup = Setup::new(world, "late1")
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [relay], mailboxes: [m], every: 1h, deadline: 4s }");
    let daemon = Daemon::start(&setup);
    daemon.until_metric("landfall_seeds_settled_total", &["outcome=\"missing\""], 1.0, LONG);
    assert_eq!(daemon.metric("landfall_seeds_late_total", &[]), Some(0.0));
    world.release(&mailbox.address).unwrap();
    daemon.until_metric("landfall_seeds_late_total", &[], 1.0, LONG);
    assert_eq!((count(&daemon, "missing"), count(&daemon, "inbox")), (1.0, 0.0), "what was said stays said");
    let (_, log) = daemon.terminate();
    assert!(log.contains("a seed that had been given up was found"), "{log}");
}

#[test]
fn a_second_delivery_is_one_result_and_one_duplicate() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "twice1").unwrap();
    let setup = Setup::new(world, "twice1")
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [relay], mailboxes: [m], every: 1h, deadline: 30s }");
    let daemon = Daemon::start(&setup);
    daemon.until_metric("landfall_seeds_duplicate_total", &[], 1.0, LONG);
    daemon.until_metric("landfall_seeds_settled_total", &["outcome=\"inbox\""], 1.0, LONG);
    drop(daemon.terminate());
    // A new start reads the same folder again, and counts nothing again.
    let daemon = Daemon::start(&setup);
    daemon.until_metric("landfall_mailbox_up", &[], 1.0, LONG);
    assert_eq!(daemon.metric("landfall_seeds_duplicate_total", &[]), Some(0.0));
    assert_eq!(count(&daemon, "inbox"), 0.0);
    assert_eq!(daemon.metric("landfall_last_outcome", &["outcome=\"inbox\""]), Some(1.0), "remembered");
}

/// A message of somebody else; every tenth looks a bit like ours.
fn foreign(number: usize) -> Vec<u8> {
    let mark = match number % 10 {
        0 => "X-Landfall-Seed: 0123456789abcdef0123456789abcdef\r\n",
        1 => "X-Landfall-Seed: (DROP TABLE seeds)\r\nX-Landfall-Seed:\r\n",
        _ => "",
    };
    format!(
        "From: friend{number}@elsewhere.test\r\nMessage-ID: <fedcba9876543210fedcba987654{number:04x}@elsewhere.test>\r\n\
         {mark}Subject: {number}\r\n\r\nhello\r\n"
    )
    .into_bytes()
}

#[test]
fn foreign_mail_stays_untouched_and_a_forged_token_changes_nothing() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "crowd1").unwrap();
    world.fill(&mailbox, (0..300).map(foreign)).unwrap();
    let before = world.messages(&mailbox, "INBOX").unwrap();
    assert_eq!(before.len(), 300);
    let setup = Setup::new(world, "crowd1")
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [relay], mailboxes: [m], every: 5s, deadline: 30s }");
    let daemon = Daemon::start(&setup);
    daemon.until_metric("landfall_seeds_settled_total", &["outcome=\"inbox\""], 1.0, LONG);
    // More of it, while the daemon looks; and a seed after it proves that it was looked at.
    world.append(&mailbox, "INBOX", &foreign(1000)).unwrap();
    let so_far = count(&daemon, "inbox");
    daemon.until_metric("landfall_seeds_settled_total", &["outcome=\"inbox\""], so_far + 2.0, LONG);
    for family in ["landfall_seeds_duplicate_total", "landfall_seeds_late_total"] {
        assert_eq!(daemon.metric(family, &[]), Some(0.0));
    }
    drop(daemon.terminate());
    let after = world.messages(&mailbox, "INBOX").unwrap();
    let kept: Vec<_> = after.iter().filter(|message| before.iter().any(|old| old.uid == message.uid)).collect();
    assert_eq!(kept.len(), 300);
    for (old, new) in before.iter().zip(kept) {
        assert_eq!((old.uid, &old.flags, &old.text), (new.uid, &new.flags, &new.text));
    }
}

#[test]
fn kept_seeds_are_deleted_in_time_and_nothing_else_is() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "keep1").unwrap();
    world.fill(&mailbox, (0..3).map(foreign)).unwrap();
    let mut setup = Setup::new(world, "keep1").mailbox("m", &mailbox, "");
    setup = setup.probe("p", "{ routes: [relay], mailboxes: [m], every: 1h, deadline: 30s }");
    let config = setup.write();
    let text = std::fs::read_to_string(&config).unwrap().replace("provider: generic,", "provider: generic, keep: 1s,");
    std::fs::write(&config, text).unwrap();
    let daemon = Daemon::start_with(&config, &[]);
    daemon.until_metric("landfall_seeds_settled_total", &["outcome=\"inbox\""], 1.0, LONG);
    assert_eq!(world.messages(&mailbox, "INBOX").unwrap().len(), 4);
    drop(daemon.terminate());
    // It is kept for a second, looked for at the start and then every ten minutes.
    pause(Duration::from_secs(1));
    let daemon = Daemon::start_with(&config, &[]);
    wait_for("the seed to be deleted", LONG, || match world.messages(&mailbox, "INBOX").unwrap().len() {
        3 => Ok(()),
        others => Err(format!("{others} messages")),
    })
    .unwrap();
    drop(daemon);
}

#[test]
fn a_mailbox_that_hangs_for_ever_delays_no_other() {
    let world = the_world();
    let (good, hung) = (world.user("alpha.test", "quick1").unwrap(), world.user("alpha.test", "hung1").unwrap());
    let hole = world.black_hole();
    let setup = Setup::new(world, "hung1")
        .mailbox("good", &good, "")
        .mailbox_at("hung", &hung, &format!("host: {}, port: {}, tls: none", hole.ip(), hole.port()), "")
        .probe("p", "{ routes: [relay], mailboxes: all, every: 5s, deadline: 30s }");
    let daemon = Daemon::start(&setup);
    daemon.until_metric("landfall_seeds_settled_total", &["mailbox=\"good\"", "outcome=\"inbox\""], 3.0, LONG);
    assert_eq!(daemon.metric("landfall_mailbox_up", &["mailbox=\"good\""]), Some(1.0));
    assert_ne!(daemon.metric("landfall_mailbox_up", &["mailbox=\"hung\""]), Some(1.0));
    let slow = daemon.metric("landfall_delivery_duration_seconds_sum", &["mailbox=\"good\""]).unwrap();
    let seeds = daemon.metric("landfall_delivery_duration_seconds_count", &["mailbox=\"good\""]).unwrap();
    assert!(slow / seeds < 15.0, "{slow} s for {seeds} seeds");
}

#[test]
fn uidvalidity_and_a_folder_made_anew_lose_no_seed() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "anew1").unwrap();
    world.fill(&mailbox, (0..50).map(foreign)).unwrap();
    let setup = Setup::new(world, "anew1")
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [relay], mailboxes: [m], every: 5s, deadline: 30s }");
    let daemon = Daemon::start(&setup);
    daemon.until_metric("landfall_seeds_settled_total", &["outcome=\"inbox\""], 1.0, LONG);
    world.doveadm(&mailbox, &["mailbox", "update", "--uid-validity", "7777777", "INBOX"], &[]).unwrap();
    world.doveadm(&mailbox, &["kick", &mailbox.address], &[]).unwrap_or_default();
    let so_far = count(&daemon, "inbox");
    daemon.until_metric("landfall_seeds_settled_total", &["outcome=\"inbox\""], so_far + 2.0, LONG);
    assert_eq!(daemon.metric("landfall_seeds_duplicate_total", &[]), Some(0.0));
    assert_eq!(count(&daemon, "missing"), 0.0);
}

#[test]
fn sigterm_finishes_what_is_in_smtp_and_exits_in_time() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "term1").unwrap();
    let setup = Setup::new(world, "term1")
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [relay], mailboxes: [m], every: 1s, deadline: 30s }");
    let daemon = Daemon::start_with(&setup.write(), &["--log.format=json"]);
    daemon.until_metric("landfall_handoffs_total", &["result=\"accepted\""], 3.0, LONG);
    let (took, log) = daemon.terminate();
    assert!(took < Duration::from_secs(10), "{took:?}");
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert!(log.contains("stopped"));
}

/// Resident memory in MiB.
fn resident(daemon: &Daemon) -> f64 {
    daemon.metric("process_resident_memory_bytes", &[]).unwrap() / f64::from(1 << 20)
}

#[test]
fn a_hundred_thousand_messages_in_the_inbox_cost_neither_memory_nor_time() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "huge1").unwrap();
    world.fill(&mailbox, (0..100_000).map(foreign)).unwrap();
    let setup = Setup::new(world, "huge1")
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [relay], mailboxes: [m], every: 5s, deadline: 60s }");
    let daemon = Daemon::start(&setup);
    daemon.until_metric("landfall_seeds_settled_total", &["outcome=\"inbox\""], 2.0, LONG * 3);
    let before = resident(&daemon);
    // Every cursor is void now, and every message is new.
    world.doveadm(&mailbox, &["mailbox", "update", "--uid-validity", "8888888", "INBOX"], &[]).unwrap();
    world.doveadm(&mailbox, &["kick", &mailbox.address], &[]).unwrap_or_default();
    let so_far = count(&daemon, "inbox");
    daemon.until_metric("landfall_seeds_settled_total", &["outcome=\"inbox\""], so_far + 3.0, LONG * 3);
    let after = resident(&daemon);
    assert!(after - before < 30.0, "from {before} MiB to {after} MiB");
    for outcome in ["missing", "unobserved", "other"] {
        assert_eq!(count(&daemon, outcome), 0.0, "{outcome}");
    }
}

/// A daemon with a seed in the hands of a server that never says a word.
fn hanging(name: &str) -> (Setup, Daemon, TcpListener) {
    let world = the_world();
    let mailbox = world.user("alpha.test", name).unwrap();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port();
    let setup = Setup::new(world, name)
        .route("mute", &format!("{{ identity: good, smtp: {{ host: 127.0.0.1, port: {port}, tls: none }} }}"))
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [mute], mailboxes: [m], every: 1h, deadline: 30s }");
    let daemon = Daemon::start(&setup);
    (setup, daemon, mute)
}

#[test]
fn whoever_hangs_does_not_keep_the_daemon_from_stopping_in_time() {
    let (_setup, daemon, mute) = hanging("hang1");
    let _smtp = mute.accept().unwrap();
    let mut half = TcpStream::connect(daemon.web).unwrap();
    half.write_all(b"GET /metrics HTT").unwrap();
    let (took, log) = daemon.terminate();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(log.contains("without waiting any longer"), "{log}");
    assert!(log.contains("in_smtp=1"), "{log}");
}

#[test]
fn a_second_signal_ends_the_daemon_at_once() {
    let (_setup, daemon, mute) = hanging("hang2");
    let _smtp = mute.accept().unwrap();
    daemon.signal("INT");
    daemon.until("not ready", LONG, || daemon.get("/-/ready").is_none_or(|(status, _)| status != 200));
    let (took, status) = daemon.signalled("INT");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(status.code(), Some(130));
}

#[test]
fn one_database_has_one_daemon_and_a_killed_one_does_not_keep_it() {
    let (setup, daemon, _mute) = hanging("lock1");
    let second = landfall(&setup.dir.join("landfall.yaml"), "run", &["--web.listen-address=127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(2));
    let complaint = String::from_utf8_lossy(&second.stderr);
    assert!(complaint.contains("another landfall is using the database"), "{complaint}");
    daemon.kill();
    drop(Daemon::start(&setup));
}
