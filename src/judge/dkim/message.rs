//! The message as signatures see it.

use std::collections::BTreeMap;

use crate::syntax::canonical::{Canonicalization, MAX_FIELDS, Pieces, name, pieces};
use crate::syntax::dkim_signature::MessageSignature;

/// How large a header section is judged, in bytes. Servers accept far less.
const MAX_HEADER: usize = 4 << 20;

/// A message in pieces, its fields found by name.
#[derive(Debug)]
pub(in crate::judge) struct Subject<'a> {
    fields: Vec<&'a [u8]>,
    by_name: BTreeMap<Vec<u8>, Vec<usize>>,
    too_long: bool,
    pub body: &'a [u8],
    /// Whether this is all of the message.
    pub whole: bool,
}

impl<'a> Subject<'a> {
    /// Takes a message apart; its lines must end in CRLF.
    pub fn new(message: &'a [u8], whole: bool) -> Self {
        let Pieces { fields, body } = pieces(message);
        let too_long = fields.len() >= MAX_FIELDS || message.len() - body.len() > MAX_HEADER;
        let mut by_name: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        for (at, field) in fields.iter().enumerate().filter(|(_, field)| field.contains(&b':')) {
            by_name.entry(name(field).to_ascii_lowercase()).or_default().push(at);
        }
        Self { fields, by_name, too_long, body, whole }
    }

    /// Whether the header has more than is judged.
    pub fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// Whether the header is known to its end: where there is a body, it is.
    pub fn header_is_whole(&self) -> bool {
        self.whole || !self.body.is_empty()
    }

    /// Where the fields of that name (in lower case) stand, from the top.
    pub fn named(&self, name: &str) -> &[usize] {
        self.by_name.get(name.as_bytes()).map_or(&[], Vec::as_slice)
    }

    /// The field at that place, without its last line end.
    pub fn field(&self, at: usize) -> &'a [u8] {
        self.fields.get(at).copied().unwrap_or_default()
    }

    /// What follows the colon of the field at that place.
    pub fn value(&self, at: usize) -> &'a [u8] {
        let field = self.field(at);
        let colon = field.iter().position(|byte| *byte == b':');
        colon.and_then(|colon| field.get(colon + 1..)).unwrap_or_default()
    }

    /// The field at that place with a part of its value taken out, in canonical form.
    pub fn without(&self, at: usize, span: std::ops::Range<usize>, form: Canonicalization) -> Vec<u8> {
        let (field, value) = (self.field(at), self.value(at));
        let before = field.len() - value.len();
        let kept = [field.get(..before + span.start), field.get(before + span.end..)];
        form.field(&kept.map(Option::unwrap_or_default).concat())
    }

    /// The bytes that a signature at that place is over (RFC 6376 §3.7): the fields that `h=` names, the last of a name first (§5.4.2), a name
    /// without a field left out; then the signature's own field without the value of its `b=`.
    pub fn signed_bytes(&self, signature: &MessageSignature, at: usize) -> Vec<u8> {
        let mut taken: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let mut bytes = Vec::new();
        for name in &signature.signed {
            let name = name.to_ascii_lowercase().into_bytes();
            let fields = self.by_name.get(&name).map_or(&[][..], Vec::as_slice);
            let taken = taken.entry(name).or_default();
            // The signature itself is never among the fields that it signs.
            if let Some(field) = fields.iter().rev().filter(|field| **field != at).nth(*taken) {
                *taken += 1;
                bytes.extend_from_slice(&signature.header.field(self.field(*field)));
                bytes.extend_from_slice(b"\r\n");
            }
        }
        bytes.extend_from_slice(&self.without(at, signature.signature.value_span.clone(), signature.header));
        bytes
    }
}
