//! Delivery status notifications: what a mail server writes to the envelope sender of a message that it took and could not deliver.
//!
//! The standard form (RFC 3464) is a `multipart/report` of three parts: a text for people, a `message/delivery-status` of fields for programs
//! (`status`), and the original message or its header. A notification need not be bad news: only the action `failed` is a bounce; a `delayed`
//! message is still tried. Many servers write no such part. qmail, old Exim, Exchange and the Chinese providers write a text, and what it means
//! is read from their set phrases (`informal`).
//!
//! Anybody can send a message that looks like this. It can do no harm as long as it is matched to a message by something that a stranger
//! cannot know: the token in the returned header, or in the address it was sent to (VERP). So every possible token in it is given
//! back, and the caller asks its books.
//!
//! How it misleads: an automatic reply (RFC 3834) goes to the same address and is no bounce; a feedback report (RFC 5965) and a read receipt (RFC
//! 8098) are a `multipart/report` too; the status code and the quoted reply often differ, and then the reply is what the receiver said.

mod informal;
mod reply;
mod status;

use std::collections::BTreeSet;

use mail_parser::{Message, MessageParser, PartType};

use crate::model::{Bounce, Token};
use crate::syntax::header::{self, Field};

/// How much of a message is looked at, in bytes.
pub const MAX_MESSAGE: usize = 1 << 20;
/// How many possible tokens are given at most.
pub const MAX_TOKENS: usize = 64;
/// The longest text that is kept, in bytes.
pub const MAX_TEXT: usize = 1_024;
/// How many parts of a message are looked at.
const MAX_PARTS: usize = 64;

/// A notification, with what joins it to the message that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it says: of several recipients the one that fared worst.
    pub bounce: Bounce,
    /// The Message-ID of the original message, without angle brackets.
    pub original_message_id: Option<String>,
    /// The envelope id that the sender gave (RFC 3461 §4.4).
    pub envelope_id: Option<String>,
    /// What may be a token of ours: in the returned header, the original's text, or the address that the notification was sent to.
    pub tokens: Vec<Token>,
}

/// Reads a whole message. `None` where it is no delivery status notification, or not one that can be told from other mail.
#[must_use]
pub fn parse(message: &[u8]) -> Option<Notice> {
    let raw = message.get(..MAX_MESSAGE).unwrap_or(message);
    if !may_be(raw) {
        return None;
    }
    let parsed = MessageParser::default().parse(raw)?;
    let (bounce, envelope_id) = match report_type(raw).as_deref() {
        Some("delivery-status") | None => read(raw, &parsed)?,
        Some(_) => return None,
    };
    Some(Notice {
        bounce,
        envelope_id,
        original_message_id: original_message_id(&parsed),
        tokens: tokens(raw, &parsed),
    })
}

/// Whether a message with this header may be a notification: from a mail system, or a report. Cheap, and true of every one that
/// [`parse`] can read. The fields it asks for are [`HEADER_FIELDS`].
#[must_use]
pub fn may_be(header: &[u8]) -> bool {
    header::fields(header).any(|field| {
        (field.is("From") && is_mail_system(&field.unfold()))
            || (field.is("Content-Type") && is_report(&field.unfold()))
            || field.is("X-Failed-Recipients")
    })
}

/// The header fields by which [`may_be`] judges.
pub const HEADER_FIELDS: [&str; 3] = ["From", "Content-Type", "X-Failed-Recipients"];

/// The left parts under which mail systems write, in lower case. SNS mails the notifications of SES; the long one is Exchange's own.
const SYSTEMS: [&str; 9] = [
    "mailer-daemon",
    "mailer_daemon",
    "mailerdaemon",
    "mail-daemon",
    "maildaemon",
    "postmaster",
    "post_master",
    "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e",
    "no-reply@sns.amazonaws.com",
];

fn is_mail_system(from: &str) -> bool {
    from.to_ascii_lowercase()
        .split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | ',' | '(' | ')'))
        .any(|word| SYSTEMS.contains(&word) || word.split_once('@').is_some_and(|(left, _)| SYSTEMS.contains(&left)))
}

fn is_report(content_type: &str) -> bool {
    content_type.trim_start().get(..16).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/report"))
}

/// What a `multipart/report` reports (RFC 6522 §3), in lower case. An absent type is taken for a notification if its parts say so.
fn report_type(raw: &[u8]) -> Option<String> {
    let value = header::named(raw, "Content-Type").next().map(|field| field.unfold().to_ascii_lowercase())?;
    let (_, kind) = is_report(&value).then(|| value.split_once("report-type"))??;
    let kind = kind.trim_start().strip_prefix('=')?.trim_start().trim_start_matches('"');
    Some(kind.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect())
}

fn read(raw: &[u8], message: &Message<'_>) -> Option<(Bounce, Option<String>)> {
    let text = text_of(message);
    let standard = message.parts.iter().take(MAX_PARTS).filter(|part| is_delivery_status(*part)).find_map(|part| {
        let read = status::read(part.contents())?;
        Some((read.bounce, read.envelope_id))
    });
    let (mut bounce, envelope_id) = match standard {
        Some(found) => found,
        None => (informal::read(raw, &text)?, None),
    };
    // A status part may do without the reply, or quote only half of it; the text for people has it then.
    if (bounce.code.is_none() || bounce.diagnostic.is_empty())
        && let Some(found) = reply::find(informal::before_original(&text))
        && found.agrees_with(bounce.status.as_deref())
    {
        bounce.code = bounce.code.or(found.code);
        bounce.status = bounce.status.or(found.enhanced);
        if bounce.diagnostic.is_empty() {
            bounce.diagnostic = found.line;
        }
    }
    Some((bounce, envelope_id))
}

fn is_delivery_status<'a>(part: &impl mail_parser::MimeHeaders<'a>) -> bool {
    part.content_type().is_some_and(|kind| {
        kind.c_type.eq_ignore_ascii_case("message")
            && kind.c_subtype.as_deref().is_some_and(|subtype| {
                subtype.eq_ignore_ascii_case("delivery-status")
                    || subtype.eq_ignore_ascii_case("global-delivery-status")
            })
    })
}

/// The text for people: the first text part that is not empty.
fn text_of(message: &Message<'_>) -> String {
    let bodies = (0..message.text_body_count()).take(MAX_PARTS).filter_map(|at| message.body_text(at));
    let mut all = String::new();
    for body in bodies {
        all.push_str(&body);
        all.push('\n');
        if all.len() > informal::MAX_BODY {
            break;
        }
    }
    all.truncate(all.floor_char_boundary(informal::MAX_BODY));
    all
}

/// The Message-ID in what was returned of the original: a part of its own, or after the text.
fn original_message_id(message: &Message<'_>) -> Option<String> {
    let in_parts = message.parts.iter().skip(1).take(MAX_PARTS).find_map(|part| match &part.body {
        PartType::Message(original) => original.message_id().map(bounded),
        PartType::Multipart(_) => None,
        _ => message_id(part.contents()),
    });
    in_parts.or_else(|| informal::original(&text_of(message)).and_then(|text| message_id(text.as_bytes())))
}

fn message_id(header: &[u8]) -> Option<String> {
    let value = header::named(header.trim_ascii_start(), "Message-ID").next()?.unfold();
    let id = value.trim().trim_start_matches('<').trim_end_matches('>').trim();
    (!id.is_empty()).then(|| bounded(id))
}

fn tokens(raw: &[u8], message: &Message<'_>) -> Vec<Token> {
    let mut tokens = BTreeSet::new();
    let mut add = |bytes: &[u8]| {
        for token in Token::candidates(bytes) {
            if tokens.len() < MAX_TOKENS {
                tokens.insert(token);
            }
        }
    };
    add(raw);
    for part in message.parts.iter().take(MAX_PARTS) {
        add(part.contents());
    }
    tokens.into_iter().collect()
}

/// One line of at most [`MAX_TEXT`] bytes, without control characters.
fn bounded(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MAX_TEXT {
            break;
        }
    }
    line.truncate(line.floor_char_boundary(MAX_TEXT));
    line
}

/// What stands after the type of a typed field such as `rfc822; ann@example.com` (RFC 3464 §2.1.2); everything where there is no type.
fn typed(field: Field<'_>) -> String {
    let value = field.unfold();
    let value = match value.split_once(';') {
        Some((kind, value)) if !kind.trim().contains(' ') => value,
        _ => &value,
    };
    bounded(value)
}

#[cfg(test)]
mod tests;
