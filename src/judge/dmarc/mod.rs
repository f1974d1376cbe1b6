//! DMARC (RFC 9989): may this domain stand in the From field of this message, and what does its owner want done if not?
//!
//! SPF and DKIM each prove that *some* domain answers for a message. A reader sees neither of these domains but the one in the From field.
//! DMARC asks whether the two belong together ("alignment"): a message passes when at least one domain that SPF or DKIM has proved is the
//! From domain or, unless the owner is strict, of the same organization. Mail sent through a relay that signs and bounces under its own
//! name has valid SPF and DKIM and fails nevertheless; this is the most frequent mistake of senders.
//!
//! What is "the same organization"? RFC 7489 looked it up in the Public Suffix List, of which every receiver had another edition. RFC 9989
//! asks DNS instead: from the name upwards, label by label, at most eight questions, for a record at `_dmarc.` (`walk.rs`). No list is
//! needed, and the two differ where a list knows a suffix that DMARC records do not tell of: shops under one hosting suffix whose operator
//! publishes a record without `psd=y` are one organization for the walk and many for the list; two siblings whose common parent has no
//! record are strangers for the walk and one organization for the list; and only the walk sees an owner's `psd=n`. A receiver that still
//! uses the list may so decide otherwise.
//!
//! Answers that mislead: no record is `none`, not `fail`; a DNS failure is `temperror` and never `none`; a record whose policy is misspelt
//! counts as `p=none` or not at all ([`crate::syntax::dmarc`]); and what is asked for is not what a receiver does (RFC 9989 §5.4).

mod align;
mod author;
mod discover;
#[cfg(test)]
mod tests;
mod walk;

use serde::Serialize;

pub use author::Author;

use crate::judge::Dns;
use crate::judge::dmarc::discover::{Discovery, discover};
use crate::judge::dmarc::walk::Tree;
use crate::syntax::dmarc::{Mode, Policy};

/// How many domains of SPF and DKIM are looked at; a message may carry any number of signatures, and each may cost eight questions.
pub const MAX_IDENTIFIERS: usize = 20;

/// Which check spoke for a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// SPF of the MAIL FROM domain, or of the HELO name where that was empty (RFC 9989 §4.4.2).
    Spf,
    /// A DKIM signature; the domain is its `d=`.
    Dkim,
}

impl Method {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spf => "spf",
            Self::Dkim => "dkim",
        }
    }
}

/// What the check came to, as far as DMARC cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Checked {
    /// The domain is proved.
    Pass,
    /// It is not: fail, softfail, neutral, none, permerror.
    Fail,
    /// Nobody knows yet.
    TempError,
}

/// A domain that SPF or DKIM was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    /// Which check.
    pub method: Method,
    /// The domain.
    pub domain: String,
    /// What came of it.
    pub checked: Checked,
}

/// What is to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DmarcInput {
    /// The domain of the From field.
    pub author: Author,
    /// Every domain SPF or DKIM was about, also those that did not pass: the verdict says of each whether it would have helped.
    pub identifiers: Vec<Identifier>,
}

/// The verdict, with the words of RFC 9989 §9.2 for Authentication-Results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DmarcResult {
    /// DMARC does not apply: there is no record, or no single From domain.
    None,
    /// A domain that is proved is aligned.
    Pass,
    /// None is.
    Fail,
    /// Something did not answer that could have made the difference. Trying again later may succeed.
    TempError,
    /// The From field names no domain that could be asked about. Trying again will not help.
    PermError,
}

impl DmarcResult {
    /// The word in Authentication-Results.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// Which tag the policy was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicySource {
    /// `p`: the record is the From domain's own.
    P,
    /// `sp` or, without it, `p`: the record stands above the From domain.
    Sp,
    /// `np`, for a From domain that does not exist.
    Np,
    /// No tag: `p` is missing or one of the three is invalid, so the record counts as `p=none` (RFC 9989 §4.10.1).
    InvalidRecord,
}

/// The policy that applies to the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// What is asked for, one level below what is published where the record says `t=y`.
    pub policy: Policy,
    /// What is published.
    pub published: Policy,
    /// Where that stands.
    pub source: PolicySource,
    /// Whether the record says `t=y`.
    pub testing: bool,
}

/// How a domain stands to the From domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alignment {
    /// Which check spoke for it.
    pub method: Method,
    /// The domain, in lower case, as A-labels.
    pub domain: String,
    /// What the check said.
    pub checked: Checked,
    /// How near it had to be.
    pub mode: Mode,
    /// Whether it is near enough; `None` where DNS did not answer.
    pub aligned: Option<bool>,
}

/// What DMARC says of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DmarcVerdict {
    /// The verdict.
    pub result: DmarcResult,
    /// The From domain, in lower case, as A-labels.
    pub author_domain: Option<String>,
    /// The policy that applies, whether it is needed or not. `None` without a record, and where DNS did not say which of two applies.
    pub policy: Option<Applied>,
    /// Whose record it is: the From domain, or one above it.
    pub record_domain: Option<String>,
    /// Where it stands: `_dmarc.` and the domain.
    pub policy_published_at: Option<String>,
    /// The record's text, bytes that are not UTF-8 replaced.
    pub record: Option<String>,
    /// The From domain's organization. `None` where it did not come to that or DNS did not answer.
    pub organizational_domain: Option<String>,
    /// Each domain of the input, in its order, at most [`MAX_IDENTIFIERS`]. Empty where DMARC does not apply.
    pub alignments: Vec<Alignment>,
    /// Why, in sentences, each able to stand alone.
    pub reasons: Vec<String>,
    /// What DNS was asked, as `TYPE name`, in order. Nothing is asked twice.
    pub queries: Vec<String>,
}

impl DmarcVerdict {
    fn new(result: DmarcResult) -> Self {
        Self {
            result,
            author_domain: None,
            policy: None,
            record_domain: None,
            policy_published_at: None,
            record: None,
            organizational_domain: None,
            alignments: Vec::new(),
            reasons: Vec::new(),
            queries: Vec::new(),
        }
    }

    fn because(mut self, reason: String) -> Self {
        self.reasons.push(reason);
        self
    }
}

/// Judges a message (RFC 9989 §5.3).
///
/// Every domain is walked at most once, and a domain outside the From domain's organization not at all: nothing it could find would
/// align it.
pub async fn evaluate<D: Dns>(dns: &D, input: &DmarcInput) -> DmarcVerdict {
    let author = match &input.author {
        Author::One(domain) => domain,
        Author::Several(domains) => {
            // RFC 9989 §5.3.1: validation is not possible with more than one domain.
            let reason =
                format!("The From field names several domains ({}), so DMARC does not apply.", domains.join(", "));
            return DmarcVerdict::new(DmarcResult::None).because(reason);
        }
        Author::Missing => {
            let reason = "The From field names no domain that DMARC could ask about.".to_owned();
            return DmarcVerdict::new(DmarcResult::PermError).because(reason);
        }
    };
    let mut tree = Tree::new(dns);
    let mut verdict = judge(&mut tree, author, input).await;
    verdict.author_domain = Some(author.clone());
    verdict.queries = tree.into_queries();
    verdict
}

async fn judge<D: Dns>(tree: &mut Tree<'_, D>, author: &str, input: &DmarcInput) -> DmarcVerdict {
    let found = match discover(tree, author).await {
        Discovery::Found(found) => found,
        Discovery::Nothing => {
            let reason = format!("Neither {author} nor a domain above it that counts has a DMARC record.");
            return DmarcVerdict::new(DmarcResult::None).because(reason);
        }
        Discovery::Failed(why) => {
            let reason = format!("Whether {author} has a DMARC policy is not known: {why}.");
            return DmarcVerdict::new(DmarcResult::TempError).because(reason);
        }
    };
    let mut verdict = DmarcVerdict::new(DmarcResult::None);
    verdict.record_domain = Some(found.domain.clone());
    verdict.policy_published_at = Some(walk::record_name(&found.domain));
    verdict.record = Some(found.text.clone());
    verdict.organizational_domain.clone_from(&found.organization);
    verdict.reasons.clone_from(&found.reasons);
    if !found.applies {
        return verdict;
    }
    verdict.policy = found.policy;
    verdict.alignments = align::all(tree, author, &found, &input.identifiers).await;
    verdict.result = align::result(&verdict.alignments);
    verdict.reasons.extend(verdict.alignments.iter().map(|alignment| align::words(alignment, author)));
    if verdict.alignments.is_empty() {
        verdict.reasons.push("Neither SPF nor DKIM was about any domain.".into());
    }
    verdict
}
