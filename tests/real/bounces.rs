//! Messages that the relay accepts and their receiver does not: the notification is found and ends the seed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::landfall::{Daemon, Setup};
use crate::the_world;
use crate::world::{Mailbox, RELAY_PASSWORD};

/// A seed to `to`, a user of delta, whose notifications go to `envelope_from`. The mailbox `returns` belongs to no probe.
fn returned(to: &str, envelope_from: &str, returns: &Mailbox) -> (i32, Value) {
    let world = the_world();
    let mailbox = world.user("delta.test", to).unwrap();
    Setup::new(world, to)
        .identity("bouncing", &format!("{{ from: no-reply@good.test, envelope_from: \"{envelope_from}\" }}"))
        .relay("out", "bouncing", "relay.good.test", 587, "starttls", RELAY_PASSWORD, ", bounces: returns")
        .mailbox("m", &mailbox, "")
        .mailbox("returns", returns, "")
        .probe("p", "{ routes: [out], mailboxes: [m], every: 1h, deadline: 60s }")
        .probe_one()
}

#[test]
fn a_refusal_behind_the_relay_is_bounced() {
    let returns = the_world().user("alpha.test", "returns1").unwrap();
    let (status, seed) = returned("reject-bounce1", &returns.address, &returns);
    assert_eq!((status, &seed["outcome"]), (1, &json!("bounced")), "{seed:#}");
    assert_eq!(seed["handoff"]["result"], "accepted", "{seed:#}");
    let bounce = &seed["bounce"];
    assert_eq!((&bounce["code"], &bounce["status"]), (&json!(550), &json!("5.1.1")), "{seed:#}");
    assert_eq!(bounce["remote_mta"], "mx.delta.test", "{seed:#}");
    assert_eq!(bounce["recipient"], "reject-bounce1@delta.test", "{seed:#}");
    assert_eq!(bounce["action"], "failed", "{seed:#}");
}

#[test]
fn a_refusal_of_the_message_is_bounced_to_an_address_of_its_own() {
    let returns = the_world().user("alpha.test", "returns2").unwrap();
    let (status, seed) = returned("refuse-bounce2", "returns2+{token}@alpha.test", &returns);
    assert_eq!((status, &seed["outcome"]), (1, &json!("bounced")), "{seed:#}");
    assert_eq!((&seed["bounce"]["code"], &seed["bounce"]["status"]), (&json!(554), &json!("5.7.1")), "{seed:#}");
    // The tag of the envelope sender, which a notification without any of the original would still carry.
    let there = the_world().messages(&returns, "INBOX").unwrap();
    assert!(there.iter().any(|message| message.text.contains("To: returns2+")), "{there:#?}");
}

#[test]
fn a_bounce_after_missing_is_told_and_the_outcome_stays() {
    let world = the_world();
    let returns = world.user("alpha.test", "returns3").unwrap();
    let mailbox = world.user("delta.test", "blackhole-bounce3").unwrap();
    let setup = Setup::new(world, "late-bounce")
        .identity("bouncing", "{ from: no-reply@good.test, envelope_from: returns3@alpha.test }")
        .relay("out", "bouncing", "relay.good.test", 587, "starttls", RELAY_PASSWORD, ", bounces: returns")
        .mailbox("m", &mailbox, "")
        .mailbox("returns", &returns, "")
        .probe("p", "{ routes: [out], mailboxes: [m], every: 1h, deadline: 3s }");
    let daemon = Daemon::start(&setup);
    let limit = Duration::from_secs(60);
    daemon.until_metric("landfall_seeds_settled_total", &["outcome=\"missing\""], 1.0, limit);
    let (token, _) = crate::restarts::seeds(&setup).remove(0);
    let notice = format!(
        "From: MAILER-DAEMON@relay.good.test\r\nTo: returns3@alpha.test\r\nSubject: failure notice\r\n\r\n\
         Hi. This is the qmail-send program at relay.good.test.\r\n\r\n<{}>:\r\nSorry, no mailbox here. (#5.1.1)\r\n\r\n\
         --- Below this line is a copy of the message.\r\n\r\nX-Landfall-Seed: {token}\r\n",
        mailbox.address
    );
    world.append(&returns, "INBOX", notice.as_bytes()).unwrap();
    daemon.until_metric("landfall_finding", &["rule=\"bounced-late\""], 1.0, limit);
    assert_eq!(daemon.metric("landfall_seeds_settled_total", &["outcome=\"bounced\""]), Some(0.0));
    assert_eq!(daemon.metric("landfall_last_outcome", &["outcome=\"missing\""]), Some(1.0));
    let (_, log) = daemon.terminate();
    assert!(log.contains("a seed that had ended was returned"), "{log}");
}
