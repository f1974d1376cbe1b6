//! Body hashes: every one that a message's signatures ask for, in one pass a canonical form and algorithm.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use crate::judge::dkim::{BodyCoverage, BodyMismatch, Subject};
use crate::syntax::canonical::Canonicalization;
use crate::syntax::dkim_signature::{Algorithm, MessageSignature};

/// What a body is found to be, for one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::judge) enum BodyState {
    /// Hashed, as far as was asked.
    Hashed {
        /// The hash.
        hash: Vec<u8>,
        /// How many bytes the canonical body has; of a beginning, how many were seen.
        length: u64,
    },
    /// What was asked for was not seen.
    NotSeen,
}

impl BodyState {
    /// Nothing where the body is the one that was signed.
    pub fn mismatch(&self, signature: &MessageSignature, header_holds: bool) -> Option<BodyMismatch> {
        match self {
            Self::Hashed { hash, length } if *hash != signature.body_hash => {
                Some(BodyMismatch { signed: signature.body_length, length: *length, header_holds })
            }
            _ => None,
        }
    }

    /// What `l=` leaves out.
    pub fn coverage(&self, signature: &MessageSignature) -> Option<BodyCoverage> {
        match self {
            Self::Hashed { length, .. } => Some(BodyCoverage { signed: signature.body_length?, length: *length }),
            Self::NotSeen => None,
        }
    }
}

/// Canonical form, whether the hash is SHA-1, and how many bytes; all where absent.
type Wanted = (Canonicalization, bool, Option<u64>);

/// The hashes of one body.
#[derive(Debug, Default)]
pub(in crate::judge) struct BodyHashes(BTreeMap<Wanted, BodyState>);

fn wanted(signature: &MessageSignature) -> Wanted {
    (signature.body, signature.signature.algorithm == Algorithm::RsaSha1, signature.body_length)
}

impl BodyHashes {
    /// Computes what the signatures ask for.
    pub fn new<'s>(subject: &Subject<'_>, signatures: impl Iterator<Item = &'s MessageSignature>) -> Self {
        let mut kinds: BTreeMap<(Canonicalization, bool), BTreeSet<Option<u64>>> = BTreeMap::new();
        for (form, sha1, limit) in signatures.map(wanted) {
            kinds.entry((form, sha1)).or_default().insert(limit);
        }
        let mut hashes = BTreeMap::new();
        for ((form, sha1), limits) in kinds {
            let states = hash(subject, form, sha1, &limits);
            hashes.extend(states.into_iter().map(|(limit, state)| ((form, sha1, limit), state)));
        }
        Self(hashes)
    }

    /// What was found for that signature; absent where it was not among those given.
    pub fn get(&self, signature: &MessageSignature) -> Option<&BodyState> {
        self.0.get(&wanted(signature))
    }
}

/// One pass over a body.
struct Pass {
    context: Context,
    length: u64,
    /// The lengths to stop at that were not reached yet, ascending.
    marks: VecDeque<u64>,
    done: Vec<(u64, Vec<u8>)>,
}

impl Pass {
    fn take(&mut self, mut piece: &[u8]) {
        while let Some(mark) = self.marks.front().copied()
            && let Some((head, tail)) =
                usize::try_from(mark - self.length).ok().and_then(|at| piece.split_at_checked(at))
        {
            self.update(head);
            self.done.push((mark, self.context.clone().finish().as_ref().to_vec()));
            self.marks.pop_front();
            piece = tail;
        }
        self.update(piece);
    }

    fn update(&mut self, piece: &[u8]) {
        self.context.update(piece);
        self.length = self.length.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
    }
}

/// The state for every limit.
fn hash(
    subject: &Subject<'_>,
    form: Canonicalization,
    sha1: bool,
    limits: &BTreeSet<Option<u64>>,
) -> Vec<(Option<u64>, BodyState)> {
    let algorithm = if sha1 { &SHA1_FOR_LEGACY_USE_ONLY } else { &SHA256 };
    let marks = limits.iter().copied().flatten().collect();
    let mut pass = Pass { context: Context::new(algorithm), length: 0, marks, done: Vec::new() };
    if subject.whole {
        form.body(subject.body, |piece| pass.take(piece));
    } else {
        form.body_beginning(subject.body, |piece| pass.take(piece));
    }
    let Pass { context, length, marks, done } = pass;
    let all = context.finish();
    // A whole body with fewer bytes than `l=` says is hashed as it is: it cannot be what was signed, unless the signer counted wrong.
    let end = || match subject.whole {
        true => BodyState::Hashed { hash: all.as_ref().to_vec(), length },
        false => BodyState::NotSeen,
    };
    let reached = done.into_iter().map(|(mark, hash)| (Some(mark), BodyState::Hashed { hash, length }));
    let beyond = marks.into_iter().map(Some).chain(limits.contains(&None).then_some(None));
    reached.chain(beyond.map(|limit| (limit, end()))).collect()
}
