//! An SPF record (RFC 7208): which hosts may send mail in a domain's name, as text in DNS.
//!
//! `v=spf1 ip4:192.0.2.0/24 include:_spf.example.net -all` reads: the hosts of that network may, so may those that `_spf.example.net`
//! allows, and no others. After the version come *terms*, separated by spaces: *directives* (a qualifier, `+ - ~ ?`, and a *mechanism* that
//! matches the host or does not; the first that matches decides) and *modifiers* (`name=value`). Values may hold *macros*:
//! `%{i}` is the client's address, `%{d2}` the last two labels of the domain.
//!
//! The grammar is strict and its strictness matters: one wrong character anywhere makes the whole record `permerror` for every
//! receiver (§4.6), while a misspelt modifier, or a record that is not quite `v=spf1`, is passed over in silence. Every term
//! and every error therefore says where it stands. [`parse`] reads on after an error, so that all of them are told at once.

mod macros;
mod term;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

pub use macros::{Letter, Macro, MacroString, Part, explanation};

use thiserror::Error;

use crate::model::SpfResult;

/// The version section (§4.5).
const VERSION: &[u8] = b"v=spf1";

/// A record, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The terms that could be read, in their order.
    pub terms: Vec<Term>,
    /// What is wrong, in the order of the text. Any error makes the record unusable (`permerror`, §4.6).
    pub errors: Vec<SyntaxError>,
}

/// A term and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The term's bytes within the record.
    pub span: Range<usize>,
    /// What it says.
    pub kind: TermKind,
}

/// What a term says (§4.6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TermKind {
    /// A mechanism, and the result where it matches.
    Directive(Qualifier, Mechanism),
    /// `redirect=`: where nothing matches, this domain's record decides (§6.1).
    Redirect(MacroString),
    /// `exp=`: the name of the text that explains a `fail` (§6.2).
    Explanation(MacroString),
    /// Any other modifier: has no effect (§6).
    Unknown {
        /// The modifier's name as written.
        name: String,
        /// Its value.
        value: MacroString,
    },
}

/// What a matching mechanism results in (§4.6.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Qualifier {
    /// `+`, or none.
    #[default]
    Pass,
    /// `-`
    Fail,
    /// `~`
    SoftFail,
    /// `?`
    Neutral,
}

impl Qualifier {
    /// The result that this qualifier stands for.
    #[must_use]
    pub fn result(self) -> SpfResult {
        match self {
            Self::Pass => SpfResult::Pass,
            Self::Fail => SpfResult::Fail,
            Self::SoftFail => SpfResult::SoftFail,
            Self::Neutral => SpfResult::Neutral,
        }
    }
}

/// A way to tell whether a host is one of the domain's (§5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Every host (§5.1).
    All,
    /// The hosts that pass this domain's record (§5.2).
    Include(MacroString),
    /// The addresses of this name, or of the domain itself (§5.3).
    A(Option<MacroString>, Prefixes),
    /// The addresses of the mail hosts of this name, or of the domain itself (§5.4).
    Mx(Option<MacroString>, Prefixes),
    /// The hosts whose confirmed reverse name is this one or below it; discouraged (§5.5).
    Ptr(Option<MacroString>),
    /// The network of this address with so many leading bits, 0 to 32 (§5.6).
    Ip4(Ipv4Addr, u8),
    /// The network of this address with so many leading bits, 0 to 128 (§5.6).
    Ip6(Ipv6Addr, u8),
    /// Every host, if this name has an A record (§5.7).
    Exists(MacroString),
}

impl Mechanism {
    /// Whether evaluating it counts against the limit of ten (§4.6.4).
    #[must_use]
    pub fn asks_dns(&self) -> bool {
        !matches!(self, Self::All | Self::Ip4(..) | Self::Ip6(..))
    }
}

/// How many leading bits of an address must be equal, in `a` and `mx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefixes {
    /// Of an IPv4 address, 0 to 32.
    pub ip4: u8,
    /// Of an IPv6 address, 0 to 128.
    pub ip6: u8,
}

impl Default for Prefixes {
    fn default() -> Self {
        Self { ip4: 32, ip6: 128 }
    }
}

/// Something in a record that the grammar does not allow.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{found:?} at byte {}: expected {expected}", span.start)]
pub struct SyntaxError {
    /// The bytes within the record that are wrong; empty where something is missing.
    pub span: Range<usize>,
    /// These bytes as text, at most 60 characters of them, odd characters escaped.
    pub found: String,
    /// What could stand there instead.
    pub expected: &'static str,
}

/// A part of a record that is being read: bytes, and where they stand in it.
#[derive(Clone, Copy)]
struct Slice<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Slice<'a> {
    fn split(self, length: usize) -> (Self, Self) {
        let (left, right) = self.bytes.split_at_checked(length).unwrap_or((self.bytes, b""));
        (Self { bytes: left, at: self.at }, Self { bytes: right, at: self.at.saturating_add(left.len()) })
    }

    fn span(self) -> Range<usize> {
        self.at..self.at.saturating_add(self.bytes.len())
    }

    /// Splits after as many bytes as `wanted` allows.
    fn take_while(self, wanted: impl Fn(u8) -> bool) -> (Self, Self) {
        self.split(self.bytes.iter().take_while(|byte| wanted(**byte)).count())
    }

    fn strip(self, first: u8) -> Option<Self> {
        (self.bytes.first() == Some(&first)).then(|| self.split(1).1)
    }

    fn text(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.bytes)
    }

    fn error(self, expected: &'static str) -> SyntaxError {
        let found = self.text().chars().take(60).collect();
        SyntaxError { span: self.span(), found, expected }
    }
}

/// Whether a TXT record is an SPF record: `v=spf1` in any case, and then a space or the end (§4.5).
///
/// Only these are looked at; `v=spf10` or `v=spf1;` is not a wrong SPF record but none.
#[must_use]
pub fn is_spf_record(record: &[u8]) -> bool {
    match record.split_at_checked(VERSION.len()) {
        Some((version, rest)) => version.eq_ignore_ascii_case(VERSION) && matches!(rest, [] | [b' ', ..]),
        None => false,
    }
}

/// Reads a record. Total; linear in its length.
#[must_use]
pub fn parse(record: &[u8]) -> Record {
    let mut read = Record::default();
    let whole = Slice { bytes: record, at: 0 };
    let (version, mut rest) = whole.split(VERSION.len());
    if !is_spf_record(record) {
        read.errors.push(version.error("`v=spf1` and then a space or the end"));
        return read;
    }
    while !rest.bytes.is_empty() {
        let (term, after) = rest.take_while(|byte| byte == b' ').1.take_while(|byte| byte != b' ');
        rest = after;
        if term.bytes.is_empty() {
            break;
        }
        match term::read(term) {
            Ok(kind) => read.add(term, kind),
            Err(error) => read.errors.push(error),
        }
    }
    read
}

impl Record {
    /// The directives with their terms' spans, in their order.
    pub fn directives(&self) -> impl Iterator<Item = (&Range<usize>, Qualifier, &Mechanism)> {
        self.terms.iter().filter_map(|term| match &term.kind {
            TermKind::Directive(qualifier, mechanism) => Some((&term.span, *qualifier, mechanism)),
            _ => None,
        })
    }

    /// Where `redirect=` leads, and its term's span.
    #[must_use]
    pub fn redirect(&self) -> Option<(&Range<usize>, &MacroString)> {
        self.terms.iter().find_map(|term| match &term.kind {
            TermKind::Redirect(domain) => Some((&term.span, domain)),
            _ => None,
        })
    }

    /// Where `exp=` leads.
    #[must_use]
    pub fn explanation(&self) -> Option<&MacroString> {
        self.terms.iter().find_map(|term| match &term.kind {
            TermKind::Explanation(domain) => Some(domain),
            _ => None,
        })
    }

    /// Each of `redirect=` and `exp=` may stand once (§6).
    fn add(&mut self, term: Slice<'_>, kind: TermKind) {
        match kind {
            TermKind::Redirect(_) if self.redirect().is_some() => {
                self.errors.push(term.error("at most one `redirect=`"));
            }
            TermKind::Explanation(_) if self.explanation().is_some() => {
                self.errors.push(term.error("at most one `exp=`"));
            }
            kind => self.terms.push(Term { span: term.span(), kind }),
        }
    }
}
