//! A small world to expose: a plan, what happened in it, and what is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use landfall::metrics::{Build, Exposition, Metrics, Process, StoreOperation};
use landfall::model::{
    Attempt, AuthenticationResults, Command, Credentials, Endpoint, Expectation, Finding, FolderNames, Handoff,
    HandoffResult, Identity, ImapServer, Lane, LaneState, Mailbox, MailboxFault, MailboxState, MessageSource,
    MethodResult, Outcome, Pending, Phase, Plan, Probe, Provider, Reading, ReloadState, Reply, RetryPolicy, Route,
    RouteKind, RouteState, Secret, SecretError, SecretSource, Seed, SeedId, Settled, Severity, SharedSnapshot,
    Snapshot, Stage, Timings, TlsMode, Token,
};

#[derive(Debug)]
struct NoSecret;

impl SecretSource for NoSecret {
    fn read(&self) -> Result<secrecy::SecretString, SecretError> {
        Err(SecretError("there is none".into()))
    }
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

pub fn lane(probe: &str, route: &str, mailbox: &str) -> Lane {
    Lane { probe: probe.into(), route: route.into(), mailbox: mailbox.into() }
}

fn endpoint(port: u16) -> Endpoint {
    let tls = TlsMode::StartTls;
    Endpoint { host: "mail.example".into(), port, tls, ca_file: None, server_name: None, source: None }
}

fn route(name: &str) -> Route {
    let identity = Identity {
        name: "shop".into(),
        display_name: String::new(),
        from: "no-reply@shop.example".into(),
        envelope_from: "bounces@shop.example".into(),
        dkim: None,
    };
    Route {
        name: name.into(),
        identity: Arc::new(identity),
        kind: RouteKind::Smtp { server: endpoint(587), credentials: None },
        helo: None,
        retry: RetryPolicy::default(),
        connections: 1,
        bounces: None,
    }
}

fn mailbox(name: &str, provider: &str) -> Mailbox {
    let secret: Secret = Arc::new(NoSecret);
    let provider = Provider {
        name: provider.into(),
        folders: FolderNames::default(),
        idle_limit: Duration::from_mins(10),
        authserv_ids: Vec::new(),
        omits_authserv_id: false,
        gmail_tabs: false,
    };
    Mailbox {
        name: name.into(),
        address: "seed@mail.example".into(),
        provider: Arc::new(provider),
        imap: ImapServer {
            server: endpoint(143),
            credentials: Credentials { username: Arc::clone(&secret), password: secret },
            folders: FolderNames::default(),
            poll: Duration::from_mins(1),
        },
        keep: Duration::from_hours(168),
    }
}

/// One probe over every pair of the routes and the mailboxes.
pub fn plan(routes: &[&str], mailboxes: &[(&str, &str)]) -> Plan {
    let probe = Probe {
        name: "receipts".into(),
        routes: routes.iter().map(|name| (*name).into()).collect(),
        mailboxes: mailboxes.iter().map(|(name, _)| (*name).into()).collect(),
        identity: None,
        every: Duration::from_mins(15),
        deadline: Duration::from_mins(30),
        patience: Duration::from_mins(30),
        message: MessageSource::BuiltIn,
        expect: Expectation::default(),
        header: "X-Landfall-Seed".into(),
    };
    Plan {
        routes: routes.iter().map(|name| ((*name).into(), Arc::new(route(name)))).collect(),
        mailboxes: mailboxes.iter().map(|(name, of)| ((*name).into(), Arc::new(mailbox(name, of)))).collect(),
        probes: BTreeMap::from([("receipts".into(), Arc::new(probe))]),
    }
}

pub fn seed(lane: &Lane, provider: &str) -> Arc<Seed> {
    Arc::new(Seed {
        id: SeedId::derive(lane, 1),
        token: Token::from_bytes([1; 16]),
        lane: lane.clone(),
        provider: provider.into(),
        expect: Expectation::default(),
        planned_at: at(0),
        deadline: Duration::from_mins(30),
        patience: Duration::from_mins(30),
    })
}

pub fn settled(lane: &Lane, provider: &str, outcome: Outcome) -> Settled {
    Settled {
        seed: seed(lane, provider),
        outcome,
        settled_at: at(90),
        attempt: None,
        folder: None,
        delivery: None,
        late: false,
        reading: Reading::default(),
        bounce: None,
        findings: Vec::new(),
    }
}

fn reading(results: &[(&str, &str)]) -> Reading {
    let results = results
        .iter()
        .map(|(method, result)| MethodResult {
            method: (*method).into(),
            result: (*result).into(),
            ..MethodResult::default()
        })
        .collect();
    Reading {
        trusted: vec![AuthenticationResults { results, ..AuthenticationResults::default() }],
        ..Reading::default()
    }
}

fn finding(rule: &str, severity: Severity, evidence: &str) -> Finding {
    Finding {
        rule: rule.into(),
        severity,
        title: "title".into(),
        evidence: evidence.into(),
        remedy: "remedy".into(),
        reference: "reference".into(),
    }
}

fn inbox() -> Settled {
    let reading =
        reading(&[("spf", "pass"), ("dkim", "fail"), ("dkim", "pass"), ("dmarc", "bestguesspass"), ("iprev", "pass")]);
    let delivery = Some(Duration::from_millis(1500));
    Settled { delivery, reading, ..settled(&lane("receipts", "ses", "gmail-1"), "gmail", Outcome::Inbox) }
}

fn spam() -> Settled {
    let findings = vec![
        finding("route-auth", Severity::Error, "one signature"),
        finding("route-auth", Severity::Error, "another signature"),
        finding("slow", Severity::Info, "took an hour"),
    ];
    let delivery = Some(Duration::from_mins(59));
    let reading = reading(&[("spf", "softfail"), ("arc", "none"), ("dkim", "x\"} 1\nlandfall_forged 1")]);
    Settled { delivery, findings, reading, ..settled(&lane("receipts", "direct", "gmail-1"), "gmail", Outcome::Spam) }
}

fn attempt(handoff: Handoff, timings: &[(Phase, u64)]) -> Attempt {
    let mut spent = Timings::default();
    timings.iter().for_each(|(phase, ms)| spent.add(*phase, Duration::from_millis(*ms)));
    Attempt { began_at: at(0), ended_at: at(1), handoff, timings: spent }
}

/// Counts one of everything.
pub fn events(metrics: &Metrics, plan: &Plan) {
    metrics.expect(plan);
    metrics.seed_settled(&inbox());
    metrics.seed_settled(&spam());
    metrics.seed_settled(&settled(&lane("receipts", "ses", "qq-1"), "qq", Outcome::Unobserved));
    let reply = |code| Reply { code, enhanced: None, text: "text".into() };
    let accepted = Handoff::Accepted { reply: reply(250), queue_id: None };
    let all = [(Phase::Connect, 4), (Phase::Tls, 12), (Phase::Envelope, 30), (Phase::Data, 400)];
    metrics.handed_off(&"ses".into(), &attempt(accepted, &all));
    let refused = Handoff::Refused { command: Command::Rcpt, reply: reply(550) };
    metrics.handed_off(&"direct".into(), &attempt(refused, &[(Phase::Connect, 200_000)]));
    metrics.seed_late(&lane("receipts", "ses", "qq-1"), &"qq".into());
    metrics.seed_duplicate(&lane("receipts", "ses", "gmail-1"), &"gmail".into());
    metrics.mailbox_fault(&"qq-1".into(), MailboxFault::Throttled);
    metrics.store_failed(StoreOperation::Write);
}

/// One of everything, known and unknown.
pub fn snapshot(plan: &Plan) -> Snapshot {
    let mut lanes: BTreeMap<_, _> = plan
        .lanes()
        .map(|(lane, _)| {
            let provider = plan.mailboxes[&lane.mailbox].provider.name.clone();
            (lane, Arc::new(LaneState { provider, last: None }))
        })
        .collect();
    for last in [inbox(), spam()] {
        let state = LaneState { provider: last.seed.provider.clone(), last: Some(Arc::new(last.clone())) };
        lanes.insert(last.seed.lane.clone(), Arc::new(state));
    }
    let pending = |lane: Lane, provider: &str| {
        let (seed, stage) = (seed(&lane, provider), Stage::Awaited { since: at(1) });
        Arc::new(Pending { seed, stage, attempts: 1, attempt: None, sighting: None })
    };
    Snapshot {
        pending: BTreeMap::from([
            (Token::from_bytes([1; 16]), pending(lane("receipts", "ses", "gmail-1"), "gmail")),
            (Token::from_bytes([2; 16]), pending(lane("receipts", "ses", "removed"), "generic")),
        ])
        .into(),
        lanes: lanes.into(),
        mailboxes: BTreeMap::from([
            ("gmail-1".into(), MailboxState { up: Some(true), fault: None, last_read_at: Some(at(95)) }),
            ("never-tried".into(), MailboxState::default()),
            (
                "qq-1".into(),
                MailboxState {
                    up: Some(false),
                    fault: Some((MailboxFault::Throttled, "<b>slow down</b>".into())),
                    last_read_at: None,
                },
            ),
        ])
        .into(),
        routes: BTreeMap::from([
            ("direct".into(), RouteState { last: Some(HandoffResult::Unreachable) }),
            ("never-tried".into(), RouteState::default()),
            ("ses".into(), RouteState { last: Some(HandoffResult::Refused) }),
        ])
        .into(),
        store_writable: Some(true),
        reload: ReloadState { successful: Some(false), succeeded_at: Some(at(-5)) },
    }
}

pub fn build() -> Build {
    Build { version: "1.2.3", revision: "0123abc" }
}

fn process() -> Process {
    Process {
        cpu_seconds: Some(1.25),
        resident_bytes: Some(16_000_000),
        virtual_bytes: Some(200_000_000),
        open_fds: Some(23),
        max_fds: Some(1024),
    }
}

pub fn shared(snapshot: Snapshot) -> SharedSnapshot {
    Arc::new(ArcSwap::from_pointee(snapshot))
}

/// The sample's exposition; the process is always the same.
pub fn exposition(snapshot: SharedSnapshot, metrics: Metrics) -> Exposition {
    Exposition::new(snapshot, metrics, build(), at(-10), process)
}

/// The whole sample.
pub fn full() -> Exposition {
    let plan = plan(&["direct", "ses"], &[("gmail-1", "gmail"), ("qq-1", "qq")]);
    let metrics = Metrics::new();
    events(&metrics, &plan);
    exposition(shared(snapshot(&plan)), metrics)
}
