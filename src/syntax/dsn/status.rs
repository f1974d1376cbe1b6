//! The `message/delivery-status` part (RFC 3464 §2): groups of fields with an empty line between, the first about the message, each other one
//! about a recipient. Some writers put all of it into one group, or leave Action or Status out; what is there counts.

use crate::model::{Bounce, BounceAction};
use crate::syntax::dsn::{bounded, reply, typed};
use crate::syntax::header::{Field, fields};

/// How many recipients are looked at.
const MAX_GROUPS: usize = 200;

/// What a status part says.
pub(super) struct Status {
    pub(super) bounce: Bounce,
    pub(super) envelope_id: Option<String>,
}

/// Reads the part's content. `None` where it tells of no recipient what became of the message.
pub(super) fn read(content: &[u8]) -> Option<Status> {
    let mut envelope_id = None;
    let mut reporting = None;
    let mut worst: Option<Bounce> = None;
    for group in groups(content) {
        let mut one = Group::default();
        for field in fields(&group) {
            if field.is("Original-Envelope-Id") {
                envelope_id.get_or_insert(bounded(&field.unfold()));
            } else if field.is("Reporting-MTA") {
                reporting.get_or_insert(host(field));
            } else if field.is("Action") {
                let value = field.unfold();
                let word = value.split(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty());
                one.action = one.action.or(word.and_then(BounceAction::parse));
            } else if field.is("Status") {
                one.status = one.status.or_else(|| reply::enhanced_in(&field.unfold()));
            } else if field.is("Diagnostic-Code") {
                one.diagnostic.get_or_insert(typed(field));
            } else if field.is("Remote-MTA") {
                one.remote_mta.get_or_insert(host(field));
            } else if field.is("Original-Recipient") || field.is("Final-Recipient") {
                // The original is what we wrote; the final one may be where it was forwarded to (RFC 3464 §2.3.1).
                let value = typed(field);
                if field.is("Original-Recipient") || one.recipient.is_none() {
                    one.recipient = Some(value);
                }
            }
        }
        if let Some(bounce) = one.bounce()
            && worst.as_ref().is_none_or(|worst| bounce.action < worst.action)
        {
            worst = Some(bounce);
        }
    }
    let mut bounce = worst?;
    bounce.remote_mta = bounce.remote_mta.filter(|mta| !mta.is_empty()).or(reporting.filter(|mta| !mta.is_empty()));
    Some(Status { bounce, envelope_id })
}

/// The fields of one recipient.
#[derive(Default)]
struct Group {
    action: Option<BounceAction>,
    status: Option<String>,
    diagnostic: Option<String>,
    remote_mta: Option<String>,
    recipient: Option<String>,
}

impl Group {
    fn bounce(self) -> Option<Bounce> {
        let said = self.diagnostic.as_deref().and_then(reply::find);
        let class = self.status.as_deref().and_then(|status| status.chars().next());
        // Without an action the class of the status tells (RFC 3463 §3.1).
        let action = self.action.or(match class {
            Some('5') => Some(BounceAction::Failed),
            Some('4') => Some(BounceAction::Delayed),
            Some('2') => Some(BounceAction::Delivered),
            _ => None,
        })?;
        Some(Bounce {
            action,
            code: said.as_ref().and_then(|said| said.code),
            status: self.status.or(said.and_then(|said| said.enhanced)),
            diagnostic: self.diagnostic.unwrap_or_default(),
            remote_mta: self.remote_mta,
            recipient: self.recipient.filter(|recipient| !recipient.is_empty()),
        })
    }
}

/// A server's name. Gmail explains it in brackets: `mx.example. (192.0.2.1, the server for the domain example.)`.
fn host(field: Field<'_>) -> String {
    let name = typed(field);
    name.split(' ').next().unwrap_or_default().trim_end_matches('.').to_owned()
}

/// The groups, each without the empty lines around it.
fn groups(content: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut lines = content.split(|byte| *byte == b'\n');
    std::iter::from_fn(move || {
        let mut group = Vec::new();
        for line in lines.by_ref() {
            if line.trim_ascii().is_empty() {
                if group.is_empty() {
                    continue;
                }
                return Some(group);
            }
            group.extend_from_slice(line);
            group.push(b'\n');
        }
        (!group.is_empty()).then_some(group)
    })
    .take(MAX_GROUPS)
}
