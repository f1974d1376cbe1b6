//! Macro strings (RFC 7208 §7): text with `%{...}` in it that stands for the sender, the domain, the client's address.
//!
//! `%{ir}` is the client's address with its parts reversed, `%{d2}` the last two labels of the domain, `%{l1r-}` the local part split at
//! hyphens, reversed, and of that the last part. An upper-case letter escapes the value for a URL. `%%` is a per cent sign, `%_` a space and `%-` the
//! text `%20`. `%{c}`, `%{r}` and `%{t}` mean something in the text of an explanation only.

use crate::syntax::spf::{Slice, SyntaxError};

/// Text with macros.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MacroString {
    /// Literals and macros in their order.
    pub parts: Vec<Part>,
}

/// A part of a [`MacroString`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Stands for itself.
    Literal(String),
    /// `%%`: a per cent sign.
    Percent,
    /// `%_`: a space.
    Space,
    /// `%-`: the three characters `%20`, a space in a URL.
    UrlSpace,
    /// `%{...}`.
    Macro(Macro),
}

/// One `%{...}` (§7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Macro {
    /// What it stands for.
    pub letter: Letter,
    /// The letter is in upper case: escape the value for a URL.
    pub escape: bool,
    /// How many of the parts are kept, from the right; all where absent. Never 0.
    pub keep: Option<usize>,
    /// Whether the parts are reversed, which comes before [`Macro::keep`].
    pub reverse: bool,
    /// Where the value is split into parts: some of `.-+,/_=`, or empty for `.`.
    pub delimiters: String,
}

/// What a macro stands for (§7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letter {
    /// `s`: the sender's address.
    Sender,
    /// `l`: its local part.
    LocalPart,
    /// `o`: its domain.
    SenderDomain,
    /// `d`: the domain whose record this is.
    Domain,
    /// `i`: the client's address, with dots between the nibbles of an IPv6 address.
    Ip,
    /// `p`: the client's confirmed reverse name.
    ValidatedName,
    /// `v`: `in-addr` or `ip6`.
    Version,
    /// `h`: the name in HELO or EHLO.
    Helo,
    /// `c`: the client's address as people write it; in explanations only.
    ReadableIp,
    /// `r`: the name of the host that checks; in explanations only.
    Receiver,
    /// `t`: seconds since 1970; in explanations only.
    Time,
}

impl Letter {
    fn read(letter: u8) -> Option<Self> {
        Some(match letter.to_ascii_lowercase() {
            b's' => Self::Sender,
            b'l' => Self::LocalPart,
            b'o' => Self::SenderDomain,
            b'd' => Self::Domain,
            b'i' => Self::Ip,
            b'p' => Self::ValidatedName,
            b'v' => Self::Version,
            b'h' => Self::Helo,
            b'c' => Self::ReadableIp,
            b'r' => Self::Receiver,
            b't' => Self::Time,
            _ => return None,
        })
    }

    fn in_explanations_only(self) -> bool {
        matches!(self, Self::ReadableIp | Self::Receiver | Self::Time)
    }
}

/// Which macro string is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// A name to look up.
    Domain,
    /// The value of a modifier that nobody knows.
    Modifier,
    /// The text behind `exp=`, which may hold spaces.
    Explanation,
}

/// Reads the text of an explanation (`explain-string`, §6.2): a macro string with spaces in which all letters are allowed.
///
/// # Errors
/// Where a macro is malformed, or a byte is no printable ASCII character.
pub fn explanation(text: &[u8]) -> Result<MacroString, SyntaxError> {
    macro_string(Slice { bytes: text, at: 0 }, Where::Explanation)
}

/// `domain-spec = macro-string domain-end` (§7.1): ends in a macro, or in a dot and a top label that is not a number.
pub(super) fn domain_spec(text: Slice<'_>) -> Result<MacroString, SyntaxError> {
    if text.bytes.is_empty() {
        return Err(text.error("a domain"));
    }
    let read = macro_string(text, Where::Domain)?;
    let ends_well = match read.parts.last() {
        Some(Part::Literal(end)) => ends_in_top_label(end),
        last => last.is_some(),
    };
    if ends_well { Ok(read) } else { Err(text.error("a domain of two labels or more that ends in a macro or a name")) }
}

/// `"." toplabel [ "." ]`, where a toplabel holds a letter or an inner hyphen and neither begins nor ends with a hyphen.
fn ends_in_top_label(literal: &str) -> bool {
    let Some((_, label)) = literal.strip_suffix('.').unwrap_or(literal).rsplit_once('.') else { return false };
    let alphanumeric = |end: Option<u8>| end.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let bytes = label.as_bytes();
    alphanumeric(bytes.first().copied())
        && alphanumeric(bytes.last().copied())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && !bytes.iter().all(u8::is_ascii_digit)
}

/// Reads literals and macros up to the end.
pub(super) fn macro_string(text: Slice<'_>, place: Where) -> Result<MacroString, SyntaxError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.bytes.is_empty() {
        let literal_byte = |byte: u8| match byte {
            b'%' => false,
            b' ' => place == Where::Explanation,
            other => other.is_ascii_graphic(),
        };
        let (literal, after) = rest.take_while(literal_byte);
        if !literal.bytes.is_empty() {
            parts.push(Part::Literal(literal.text().into_owned()));
        }
        rest = after;
        match after.bytes {
            [] => {}
            [b'%', ..] => {
                let (part, after) = percent(after, place)?;
                parts.push(part);
                rest = after;
            }
            _ => return Err(after.split(1).0.error("a printable ASCII character")),
        }
    }
    Ok(MacroString { parts })
}

/// What begins with a per cent sign, and what follows it.
fn percent<'a>(text: Slice<'a>, place: Where) -> Result<(Part, Slice<'a>), SyntaxError> {
    let part = match text.bytes.get(1) {
        Some(b'%') => Part::Percent,
        Some(b'_') => Part::Space,
        Some(b'-') => Part::UrlSpace,
        Some(b'{') => return braces(text, place),
        _ => return Err(text.split(2).0.error("`%{`, `%%`, `%_` or `%-`")),
    };
    Ok((part, text.split(2).1))
}

/// `"%{" macro-letter transformers *delimiter "}"`.
fn braces<'a>(text: Slice<'a>, place: Where) -> Result<(Part, Slice<'a>), SyntaxError> {
    let (first, rest) = text.split(2).1.split(1);
    let letter = first.bytes.first().copied().unwrap_or_default();
    let known = Letter::read(letter).ok_or_else(|| first.error("a macro letter: one of s l o d i p v h c r t"))?;
    if place == Where::Domain && known.in_explanations_only() {
        return Err(first.error("a macro letter other than c, r and t, which are for explanations"));
    }
    let (digits, rest) = rest.take_while(|byte| byte.is_ascii_digit());
    let keep = match digits.bytes {
        [] => None,
        // More parts than a name can have are all of them.
        _ => Some(digits.text().parse().unwrap_or(usize::MAX)),
    };
    if keep == Some(0) {
        return Err(digits.error("a number of parts other than 0"));
    }
    let (reverse, rest) = match rest.bytes.first() {
        Some(b'r' | b'R') => (true, rest.split(1).1),
        _ => (false, rest),
    };
    let (delimiters, rest) = rest.take_while(|byte| b".-+,/_=".contains(&byte));
    let Some(after) = rest.strip(b'}') else { return Err(rest.split(1).0.error("`}`, `r` or one of . - + , / _ =")) };
    let delimiters = delimiters.text().into_owned();
    Ok((Part::Macro(Macro { letter: known, escape: letter.is_ascii_uppercase(), keep, reverse, delimiters }), after))
}
