//! Received (RFC 5321 §4.4): the line every server puts on top of a message it takes.
//!
//! ```text
//! from mail.shop.example                          what the client called itself (HELO)
//!     (out1.shop.example [192.0.2.1])             what its address is called in DNS, and the address
//!     by mx.receiver.example (Postfix)            who writes this
//!     with ESMTPS                                 how: with extensions, over TLS (RFC 3848)
//!     (version=TLSv1.3 cipher=TLS_AES_...)        which TLS; in a comment, so every server has its own way
//!     id 4F1A2 for <seed@receiver.example>;
//!     Sun, 22 Nov 2026 10:00:00 +0000
//! ```
//!
//! The clauses are standard; what matters most, the address, stands in a comment. What [`parse`] knows of the dialects:
//!
//! - Postfix, Sendmail, Gmail, QQ, NetEase and SES write `from HELO (name-in-DNS [address])`, Exchange `from HELO (address)`, GMX
//!   `from HELO ([address])`.
//! - Exim and Mail.ru write `from name-in-DNS ([address] helo=HELO)`, Yahoo `from address (EHLO HELO)`, qmail
//!   `from name-in-DNS (HELO HELO) (address)`.
//! - An address in the HELO is the client's word only: one in a comment goes before it, and what stands behind `helo=` is never the address.
//! - TLS is told as `(using TLSv1.3 with cipher X ...)` by Postfix; as `(version=TLS1_3 cipher=X bits=..)` by Gmail, Sendmail, Yahoo and,
//!   with commas, Exchange; as `(TLS1.3) tls X` or `(TLS1.2:X:256)` by Exim and OpenSMTPD; as `(X encrypted)` by qmail; as `(TLS)` by old
//!   Exchange; or only by the protocol's `S`.
//! - Gmail and qmail write lines without `from` for a hand-over inside.
//!
//! Times are RFC 5322 §3.3 with the obsolete zones of §4.3, and whatever else has the same parts in another order; a time without a zone is
//! no point in time and is left out.

mod clauses;
mod date;
mod lexer;
#[cfg(test)]
mod tests;
mod tls;

use crate::model::Hop;

pub use date::parse_date;

/// How much of a value is looked at, in bytes.
pub const MAX_VALUE: usize = 1 << 14;

/// Reads the value of a Received field: everything behind the colon, folded or not. Never fails: what is not understood is left out. Linear in
/// the value's length, of which [`MAX_VALUE`] bytes are looked at.
#[must_use]
pub fn parse(value: &[u8]) -> Hop {
    let text = String::from_utf8_lossy(value.get(..MAX_VALUE).unwrap_or(value));
    let text: String = text.chars().map(printable).collect();
    let (fields, date) = lexer::split_date(&text);
    let mut hop = clauses::read(&lexer::tokens(fields));
    hop.at = date.and_then(parse_date);
    hop
}

/// Line breaks and tabs are blanks; other control characters are replaced.
fn printable(character: char) -> char {
    match character {
        '\r' | '\n' | '\t' => ' ',
        control if control.is_control() => char::REPLACEMENT_CHARACTER,
        plain => plain,
    }
}
