//! Messages that the relay accepts and their receiver does not: the notification is found and ends the seed.

use serde_json::{Value, json};

use crate::landfall::Setup;
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
