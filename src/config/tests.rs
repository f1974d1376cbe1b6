//! The catalog's facts, and what is hard to see from outside.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use crate::config::catalog::{BUILT_IN, Catalog};
use crate::config::{Loaded, address, parse};
use crate::model::{Mailbox, TlsMode};

fn catalog() -> Catalog {
    Catalog::built_in().unwrap_or_else(|errors| panic!("{errors}"))
}

/// A configuration with one route and one mailbox, each as given.
fn load(route: &str, mailbox: &str) -> Loaded {
    let text = format!(
        "identities: {{ shop: {{ from: no-reply@shop.example }} }}\n\
         routes: {{ out: {{ identity: shop, {route} }} }}\n\
         mailboxes: {{ box: {{ {mailbox} }} }}\n\
         probes: {{ receipts: {{ routes: all, mailboxes: all }} }}\n"
    );
    parse(&text, Path::new(""), "test.yaml").unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

fn mailbox(mailbox: &str) -> Mailbox {
    let loaded = load("mx: {}", mailbox);
    Mailbox::clone(&loaded.config.plan.mailboxes[&"box".into()])
}

fn warnings(loaded: Loaded) -> Vec<String> {
    loaded.warnings.into_iter().map(|warning| warning.message).collect()
}

#[test]
fn the_catalog_knows_every_receiver() {
    let names: Vec<_> = catalog().receivers.into_keys().collect();
    assert_eq!(
        names.join(" "),
        "aliyun aol au daum docomo fastmail generic gmail gmx google-workspace icloud mailru microsoft365 naver netease outlook \
         proton qq ses sina softbank t-online tencent-exmail webde yahoo yahoo-japan yandex zoho"
    );
}

#[test]
fn an_address_tells_its_provider() {
    let mut domains = 0;
    for (name, receiver) in catalog().receivers {
        for domain in &receiver.domains {
            let domain = domain.replace("*.", "tenant.");
            let found = mailbox(&format!("address: seed@{}, imap: {{ password_env: PATH }}", domain.to_uppercase()));
            assert_eq!(found.provider.name.as_str(), name, "{domain}");
            domains += 1;
        }
    }
    assert_eq!(domains, 58);
}

#[test]
fn servers_differ_by_domain() {
    let host = |address: &str| mailbox(&format!("address: {address}, imap: {{ password_env: PATH }}")).imap.server.host;
    assert_eq!(host("seed@163.com"), "imap.163.com");
    assert_eq!(host("seed@126.com"), "imap.126.com");
    assert_eq!(host("seed@yeah.net"), "imap.yeah.net");
    assert_eq!(host("seed@gmx.com"), "imap.gmx.com");
    assert_eq!(host("seed@gmx.de"), "imap.gmx.net");
}

#[test]
fn oddities_are_in_the_catalog() {
    let receivers = catalog().receivers;
    let idle = |name: &str| receivers[name].provider.idle_limit;
    assert_eq!(idle("gmail"), Duration::from_mins(29));
    assert_eq!((idle("yahoo"), idle("aol")), (Duration::from_mins(3), Duration::from_mins(3)));
    assert_eq!((idle("netease"), idle("naver")), (Duration::ZERO, Duration::ZERO));
    let are = |has: fn(&crate::model::Provider) -> bool| {
        receivers
            .iter()
            .filter(|(_, receiver)| has(&receiver.provider))
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(are(|provider| provider.omits_authserv_id), ["microsoft365", "outlook"]);
    assert_eq!(are(|provider| provider.gmail_tabs), ["gmail", "google-workspace"]);
    assert_eq!(receivers["netease"].provider.folders.spam, ["垃圾邮件"]);
    assert_eq!(receivers["mailru"].provider.folders.categories, ["INBOX/*"]);
    assert_eq!(receivers["proton"].imap.as_ref().map(|imap| (imap.port, imap.tls)), Some((1143, TlsMode::StartTls)));
}

/// Read by another reader, as plain data.
#[test]
fn every_entry_says_why_and_what_was_verified() {
    let entries: BTreeMap<String, serde_json::Value> = serde_saphyr::from_str(BUILT_IN).unwrap();
    for (name, entry) in entries {
        assert!(!entry["notes"].is_null(), "{name} has no notes");
        for fact in entry["verified"].as_array().into_iter().flatten() {
            assert!(entry.get(fact.as_str().unwrap()).is_some(), "{name} has no {fact} to verify");
        }
        assert!(name == "generic" || entry["verified"].is_array(), "{name} does not say what was verified");
        for pattern in entry["authserv_ids"].as_array().into_iter().flatten() {
            let pattern = pattern.as_str().unwrap();
            assert_eq!(pattern, pattern.to_lowercase());
        }
    }
}

#[test]
fn defaults_of_port_and_security_follow_each_other() {
    let server = |imap: &str| {
        let server = mailbox(&format!("address: a@gmail.com, imap: {{ {imap}, password_env: PATH }}")).imap.server;
        (server.port, server.tls)
    };
    assert_eq!(server("poll: 1m"), (993, TlsMode::Implicit));
    assert_eq!(server("host: imap.example"), (993, TlsMode::Implicit));
    assert_eq!(server("host: imap.example, port: 143"), (143, TlsMode::StartTls));
    assert_eq!(server("host: imap.example, tls: starttls"), (143, TlsMode::StartTls));
    assert_eq!(server("host: imap.example, port: 1143"), (1143, TlsMode::StartTls));
    assert_eq!(server("port: 143"), (143, TlsMode::StartTls));
    assert_eq!(server("tls: starttls"), (143, TlsMode::StartTls));
    assert_eq!(server("host: imap.example, port: 10993, tls: implicit"), (10993, TlsMode::Implicit));
}

#[test]
fn a_password_in_the_open_is_worth_a_warning_but_not_at_home() {
    let gmail = "address: a@gmail.com, imap: { password_env: PATH }";
    let route = |server: &str| format!("smtp: {{ {server}, username: u, password_env: PATH }}");
    for host in ["127.0.0.1", "\"::1\"", "localhost"] {
        assert_eq!(warnings(load(&route(&format!("host: {host}, tls: none")), gmail)), Vec::<String>::new());
    }
    assert_eq!(
        warnings(load(&route("host: relay.example, port: 25"), gmail)),
        [
            "the password is sent to relay.example over a connection that takes any certificate, and none where the server offers no \
          STARTTLS (`tls: opportunistic`)"
        ]
    );
    assert_eq!(warnings(load("smtp: { host: relay.example, port: 25 }", gmail)), Vec::<String>::new());
    let plain = "address: a@gmail.com, imap: { host: 192.0.2.1, tls: none, password_env: PATH }";
    assert_eq!(warnings(load("mx: {}", plain)).len(), 1);
}

#[test]
fn nothing_is_checked_that_no_connection_will_check() {
    let gmail = "address: a@gmail.com, imap: { password_env: PATH }";
    let loaded = load("smtp: { host: relay.example, port: 25, server_name: other.example }", gmail);
    assert_eq!(warnings(loaded), ["`server_name` has no effect: with `tls: opportunistic` no certificate is checked"]);
}

#[test]
fn words_that_yaml_takes_for_something_else_stay_words() {
    let found = mailbox(
        "address: a@gmail.com, imap: { username: 0123, password_env: PATH, folders: { spam: [no, 1.10, 1e3] } }",
    );
    assert_eq!(found.imap.folders.spam, ["no", "1.10", "1e3"]);
    assert_eq!(secrecy::ExposeSecret::expose_secret(&found.imap.credentials.username.read().unwrap()), "0123");
}

#[test]
fn an_address_is_a_dot_atom_and_a_domain() {
    for good in ["a@b", "a.b+c=d@x-1.example", "!#$%&'*+-/=?^_`{|}~@x.example", "A@XN--P1AI.example"] {
        assert_eq!(address::check(good), Ok(()), "{good}");
    }
    let long = format!("{}@x.example", "a".repeat(65));
    for bad in [
        "",
        "@",
        "a@",
        "@b",
        ".a@b",
        "a.@b",
        "a..b@c",
        "a b@c",
        "a@b c",
        "a@b@c",
        "\"a\"@b",
        "a@[1.2.3.4]",
        "ä@b",
        &long,
    ] {
        assert!(address::check(bad).is_err(), "{bad}");
    }
}

proptest! {
    /// Whatever is taken for an address can stand in an SMTP command and in a header field as it is.
    #[test]
    fn an_address_breaks_out_of_nothing(text in "[ -~\r\n\t\u{0}é]{0,12}@?[ -~\r\n\t\u{0}é]{0,12}") {
        if address::check(&text).is_ok() {
            prop_assert!(text.bytes().all(|b| b.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(&b)));
            prop_assert_eq!(text.matches('@').count(), 1);
        }
    }
}
