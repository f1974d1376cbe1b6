//! Why a seed ended as it did: rules over what is known of it, each with its evidence and its remedy.
//!
//! A rule looks at one [`Case`] and either claims something, with the evidence from this very seed, or is silent: nothing is claimed
//! that the evidence does not show. Findings are ranked by severity, then in the order of the families below, which goes from what stopped
//! the seed to what merely did not help it. A family is one file with a list of rules; a new rule is one entry more.

mod handoff;
mod placement;
mod receiver;
pub mod replies;

use std::cmp::Reverse;

use crate::model::{Attempt, Bounce, Finding, Outcome, Pending, Reading, Severity, Sighting};

/// What is known of a seed.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The seed and its handoff.
    pub pending: &'a Pending,
    /// How it ended.
    pub outcome: Outcome,
    /// The copy, where there is one.
    pub sighting: Option<&'a Sighting>,
    /// What the copy says.
    pub reading: &'a Reading,
    /// What the sender was told, where it was returned.
    pub bounce: Option<&'a Bounce>,
}

impl<'a> Case<'a> {
    fn attempt(&self) -> Option<&'a Attempt> {
        self.pending.attempt.as_ref()
    }
}

/// One thing that can be wrong.
struct Rule {
    /// Stable: it is a metric's label and a runbook's name.
    id: &'static str,
    severity: Severity,
    title: &'static str,
    /// Where to read on.
    reference: &'static str,
    /// What it claims of a case, if anything.
    check: fn(&Case<'_>) -> Option<Claim>,
}

/// What a rule claims.
struct Claim {
    /// What of this seed shows it.
    evidence: String,
    /// What to change.
    remedy: String,
}

/// Every rule, by family, in the order of their weight.
const FAMILIES: [&[Rule]; 3] = [handoff::RULES, placement::RULES, receiver::RULES];

/// What is wrong with a seed, worst first. Nothing where it ended as its probe wants.
#[must_use]
pub fn diagnose(case: &Case<'_>) -> Vec<Finding> {
    if case.pending.seed.expect.met_by(case.outcome) == Some(true) {
        return Vec::new();
    }
    let claims = FAMILIES.into_iter().flatten().filter_map(|rule| Some((rule, (rule.check)(case)?)));
    let mut findings: Vec<Finding> = claims.map(|(rule, claim)| finding(rule, claim)).collect();
    findings.sort_by_key(|finding| Reverse(finding.severity));
    findings
}

fn finding(rule: &Rule, claim: Claim) -> Finding {
    Finding {
        rule: rule.id.into(),
        severity: rule.severity,
        title: rule.title.into(),
        evidence: claim.evidence,
        remedy: claim.remedy,
        reference: rule.reference.into(),
    }
}

#[cfg(test)]
mod tests;
