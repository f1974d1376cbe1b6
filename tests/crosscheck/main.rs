//! Our DKIM and ARC verdicts against those of dkimpy, over messages that either signed and that were then changed on the way: `make crosscheck`.
//!
//! dkimpy signs every combination of key, canonical form, body and `l=` in `dkimpy_says.py`; the composer signs a few more. Each message is judged by both as it
//! is and after every change in [`CHANGES`]. Where the two differ, [`EXPLAINED`] must say why.
#![cfg(test)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use landfall::judge::arc::{self, ArcResult};
use landfall::judge::dkim::{DkimReason, DkimResult, verify};
use landfall::judge::{Dns, NoAnswer};
use landfall::model::{
    DkimKey, Expectation, Identity, Lane, MessageSource, Secret, SecretError, SecretSource, Seed, SeedId, Token,
};
use landfall::probe::compose::compose;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// What happens to a message on its way: a name, a text to be replaced once, and by what. `^` and `$` stand for its beginning and end.
const CHANGES: [(&str, &str, &str); 20] = [
    ("nothing", "", ""),
    ("text below", "$", "more\r\n"),
    ("empty lines below", "$", "\r\n\r\n"),
    ("a white line below", "$", " \t\r\n"),
    ("white space at a line's end", "Hello", "Hello \t"),
    ("another letter", "Hello", "Hallo"),
    ("another recipient", "there.test", "where.test"),
    ("refolded", "invoice", "\r\n\tinvoice"),
    ("name in capitals", "\r\nSubject:", "\r\nSUBJECT:"),
    ("no space after the colon", "\r\nTo: ", "\r\nTo:"),
    ("space before the colon", "\r\nTo:", "\r\nTo :"),
    ("a second From above", "^", "From: eve@evil.test\r\n"),
    ("a field that was signed as absent", "^", "X-None: 1\r\nFrom: x\r\n"),
    ("a field that was not signed", "^", "Received: from d.test\r\n"),
    ("an mbox line", "^", "From ann Fri Jul 11 21:00:37 2025\r\n"),
    ("a tag twice", "d=good.test", "d=good.test; d=good.test"),
    ("another domain", "d=good.test", "d=evil.test"),
    ("another form", "c=", "c=simple/simple; cc="),
    ("a CR lost", "Hello", "Hello\nHello"),
    ("b= broken", "b=", "b=A"),
];

/// Why one verifier passes what the other does not.
struct Explained {
    /// A part of the case's id: which message, and which change.
    id: &'static str,
    /// Whether it is ours that passes.
    ours: bool,
    why: &'static str,
}

/// Every difference there may be.
const EXPLAINED: [Explained; 2] = [
    Explained {
        id: ": space before the colon",
        ours: true,
        why: "RFC 5322 §4.5.8 allows it in what is read and RFC 6376 §3.4.2 removes it; dkimpy refuses to read such a message",
    },
    Explained {
        id: ODD,
        ours: false,
        why: "RFC 6376 §3.4.4 ignores white space at the end of every line, also of a last one that has no CRLF; dkimpy keeps it there. \
            It does not happen in SMTP, where the last line has its CRLF",
    },
];

/// Part of the ids of messages that dkimpy signs differently from us.
const ODD: &str = "/relaxed white-end";

#[derive(Clone, Serialize, Deserialize)]
struct Case {
    id: String,
    message: String,
    keys: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Said {
    id: String,
    said: String,
}

impl Dns for Case {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, NoAnswer> {
        self.keys.get(name).map(|record| vec![record.clone().into_bytes()]).ok_or(NoAnswer::NxDomain)
    }

    async fn ipv4(&self, _: &str) -> Result<Vec<Ipv4Addr>, NoAnswer> {
        Err(NoAnswer::NxDomain)
    }

    async fn ipv6(&self, _: &str) -> Result<Vec<Ipv6Addr>, NoAnswer> {
        Err(NoAnswer::NxDomain)
    }

    async fn mx(&self, _: &str) -> Result<Vec<(u16, String)>, NoAnswer> {
        Err(NoAnswer::NxDomain)
    }

    async fn ptr(&self, _: IpAddr) -> Result<Vec<String>, NoAnswer> {
        Err(NoAnswer::NxDomain)
    }
}

/// Runs dkimpy's side, which reads `input` and prints a JSON line for each answer.
fn dkimpy<T: serde::de::DeserializeOwned>(words: &[&str], input: String) -> Vec<T> {
    let root = env!("CARGO_MANIFEST_DIR");
    let python = format!("{root}/target/tools/venv-crosscheck/bin/python");
    let mut child = Command::new(&python)
        .arg(format!("{root}/tests/crosscheck/dkimpy_says.py"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{python}: {error}; `make crosscheck` installs it"));
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[derive(Debug)]
struct Pem(&'static str);

impl SecretSource for Pem {
    fn read(&self) -> Result<SecretString, SecretError> {
        Ok(self.0.into())
    }
}

/// A message of the composer's, signed with that key.
fn composed(id: &str, source: &MessageSource, pem: &'static str, keys: BTreeMap<String, String>) -> Case {
    let lane = Lane { probe: "p".into(), route: "r".into(), mailbox: "m".into() };
    let now = now();
    let seed = Seed {
        id: SeedId::derive(&lane, 1),
        token: Token::parse("00112233445566778899aabbccddeeff").unwrap(),
        lane,
        provider: "generic".into(),
        expect: Expectation::default(),
        planned_at: now,
        deadline: Duration::from_mins(30),
        patience: Duration::from_mins(60),
    };
    let key: Secret = Arc::new(Pem(pem));
    let identity = Identity {
        name: "good".into(),
        display_name: "Ann".into(),
        from: "ann@good.test".into(),
        envelope_from: "ann@good.test".into(),
        dkim: Some(DkimKey { domain: "good.test".into(), selector: "s1".into(), key }),
    };
    let message = compose(&seed, &identity, "bob@there.test", source, "X-Landfall-Seed", now).unwrap();
    Case { id: id.into(), message: STANDARD.encode(message.bytes), keys }
}

fn now() -> Timestamp {
    "2026-03-01T08:05:09Z".parse().unwrap()
}

/// Messages that our composer signs, with the records that dkimpy derives from the same keys.
fn ours(theirs: &[Case]) -> Vec<Case> {
    let template = |body: &str| {
        let header = "From: {{from}}\r\nTo: {{to}}\r\nSubject:  Your \t invoice {{subject_suffix}}\r\nContent-Type: text/plain\r\n";
        MessageSource::Template(format!("{header}\r\n{body}\r\nReference: {{{{reference}}}}\r\n").into())
    };
    let sources = [
        ("built-in", MessageSource::BuiltIn),
        ("white", template("Hello  Bob \t\r\n \r\n")),
        ("empty lines", template("\r\n\r\nHello\r\n\r\n\r\n")),
    ];
    let kinds = [
        ("rsa-2048", include_str!("../data/dkim/rsa-2048.pem")),
        ("ed25519", include_str!("../data/dkim/ed25519.pem")),
    ];
    let mut cases = Vec::new();
    for (kind, pem) in kinds {
        let keys = &theirs.iter().find(|case| case.id.contains(kind)).unwrap().keys;
        for (name, source) in &sources {
            cases.push(composed(&format!("landfall {kind} {name}"), source, pem, keys.clone()));
        }
    }
    cases
}

fn replaced(message: &[u8], from: &str, to: &str) -> Option<Vec<u8>> {
    let (at, length) = match from {
        "^" => (0, 0),
        "$" => (message.len(), 0),
        _ => (
            message
                .windows(from.len().max(1))
                .position(|part| part == from.as_bytes())
                .or(from.is_empty().then_some(0))?,
            from.len(),
        ),
    };
    Some([&message[..at], to.as_bytes(), &message[at + length..]].concat())
}

/// Every message with every change that applies to it, and all of them with LF for CRLF.
fn changed(signed: Vec<Case>) -> Vec<(Case, &'static str)> {
    let mut cases = Vec::new();
    for case in signed {
        let message = STANDARD.decode(&case.message).unwrap();
        for (name, from, to) in CHANGES {
            let Some(bytes) = replaced(&message, from, to).filter(|bytes| name == "nothing" || *bytes != message)
            else {
                continue;
            };
            let id = format!("{}: {name}", case.id);
            cases.push((Case { id, message: STANDARD.encode(bytes), keys: case.keys.clone() }, name));
        }
        let text: Vec<u8> = message.iter().copied().filter(|byte| *byte != b'\r').collect();
        // Without CRs of its own only: they would be lost as well.
        if message.iter().filter(|byte| **byte == b'\r').count()
            == message.iter().filter(|byte| **byte == b'\n').count()
        {
            let id = format!("{}: line feeds", case.id);
            cases.push((Case { id, message: STANDARD.encode(text), keys: case.keys.clone() }, "line feeds"));
        }
    }
    cases
}

#[tokio::test]
async fn dkimpy_and_we_agree() {
    let data = format!("{}/tests/data/dkim", env!("CARGO_MANIFEST_DIR"));
    let mut signed: Vec<Case> = dkimpy(&["sign", &data], String::new());
    signed.extend(ours(&signed));
    let cases = changed(signed);
    let lines: Vec<String> = cases.iter().map(|(case, _)| serde_json::to_string(case).unwrap()).collect();
    let said: Vec<Said> = dkimpy(&["verify"], lines.join("\n"));
    assert_eq!(said.len(), cases.len());
    let (mut passes, mut differences, mut unexplained) = (0, BTreeMap::<&str, usize>::new(), Vec::new());
    for ((case, change), said) in cases.iter().zip(said) {
        assert_eq!(case.id, said.id);
        let verdicts = verify(case, &STANDARD.decode(&case.message).unwrap(), now_of(&case.id)).await;
        assert_eq!(verdicts.len(), 1, "{}", case.id);
        let verdict = &verdicts[0];
        let ours = verdict.result == DkimResult::Pass;
        passes += usize::from(ours);
        if !case.id.contains(ODD) {
            reason_fits(case, change, verdict.reason.as_ref());
        }
        if ours != (said.said == "pass") {
            match EXPLAINED.iter().find(|known| case.id.contains(known.id) && known.ours == ours) {
                Some(known) => *differences.entry(known.why).or_default() += 1,
                None => unexplained.push(format!("{}: {:?}, dkimpy {}", case.id, verdict.reason, said.said)),
            }
        }
    }
    println!("{} messages, {passes} pass, differences {differences:#?}", cases.len());
    assert!(unexplained.is_empty(), "{} differences:\n{}", unexplained.len(), unexplained.join("\n"));
    assert!(cases.len() > 4_000 && passes > 1_500 && passes < cases.len() / 2 + 500, "{} {passes}", cases.len());
    assert_eq!(differences.len(), EXPLAINED.len(), "an explanation is not needed any more");
}

/// Of a changed chain: what no chain survives, what each survives.
fn result_fits(case: &Case, change: &str, result: ArcResult) {
    let expected = match change {
        "nothing" | "a field that was not signed" => ArcResult::Pass,
        "another letter" | "another recipient" | "a second From above" | "another domain" | "b= broken" => {
            ArcResult::Fail
        }
        _ => return,
    };
    assert!(result == expected || case.id.contains(ODD), "{}: {result:?}", case.id);
}

#[tokio::test]
async fn dkimpy_and_we_agree_on_chains() {
    let data = format!("{}/tests/data/dkim", env!("CARGO_MANIFEST_DIR"));
    let cases = changed(dkimpy(&["seal", &data], String::new()));
    let lines: Vec<String> = cases.iter().map(|(case, _)| serde_json::to_string(case).unwrap()).collect();
    let said: Vec<Said> = dkimpy(&["verify"], lines.join("\n"));
    assert_eq!(said.len(), cases.len());
    let (mut passes, mut differences, mut unexplained) = (0, 0, Vec::new());
    for ((case, change), said) in cases.iter().zip(said) {
        let verdict = arc::verify(case, &STANDARD.decode(&case.message).unwrap(), now_of("dkimpy")).await;
        passes += usize::from(verdict.result == ArcResult::Pass);
        result_fits(case, change, verdict.result);
        if verdict.result.as_str() != said.said {
            let ours = verdict.result == ArcResult::Pass;
            match EXPLAINED.iter().any(|known| case.id.contains(known.id) && known.ours == ours) {
                true => differences += 1,
                false => unexplained.push(format!("{}: {:?}, dkimpy {}", case.id, verdict.reason, said.said)),
            }
        }
    }
    println!("{} chains, {passes} pass, {differences} differences", cases.len());
    assert!(unexplained.is_empty(), "{} differences:\n{}", unexplained.len(), unexplained.join("\n"));
    assert!(cases.len() > 400 && passes > 150, "{} {passes}", cases.len());
}

/// dkimpy signs with the time of day, which is later than the composer's.
fn now_of(id: &str) -> Timestamp {
    if id.starts_with("dkimpy") { "2200-01-01T00:00:00Z".parse().unwrap() } else { now() }
}

/// Where only one cause is possible, it is the one that was named.
fn reason_fits(case: &Case, change: &str, reason: Option<&DkimReason>) {
    let fits = match change {
        "nothing" | "a field that was not signed" => reason.is_none(),
        "another letter" if !case.id.contains("l=") => {
            matches!(reason, Some(DkimReason::BodyHashMismatch(m)) if m.header_holds)
        }
        "another recipient" => matches!(reason, Some(DkimReason::SignatureMismatch)),
        "a second From above" => matches!(reason, Some(DkimReason::SignatureMismatch)),
        "another domain" => matches!(reason, Some(DkimReason::NoKey | DkimReason::DomainMismatch { .. })),
        "a tag twice" | "b= broken" => matches!(reason, Some(DkimReason::BadSignature(_))),
        _ => true,
    };
    assert!(fits, "{}: {reason:?}", case.id);
}
