//! Composing a seed: an ordinary mail that carries its token in three places.
//!
//! What a receiver makes of a message depends on how it looks, so a seed must look like the user's own mail: the built-in message is a plain
//! order confirmation, and a user who wants to measure a real mail gives it as a template. A relay may rewrite Message-ID (SES does), strip
//! headers it does not know, or re-encode the body; hence the token stands in a header of its own, in the Message-ID's left part, and in the
//! body's last line.
//!
//! The result is plain ASCII with lines of at most 998 characters that end in CRLF (RFC 5322 §2.1.1): whatever the template holds beyond that is
//! quoted-printable (RFC 2045 §6.7), so no relay on the way has a reason to re-encode the message and break its signature.
//!
//! The same seed at the same time gives the same bytes.

mod builtin;
mod encode;
mod fields;
mod parts;
mod placeholder;
mod render;
mod sign;
mod template;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::model::{Envelope, Identity, MessageSource, Seed};

pub use sign::SignError;
pub use template::{TemplateProblem, check};

/// A message that can be handed to a route as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The bytes; what was signed is what must be sent.
    pub bytes: Vec<u8>,
    /// Its Message-ID, without angle brackets.
    pub message_id: String,
    /// The addresses it travels under.
    pub envelope: Envelope,
}

/// Why there is no message to send.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ComposeError {
    /// The template cannot be used; the configuration's check says the same.
    #[error("could not use the template: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Template(Vec<TemplateProblem>),
    /// A name or address would break the header.
    #[error("could not compose: {0}")]
    Unsendable(String),
    /// The DKIM signature could not be made.
    #[error("could not sign: {0}")]
    Sign(#[from] SignError),
}

/// Composes and signs the message of `seed` from `identity` to the address `to`, with its token in the header named `header`.
///
/// # Errors
/// When the template does not hold, an address or name does not fit in a header, or the signing key cannot be used.
pub fn compose(
    seed: &Seed,
    identity: &Identity,
    to: &str,
    source: &MessageSource,
    header: &str,
    now: Timestamp,
) -> Result<Message, ComposeError> {
    let facts = Facts::gather(&seed.token.to_string(), identity, to, header, now)?;
    let built_in;
    let text = match source {
        MessageSource::BuiltIn => {
            built_in = builtin::template(&facts);
            built_in.as_str()
        }
        MessageSource::Template(text) => text,
    };
    let mut bytes = render::render(text, &facts)?;
    fits_on_the_wire(&bytes)?;
    if let Some(key) = &identity.dkim {
        bytes = sign::sign(&bytes, key, header, now)?;
    }
    let from = identity.envelope_from.replace("{token}", &facts.token);
    Ok(Message { bytes, message_id: facts.message_id, envelope: Envelope { from, to: to.into() } })
}

/// What goes into a message, as text that is fit for a header.
#[derive(Clone, Debug)]
struct Facts {
    token: String,
    from: String,
    from_name: String,
    to: String,
    date: String,
    message_id: String,
    /// The name of the token's header.
    header: String,
    /// Six digits that follow from the token.
    number: u32,
}

impl Facts {
    fn gather(token: &str, identity: &Identity, to: &str, header: &str, now: Timestamp) -> Result<Self, ComposeError> {
        for (what, text) in [("the display name", identity.display_name.as_str()), ("the recipient", to)] {
            if text.contains(char::is_control) {
                return Err(ComposeError::Unsendable(format!("{what} {text:?} holds a control character")));
            }
        }
        for address in [identity.from.as_str(), to] {
            if !is_address(address) {
                return Err(ComposeError::Unsendable(format!("{address:?} is not an ASCII address")));
            }
        }
        if !encode::is_field_name(header) {
            return Err(ComposeError::Unsendable(format!("{header:?} is not a header name")));
        }
        let domain = identity.from.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let date = jiff::fmt::rfc2822::to_string(&now.to_zoned(TimeZone::UTC))
            .map_err(|error| ComposeError::Unsendable(format!("the date {now} does not fit in a header: {error}")))?;
        Ok(Self {
            token: token.into(),
            from: identity.from.clone(),
            from_name: identity.display_name.clone(),
            to: to.into(),
            date,
            message_id: format!("{token}@{domain}"),
            header: header.into(),
            number: number(token),
        })
    }
}

/// Six digits, the first not zero, that follow from the token without giving it away.
fn number(token: &str) -> u32 {
    let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    let sum = digest.as_ref().iter().take(4).fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
    100_000 + sum % 900_000
}

fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    parts && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b',' | b';'))
}

fn fits_on_the_wire(bytes: &[u8]) -> Result<(), ComposeError> {
    let long = bytes.split(|b| *b == b'\n').position(|line| line.len() > encode::MAX_LINE + 1);
    if let Some(line) = long {
        return Err(ComposeError::Unsendable(format!(
            "line {} of the message is longer than 998 characters",
            line + 1
        )));
    }
    if let Some(line) = bytes.split(|b| *b == b'\n').position(|line| !line.is_ascii()) {
        let reason =
            format!("line {} of the message holds a character that is not ASCII, outside a text part", line + 1);
        return Err(ComposeError::Unsendable(reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
