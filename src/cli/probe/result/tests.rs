//! The table, the document and the exit status, for seeds of every kind.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::model::{
    Attempt, AuthenticationResults, Command, Expectation, MethodResult, Phase, Reading, Reply, SeedId, Severity,
    Timings, Token, Unreachable,
};

fn settled(outcome: Outcome, handoff: Option<Handoff>) -> Settled {
    let lane = Lane { probe: "receipts".into(), route: "relay".into(), mailbox: "gmail-1".into() };
    let mut timings = Timings::default();
    timings.add(Phase::Connect, Duration::from_millis(7));
    let at = Timestamp::UNIX_EPOCH;
    let seed = crate::model::Seed {
        id: SeedId::derive(&lane, 1),
        token: Token::from_bytes([1; 16]),
        lane,
        provider: "gmail".into(),
        expect: Expectation::default(),
        planned_at: at,
        deadline: Duration::from_mins(30),
        patience: Duration::from_mins(30),
    };
    Settled {
        seed: Arc::new(seed),
        outcome,
        settled_at: at,
        attempt: handoff.map(|handoff| Attempt { began_at: at, ended_at: at, handoff, timings }),
        folder: None,
        delivery: None,
        late: false,
        reading: Reading::default(),
        bounce: None,
        findings: Vec::new(),
    }
}

fn reply(code: u16, enhanced: &str, text: &str) -> Reply {
    Reply { code, enhanced: Some(enhanced.into()), text: text.into() }
}

fn arrived() -> Settled {
    let result = |method: &str, result: &str| MethodResult {
        method: method.into(),
        result: result.into(),
        ..MethodResult::default()
    };
    let results = vec![result("spf", "pass"), result("dmarc", "fail")];
    let handoff = Handoff::Accepted { reply: reply(250, "2.0.0", "queued as 4xY"), queue_id: Some("4xY".into()) };
    Settled {
        folder: Some("INBOX".into()),
        delivery: Some(Duration::from_millis(1500)),
        reading: Reading {
            trusted: vec![AuthenticationResults { results, ..AuthenticationResults::default() }],
            ..Reading::default()
        },
        findings: vec![Finding {
            rule: "dmarc".into(),
            severity: Severity::Error,
            title: "t".into(),
            evidence: "e".into(),
            remedy: "r".into(),
            reference: "f".into(),
        }],
        ..settled(Outcome::Inbox, Some(handoff))
    }
}

fn samples() -> Vec<Arc<Settled>> {
    let refused = Handoff::Refused { command: Command::Rcpt, reply: reply(550, "5.1.1", "no such\nuser") };
    let deferred = Handoff::Deferred { command: Command::Message, reply: reply(451, "4.7.1", "later") };
    let ambiguous = Handoff::Ambiguous { detail: "the connection broke".into() };
    let (detail, phase) = ("the server refused the credentials: 535 no".to_owned(), Phase::Auth);
    let cause = Unreachable::Auth;
    let locked = Handoff::Unreachable { cause, phase, detail, reply: Some(reply(535, "5.7.8", "no")) };
    [
        arrived(),
        settled(Outcome::Refused, Some(refused)),
        settled(Outcome::Refused, Some(deferred)),
        settled(Outcome::Unsent, Some(ambiguous)),
        settled(Outcome::Unsent, Some(locked)),
        settled(Outcome::Unobserved, None),
    ]
    .map(Arc::new)
    .to_vec()
}

fn told(settled: &[Arc<Settled>], interrupted: usize, format: Format) -> (Verdict, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let lanes = vec![samples()[0].seed.lane.clone(); interrupted];
    let verdict = tell(settled, &lanes, format, &mut Output { out: &mut out, err: &mut err }).unwrap();
    assert_eq!(err, b"");
    (verdict, String::from_utf8(out).unwrap())
}

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/probe.schema.json")).unwrap();
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    jsonschema::draft202012::new(&schema).unwrap()
}

#[test]
fn json_is_as_its_schema_says() {
    let (verdict, text) = told(&samples(), 1, Format::Json);
    assert_eq!(verdict, Verdict::Bad);
    let mut document: Value = serde_json::from_str(&text).unwrap();
    let said: Vec<_> = validator().iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(said, Vec::<String>::new(), "{document:#}");
    assert_eq!(document["seeds"][0]["auth"], json!({"spf": "pass", "dkim": null, "dmarc": "fail"}));
    assert_eq!(document["seeds"][4]["handoff"]["text"], "the server refused the credentials: 535 no");
    assert_eq!(document["interrupted"], json!([{"probe": "receipts", "route": "relay", "mailbox": "gmail-1"}]));
    document["seeds"][0]["more"] = json!(1);
    assert!(!validator().is_valid(&document), "the schema takes any key");
}

#[test]
fn the_schema_knows_every_word() {
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/probe.schema.json")).unwrap();
    let words = |path: &str| schema.pointer(path).unwrap()["enum"].clone();
    assert_eq!(words("/$defs/seed/properties/outcome"), json!(Outcome::ALL));
    assert_eq!(words("/$defs/handoff/properties/result"), json!(crate::model::HandoffResult::ALL));
    assert_eq!(words("/$defs/handoff/properties/phase"), json!(Phase::ALL));
}

#[test]
fn the_table_says_why() {
    let (_, text) = told(&samples(), 1, Format::Text);
    for line in [
        "ok  receipts  relay  gmail-1  inbox       INBOX   1.5      pass  -     fail",
        "!!  receipts  relay  gmail-1  refused     -       -        -     -     -",
        "    t: e",
        "      -> r",
        "??  receipts  relay  gmail-1  unobserved  -       -        -     -     -",
        "1 of 6 as expected, 1 could not be observed, 1 not ended when it was stopped",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn the_exit_status_is_the_worst_that_is_known() {
    let one = |at: usize| vec![samples().remove(at)];
    assert_eq!(told(&one(0), 0, Format::Text).0, Verdict::Good);
    assert_eq!(told(&one(0), 1, Format::Text).0, Verdict::Unknown);
    assert_eq!(told(&one(5), 0, Format::Text).0, Verdict::Unknown);
    assert_eq!(told(&one(1), 1, Format::Text).0, Verdict::Bad);
}

/// A full disk, or a reader who went away.
struct Broken(io::ErrorKind);

impl io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

#[test]
fn results_that_could_not_be_written_are_no_success() {
    for format in [Format::Json, Format::Text] {
        let (mut full, mut gone, mut err) =
            (Broken(io::ErrorKind::StorageFull), Broken(io::ErrorKind::BrokenPipe), Vec::new());
        let good = vec![samples().remove(0)];
        let told = tell(&good, &[], format, &mut Output { out: &mut full, err: &mut err });
        assert_eq!(told.unwrap_err().kind(), io::ErrorKind::StorageFull);
        let told = tell(&samples(), &[], format, &mut Output { out: &mut gone, err: &mut err });
        assert_eq!(told.unwrap(), Verdict::Bad);
    }
}
