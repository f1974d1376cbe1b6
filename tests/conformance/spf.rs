//! SPF against the published test suite for RFC 7208, in `tests/data/rfc7208.json`: 16 zones and 203 sessions with the results that the
//! standard demands. Each zone is served by a name server on the loopback and asked through the daemon's own resolver, so that time-outs, truncation,
//! aliases and odd names are the real ones.
//!
//! The cases are those of the suite that the SPF community maintains (openspf.org, then pyspf), here in a form of this project's own. A case with several
//! expected results leaves the choice to the implementation. An explanation of `DEFAULT` stands for none from the domain. Case makes no difference
//! to explanations: the suite means them so, and ours agree to the letter.

use std::time::Duration;

use jiff::Timestamp;
use landfall::judge::spf::{SpfRequest, SpfVerdict, check};
use landfall::net::dns::Resolver;
use serde::Deserialize;

use crate::dns::{Zone, serve};

/// Cases that come out otherwise, with the reason.
const EXPLAINED: [(&str, &str); 1] = [(
    "null-text",
    "a TXT record without any string is served beside the SPF record. RFC 1035 §3.3.14 has one string or more, so that the whole answer is \
     malformed: the resolver refuses it, and what DNS cannot tell is temperror",
)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    scenario: String,
    zone: Zone,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    section: String,
    ip: String,
    helo: String,
    mail_from: String,
    expect: Vec<String>,
    explanation: Option<String>,
}

impl Case {
    fn request(&self) -> SpfRequest {
        SpfRequest {
            ip: self.ip.parse().unwrap(),
            mail_from: self.mail_from.clone(),
            helo: self.helo.clone(),
            receiver: "receiver.example".into(),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn agrees(&self, verdict: &SpfVerdict) -> bool {
        let explained = match self.explanation.as_deref() {
            None => true,
            Some("DEFAULT") => verdict.explanation.is_none(),
            Some(text) => verdict.explanation.as_deref() == Some(text),
        };
        self.expect.iter().any(|result| result == verdict.result.as_str()) && explained
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_for_rfc_7208() {
    let scenarios: Vec<Scenario> = serde_json::from_str(include_str!("../data/rfc7208.json")).unwrap();
    let (mut total, mut wrong) = (0, Vec::new());
    for scenario in scenarios {
        let resolver = Resolver::new(&[serve(&scenario.zone)], Duration::from_millis(400)).unwrap();
        for case in scenario.cases {
            total += 1;
            let verdict = check(&resolver, &case.request()).await;
            if !case.agrees(&verdict) {
                println!(
                    "{} ({}, RFC 7208 §{}): expected {:?} {:?}\n  {verdict:?}\n",
                    case.id, scenario.scenario, case.section, case.expect, case.explanation
                );
                wrong.push(case.id);
            }
        }
    }
    println!("{} of {total} cases come out as the suite has them", total - wrong.len());
    assert_eq!(total, 203, "the suite lost cases");
    let explained: Vec<_> = EXPLAINED.iter().map(|(id, _)| *id).collect();
    assert_eq!(wrong, explained, "these cases differ, see above");
}
