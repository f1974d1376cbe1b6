//! The parser against the headers in `tests/data/authentication-results.jsonl`: one JSON object a line, with the value as it came
//! (`raw`), what it says (`expect`: what is absent there is absent from the header; properties are `[ptype, property, value]`) and what RFC 8601
//! forbids in it (`defects`). Addresses in real ones are replaced. Where the header is one nobody can be sure of, the expectation is
//! what a careful reader would take from it.

use landfall::model::{AuthenticationResults, MethodResult, Property};
use landfall::syntax::authentication_results::parse;
use serde::Deserialize;

/// Identifiers of lines that are not read exactly as expected, with the reason. Empty: every one is.
const EXPLAINED: [(&str, &str); 0] = [];

#[derive(Deserialize)]
struct Line {
    id: String,
    raw: String,
    expect: Expected,
    defects: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    instance: Option<u32>,
    authserv_id: Option<String>,
    version: Option<u32>,
    #[serde(default)]
    no_result: bool,
    #[serde(default)]
    results: Vec<ExpectedResult>,
    #[serde(default)]
    orphans: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedResult {
    method: String,
    method_version: Option<u32>,
    result: String,
    result_raw: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    properties: Vec<(Option<String>, String, String)>,
    #[serde(default)]
    comments: Vec<String>,
}

impl From<ExpectedResult> for MethodResult {
    fn from(expected: ExpectedResult) -> Self {
        let property = |(ptype, property, value)| Property { ptype, property, value };
        Self {
            method: expected.method,
            method_version: expected.method_version,
            result: expected.result,
            result_raw: expected.result_raw,
            reason: expected.reason,
            properties: expected.properties.into_iter().map(property).collect(),
            comments: expected.comments,
        }
    }
}

impl From<Expected> for AuthenticationResults {
    fn from(expected: Expected) -> Self {
        Self {
            instance: expected.instance,
            authserv_id: expected.authserv_id,
            version: expected.version,
            no_result: expected.no_result,
            results: expected.results.into_iter().map(MethodResult::from).collect(),
            orphans: expected.orphans,
        }
    }
}

#[test]
fn the_corpus_is_read_as_expected() {
    let text = include_str!("../data/authentication-results.jsonl");
    let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (total, broken) = (lines.len(), lines.iter().filter(|line| !line.defects.is_empty()).count());
    assert!(total >= 245 && broken >= 100, "the corpus lost lines: {total}, {broken} of them with defects");
    let mut wrong = Vec::new();
    for line in lines {
        let expected = AuthenticationResults::from(line.expect);
        let read = parse(line.raw.as_bytes());
        if read != expected {
            println!(
                "{} ({:?})\n{:?}\n  read     {read:?}\n  expected {expected:?}\n",
                line.id, line.defects, line.raw
            );
            wrong.push(line.id);
        }
    }
    let share =
        100.0 - 100.0 * f64::from(u32::try_from(wrong.len()).unwrap()) / f64::from(u32::try_from(total).unwrap());
    println!("{share:.2} % of {total} headers ({broken} of them not as RFC 8601 has it) are read exactly as expected");
    let explained: Vec<_> = EXPLAINED.iter().map(|(id, _)| *id).collect();
    assert_eq!(wrong, explained, "these lines differ, see above");
}
