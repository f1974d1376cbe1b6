//! What the receiver wrote about authentication. Only headers that are believed to be its own count.

use crate::model::{MethodResult, Severity};
use crate::probe::diagnose::{Case, Claim, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "receiver-dmarc-fail",
        severity: Severity::Error,
        title: "the receiver says that DMARC fails",
        reference: "RFC 9989",
        check: |case| {
            failing(
                case,
                "dmarc",
                &["fail"],
                "make SPF or DKIM pass for the domain in the header From: sign with its key, or send with a MAIL FROM below it",
            )
        },
    },
    Rule {
        id: "receiver-spf-fail",
        severity: Severity::Error,
        title: "the receiver says that SPF does not allow the sending address",
        reference: "RFC 7208 section 2.6.4",
        check: |case| {
            failing(
                case,
                "spf",
                &["fail", "hardfail", "softfail"],
                "add the address or the relay's include to the SPF record of the MAIL FROM domain",
            )
        },
    },
    Rule {
        id: "receiver-spf-error",
        severity: Severity::Error,
        title: "the receiver cannot evaluate the SPF record",
        reference: "RFC 7208 sections 2.6.6 and 2.6.7",
        check: |case| {
            failing(
                case,
                "spf",
                &["permerror", "temperror"],
                "publish exactly one valid SPF record with at most ten lookups, on name servers that answer",
            )
        },
    },
    Rule {
        id: "receiver-dkim-fail",
        severity: Severity::Error,
        title: "the receiver says that the DKIM signature does not verify",
        reference: "RFC 6376 section 6.1",
        check: |case| {
            failing(
                case,
                "dkim",
                &["fail", "permerror", "policy"],
                "compare the published key with the one that signs, and look for a hop that changes the message after signing",
            )
        },
    },
    Rule {
        id: "receiver-dkim-none",
        severity: Severity::Warning,
        title: "the receiver found no DKIM signature",
        reference: "RFC 6376",
        check: |case| {
            failing(case, "dkim", &["none"], "switch signing on at the relay, or give the identity a `dkim` key")
        },
    },
    Rule {
        id: "receiver-spf-none",
        severity: Severity::Warning,
        title: "the receiver found no SPF record",
        reference: "RFC 7208 section 2.6.1",
        check: |case| failing(case, "spf", &["none"], "publish an SPF record for the MAIL FROM domain"),
    },
];

/// The receiver's result for `method`, where it is one of `results`.
fn failing(case: &Case<'_>, method: &str, results: &[&str], remedy: &str) -> Option<Claim> {
    let result = case.reading.result(method).filter(|result| results.contains(result))?;
    let reported = case
        .reading
        .trusted
        .iter()
        .flat_map(|header| header.results.iter().map(move |reported| (header.authserv_id.as_deref(), reported)))
        .find(|(_, reported)| reported.method == method && reported.result == result)?;
    let (who, reported) = reported;
    let evidence = format!("{} says {}", who.unwrap_or("the receiver"), words(reported));
    Some(Claim { evidence, remedy: remedy.into() })
}

/// A result as it stands in the header, without folds.
fn words(reported: &MethodResult) -> String {
    let mut text = format!("{}={}", reported.method, reported.result);
    for comment in &reported.comments {
        text.push_str(&format!(" ({comment})"));
    }
    for property in &reported.properties {
        let ptype = property.ptype.as_ref().map(|ptype| format!("{ptype}.")).unwrap_or_default();
        text.push_str(&format!(" {ptype}{}={}", property.property, property.value));
    }
    text
}
