//! What is said of a signature.

use thiserror::Error;

use crate::syntax::canonical::Canonicalization;
use crate::syntax::dkim_key::KeyError;
use crate::syntax::dkim_signature::{Algorithm, SignatureError, tag_list};

/// The results of RFC 8601 §2.7.1, but for `none`, which is a message without signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DkimResult {
    /// The signature holds.
    Pass,
    /// The signature does not hold: the message was changed, or another key signed it.
    Fail,
    /// The signature could not be read or judged.
    Neutral,
    /// The signature holds, and is not accepted for another reason.
    Policy,
    /// The signature can never hold as it is: no usable key, for instance.
    PermError,
    /// It could not be judged now. Trying again later may succeed.
    TempError,
}

impl DkimResult {
    /// The word of RFC 8601.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Neutral => "neutral",
            Self::Policy => "policy",
            Self::PermError => "permerror",
            Self::TempError => "temperror",
        }
    }
}

/// How a body differs from the one that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyMismatch {
    /// `l=`: how many bytes were signed, where not all.
    pub signed: Option<u64>,
    /// How many bytes the canonical body has. Fewer than were signed: something cut it off.
    pub length: u64,
    /// Whether the signature over the header, which covers the body's hash, holds: then nothing but the body was changed.
    pub header_holds: bool,
}

/// Why a signature is not a pass.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DkimReason {
    /// The message has more signatures than are checked.
    #[error("the message has too many signatures to check them all")]
    NotChecked,
    /// The header section is too large to be judged.
    #[error("the header is too large to be judged")]
    HeaderTooLong,
    /// The part of the message that was signed was not read.
    #[error("only the beginning of the message was read, and more of it was signed")]
    NotSeen,
    /// The field could not be read.
    #[error("{0}")]
    BadSignature(#[from] SignatureError),
    /// `h=` does not have From.
    #[error("From is not signed")]
    FromNotSigned,
    /// `i=` is not under `d=`, or not at it where the key asks for that (`t=s`).
    #[error("i={identity} is not {} d=", if *exact { "at" } else { "at or below" })]
    DomainMismatch {
        /// `i=`.
        identity: String,
        /// Whether the key's `t=s` asks for the same domain.
        exact: bool,
    },
    /// DNS has no record at the key's name.
    #[error("there is no key at the name")]
    NoKey,
    /// The key was withdrawn: its `p=` is empty.
    #[error("the key was withdrawn (its p= is empty)")]
    KeyRevoked,
    /// The record is no usable key.
    #[error("the key record is of no use: {0}")]
    KeyUnreadable(KeyError),
    /// The key is of another kind than the signature; says which.
    #[error("the key is for {0}, the signature is not")]
    KeyTypeMismatch(&'static str),
    /// The key's `h=` does not have the signature's hash.
    #[error("the key's h= does not allow the signature's hash")]
    HashNotAllowed,
    /// The key's `s=` is not for e-mail.
    #[error("the key's s= does not allow e-mail")]
    ServiceType,
    /// An RSA key of fewer than 1024 bits (RFC 8301 §3.2); says how many.
    #[error("an RSA key of {0} bits must not be relied on")]
    KeyTooShort(usize),
    /// An RSA key of more bits than are computed with; says how many.
    #[error("an RSA key of {0} bits is longer than is supported")]
    KeyTooLong(usize),
    /// DNS did not answer.
    #[error("the key could not be looked up: {0}")]
    DnsFailed(String),
    /// The body is not the one that was signed.
    #[error("the body was changed ({} of {} bytes were signed)", .0.signed.map_or_else(|| "all".into(), |l| l.to_string()), .0.length)]
    BodyHashMismatch(BodyMismatch),
    /// The body is the one that was signed, and the signature over the header does not hold.
    #[error("a signed header field was changed, or another key signed")]
    SignatureMismatch,
    /// Signed with SHA-1 (RFC 8301 §3.1).
    #[error("rsa-sha1 must not be relied on")]
    Sha1NotAllowed {
        /// Whether it would hold otherwise.
        holds: bool,
    },
    /// It holds, and its `x=` has passed.
    #[error("the signature has expired")]
    Expired {
        /// `x=`, in seconds since 1970.
        at: u64,
    },
    /// It holds, and its `t=` is yet to come.
    #[error("the signature is from the future")]
    FromTheFuture {
        /// `t=`, in seconds since 1970.
        at: u64,
    },
}

impl DkimReason {
    /// The result that it leads to.
    #[must_use]
    pub fn result(&self) -> DkimResult {
        match self {
            // RFC 8601 §2.7.1: neutral is for syntax errors, and for what could not be processed.
            Self::NotChecked | Self::HeaderTooLong | Self::NotSeen | Self::BadSignature(_) | Self::KeyTooLong(_) => {
                DkimResult::Neutral
            }
            Self::DnsFailed(_) => DkimResult::TempError,
            Self::BodyHashMismatch(_) | Self::SignatureMismatch => DkimResult::Fail,
            // The signature holds, and RFC 6376 §3.5 lets a verifier refuse it.
            Self::Expired { .. } | Self::FromTheFuture { .. } => DkimResult::Policy,
            // RFC 6376 §6.1, and RFC 8301 §3.1: rsa-sha1 has "permanently failed evaluation".
            Self::FromNotSigned
            | Self::DomainMismatch { .. }
            | Self::NoKey
            | Self::KeyRevoked
            | Self::KeyUnreadable(_)
            | Self::KeyTypeMismatch(_)
            | Self::HashNotAllowed
            | Self::ServiceType
            | Self::KeyTooShort(_)
            | Self::Sha1NotAllowed { .. } => DkimResult::PermError,
        }
    }

    /// A word for it, for pages and JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotChecked => "not_checked",
            Self::HeaderTooLong => "header_too_long",
            Self::NotSeen => "not_seen",
            Self::BadSignature(_) => "bad_signature",
            Self::FromNotSigned => "from_not_signed",
            Self::DomainMismatch { .. } => "domain_mismatch",
            Self::NoKey => "no_key",
            Self::KeyRevoked => "key_revoked",
            Self::KeyUnreadable(_) => "key_unreadable",
            Self::KeyTypeMismatch(_) => "key_type_mismatch",
            Self::HashNotAllowed => "hash_not_allowed",
            Self::ServiceType => "service_type",
            Self::KeyTooShort(_) => "key_too_short",
            Self::KeyTooLong(_) => "key_too_long",
            Self::DnsFailed(_) => "dns_failed",
            Self::BodyHashMismatch(_) => "body_hash_mismatch",
            Self::SignatureMismatch => "signature_mismatch",
            Self::Sha1NotAllowed { .. } => "sha1_not_allowed",
            Self::Expired { .. } => "expired",
            Self::FromTheFuture { .. } => "from_the_future",
        }
    }
}

/// How much of the body a signature with `l=` covers, in bytes of the canonical body. What is beyond may be anybody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyCoverage {
    /// `l=`.
    pub signed: u64,
    /// What there is; of a message that was cut off, what was seen.
    pub length: u64,
}

/// The verdict on one signature. What the field does not say, or could not be read, is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DkimVerdict {
    /// The result in one word.
    pub result: DkimResult,
    /// Why it is not a pass; absent in a pass.
    pub reason: Option<DkimReason>,
    /// `d=`, the domain that signed, in lower case.
    pub domain: Option<String>,
    /// `s=`, in lower case.
    pub selector: Option<String>,
    /// `i=`.
    pub identity: Option<String>,
    /// `a=`.
    pub algorithm: Option<Algorithm>,
    /// `c=`: of header and body.
    pub canonicalization: Option<(Canonicalization, Canonicalization)>,
    /// `h=`.
    pub signed: Vec<String>,
    /// `t=`, in seconds since 1970.
    pub timestamp: Option<u64>,
    /// `x=`, in seconds since 1970.
    pub expires: Option<u64>,
    /// The length of the key, where there is one.
    pub key_bits: Option<usize>,
    /// The key says that its domain is testing (`t=y`): the message is to be treated as if it were not signed (RFC 6376 §3.6.1).
    pub testing: bool,
    /// What `l=` leaves out; absent without `l=`.
    pub body: Option<BodyCoverage>,
    /// Lines that ended in LF were made to end in CRLF before this was judged: the message is not as it was received.
    pub converted: bool,
}

impl DkimVerdict {
    /// An RSA key that still counts and should be longer (RFC 8301 §3.2: signers should use 2048 bits).
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.algorithm != Some(Algorithm::Ed25519Sha256) && self.key_bits.is_some_and(|bits| bits < 2048)
    }

    /// Of a field that could not be read, with what can be told of it nevertheless.
    pub(super) fn unreadable(field: &[u8], error: SignatureError) -> Self {
        let tags = tag_list(field).ok();
        let value = |name| tags.as_ref()?.value(name).map(|value| value.chars().take(253).collect::<String>());
        let reason = DkimReason::BadSignature(error);
        Self {
            result: reason.result(),
            reason: Some(reason),
            domain: value("d").map(|domain| domain.to_lowercase()),
            selector: value("s").map(|selector| selector.to_lowercase()),
            identity: value("i"),
            algorithm: None,
            canonicalization: None,
            signed: Vec::new(),
            timestamp: None,
            expires: None,
            key_bits: None,
            testing: false,
            body: None,
            converted: false,
        }
    }
}
