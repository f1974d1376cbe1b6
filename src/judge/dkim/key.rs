//! Keys: looked up, found fit or unfit, and used.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use ring::signature::{
    ED25519, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

use crate::judge::dkim::{BodyState, DkimReason, domain_of};
use crate::judge::{Dns, NoAnswer};
use crate::syntax::dkim_key::{KeyError, KeyRecord, PublicKey, parse};
use crate::syntax::dkim_signature::{Algorithm, MessageSignature, Signature};

/// How many records at one name are tried. RFC 6376 §3.6.2.2 wants one; two stand there while a key is changed.
const MAX_RECORDS: usize = 10;
/// RSA keys shorter than this must not be relied on (RFC 8301 §3.2).
const SHORTEST_RSA: usize = 1024;
/// RSA keys longer than this are not computed with.
const LONGEST_RSA: usize = 8192;

/// What came of a signature, its dates aside.
#[derive(Clone, Debug)]
pub(in crate::judge) struct Attempt {
    /// Why it does not hold; nothing where it does.
    pub reason: Option<DkimReason>,
    /// The length of the key that was used.
    pub bits: Option<usize>,
    /// The key's `t=y`.
    pub testing: bool,
}

impl Attempt {
    /// It came to nothing before there was a key.
    pub fn failed(reason: DkimReason) -> Self {
        Self { reason: Some(reason), bits: None, testing: false }
    }

    /// The same, knowing about the body too.
    pub fn with_body(mut self, signature: &MessageSignature, body: &BodyState) -> Self {
        let holds = match &self.reason {
            None => true,
            Some(DkimReason::SignatureMismatch) => false,
            Some(DkimReason::Sha1NotAllowed { holds }) => {
                let same = matches!(body, BodyState::Hashed { .. }) && body.mismatch(signature, *holds).is_none();
                self.reason = Some(DkimReason::Sha1NotAllowed { holds: *holds && same });
                return self;
            }
            Some(_) => return self,
        };
        if let Some(mismatch) = body.mismatch(signature, holds) {
            self.reason = Some(DkimReason::BodyHashMismatch(mismatch));
        } else if holds && *body == BodyState::NotSeen {
            self.reason = Some(DkimReason::NotSeen);
        }
        self
    }

    /// How far it got: the best of several is the one that tells most.
    fn rank(&self) -> u8 {
        match &self.reason {
            None => 5,
            Some(DkimReason::Sha1NotAllowed { holds: true }) => 4,
            Some(DkimReason::SignatureMismatch | DkimReason::Sha1NotAllowed { .. }) => 3,
            Some(DkimReason::KeyRevoked) => 1,
            Some(DkimReason::KeyUnreadable(_)) => 0,
            Some(_) => 2,
        }
    }
}

/// The keys of one message, each asked for once.
pub(in crate::judge) struct KeyRing<'d, D> {
    dns: &'d D,
    records: BTreeMap<String, Result<Vec<Vec<u8>>, NoAnswer>>,
}

impl<'d, D: Dns> KeyRing<'d, D> {
    /// None asked for yet.
    pub fn new(dns: &'d D) -> Self {
        Self { dns, records: BTreeMap::new() }
    }

    /// Whether the signature over `input` holds with any of the keys at its name. `identity` is its `i=`.
    pub async fn check(&mut self, signature: &Signature, identity: Option<&str>, input: &[u8]) -> Attempt {
        let name = format!("{}._domainkey.{}", signature.selector, signature.domain);
        if !self.records.contains_key(&name) {
            let answer = self.dns.txt(&name).await;
            self.records.insert(name.clone(), answer);
        }
        let records = match self.records.get(&name) {
            Some(Ok(records)) => records,
            Some(Err(NoAnswer::Failed(reason))) => return Attempt::failed(DkimReason::DnsFailed(reason.clone())),
            _ => return Attempt::failed(DkimReason::NoKey),
        };
        let mut best: Option<Attempt> = None;
        for record in records.iter().take(MAX_RECORDS) {
            let attempt = with_record(record, signature, identity, input);
            if best.as_ref().is_none_or(|best| best.rank() < attempt.rank()) {
                best = Some(attempt);
            }
        }
        best.unwrap_or_else(|| Attempt::failed(DkimReason::NoKey))
    }
}

fn with_record(record: &[u8], signature: &Signature, identity: Option<&str>, input: &[u8]) -> Attempt {
    let record = match parse(record) {
        Ok(record) => record,
        Err(error) => return Attempt::failed(unreadable(error)),
    };
    let reason = match fit(&record, signature, identity) {
        Err(reason) => Some(reason),
        Ok(key) => {
            let holds = holds(key, signature, input);
            match signature.algorithm {
                Algorithm::RsaSha1 => Some(DkimReason::Sha1NotAllowed { holds }),
                _ => (!holds).then_some(DkimReason::SignatureMismatch),
            }
        }
    };
    Attempt { reason, bits: record.key.as_ref().map(PublicKey::bits), testing: record.testing }
}

fn unreadable(error: KeyError) -> DkimReason {
    DkimReason::KeyUnreadable(error)
}

/// The key of a record, where it may be used for that signature (RFC 6376 §6.1.2).
fn fit<'r>(record: &'r KeyRecord, signature: &Signature, identity: Option<&str>) -> Result<&'r PublicKey, DkimReason> {
    let key = record.key.as_ref().ok_or(DkimReason::KeyRevoked)?;
    let wanted = match signature.algorithm {
        Algorithm::RsaSha1 | Algorithm::RsaSha256 => "rsa",
        Algorithm::Ed25519Sha256 => "ed25519",
    };
    if key.kind() != wanted {
        return Err(DkimReason::KeyTypeMismatch(key.kind()));
    }
    if !record.allows_hash(signature.algorithm.hash()) {
        return Err(DkimReason::HashNotAllowed);
    }
    if !record.is_for_email() {
        return Err(DkimReason::ServiceType);
    }
    if let Some(identity) = identity.filter(|_| record.same_domain)
        && domain_of(identity).to_lowercase() != signature.domain
    {
        return Err(DkimReason::DomainMismatch { identity: identity.to_owned(), exact: true });
    }
    match key {
        PublicKey::Rsa { .. } if key.bits() < SHORTEST_RSA => Err(DkimReason::KeyTooShort(key.bits())),
        PublicKey::Rsa { .. } if key.bits() > LONGEST_RSA => Err(DkimReason::KeyTooLong(key.bits())),
        _ => Ok(key),
    }
}

fn holds(key: &PublicKey, signature: &Signature, input: &[u8]) -> bool {
    match key {
        PublicKey::Rsa { modulus, exponent } => {
            let parameters = match signature.algorithm {
                Algorithm::RsaSha1 => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
                _ => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            };
            let key = RsaPublicKeyComponents { n: modulus, e: exponent };
            key.verify(parameters, input, &signature.value).is_ok()
        }
        // RFC 8463 §3: Ed25519 signs the hash, not the text.
        PublicKey::Ed25519(key) => {
            let hash = digest(&SHA256, input);
            UnparsedPublicKey::new(&ED25519, key).verify(hash.as_ref(), &signature.value).is_ok()
        }
    }
}
