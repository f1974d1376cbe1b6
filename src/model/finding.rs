//! One diagnosed problem.

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Will cost placement somewhere.
    Warning,
    /// Costs placement now.
    Error,
}

impl Severity {
    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One diagnosed problem of one seed: what is wrong, how that is known, what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The stable id of the rule, such as `route-auth`.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// One sentence.
    pub title: String,
    /// What of this seed shows it.
    pub evidence: String,
    /// What to change.
    pub remedy: String,
    /// Where to read on.
    pub reference: String,
}
