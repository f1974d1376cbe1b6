//! The sets of a chain: three fields each, by instance.

use std::collections::BTreeMap;

use crate::judge::arc::{ArcInstance, ArcReason};
use crate::judge::dkim::Subject;
use crate::syntax::arc::{MAX_INSTANCE, Seal, parse_message_signature, parse_seal};
use crate::syntax::authentication_results;
use crate::syntax::dkim_signature::MessageSignature;

/// The names of the three fields.
const RESULTS: &str = "ARC-Authentication-Results";
const SIGNATURE: &str = "ARC-Message-Signature";
const SEAL: &str = "ARC-Seal";

/// One set, with the places of its fields in the header.
#[derive(Debug)]
pub(super) struct Set<'a> {
    pub seal: Seal,
    pub seal_at: usize,
    pub signature: MessageSignature,
    pub signature_at: usize,
    results: &'a [u8],
    pub results_at: usize,
}

impl Set<'_> {
    pub fn describe(&self) -> ArcInstance {
        ArcInstance {
            instance: self.seal.instance,
            domain: self.seal.signature.domain.clone(),
            selector: self.seal.signature.selector.clone(),
            status: self.seal.status,
            timestamp: self.seal.signature.timestamp,
            results: authentication_results::parse(self.results),
        }
    }
}

/// The sets from the first instance to the last, none missing (RFC 8617 §5.2, steps 1 and 3); empty where there is no ARC field.
pub(super) fn sets<'a>(subject: &Subject<'a>) -> Result<Vec<Set<'a>>, ArcReason> {
    let bad = |field| move |error| ArcReason::BadField { field, error };
    let mut results = by_instance(subject, RESULTS, |value| {
        let instance = authentication_results::parse(value).instance;
        instance.filter(|at| (1..=MAX_INSTANCE).contains(at)).map(|at| (at, value)).ok_or(ArcReason::NoInstance)
    })?;
    let mut signatures =
        by_instance(subject, SIGNATURE, |value| parse_message_signature(value).map_err(bad(SIGNATURE)))?;
    let mut seals =
        by_instance(subject, SEAL, |value| parse_seal(value).map(|seal| (seal.instance, seal)).map_err(bad(SEAL)))?;
    let last = [results.keys().next_back(), signatures.keys().next_back(), seals.keys().next_back()];
    let last = last.into_iter().flatten().max().copied().unwrap_or(0);
    let missing = |instance, field| move || ArcReason::Missing { instance, field };
    (1..=last)
        .map(|at| {
            let (results_at, results) = results.remove(&at).ok_or_else(missing(at, RESULTS))?;
            let (signature_at, signature) = signatures.remove(&at).ok_or_else(missing(at, SIGNATURE))?;
            let (seal_at, seal) = seals.remove(&at).ok_or_else(missing(at, SEAL))?;
            Ok(Set { seal, seal_at, signature, signature_at, results, results_at })
        })
        .collect()
}

/// The fields of a name, read, with their places.
fn by_instance<'a, T>(
    subject: &Subject<'a>,
    field: &'static str,
    read: impl Fn(&'a [u8]) -> Result<(u32, T), ArcReason>,
) -> Result<BTreeMap<u32, (usize, T)>, ArcReason> {
    let mut found = BTreeMap::new();
    for at in subject.named(&field.to_ascii_lowercase()) {
        let (instance, value) = read(subject.value(*at))?;
        if found.insert(instance, (*at, value)).is_some() {
            return Err(ArcReason::Duplicate { instance, field });
        }
    }
    Ok(found)
}
