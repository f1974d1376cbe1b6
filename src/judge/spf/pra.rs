//! The purported responsible address (RFC 4407): who, by the headers, sent a message last. Mostly its From.
//!
//! Sender ID (RFC 4406) wanted receivers to check this address instead of the envelope's. It failed as a standard, but docomo, au and SoftBank
//! in Japan check the domain of the header From against its `v=spf1` record to this day, so that mail which passes SPF in its relay's name may
//! vanish there. The remedy is always the same: name the relay in the From domain's SPF record. RFC 4406 let a domain publish an `spf2.0/pra`
//! record beside it; these receivers are not known to look at it, so it is noted and not evaluated.

use serde::{Serialize, Serializer};

use crate::judge::Dns;
use crate::judge::spf::{SpfRequest, SpfVerdict, verdict};
use crate::model::SpfIdentity;
use crate::syntax::header::{Field, fields};
use crate::syntax::mailbox::single;

/// The header field that the address was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PraField {
    /// Who sent the message on.
    ResentSender,
    /// In whose name it was sent on.
    ResentFrom,
    /// Who sent it for its author.
    Sender,
    /// Its author.
    From,
}

impl PraField {
    /// The field's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResentSender => "Resent-Sender",
            Self::ResentFrom => "Resent-From",
            Self::Sender => "Sender",
            Self::From => "From",
        }
    }
}

impl Serialize for PraField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A purported responsible address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pra {
    /// Where it stands.
    pub field: PraField,
    /// `local-part@domain`.
    pub mailbox: String,
}

/// What came of checking a purported responsible address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PraVerdict {
    /// Where the address stands.
    pub header: PraField,
    /// The address.
    pub mailbox: String,
    /// SPF with it as the sender.
    #[serde(flatten)]
    pub verdict: SpfVerdict,
    /// The domain's `spf2.0` record for the PRA, which had no part in the verdict; the first 500 characters.
    pub sender_id: Option<String>,
}

/// Finds a message's purported responsible address (RFC 4407 §2); `None` where the message is too ill-formed to have one.
///
/// `headers` is a raw message or its header section, within the limits of [`fields`].
#[must_use]
pub fn pra(headers: &[u8]) -> Option<Pra> {
    // §2: a field of white space alone is as good as absent.
    let all: Vec<Field<'_>> = fields(headers).filter(|field| !field.raw.trim_ascii().is_empty()).collect();
    let (field, chosen) = select(&all)?;
    Some(Pra { field, mailbox: single(&chosen.unfold())?.address() })
}

/// Steps 1 to 4 of RFC 4407 §2.
fn select<'f, 'a>(all: &'f [Field<'a>]) -> Option<(PraField, &'f Field<'a>)> {
    let first = |field: PraField| all.iter().position(|one| one.is(field.as_str()));
    let resent_from = first(PraField::ResentFrom);
    let chosen = |field: PraField, at: usize| all.get(at).map(|found| (field, found));
    if let Some(at) = first(PraField::ResentSender) {
        // Was it resent again, by somebody who wrote no Resent-Sender, after this one? Then trace fields stand between the two blocks.
        let newer = resent_from.is_some_and(|from| {
            let between = all.get(from..at).unwrap_or_default();
            between.iter().any(|field| field.is("Received") || field.is("Return-Path"))
        });
        if !newer {
            return chosen(PraField::ResentSender, at);
        }
    }
    if let Some(at) = resent_from {
        return chosen(PraField::ResentFrom, at);
    }
    for field in [PraField::Sender, PraField::From] {
        let mut found = all.iter().filter(|one| one.is(field.as_str()));
        match (found.next(), found.next()) {
            (None, _) => {}
            (Some(only), None) => return Some((field, only)),
            (Some(_), Some(_)) => return None,
        }
    }
    None
}

/// Checks SPF with the purported responsible address as the sender.
pub async fn check_pra(dns: &impl Dns, request: &SpfRequest, pra: &Pra) -> PraVerdict {
    let (verdict, sender_id) = verdict(dns, request, SpfIdentity::Pra, &pra.mailbox).await;
    PraVerdict { header: pra.field, mailbox: pra.mailbox.clone(), verdict, sender_id }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(headers: &str) -> Option<(&'static str, String)> {
        pra(headers.as_bytes()).map(|pra| (pra.field.as_str(), pra.mailbox))
    }

    #[test]
    fn the_order_of_preference() {
        let from = "From: Shop <no-reply@shop.example>\r\n";
        let sender = "Sender: relay@relay.example\r\n";
        let resent_from = "Resent-From: me@forwarder.example\r\n";
        let resent_sender = "Resent-Sender: list@lists.example\r\n";
        let said = |field, mailbox: &str| Some((field, mailbox.to_owned()));
        assert_eq!(found(from), said("From", "no-reply@shop.example"));
        assert_eq!(found(&[from, sender].concat()), said("Sender", "relay@relay.example"));
        assert_eq!(found(&[from, sender, resent_from].concat()), said("Resent-From", "me@forwarder.example"));
        let both = [resent_from, resent_sender, from, sender].concat();
        assert_eq!(found(&both), said("Resent-Sender", "list@lists.example"));
        // Two blocks: the upper one is the newer.
        for trace in ["Received: from a by b\r\n", "Return-Path: <x@y.example>\r\n"] {
            let blocks = [resent_from, trace, resent_sender, from].concat();
            assert_eq!(found(&blocks), said("Resent-From", "me@forwarder.example"), "{trace}");
            let blocks = [resent_sender, trace, resent_from, from].concat();
            assert_eq!(found(&blocks), said("Resent-Sender", "list@lists.example"), "{trace}");
        }
    }

    #[test]
    fn ill_formed_messages_have_none() {
        for headers in [
            "Subject: x\r\n",
            "From: a@shop.example, b@shop.example\r\n",
            "From: a@shop.example\r\nFrom: a@shop.example\r\n",
            "Sender: a@shop.example\r\nSender: b@shop.example\r\nFrom: c@shop.example\r\n",
            "Sender: nobody\r\nFrom: c@shop.example\r\n",
            "From: \r\n",
        ] {
            assert_eq!(found(headers), None, "{headers}");
        }
        assert_eq!(found("Sender:  \r\nFrom: c@shop.example\r\n").unwrap().0, "From");
    }
}
