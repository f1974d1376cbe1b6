//! How a seed can end, and which ends a probe wants.

use serde::Serialize;

/// The end of a seed. One spelling serves the store, the metrics, JSON and the pages: [`Outcome::as_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Found in the inbox.
    Inbox,
    /// Found in a tab or category of the inbox (Promotions and the like).
    Category,
    /// Found in the junk folder.
    Spam,
    /// Found in another folder.
    Other,
    /// Accepted by the route, and in no folder: said only after the deadline and a complete, successful sweep of all
    /// folders begun after it.
    Missing,
    /// Accepted by the route, then returned to the sender by a delivery status notification.
    Bounced,
    /// The route said no: a 5xx reply, or 4xx replies until the retries were used up.
    Refused,
    /// It cannot be said to have left: the route could not be reached, or the connection was lost after DATA and no copy came.
    Unsent,
    /// Nobody could look: the mailbox was unreadable. Counts against nobody's placement.
    Unobserved,
}

impl Outcome {
    /// Every outcome, in the order they are listed to people.
    pub const ALL: [Self; 9] = [
        Self::Inbox,
        Self::Category,
        Self::Spam,
        Self::Other,
        Self::Missing,
        Self::Bounced,
        Self::Refused,
        Self::Unsent,
        Self::Unobserved,
    ];

    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Category => "category",
            Self::Spam => "spam",
            Self::Other => "other",
            Self::Missing => "missing",
            Self::Bounced => "bounced",
            Self::Refused => "refused",
            Self::Unsent => "unsent",
            Self::Unobserved => "unobserved",
        }
    }

    /// The outcome of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// The outcomes a probe accepts as good. Most expect the inbox; a negative control expects to be refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Expectation(Vec<Outcome>);

impl Expectation {
    /// The given outcomes; the inbox where none is given.
    #[must_use]
    pub fn of(outcomes: Vec<Outcome>) -> Self {
        if outcomes.is_empty() { Self::default() } else { Self(outcomes) }
    }

    /// Whether `outcome` meets the expectation; `None` for [`Outcome::Unobserved`], where nobody looked and nothing can be said.
    #[must_use]
    pub fn met_by(&self, outcome: Outcome) -> Option<bool> {
        (outcome != Outcome::Unobserved).then(|| self.0.contains(&outcome))
    }

    /// The accepted outcomes, as configured.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.0
    }
}

impl Default for Expectation {
    fn default() -> Self {
        Self(vec![Outcome::Inbox])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_reads_back_from_its_own_word() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::parse(outcome.as_str()), Some(outcome));
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
        assert_eq!(Outcome::parse("Inbox"), None);
    }

    #[test]
    fn unobserved_neither_meets_nor_misses_an_expectation() {
        let control = Expectation::of(vec![Outcome::Refused, Outcome::Missing]);
        assert_eq!(control.met_by(Outcome::Missing), Some(true));
        assert_eq!(control.met_by(Outcome::Inbox), Some(false));
        assert_eq!(control.met_by(Outcome::Unobserved), None);
        assert_eq!(Expectation::of(Vec::new()).met_by(Outcome::Inbox), Some(true));
    }
}
