//! DMARC against the cases in `tests/data/rfc9989.json`: a zone, a From address, the domains that SPF and DKIM have proved, and what RFC 9989
//! makes of it. They cover the situations of the RFC 9989 tests of mailauth (<https://github.com/postalsys/mailauth>, MIT licence), told in
//! a form of our own; `skipped_upstream` marks those that mailauth did not meet when they were taken over.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use landfall::judge::dmarc::{Author, Checked, DmarcInput, DmarcVerdict, Identifier, Method, evaluate};
use landfall::judge::{Dns, NoAnswer};
use landfall::syntax::dmarc::Mode;
use serde::Deserialize;

/// Cases that are not judged as they say, with the reason.
///
/// "two records at the author's name and one above" wants `none`, as RFC 7489 §6.6.3 had it: there, several records end the search
/// ("policy discovery terminates and DMARC processing is not applied"). RFC 9989 has no such sentence. Its §4.10 step 2 discards the records and
/// ends the walk only "if a single record remains" with a psd tag; §4.10.1 then has the walk go on "if no valid DMARC Policy Record is found by
/// the first query", so the record above applies: `p=none`, and the message fails.
const EXPLAINED: [&str; 1] = ["two records at the author's name and one above"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    skipped_upstream: bool,
    calls: Vec<Call>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    zone: BTreeMap<String, Records>,
    from: String,
    dkim: Vec<String>,
    spf: Vec<String>,
    expect: Expected,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Records {
    txt: Vec<Vec<String>>,
    a: Vec<Ipv4Addr>,
    mx: Vec<(u16, String)>,
}

/// What is absent is not asked of the verdict; a `policy` of null wants none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    result: Option<String>,
    #[serde(default, deserialize_with = "given")]
    policy: Option<Option<String>>,
    organization: Option<String>,
    asked: Option<Vec<String>>,
    dkim_mode: Option<String>,
    spf_aligned_in: Option<String>,
    record_contains: Option<String>,
    #[serde(default)]
    no_pct: bool,
}

fn given<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// The zone of one call, which remembers what it was asked.
struct Zone<'a> {
    records: &'a BTreeMap<String, Records>,
    asked: Mutex<Vec<String>>,
}

impl Zone<'_> {
    fn answer<T>(&self, name: &str, pick: impl Fn(&Records) -> Vec<T>) -> Result<Vec<T>, NoAnswer> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
        let answer = self.records.get(name).map(pick).unwrap_or_default();
        let below = format!(".{name}");
        match answer.is_empty() {
            false => Ok(answer),
            true if self.records.keys().any(|known| known == name || known.ends_with(&below)) => Err(NoAnswer::NoData),
            true => Err(NoAnswer::NxDomain),
        }
    }
}

impl Dns for Zone<'_> {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, NoAnswer> {
        self.answer(name, |records| records.txt.iter().map(|strings| strings.concat().into_bytes()).collect())
    }

    async fn ipv4(&self, name: &str) -> Result<Vec<Ipv4Addr>, NoAnswer> {
        self.answer(name, |records| records.a.clone())
    }

    async fn ipv6(&self, name: &str) -> Result<Vec<Ipv6Addr>, NoAnswer> {
        self.answer(name, |_| Vec::new())
    }

    async fn mx(&self, name: &str) -> Result<Vec<(u16, String)>, NoAnswer> {
        self.answer(name, |records| records.mx.clone())
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, NoAnswer> {
        self.answer(&address.to_string(), |_| Vec::new())
    }
}

async fn judged(call: &Call) -> (DmarcVerdict, Vec<String>) {
    let zone = Zone { records: &call.zone, asked: Mutex::default() };
    let passed = |method| move |domain: &String| Identifier { method, domain: domain.clone(), checked: Checked::Pass };
    let identifiers =
        call.spf.iter().map(passed(Method::Spf)).chain(call.dkim.iter().map(passed(Method::Dkim))).collect();
    let author = Author::of(format!("From: {}\r\n\r\n", call.from).as_bytes());
    let verdict = evaluate(&zone, &DmarcInput { author, identifiers }).await;
    (verdict, zone.asked.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What differs, in words; empty where nothing does.
fn differences(expected: &Expected, verdict: &DmarcVerdict, asked: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |what: &str, as_expected: bool| {
        if !as_expected {
            wrong.push(what.to_owned());
        }
    };
    let policy = verdict.policy.map(|applied| applied.policy.as_str());
    check("result", expected.result.as_deref().is_none_or(|result| result == verdict.result.as_str()));
    check("policy", expected.policy.as_ref().is_none_or(|wanted| wanted.as_deref() == policy));
    check("organization", expected.organization.is_none() || expected.organization == verdict.organizational_domain);
    check("asked", expected.asked.as_ref().is_none_or(|wanted| wanted == asked));
    let dkim = |mode: &String| verdict.alignments.iter().all(|a| a.method == Method::Spf || a.mode.as_str() == mode);
    check("dkim_mode", expected.dkim_mode.as_ref().is_none_or(dkim));
    let aligned = |organization: &String| {
        let mut spf = verdict.alignments.iter().filter(|a| a.method == Method::Spf && a.mode == Mode::Relaxed);
        verdict.organizational_domain.as_ref() == Some(organization) && spf.any(|a| a.aligned == Some(true))
    };
    check("spf_aligned_in", expected.spf_aligned_in.as_ref().is_none_or(aligned));
    let contains = |text: &String| verdict.record.as_ref().is_some_and(|record| record.contains(text));
    check("record_contains", expected.record_contains.as_ref().is_none_or(contains));
    // The record's text is quoted, so pct stands there; no field speaks of it.
    let fields = serde_json::to_value(verdict).unwrap_or_default();
    let spoken_of = ["/pct", "/policy/pct"].iter().any(|field| fields.pointer(field).is_some());
    check("no_pct", !expected.no_pct || fields.is_object() && !spoken_of);
    wrong
}

#[tokio::test]
async fn the_cases_are_judged_as_rfc_9989_has_it() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../data/rfc9989.json")).unwrap();
    assert_eq!((cases.len(), cases.iter().filter(|case| case.skipped_upstream).count()), (29, 12));
    let mut differing = Vec::new();
    for case in &cases {
        let mut wrong = Vec::new();
        for call in &case.calls {
            let (verdict, asked) = judged(call).await;
            wrong.extend(differences(&call.expect, &verdict, &asked));
        }
        if !wrong.is_empty() {
            println!("{}: {wrong:?}", case.name);
            differing.push(case.name.as_str());
        }
    }
    println!("{} of {} cases are judged as they say", cases.len() - differing.len(), cases.len());
    assert_eq!(differing, EXPLAINED, "see above");
}
