//! SPF (RFC 7208): may this host send mail in this domain's name?
//!
//! The receiver takes a domain from the SMTP session, asks DNS for its `v=spf1` record and goes through the record's mechanisms until one
//! matches the client's address; `include` and `redirect` lead to further domains' records. Three things mislead people:
//!
//! - *Which domain.* It is the envelope's sender (or the HELO name where that is empty), not the header From that a reader sees: mail sent through
//!   a relay often passes in the relay's name. Some receivers in Japan (docomo, au, SoftBank) check the header From as well, the "purported
//!   responsible address" of RFC 4407; mail that passes everywhere else is lost there. [`check_pra`] is for these.
//! - *Errors.* `temperror` means that DNS did not answer, `permerror` that the domain's records are wrong, `none` that there is no record.
//!   Receivers treat them differently, and so must whoever repairs them.
//! - *Limits* (§4.6.4). More than ten terms that ask DNS, more than two of them that find nothing, or more than ten hosts behind an `mx`, and a
//!   record that looks right is `permerror`.
//!
//! The limits also bound the work: no record, however made, causes more than 130 queries, and the checks of one record recurse at
//! most eleven deep.

mod evaluate;
mod expand;
mod mechanism;
mod pra;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

pub use pra::{Pra, PraField, PraVerdict, check_pra, pra};

use crate::judge::Dns;
use crate::judge::spf::evaluate::{Ended, Evaluation, Stop};
use crate::model::{SpfIdentity, SpfResult};

/// How many terms may ask DNS: `include`, `a`, `mx`, `ptr`, `exists` and `redirect` (RFC 7208 §4.6.4).
pub const MAX_LOOKUPS: u32 = 10;
/// How many of these may find no record (RFC 7208 §4.6.4).
pub const MAX_VOID_LOOKUPS: u32 = 2;
/// How many hosts of an `mx`, and how many names of the client, are looked at (RFC 7208 §4.6.4).
pub const MAX_NAMES: usize = 10;
/// An explanation is cut off at so many bytes: it is for one reply of an SMTP server.
pub const MAX_EXPLANATION: usize = 2_000;
/// How many steps are kept in a verdict's trace.
pub const MAX_TRACE: usize = 500;
/// Longer senders and HELO names, in bytes, are cut off; SMTP has none (RFC 5321 §4.5.3.1).
const MAX_NAME: usize = 1_024;

/// An SMTP session as far as SPF looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfRequest {
    /// The client's address. An IPv4 address mapped into IPv6 counts as the former (§5).
    pub ip: IpAddr,
    /// The envelope's sender, without angle brackets; empty for a bounce.
    pub mail_from: String,
    /// The name in HELO or EHLO.
    pub helo: String,
    /// The name of the host that checks, for `%{r}`.
    pub receiver: String,
    /// The time of the session, for `%{t}`.
    pub now: Timestamp,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SpfVerdict {
    /// The answer.
    pub result: SpfResult,
    /// The domain that was checked, in lower case; empty where there is none.
    pub domain: String,
    /// Where the domain was taken from.
    pub identity: SpfIdentity,
    /// The term that decided, as it stands in the record; after the terms that led to its record: `include:_spf.example.net > ip4:192.0.2.1`.
    /// Absent where none did.
    pub mechanism: Option<String>,
    /// How many terms asked DNS; 11 where the limit was exceeded.
    pub lookups: u32,
    /// How many of them found no record; 3 where the limit was exceeded.
    pub void_lookups: u32,
    /// What the domain says to the sender of mail that fails (§6.2): a stranger's text in printable ASCII.
    pub explanation: Option<String>,
    /// Why, in words.
    pub reason: String,
    /// What was done, in order; at most [`MAX_TRACE`] steps.
    #[serde(skip)]
    pub trace: Vec<SpfStep>,
}

/// One step of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfStep {
    /// How many includes and redirects led here; 0 for the domain's own record.
    pub depth: usize,
    /// Whose record it is.
    pub domain: String,
    /// The record, or one term of it.
    pub term: String,
    /// What came of it.
    pub outcome: String,
}

/// Checks the envelope's sender, or the HELO name where that is empty (RFC 7208 §2.4).
pub async fn check(dns: &impl Dns, request: &SpfRequest) -> SpfVerdict {
    let sender = request.mail_from.trim();
    if sender.is_empty() || sender == "<>" {
        return check_helo(dns, request).await;
    }
    verdict(dns, request, SpfIdentity::MailFrom, sender).await.0
}

/// Checks the HELO name (RFC 7208 §2.3).
pub async fn check_helo(dns: &impl Dns, request: &SpfRequest) -> SpfVerdict {
    verdict(dns, request, SpfIdentity::Helo, request.helo.trim()).await.0
}

/// Checks `sender` as that identity. Also gives the domain's `spf2.0` record for the PRA, where there is one.
async fn verdict(
    dns: &impl Dns,
    request: &SpfRequest,
    identity: SpfIdentity,
    sender: &str,
) -> (SpfVerdict, Option<String>) {
    let mut evaluation = Evaluation::new(dns, request, sender);
    let domain = evaluation.sender.domain.clone();
    let ended = evaluation.host(&domain, 0).await;
    let mut verdict = SpfVerdict {
        result: SpfResult::None,
        domain: domain.trim_end_matches('.').to_ascii_lowercase(),
        identity,
        mechanism: None,
        lookups: 0,
        void_lookups: 0,
        explanation: None,
        reason: String::new(),
        trace: Vec::new(),
    };
    match ended {
        Ok(Ended { result, mechanism, reason, explanation }) => {
            (verdict.result, verdict.mechanism, verdict.reason) = (result, mechanism, reason);
            if let Some((explanation, domain)) = explanation {
                verdict.explanation = evaluation.explain(&explanation, &domain).await;
            }
        }
        Err(Stop { result, mechanism, reason }) => {
            (verdict.result, verdict.mechanism, verdict.reason) = (result, mechanism, reason);
        }
    }
    (verdict.lookups, verdict.void_lookups) = (evaluation.lookups, evaluation.void_lookups);
    verdict.trace = evaluation.trace;
    (verdict, evaluation.sender_id)
}
