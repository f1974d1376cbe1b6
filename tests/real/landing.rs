//! Where seeds land, and how handoffs end: one-shot probes against real receivers.

use serde_json::{Value, json};

use crate::landfall::Setup;
use crate::the_world;
use crate::world::RELAY_PASSWORD;

/// The built-in message with a line that rspamd takes for spam.
const SPAM: &str = "From: {{from}}\r\nTo: {{to}}\r\nSubject: Your invoice {{subject_suffix}}\r\nContent-Type: text/plain\r\n\r\n\
    YJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n\r\nReference: {{reference}}\r\n";

/// One seed by the relay to a user of that name.
fn by_relay(receiver: &str, user: &str, imap: &str, probe: &str) -> (i32, Value) {
    let world = the_world();
    let mailbox = world.user(receiver, user).unwrap();
    Setup::new(world, user)
        .mailbox("m", &mailbox, imap)
        .probe("p", &format!("{{ routes: [relay], mailboxes: [m], every: 1h, deadline: 30s{probe} }}"))
        .probe_one()
}

fn auth(seed: &Value) -> Value {
    seed["auth"].clone()
}

#[test]
fn inbox_with_the_receivers_verdicts() {
    let (status, seed) = by_relay("alpha.test", "inbox1", "", "");
    assert_eq!((status, &seed["outcome"], &seed["expected"]), (0, &json!("inbox"), &json!(true)), "{seed:#}");
    assert_eq!(auth(&seed), json!({"spf": "pass", "dkim": "pass", "dmarc": "pass"}), "{seed:#}");
    assert_eq!(seed["handoff"]["result"], "accepted");
    assert_eq!(seed["handoff"]["code"], 250);
    assert!(seed["handoff"]["queue_id"].as_str().is_some_and(|id| id.len() > 5), "{seed:#}");
    assert!(seed["delivery_seconds"].as_f64().is_some_and(|s| (0.0..30.0).contains(&s)), "{seed:#}");
}

#[test]
fn several_headers_of_one_receiver_are_merged() {
    let (status, seed) = by_relay("beta.test", "merged1", "", "");
    assert_eq!((status, &seed["outcome"]), (0, &json!("inbox")), "{seed:#}");
    assert_eq!(auth(&seed), json!({"spf": "pass", "dkim": "pass", "dmarc": "pass"}), "{seed:#}");
}

#[test]
fn junk_by_rspamd_is_spam() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "junk1").unwrap();
    let setup = Setup::new(world, "junk1").mailbox("m", &mailbox, "");
    std::fs::write(setup.dir.join("spam.eml"), SPAM).unwrap();
    let (status, seed) = setup
        .probe("p", "{ routes: [relay], mailboxes: [m], every: 1h, deadline: 30s, message: { template: spam.eml } }")
        .probe_one();
    assert_eq!((status, &seed["outcome"], &seed["folder"]), (1, &json!("spam"), &json!("Junk")), "{seed:#}");
    assert_eq!(seed["expected"], false);
}

#[test]
fn promotions_by_sieve_is_a_category() {
    let (status, seed) =
        by_relay("gamma.test", "promo1", ", folders: { categories: Promotions }", ", expect: [inbox, category]");
    assert_eq!((status, &seed["outcome"]), (0, &json!("category")), "{seed:#}");
    assert_eq!(seed["folder"], "Promotions");
}

#[test]
fn a_non_ascii_junk_folder_without_special_use_is_spam() {
    let (status, seed) = by_relay("gamma.test", "spam1", ", folders: { spam: 垃圾邮件 }", "");
    assert_eq!((status, &seed["outcome"], &seed["folder"]), (1, &json!("spam"), &json!("垃圾邮件")), "{seed:#}");
}

#[test]
fn an_unexpected_folder_is_found_by_the_sweep() {
    let world = the_world();
    let mailbox = world.user("gamma.test", "deep1").unwrap();
    let (status, seed) = Setup::new(world, "deep1")
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [relay], mailboxes: [m], every: 1h, deadline: 4s }")
        .probe_one();
    assert_eq!((status, &seed["outcome"], &seed["folder"]), (1, &json!("other"), &json!("Archive/Deep")), "{seed:#}");
    assert_eq!(seed["late"], false, "it arrived in time, it was only looked for late");
}

#[test]
fn a_refusal_tells_phase_command_and_codes() {
    for (user, command, phase, code, enhanced) in
        [("reject1", "RCPT", "envelope", 550, "5.1.1"), ("refuse1", "message", "data", 554, "5.7.1")]
    {
        let world = the_world();
        let mailbox = world.user("alpha.test", user).unwrap();
        // Straight to the MX: a relay would accept it first and bounce it later.
        let (status, seed) = Setup::new(world, user)
            .route(
                "direct",
                &format!("{{ identity: good, mx: {{ helo: direct.good.test, source: {} }} }}", world.direct_address()),
            )
            .mailbox("m", &mailbox, "")
            .probe("p", "{ routes: [direct], mailboxes: [m], every: 1h, deadline: 10s }")
            .probe_one();
        let handoff = &seed["handoff"];
        assert_eq!((status, &seed["outcome"]), (1, &json!("refused")), "{seed:#}");
        assert_eq!((&handoff["command"], &handoff["phase"]), (&json!(command), &json!(phase)), "{seed:#}");
        assert_eq!((&handoff["code"], &handoff["enhanced"]), (&json!(code), &json!(enhanced)), "{seed:#}");
    }
}

#[test]
fn greylisting_is_deferred_and_then_delivered() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "grey1").unwrap();
    let (status, seed) = Setup::new(world, "grey1")
        .route(
            "direct",
            &format!(
                "{{ identity: good, mx: {{ helo: direct.good.test, source: {} }}, retry: {{ times: 3, interval: 2s }} }}",
                world.direct_address()
            ),
        )
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [direct], mailboxes: [m], every: 1h, deadline: 30s }")
        .probe_one();
    assert_eq!((status, &seed["outcome"]), (0, &json!("inbox")), "{seed:#}");
    assert_eq!(seed["handoff"]["result"], "accepted");
}

#[test]
fn deferrals_without_end_are_a_refusal() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "full1").unwrap();
    let (status, seed) = Setup::new(world, "full1")
        .route("direct", "{ identity: good, mx: { helo: direct.good.test }, retry: { times: 2, interval: 1s } }")
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [direct], mailboxes: [m], every: 1h, deadline: 10s }")
        .probe_one();
    assert_eq!((status, &seed["outcome"]), (1, &json!("refused")), "{seed:#}");
    assert_eq!((&seed["handoff"]["result"], &seed["handoff"]["code"]), (&json!("deferred"), &json!(452)), "{seed:#}");
}

#[test]
fn a_dead_relay_a_wrong_password_and_an_untrusted_certificate_are_told_apart() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "unsent1").unwrap();
    let (status, mut seeds) = Setup::new(world, "unsent1")
        .relay("dead", "good", "dead.good.test", 587, "starttls", RELAY_PASSWORD, "")
        .relay("locked", "good", "relay.good.test", 587, "starttls", "wrong", "")
        .relay("untrusted", "good", "untrusted.good.test", 587, "starttls", RELAY_PASSWORD, "")
        .relay("misnamed", "good", "misnamed.good.test", 465, "implicit", RELAY_PASSWORD, "")
        .relay("nowhere", "good", "no-such-host.good.test", 587, "starttls", RELAY_PASSWORD, "")
        .mailbox("m", &mailbox, "")
        .probe(
            "p",
            "{ routes: [dead, locked, untrusted, misnamed, nowhere], mailboxes: [m], every: 1h, deadline: 10s }",
        )
        .run_probe(&[]);
    assert_eq!(status, 1);
    seeds.sort_by_key(|seed| seed["route"].to_string());
    let told: Vec<_> = seeds
        .iter()
        .map(|seed| (seed["route"].as_str().unwrap(), seed["handoff"]["cause"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [("dead", "tcp"), ("locked", "auth"), ("misnamed", "tls"), ("nowhere", "dns"), ("untrusted", "tls")]
    );
    assert!(seeds.iter().all(|seed| seed["outcome"] == "unsent"), "{seeds:#?}");
    assert_eq!(seeds[1]["handoff"]["code"], 535);
}

#[test]
fn every_kind_of_tls_and_signing_here_delivers() {
    let world = the_world();
    let mailbox = world.user("alpha.test", "tls1").unwrap();
    let plain_25 = format!(
        "{{ identity: signed, smtp: {{ host: relay.good.test, port: 25, tls: none, source: {} }} }}",
        world.direct_address()
    );
    let opportunistic = "{ identity: good, smtp: { host: relay.good.test, port: 25, tls: opportunistic } }";
    let (status, seeds) = Setup::new(world, "tls1")
        .relay("implicit", "good", "relay.good.test", 465, "implicit", RELAY_PASSWORD, "")
        .route("plain", &plain_25)
        .route("opportunistic", opportunistic)
        .mailbox("m", &mailbox, "")
        .probe("p", "{ routes: [implicit, plain, opportunistic], mailboxes: [m], every: 1h, deadline: 30s }")
        .run_probe(&[]);
    assert_eq!(status, 0, "{seeds:#?}");
    let signed = seeds.iter().find(|seed| seed["route"] == "plain").unwrap();
    assert_eq!(auth(signed), json!({"spf": "pass", "dkim": "pass", "dmarc": "pass"}), "{signed:#}");
}

#[test]
fn a_negative_control_that_is_junked_or_refused_meets_its_expectation() {
    let world = the_world();
    let (junked, refused) = (world.user("alpha.test", "forged1").unwrap(), world.user("beta.test", "forged2").unwrap());
    let (status, seeds) = Setup::new(world, "forged1")
        .route("direct", "{ identity: strict, mx: { helo: direct.good.test } }")
        .mailbox("junks", &junked, "")
        .mailbox("refuses", &refused, "")
        .probe(
            "forged",
            "{ routes: [direct], mailboxes: all, every: 1h, deadline: 20s, expect: [refused, spam, missing] }",
        )
        .run_probe(&[]);
    assert_eq!(status, 0, "{seeds:#?}");
    let outcomes: Vec<_> = seeds.iter().map(|seed| seed["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["spam", "refused"], "{seeds:#?}");
}

#[test]
fn imap_over_starttls_and_plain_read_as_well() {
    let world = the_world();
    let (mailbox, other) = (world.user("alpha.test", "imap1").unwrap(), world.user("alpha.test", "imap2").unwrap());
    let setup = Setup::new(world, "imap1");
    let starttls =
        format!("host: {}, port: 143, tls: starttls, ca_file: {}", mailbox.imap_host, setup.ca_file.display());
    let plain = format!("host: {}, port: 143, tls: none", mailbox.imap_host);
    let (status, seeds) = setup
        .mailbox_at("starttls", &mailbox, &starttls, "")
        .mailbox_at("plain", &other, &plain, "")
        .probe("p", "{ routes: [relay], mailboxes: all, every: 1h, deadline: 30s }")
        .run_probe(&[]);
    assert_eq!(status, 0, "{seeds:#?}");
}
