//! Good files, and what they come to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use landfall::config::{self, Config, Loaded, StoreLocation};
use landfall::model::{Endpoint, Mailbox, MessageSource, Outcome, Route, RouteKind, TlsMode};
use secrecy::ExposeSecret as _;

use crate::support::{files, project};

fn load(file: &str) -> Loaded {
    config::load(&project(file)).unwrap_or_else(|errors| panic!("{errors}"))
}

fn good(name: &str) -> Loaded {
    load(&format!("tests/data/config/good/{name}.yaml"))
}

fn mailbox<'a>(config: &'a Config, name: &str) -> &'a Mailbox {
    &config.plan.mailboxes[&name.into()]
}

fn route<'a>(config: &'a Config, name: &str) -> &'a Route {
    &config.plan.routes[&name.into()]
}

fn smtp<'a>(config: &'a Config, name: &str) -> &'a Endpoint {
    match &route(config, name).kind {
        RouteKind::Smtp { server, .. } => server,
        RouteKind::Mx { .. } => panic!("{name} is no SMTP route"),
    }
}

/// Where an example's files are, made for the test.
fn with_files(example: &str, names: &[&str]) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("landfall-config-{example}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    for name in names {
        std::fs::write(directory.join(name), "content\n").unwrap();
    }
    directory
}

fn example(name: &str, needs: &[&str]) -> Loaded {
    let text = std::fs::read_to_string(project(&format!("docs/examples/{name}.yaml"))).unwrap();
    config::parse(&text, &with_files(name, needs), name).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn each_good_file_is_good() {
    let good = files("tests/data/config/good", "yaml");
    assert!(good.len() >= 4);
    for path in good {
        config::load(&path).unwrap_or_else(|errors| panic!("{errors}"));
    }
}

#[test]
fn the_minimal_example_is_small_and_good() {
    let text = std::fs::read_to_string(project("docs/examples/minimal.yaml")).unwrap();
    assert!(text.lines().count() <= 20);
    let loaded = example("minimal", &["relay.password", "gmail-1.password"]);
    assert_eq!(loaded.warnings, []);
    let config = loaded.config;
    assert_eq!(config.plan.lanes().count(), 1);
    let relay = smtp(&config, "relay");
    assert_eq!((relay.host.as_str(), relay.port, relay.tls), ("relay.shop.example", 587, TlsMode::StartTls));
    let gmail = mailbox(&config, "gmail-1");
    assert_eq!(gmail.provider.name.as_str(), "gmail");
    assert_eq!((gmail.imap.server.host.as_str(), gmail.imap.server.port), ("imap.gmail.com", 993));
    assert_eq!(gmail.imap.server.tls, TlsMode::Implicit);
    assert_eq!(gmail.imap.credentials.username.read().unwrap().expose_secret(), "shop.seed.1@gmail.com");
    assert_eq!(gmail.imap.credentials.password.read().unwrap().expose_secret(), "content");
}

#[test]
fn the_full_example_is_good() {
    let files = ["s1.pem", "ses.password", "gmail-1.password", "qq-1.password", "own.password", "office-ca.pem"];
    let loaded = example("full", &[files.as_slice(), &["receipt.eml"]].concat());
    assert_eq!(loaded.warnings, []);
    let config = loaded.config;
    let lanes: Vec<_> =
        config.plan.lanes().map(|(lane, _)| format!("{}/{}/{}", lane.probe, lane.route, lane.mailbox)).collect();
    assert_eq!(
        lanes,
        [
            "forged/direct/gmail-1",
            "receipts/ses/gmail-1",
            "receipts/ses/own",
            "receipts/ses/qq-1",
            "receipts/direct/gmail-1",
            "receipts/direct/own",
            "receipts/direct/qq-1",
        ]
    );
    let forged = &config.plan.probes[&"forged".into()];
    assert_eq!(forged.identity.as_ref().map(|identity| identity.name.as_str()), Some("forger"));
    assert_eq!(forged.expect.outcomes(), [Outcome::Refused, Outcome::Spam, Outcome::Missing]);
    let receipts = &config.plan.probes[&"receipts".into()];
    assert_eq!(receipts.message, MessageSource::Template("content\n".into()));
    let identity = &config.identities[&"shop".into()];
    assert_eq!((identity.display_name.as_str(), identity.from.as_str()), ("Shop", "no-reply@shop.example"));
    assert_eq!(identity.envelope_from, "bounces+{token}@mail.shop.example");
    let dkim = identity.dkim.as_ref().unwrap();
    assert_eq!((dkim.domain.as_str(), dkim.selector.as_str()), ("shop.example", "s1"));
    assert_eq!(mailbox(&config, "own").provider.authserv_ids, ["mx.office.shop.example"]);
}

#[test]
fn every_key_arrives_where_it_belongs() {
    let Loaded { config, .. } = good("everything");
    let directory = project("tests/data/config/good");
    assert_eq!(config.store, StoreLocation::Sqlite(directory.join("state/landfall.db")));
    assert_eq!(config.retention.messages, Duration::from_hours(7 * 24));
    assert_eq!(config.retention.results, Duration::from_hours(800 * 24));
    let servers: Vec<_> = config.dns_servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["127.0.0.1:53", "[::1]:5353", "192.0.2.53:54"]);
    assert_eq!(config.dns_timeout, Duration::from_millis(500));

    let relay = route(&config, "relay");
    assert_eq!(relay.helo.as_deref(), Some("mail.shop.example"));
    assert_eq!((relay.retry.times, relay.retry.interval), (0, Duration::from_mins(90)));
    assert_eq!(relay.connections, 16);
    let secret = directory.join("../files/secret");
    assert_eq!(
        smtp(&config, "relay"),
        &Endpoint {
            host: "relay.shop.example".to_owned(),
            port: 2525,
            tls: TlsMode::StartTls,
            ca_file: Some(secret),
            server_name: Some("other.shop.example".to_owned()),
            source: Some("192.0.2.7".parse().unwrap()),
        }
    );
    let ports = |name| (smtp(&config, name).port, smtp(&config, name).tls);
    assert_eq!(ports("submission"), (465, TlsMode::Implicit));
    assert_eq!(ports("smarthost"), (25, TlsMode::Opportunistic));
    assert_eq!(ports("plain"), (25, TlsMode::None));
    assert_eq!(route(&config, "submission").helo.as_deref(), Some("[192.0.2.7]"));
    assert!(
        matches!(&route(&config, "direct").kind, RouteKind::Mx { source: Some(source), port: 2525 } if source.is_ipv6())
    );

    let own = mailbox(&config, "own");
    assert_eq!(own.keep, Duration::from_hours(12));
    assert_eq!(own.provider.authserv_ids, ["mx.mail.example", "mx*.mail.example"]);
    assert_eq!((own.imap.server.port, own.imap.server.tls), (143, TlsMode::StartTls));
    assert_eq!(own.imap.poll, Duration::from_secs(5));
    assert_eq!(own.imap.folders.inbox.as_deref(), Some("Posteingang"));
    assert_eq!(own.imap.folders.spam, ["Spamverdacht"]);
    assert_eq!(own.imap.folders.categories, ["Werbung", "INBOX/*"]);

    let receipts = &config.plan.probes[&"receipts".into()];
    assert_eq!((receipts.every, receipts.deadline), (Duration::from_hours(24), Duration::from_mins(45)));
    assert_eq!(receipts.patience, Duration::ZERO);
    assert_eq!(receipts.header, "X-Shop-Reference");
    assert_eq!(receipts.expect.outcomes(), [Outcome::Inbox, Outcome::Category]);
}

#[test]
fn what_is_not_said_is_as_documented() {
    let Loaded { config, .. } = good("everything");
    let china = &config.plan.probes[&"china".into()];
    assert_eq!((china.every, china.deadline), (Duration::from_mins(15), Duration::from_mins(30)));
    assert_eq!((china.patience, china.header.as_str()), (Duration::from_hours(2), "X-Landfall-Seed"));
    assert_eq!(china.expect.outcomes(), [Outcome::Inbox]);
    assert_eq!(china.message, MessageSource::BuiltIn);
    assert!(china.identity.is_none());
    let direct = route(&config, "direct");
    assert_eq!((direct.retry.times, direct.retry.interval), (3, Duration::from_mins(15)));
    assert_eq!(direct.connections, 4);
    let netease = mailbox(&config, "netease");
    assert_eq!((netease.imap.server.host.as_str(), netease.imap.poll), ("imap.126.com", Duration::from_secs(30)));
    assert_eq!((netease.keep, netease.provider.idle_limit), (Duration::from_hours(7 * 24), Duration::ZERO));
    let bare = &config.identities[&"bare".into()];
    assert_eq!((bare.display_name.as_str(), bare.envelope_from.as_str()), ("", "bare@shop.example"));
    let Loaded { config, .. } = good("two-probes");
    assert_eq!(config.store, StoreLocation::Sqlite("/var/lib/landfall/landfall.db".into()));
    assert_eq!((config.dns_servers.len(), config.dns_timeout), (0, Duration::from_secs(2)));
    assert_eq!(config.retention.results, Duration::from_hours(400 * 24));
}

#[test]
fn what_is_odd_is_a_warning() {
    let mut said: Vec<_> = good("everything").warnings.into_iter().map(|warning| warning.message).collect();
    said.sort();
    assert_eq!(
        said,
        [
            "Outlook.com lets no program log in with a password (OAuth2 only), and this version knows no other way",
            "`blocklists` is checked, and not used by this version",
            "`objectives` is checked, and not used by this version",
            "no probe uses the mailbox `spare`",
            "the password is sent to relay.shop.example over a connection that is not encrypted (`tls: none`)",
            "whoever reads the configuration can read this password; `password_file` and `password_env` keep it elsewhere",
        ]
    );
    assert!(!format!("{:?}", good("everything").config).contains("hunter2"));
}

#[test]
fn anchors_share_and_merges_override() {
    let Loaded { config, .. } = good("anchors");
    let account = |name| {
        let imap = &mailbox(&config, name).imap;
        (imap.poll.as_secs(), imap.credentials.username.read().unwrap().expose_secret().to_owned())
    };
    assert_eq!(account("own-1"), (60, "seed-1@shop.example".to_owned()));
    assert_eq!(account("own-2"), (60, "seed-2@shop.example".to_owned()));
    assert_eq!(account("own-3"), (120, "three".to_owned()));
}

#[test]
fn a_catalog_of_ones_own_adds_and_replaces() {
    let Loaded { config, .. } = good("own-catalog");
    let own = mailbox(&config, "own");
    assert_eq!(own.provider.name.as_str(), "shop");
    assert_eq!(own.provider.authserv_ids, ["mx.shop.example"]);
    assert_eq!((own.imap.server.host.as_str(), own.imap.server.tls), ("imap.shop.example", TlsMode::StartTls));
    assert_eq!(mailbox(&config, "below").imap.server.host, "imap-old.shop.example");
    assert_eq!(mailbox(&config, "gmail").imap.server.host, "proxy.shop.example");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_without_a_line() {
    let errors = config::load(Path::new("no-such-file.yaml")).unwrap_err();
    assert_eq!(errors.to_string(), "no-such-file.yaml: could not read the configuration: no such file");
}
