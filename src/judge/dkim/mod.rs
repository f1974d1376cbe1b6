//! DKIM (RFC 6376): does a signature on the message still hold, and if not, why not.
//!
//! A domain signs a hash of the body and some header fields; the key is in DNS. A signature that no longer holds says that something
//! between the signer and the mailbox changed the message, or that the key in DNS is not the one that signed: two causes with
//! two remedies, told apart here by checking the body's hash and the signature over the header separately. A missing, withdrawn or
//! unreadable key is a third, and a name server that does not answer is no verdict at all (`temperror`).
//!
//! What misleads: mailing lists and "external mail" banners break bodies; gateways refold headers, which breaks `simple`; a key with several
//! TXT records verifies at one receiver and not at the next; a signature with `l=` holds although text was added below.
//!
//! The bytes are judged as they were received. IMAP gives lines that end in CRLF, as SMTP does. A message saved to a file may have LF: where any line
//! ends in LF alone, all are converted first and [`DkimVerdict::converted`] says so.

mod body;
mod key;
mod message;
mod verdict;

#[cfg(test)]
pub(in crate::judge) mod tests;

pub use verdict::{BodyCoverage, BodyMismatch, DkimReason, DkimResult, DkimVerdict};

pub(in crate::judge) use body::{BodyHashes, BodyState};
pub(in crate::judge) use key::{Attempt, KeyRing};
pub(in crate::judge) use message::Subject;

use std::borrow::Cow;

use jiff::Timestamp;

use crate::judge::Dns;
use crate::syntax::canonical::with_crlf;
use crate::syntax::dkim_signature::{MessageSignature, parse};

/// How many signatures of a message are checked; real messages have up to five.
pub const MAX_SIGNATURES: usize = 20;
/// How far a signer's clock may be ahead of ours, in seconds.
pub const CLOCK_SKEW: u64 = 600;

/// Judges every DKIM-Signature of a message, in their order. Those after the first [`MAX_SIGNATURES`] are named but not checked. An empty
/// list says that the message is not signed: `none` in the words of RFC 8601.
///
/// Time is linear in the message, however many signatures there are; each distinct key is asked for once.
pub async fn verify(dns: &impl Dns, message: &[u8], now: Timestamp) -> Vec<DkimVerdict> {
    judge(dns, message, true, now).await
}

/// The same for a message of which only the beginning was read. A signature over the header that does not hold is a failure all the same; a body
/// of which the signed part was not seen is no verdict ([`DkimReason::NotSeen`]).
pub async fn verify_beginning(dns: &impl Dns, beginning: &[u8], now: Timestamp) -> Vec<DkimVerdict> {
    judge(dns, beginning, false, now).await
}

async fn judge(dns: &impl Dns, message: &[u8], whole: bool, now: Timestamp) -> Vec<DkimVerdict> {
    let text = with_crlf(message);
    let subject = Subject::new(&text, whole);
    let read: Vec<_> = subject.named("dkim-signature").iter().map(|at| (*at, parse(subject.value(*at)))).collect();
    let good = read.iter().take(MAX_SIGNATURES).filter_map(|(_, signature)| signature.as_ref().ok());
    let bodies = BodyHashes::new(&subject, good);
    let mut keys = KeyRing::new(dns);
    let mut verdicts = Vec::with_capacity(read.len());
    for (count, (at, signature)) in read.into_iter().enumerate() {
        let mut verdict = match signature {
            Err(error) => DkimVerdict::unreadable(subject.value(at), error),
            Ok(signature) => {
                let attempt = if count >= MAX_SIGNATURES {
                    Attempt::failed(DkimReason::NotChecked)
                } else {
                    check(&mut keys, &subject, at, &signature, &bodies).await
                };
                let body = bodies.get(&signature).and_then(|state| state.coverage(&signature));
                verdict(&signature, attempt, body, now)
            }
        };
        verdict.converted = matches!(text, Cow::Owned(_));
        verdicts.push(verdict);
    }
    verdicts
}

/// Everything about a signature but its dates.
async fn check(
    keys: &mut KeyRing<'_, impl Dns>,
    subject: &Subject<'_>,
    at: usize,
    signature: &MessageSignature,
    bodies: &BodyHashes,
) -> Attempt {
    // RFC 6376 §5.4: a signature that does not cover From proves nothing about who wrote it.
    if !signature.signed.iter().any(|name| name.eq_ignore_ascii_case("from")) {
        return Attempt::failed(DkimReason::FromNotSigned);
    }
    if let Some(identity) = &signature.identity
        && !is_at_or_below(domain_of(identity), &signature.signature.domain)
    {
        return Attempt::failed(DkimReason::DomainMismatch { identity: identity.clone(), exact: false });
    }
    check_message(keys, subject, at, signature, bodies).await
}

/// Key, signature and body: what DKIM and ARC-Message-Signature share.
pub(in crate::judge) async fn check_message(
    keys: &mut KeyRing<'_, impl Dns>,
    subject: &Subject<'_>,
    at: usize,
    signature: &MessageSignature,
    bodies: &BodyHashes,
) -> Attempt {
    if subject.is_too_long() {
        return Attempt::failed(DkimReason::HeaderTooLong);
    }
    let Some(body) = bodies.get(signature).filter(|_| subject.header_is_whole()) else {
        return Attempt::failed(DkimReason::NotSeen);
    };
    let input = subject.signed_bytes(signature, at);
    let attempt = keys.check(&signature.signature, signature.identity.as_deref(), &input).await;
    attempt.with_body(signature, body)
}

/// The verdict on a signature that could be read: what the check found, then its dates.
fn verdict(signature: &MessageSignature, attempt: Attempt, body: Option<BodyCoverage>, now: Timestamp) -> DkimVerdict {
    let reason = attempt.reason.or_else(|| dates(signature, now));
    DkimVerdict {
        result: reason.as_ref().map_or(DkimResult::Pass, DkimReason::result),
        reason,
        domain: Some(signature.signature.domain.clone()),
        selector: Some(signature.signature.selector.clone()),
        identity: signature.identity.clone(),
        algorithm: Some(signature.signature.algorithm),
        canonicalization: Some((signature.header, signature.body)),
        signed: signature.signed.clone(),
        timestamp: signature.signature.timestamp,
        expires: signature.expires,
        key_bits: attempt.bits,
        testing: attempt.testing,
        body,
        converted: false,
    }
}

/// What is wrong with a signature's dates (RFC 6376 §3.5, `t=` and `x=`).
pub(in crate::judge) fn dates(signature: &MessageSignature, now: Timestamp) -> Option<DkimReason> {
    let now = u64::try_from(now.as_second()).unwrap_or(0);
    if let Some(at) = signature.expires.filter(|at| *at < now) {
        return Some(DkimReason::Expired { at });
    }
    let at = signature.signature.timestamp.filter(|at| *at > now.saturating_add(CLOCK_SKEW))?;
    Some(DkimReason::FromTheFuture { at })
}

fn domain_of(identity: &str) -> &str {
    identity.rsplit_once('@').map_or(identity, |(_, domain)| domain)
}

fn is_at_or_below(domain: &str, parent: &str) -> bool {
    let domain = domain.to_lowercase();
    domain.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
