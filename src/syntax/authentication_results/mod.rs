//! Authentication-Results (RFC 8601) and ARC-Authentication-Results (RFC 8617 §4.1.1): what a receiver found out about a message.
//!
//! ```text
//! mx.example.com 1;                                  who says so, and a version
//!   spf=pass (sender is permitted)                   method = result, with comments anywhere
//!     smtp.mailfrom=shop.example;                    ptype.property = value: what the result is about
//!   dkim=fail reason="body changed" header.d=shop.example
//! ```
//!
//! Few receivers keep to the grammar of RFC 8601 §2.2, and the header is read by whoever wants to know what *this* receiver thought, so a
//! strict parser would miss half of the world. [`parse`] reads what can be read. What it knows of the broken dialects:
//!
//! - Microsoft leaves out the authserv-id, writes properties without a ptype (`action=none`), drops the recipient's domain between two
//!   results as if it were one, and turns the whole value into RFC 2047 encoded words when a sender's name is not ASCII.
//! - Yahoo ends the value with `;`, writes `dmarc=pass(p=REJECT)`, and formerly put `from=example.com` where only results may stand.
//! - Amazon SES separates properties by `;`, so that only the first one belongs to its result.
//! - NetEase folds at column 70, in the midst of a word if need be.
//! - Some milters forget the `;` between two signatures.
//!
//! Nothing in here is proof of anything: who wrote the header, and whether to believe it, is for the caller to judge. Where a header is
//! damaged (a comment or a quoted string that never ends), the rest of it is taken into that comment or string, because the
//! alternative is to believe words that a sender may have smuggled into it.

mod lexer;
mod parser;
mod words;

use std::borrow::Cow;

use crate::model::AuthenticationResults;
use crate::syntax::encoded_word;

/// How much of a value is looked at, in bytes. The longest real one seen has 2 KiB.
pub const MAX_VALUE: usize = 1 << 16;
/// How many results, properties, comments and orphans together are taken from one value.
pub const MAX_ITEMS: usize = 1_000;

/// Reads the value of an Authentication-Results or ARC-Authentication-Results header: everything after the colon, folded or not.
///
/// It never fails: what is no part of a result ends among the orphans, as `name=value` or as the stray word; what nobody could make sense
/// of is left out. Bytes that are not UTF-8 are replaced, and control characters are white space. Time and memory are linear in the length
/// of the value, of which at most [`MAX_VALUE`] bytes and [`MAX_ITEMS`] items are looked at.
#[must_use]
pub fn parse(value: &[u8]) -> AuthenticationResults {
    parse_counted(value).0
}

/// The same, and how many bytes were looked at, some of them more than once.
fn parse_counted(value: &[u8]) -> (AuthenticationResults, usize) {
    let value = value.get(..MAX_VALUE).unwrap_or(value);
    let value = encoded_word::decode_whole(value).map_or(Cow::Borrowed(value), Cow::Owned);
    parser::Parser::new(&value).run()
}

#[cfg(test)]
mod tests;
