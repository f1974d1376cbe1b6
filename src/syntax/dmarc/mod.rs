//! The DMARC policy record (RFC 9989 §4.7, §4.8): what the owner of a domain asks receivers to do with mail that is not its own.
//!
//! ```text
//! _dmarc.shop.example TXT "v=DMARC1; p=reject; sp=quarantine; rua=mailto:dmarc@shop.example"
//!                          |         |         |              where reports go
//!                          |         |         for subdomains
//!                          |         for the domain itself: none, quarantine or reject
//!                          first, and exactly this: otherwise it is no DMARC record at all
//! ```
//!
//! Reading one is strict in one place and lax everywhere else. `v=` must come first and be exactly `DMARC1`; a text that fails that is not
//! a record, and [`parse`] gives `None` for it ([`near_miss`] says what it may have been meant to be). Behind it an unknown tag is ignored
//! and an invalid value is as if its tag were absent, with one exception that surprises owners: where `p` is missing or `p`, `sp` or `np`
//! is invalid, the *whole* record asks for nothing (`p=none`) if it has a usable `rua`, and is not applied at all if it has none
//! (RFC 9989 §4.10.1). One mistyped letter in `sp=` so switches a `p=reject` off; [`DmarcRecord::demand`] tells.
//!
//! RFC 9989 obsoletes RFC 7489. Its `pct`, `rf` and `ri` are gone: they are recorded as [`Historic`] and mean nothing. So is the size limit
//! behind a report address (`!10m`), and `p` need not be the second tag any more, though receivers that still follow RFC 7489 want it there.
//! Everything of that kind is noted as an [`Oddity`] with the bytes it stands at, for whoever audits the record.

mod tags;
#[cfg(test)]
mod tests;
mod uri;

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// How much of a record is looked at, in bytes.
pub const MAX_RECORD: usize = 1 << 16;
/// How many tags, and how many report addresses of one tag, are taken from one record.
pub const MAX_ITEMS: usize = 100;

/// A value, and the bytes of the record it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// What was read.
    pub value: T,
    /// Where: a range of bytes in the record's text.
    pub span: Range<usize>,
}

/// What a domain owner asks to be done with mail that fails (RFC 9989 §4.7 "p"), from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Nothing; the owner only wants reports.
    None,
    /// Treat it as suspicious: in practice the spam folder.
    Quarantine,
    /// The use of the name is not valid: in practice a refusal.
    Reject,
}

impl Policy {
    /// The word in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }

    /// One level less, which is what `t=y` asks for (RFC 9989 §4.7 "t").
    #[must_use]
    pub fn relaxed(self) -> Self {
        match self {
            Self::Reject => Self::Quarantine,
            Self::Quarantine | Self::None => Self::None,
        }
    }
}

/// How near an authenticated domain must be to the From domain (RFC 9989 §4.7 "adkim", "aspf").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// `r`: the same organizational domain.
    #[default]
    Relaxed,
    /// `s`: the same name.
    Strict,
}

impl Mode {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Relaxed => "relaxed",
            Self::Strict => "strict",
        }
    }
}

/// Whether the record is one of a public suffix (RFC 9989 §4.7 "psd").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Psd {
    /// `y`: a public suffix; organizations begin one label below.
    Yes,
    /// `n`: an organizational domain, whatever stands above.
    No,
    /// `u`, or nothing: the tree walk decides.
    #[default]
    Unknown,
}

/// When a report about a single message is wanted (RFC 9989 §4.7 "fo").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureReport {
    /// `0`: when nothing passes and aligns.
    AllFail,
    /// `1`: when anything does not pass and align.
    AnyFails,
    /// `d`: when a DKIM signature fails.
    Dkim,
    /// `s`: when SPF fails.
    Spf,
}

/// A tag of RFC 7489 that RFC 9989 has taken away (§9.3, §A.6): it is not to be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Historic {
    /// `pct`, `rf` or `ri`.
    pub tag: &'static str,
    /// As written.
    pub value: String,
}

/// Something in a record that is not as it should be, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// What.
    pub kind: OddityKind,
    /// The bytes of the record it is about.
    pub span: Range<usize>,
}

/// What can be odd about a record that is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OddityKind {
    /// There is no `p` tag (RFC 9989 §4.7: recommended; receivers of RFC 7489 reject the record).
    NoPolicy,
    /// The value is none the tag may have; the tag counts as absent, and see [`DmarcRecord::demand`] for `p`, `sp` and `np`.
    InvalidValue,
    /// The tag is not registered and is ignored; often a spelling mistake.
    UnknownTag,
    /// `pct`, `rf` or `ri`, which RFC 9989 has taken away.
    HistoricTag,
    /// The tag occurs again (forbidden by RFC 6376 §3.2, whose syntax this is); the first one counts here, elsewhere perhaps another.
    DuplicateTag,
    /// A piece without `=`, or with a tag that is not made of letters.
    NotATag,
    /// Two semicolons with nothing between.
    EmptyTag,
    /// A tag written in capitals: allowed by the grammar, unknown to some receivers.
    TagCase,
    /// `p` is not the second tag, as RFC 7489 §6.4 wants it.
    PolicyNotSecond,
    /// A report address that is no URI; it is ignored.
    InvalidUri,
    /// A report address that is no `mailto:`; nobody must support any other (RFC 9989 §4.7 "rua").
    NotMailto,
    /// A size limit behind a report address, which RFC 9989 has taken away.
    SizeLimit,
    /// `fo` without a `ruf`, which makes it meaningless (RFC 9989 §4.7 "fo").
    FoWithoutRuf,
    /// Longer, or with more tags, than is looked at.
    TooLong,
}

impl OddityKind {
    /// A word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoPolicy => "no-policy",
            Self::InvalidValue => "invalid-value",
            Self::UnknownTag => "unknown-tag",
            Self::HistoricTag => "historic-tag",
            Self::DuplicateTag => "duplicate-tag",
            Self::NotATag => "not-a-tag",
            Self::EmptyTag => "empty-tag",
            Self::TagCase => "tag-case",
            Self::PolicyNotSecond => "policy-not-second",
            Self::InvalidUri => "invalid-uri",
            Self::NotMailto => "not-mailto",
            Self::SizeLimit => "size-limit",
            Self::FoWithoutRuf => "fo-without-ruf",
            Self::TooLong => "too-long",
        }
    }
}

/// A record, read. A tag that is absent or invalid is `None`; the defaults are in the methods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DmarcRecord {
    /// `p`: for the domain itself, and for subdomains unless `sp` or `np` say otherwise.
    pub p: Option<At<Policy>>,
    /// `sp`: for subdomains that exist.
    pub sp: Option<At<Policy>>,
    /// `np`: for subdomains that do not exist.
    pub np: Option<At<Policy>>,
    /// `adkim`.
    pub adkim: Option<At<Mode>>,
    /// `aspf`.
    pub aspf: Option<At<Mode>>,
    /// `t`: whether the owner is only testing.
    pub t: Option<At<bool>>,
    /// `psd`.
    pub psd: Option<At<Psd>>,
    /// `rua`: where summaries go; valid URIs only, without a size limit, in their own case.
    pub rua: Vec<At<String>>,
    /// `ruf`: where reports about single messages go.
    pub ruf: Vec<At<String>>,
    /// `fo`.
    pub fo: Vec<At<FailureReport>>,
    /// Tags that mean nothing any more.
    pub historic: Vec<At<Historic>>,
    /// What is odd, in the record's order as far as it belongs to one place.
    pub oddities: Vec<Oddity>,
    /// `p`, `sp` or `np` was written and is not valid.
    policy_invalid: bool,
}

/// What a record comes to, once its mistakes are taken into account (RFC 9989 §4.10.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// It is as written: the policy for the domain, for existing subdomains, and for those that do not exist.
    AsWritten {
        /// For the domain itself.
        domain: Policy,
        /// For its subdomains that exist.
        existing: Policy,
        /// For its subdomains that do not exist.
        nonexistent: Policy,
    },
    /// `p` is missing, or `p`, `sp` or `np` is invalid; as there is a valid `rua`, the record is taken as `p=none`.
    NoneInstead,
    /// The same without a valid `rua`: DMARC is not applied to the message.
    NotApplied,
}

impl DmarcRecord {
    /// What the record asks for (RFC 9989 §4.10.1). `np` falls back to `sp`, and `sp` to `p` (§4.7).
    #[must_use]
    pub fn demand(&self) -> Demand {
        match &self.p {
            Some(p) if !self.policy_invalid => {
                let existing = self.sp.as_ref().map_or(p.value, |sp| sp.value);
                let nonexistent = self.np.as_ref().map_or(existing, |np| np.value);
                Demand::AsWritten { domain: p.value, existing, nonexistent }
            }
            _ if self.rua.is_empty() => Demand::NotApplied,
            _ => Demand::NoneInstead,
        }
    }

    /// Whether the owner is only testing, so that one level less than the policy is to be applied. No unless it says so.
    #[must_use]
    pub fn testing(&self) -> bool {
        self.t.as_ref().is_some_and(|t| t.value)
    }

    /// How near a DKIM domain must be; relaxed unless the record says otherwise.
    #[must_use]
    pub fn dkim_mode(&self) -> Mode {
        self.adkim.as_ref().map(|mode| mode.value).unwrap_or_default()
    }

    /// How near the SPF domain must be; relaxed unless the record says otherwise.
    #[must_use]
    pub fn spf_mode(&self) -> Mode {
        self.aspf.as_ref().map(|mode| mode.value).unwrap_or_default()
    }

    /// Whether the domain is a public suffix; unknown unless the record says so.
    #[must_use]
    pub fn psd(&self) -> Psd {
        self.psd.as_ref().map(|psd| psd.value).unwrap_or_default()
    }
}

/// Reads one TXT record, its strings joined without a space. `None` where it is no DMARC record: `v` is not the first tag, or its value is
/// not exactly `DMARC1` (RFC 9989 §4.7 "v"). Never fails otherwise; linear in the record's length, of which [`MAX_RECORD`] bytes and
/// [`MAX_ITEMS`] tags are looked at.
#[must_use]
pub fn parse(record: &[u8]) -> Option<DmarcRecord> {
    let cut = record.get(..MAX_RECORD).unwrap_or(record);
    let mut read = tags::read(cut)?;
    if cut.len() < record.len() {
        read.oddities.push(Oddity { kind: OddityKind::TooLong, span: cut.len()..record.len() });
    }
    Some(read)
}

/// Why a text that looks like a DMARC record is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NearMiss {
    /// Something, such as a space or a quotation mark, stands before `v`.
    NotFirst,
    /// The version is not written `DMARC1`: in another case, or another number.
    Version,
    /// The semicolon behind `DMARC1` is missing.
    NoSemicolon,
}

impl NearMiss {
    /// A word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFirst => "version-not-first",
            Self::Version => "version-not-exact",
            Self::NoSemicolon => "no-semicolon",
        }
    }
}

/// What is wrong with a text that was probably meant as a DMARC record, so that every receiver ignores it. `None` for a record and for
/// a text of another kind.
#[must_use]
pub fn near_miss(record: &[u8]) -> Option<NearMiss> {
    let cut = record.get(..MAX_RECORD).unwrap_or(record);
    if tags::read(cut).is_some() {
        return None;
    }
    let text = String::from_utf8_lossy(cut).to_ascii_lowercase();
    let compact: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    if compact.starts_with("v=dmarc1") && text.starts_with('v') {
        let version = text.split_once('=').map(|(_, value)| value.trim_start()).unwrap_or_default();
        let after = version.strip_prefix("dmarc1").unwrap_or_default();
        let runs_on = after.starts_with([' ', '\t', ',', ':']);
        return Some(if runs_on && after.contains('=') { NearMiss::NoSemicolon } else { NearMiss::Version });
    }
    if compact.starts_with("v=dmarc") && text.starts_with('v') {
        return Some(NearMiss::Version);
    }
    compact.contains("v=dmarc").then_some(NearMiss::NotFirst)
}
