//! ARC (RFC 8617): what relays found out about a message before they changed it, and whether their word can be relied on.
//!
//! A mailing list breaks the author's DKIM signature. With ARC it writes down what it saw (ARC-Authentication-Results), signs the message as it sends
//! it on (ARC-Message-Signature) and seals both together with all earlier sets (ARC-Seal). A receiver who trusts the list then knows that the signature
//! held before. A chain that passes says only that nobody altered these statements; anybody can make a chain, so whom to believe is another
//! question.
//!
//! The newest message signature must hold, and every seal (§5.2). Older message signatures are expected to break; which is the oldest that still holds
//! tells who changed the message last.

mod sets;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use thiserror::Error;

use sets::{Set, sets};

use crate::judge::Dns;
use crate::judge::dkim::{BodyHashes, DkimReason, DkimResult, KeyRing, Subject, check_message, dates};
use crate::model::AuthenticationResults;
use crate::syntax::arc::ChainStatus;
use crate::syntax::canonical::{Canonicalization, with_crlf};
use crate::syntax::dkim_signature::SignatureError;

/// The result of a chain, in the words of RFC 8617 §4.3 and one of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArcResult {
    /// There is no chain.
    None,
    /// The chain holds.
    Pass,
    /// The chain is broken.
    Fail,
    /// It could not be judged: DNS did not answer, or not all of the message was there. RFC 8617 has no word for this.
    Unknown,
}

impl ArcResult {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a chain does not pass.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArcReason {
    /// A field could not be read.
    #[error("{field} could not be read: {error}")]
    BadField {
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        error: SignatureError,
    },
    /// An ARC-Authentication-Results without an instance from 1 to 50.
    #[error("an ARC-Authentication-Results has no instance from 1 to 50")]
    NoInstance,
    /// There is more than one of a field in a set.
    #[error("instance {instance} has more than one {field}")]
    Duplicate {
        /// Which set.
        instance: u32,
        /// The field's name.
        field: &'static str,
    },
    /// A set lacks a field; or all of them, where a greater instance is there.
    #[error("instance {instance} has no {field}")]
    Missing {
        /// Which set.
        instance: u32,
        /// The field's name.
        field: &'static str,
    },
    /// The newest sealer found the chain broken, or an older one did and others went on.
    #[error("instance {0} found the chain broken")]
    FoundBroken(u32),
    /// `cv=none` above the first instance, or not in it.
    #[error("instance {instance} says cv={}", .status.as_str())]
    WrongStatus {
        /// Which set.
        instance: u32,
        /// What it says.
        status: ChainStatus,
    },
    /// The newest message signature does not hold.
    #[error("the message signature of instance {instance}: {reason}")]
    MessageSignature {
        /// Which set.
        instance: u32,
        /// Why.
        reason: DkimReason,
    },
    /// A seal does not hold.
    #[error("the seal of instance {instance}: {reason}")]
    Seal {
        /// Which set; the lowest that does not hold.
        instance: u32,
        /// Why.
        reason: DkimReason,
    },
}

impl ArcReason {
    fn result(&self) -> ArcResult {
        match self {
            Self::MessageSignature { reason, .. } | Self::Seal { reason, .. } => match reason {
                DkimReason::BadSignature(_) => ArcResult::Fail,
                reason if matches!(reason.result(), DkimResult::TempError | DkimResult::Neutral) => ArcResult::Unknown,
                _ => ArcResult::Fail,
            },
            _ => ArcResult::Fail,
        }
    }
}

/// What one relay said.
#[derive(Clone, Debug, PartialEq)]
pub struct ArcInstance {
    /// `i=`: 1 is the first relay.
    pub instance: u32,
    /// The seal's `d=`.
    pub domain: String,
    /// The seal's `s=`.
    pub selector: String,
    /// The seal's `cv=`.
    pub status: ChainStatus,
    /// The seal's `t=`, in seconds since 1970.
    pub timestamp: Option<u64>,
    /// What it found out about the message.
    pub results: AuthenticationResults,
}

/// The verdict on a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct ArcVerdict {
    /// The result in one word.
    pub result: ArcResult,
    /// Why it is neither `pass` nor `none`.
    pub reason: Option<ArcReason>,
    /// The relays from the first to the last; empty where the fields do not make up a chain.
    pub instances: Vec<ArcInstance>,
    /// In a chain that passes: the lowest instance from which on all message signatures hold (RFC 8617 §5.2, step 5). 0 says that all of them
    /// do: no relay after the first changed what was signed. Absent where an older one could not be judged.
    pub oldest_pass: Option<u32>,
}

/// Judges the ARC chain of a message.
pub async fn verify(dns: &impl Dns, message: &[u8], now: Timestamp) -> ArcVerdict {
    judge(dns, message, true, now).await
}

/// The same for a message of which only the beginning was read: where the newest message signature is over more, the result is unknown.
pub async fn verify_beginning(dns: &impl Dns, beginning: &[u8], now: Timestamp) -> ArcVerdict {
    judge(dns, beginning, false, now).await
}

async fn judge(dns: &impl Dns, message: &[u8], whole: bool, now: Timestamp) -> ArcVerdict {
    let text = with_crlf(message);
    let subject = Subject::new(&text, whole);
    let mut verdict = ArcVerdict { result: ArcResult::None, reason: None, instances: Vec::new(), oldest_pass: None };
    let fail = |verdict: ArcVerdict, reason: ArcReason| ArcVerdict {
        result: reason.result(),
        reason: Some(reason),
        ..verdict
    };
    let sets = match sets(&subject) {
        Ok(sets) if sets.is_empty() => return verdict,
        Ok(sets) => sets,
        Err(reason) => return fail(verdict, reason),
    };
    verdict.instances = sets.iter().map(Set::describe).collect();
    if let Some(reason) = statuses(&sets) {
        return fail(verdict, reason);
    }
    let bodies = BodyHashes::new(&subject, sets.iter().map(|set| &set.signature));
    let mut chain = Chain { subject, sets, bodies, keys: KeyRing::new(dns), now };
    if let Some(reason) = chain.newest().await {
        return fail(verdict, reason);
    }
    if let Some(reason) = chain.seals().await {
        return fail(verdict, reason);
    }
    verdict.result = ArcResult::Pass;
    verdict.oldest_pass = chain.oldest().await;
    verdict
}

/// What is wrong with the sets' `cv=` (RFC 8617 §5.2, steps 2 and 3).
fn statuses(sets: &[Set<'_>]) -> Option<ArcReason> {
    if let Some(last) = sets.last().filter(|last| last.seal.status == ChainStatus::Fail) {
        return Some(ArcReason::FoundBroken(last.seal.instance));
    }
    sets.iter().find_map(|set| {
        let (instance, status) = (set.seal.instance, set.seal.status);
        match (instance, status) {
            (1, ChainStatus::None) | (2.., ChainStatus::Pass) => None,
            (_, ChainStatus::Fail) => Some(ArcReason::FoundBroken(instance)),
            _ => Some(ArcReason::WrongStatus { instance, status }),
        }
    })
}

/// Sets that may make a chain.
struct Chain<'a, 'd, D> {
    subject: Subject<'a>,
    sets: Vec<Set<'a>>,
    bodies: BodyHashes,
    keys: KeyRing<'d, D>,
    now: Timestamp,
}

impl<D: Dns> Chain<'_, '_, D> {
    /// What is wrong with the newest message signature.
    async fn newest(&mut self) -> Option<ArcReason> {
        let last = self.sets.last()?;
        let attempt =
            check_message(&mut self.keys, &self.subject, last.signature_at, &last.signature, &self.bodies).await;
        let reason = attempt.reason.or_else(|| dates(&last.signature, self.now))?;
        Some(ArcReason::MessageSignature { instance: last.seal.instance, reason })
    }

    /// The first seal that does not hold. A seal is over all fields of the sets up to its own, always relaxed, its own `b=` empty (§5.1.1).
    async fn seals(&mut self) -> Option<ArcReason> {
        let mut input = Vec::new();
        for set in &self.sets {
            for at in [set.results_at, set.signature_at] {
                input.extend_from_slice(&Canonicalization::Relaxed.field(self.subject.field(at)));
                input.extend_from_slice(b"\r\n");
            }
            let complete = input.len();
            let span = set.seal.signature.value_span.clone();
            input.extend_from_slice(&self.subject.without(set.seal_at, span, Canonicalization::Relaxed));
            let attempt = self.keys.check(&set.seal.signature, None, &input).await;
            if let Some(reason) = attempt.reason {
                return Some(ArcReason::Seal { instance: set.seal.instance, reason });
            }
            input.truncate(complete);
            input.extend_from_slice(&Canonicalization::Relaxed.field(self.subject.field(set.seal_at)));
            input.extend_from_slice(b"\r\n");
        }
        None
    }

    /// The lowest instance from which on all message signatures hold; the newest is known to.
    async fn oldest(&mut self) -> Option<u32> {
        let mut oldest = self.sets.last()?.seal.instance;
        for set in self.sets.iter().rev().skip(1) {
            let attempt =
                check_message(&mut self.keys, &self.subject, set.signature_at, &set.signature, &self.bodies).await;
            match attempt.reason.map(|reason| reason.result()) {
                None => oldest = set.seal.instance,
                Some(DkimResult::TempError | DkimResult::Neutral) => return None,
                Some(_) => return Some(oldest),
            }
        }
        Some(0)
    }
}
