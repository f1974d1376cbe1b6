//! What a DKIM or ARC signature is computed over: a message in canonical form (RFC 6376 §3.4).
//!
//! Relays change white space. A signer therefore says, for the header and for the body, which changes the signature is to survive: `simple`
//! survives none but a different number of empty lines at the end of the body; `relaxed` survives refolded fields, another case of their
//! names, and white space that grew, shrank or was lost at the end of a line. Signer and verifier go through the same functions here.
//!
//! All of this is defined on lines that end in CRLF, as SMTP and IMAP carry them. A message that was saved to a file often has LF instead: [`with_crlf`]
//! brings it back. A CR alone is a byte like any other.

use std::borrow::Cow;

/// How a message is brought to the form that is signed (RFC 6376 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Canonicalization {
    /// As it is, but for empty lines at the end of the body.
    Simple,
    /// White space and the case of field names do not matter.
    Relaxed,
}

/// How many fields [`pieces`] gives at most.
pub const MAX_FIELDS: usize = 50_000;

/// A message in the pieces that a signature names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces<'a> {
    /// The header fields, each with its folds and without its last line end.
    pub fields: Vec<&'a [u8]>,
    /// What comes after the first empty line.
    pub body: &'a [u8],
}

/// Empty lines, to give out many in few pieces.
const BLANKS: &[u8] = b"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";

impl Canonicalization {
    /// The word in `c=`, in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Relaxed => "relaxed",
        }
    }

    /// A header field (with its folds, without its last line end) in canonical form, without a line end (RFC 6376 §3.4.1, §3.4.2).
    #[must_use]
    pub fn field(self, field: &[u8]) -> Vec<u8> {
        match self {
            Self::Simple => field.to_vec(),
            Self::Relaxed => relaxed_field(field),
        }
    }

    /// Gives a whole body in canonical form to `out`, piece by piece (RFC 6376 §3.4.3, §3.4.4).
    pub fn body(self, body: &[u8], mut out: impl FnMut(&[u8])) {
        let any = self.lines(body, &mut out);
        // RFC 6376 §3.4.3: an empty body is one line end in the simple form, and nothing in the relaxed one.
        if !any && self == Self::Simple {
            out(b"\r\n");
        }
    }

    /// The same for a body of which only the beginning is known: what its canonical form begins with, however it goes on.
    pub fn body_beginning(self, body: &[u8], mut out: impl FnMut(&[u8])) {
        let end = body.windows(2).rposition(|two| two == b"\r\n").map_or(0, |at| at + 2);
        self.lines(body.get(..end).unwrap_or_default(), &mut out);
    }

    /// All lines up to the last that is not empty; whether there was one.
    fn lines(self, body: &[u8], out: &mut impl FnMut(&[u8])) -> bool {
        let (mut any, mut empty) = (false, 0_usize);
        let mut canonical = Vec::new();
        for line in Lines(body) {
            canonical.clear();
            match self {
                Self::Simple => canonical.extend_from_slice(line),
                Self::Relaxed => collapse(line, &mut canonical),
            }
            if canonical.is_empty() {
                empty += 1;
                continue;
            }
            blanks(std::mem::take(&mut empty), out);
            canonical.extend_from_slice(b"\r\n");
            out(&canonical);
            any = true;
        }
        any
    }
}

fn blanks(mut lines: usize, out: &mut impl FnMut(&[u8])) {
    while lines > 0 {
        let now = lines.min(BLANKS.len() / 2);
        out(BLANKS.get(..now * 2).unwrap_or_default());
        lines -= now;
    }
}

/// Lines that end in CRLF, without it; what follows the last CRLF is a line if it is anything.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut from = 0;
        while let Some(at) = self.0.get(from..)?.iter().position(|byte| *byte == b'\n') {
            let end = from + at;
            let (line, rest) = self.0.split_at_checked(end + 1)?;
            if let Some(line) = line.strip_suffix(b"\r\n") {
                self.0 = rest;
                return Some(line);
            }
            from = end + 1;
        }
        let last = std::mem::take(&mut self.0);
        (!last.is_empty()).then_some(last)
    }
}

/// White space inside a line collapsed to one space, none at its end.
fn collapse(line: &[u8], out: &mut Vec<u8>) {
    let mut blank = false;
    for byte in line {
        if matches!(byte, b' ' | b'\t') {
            blank = true;
            continue;
        }
        if std::mem::take(&mut blank) {
            out.push(b' ');
        }
        out.push(*byte);
    }
}

/// RFC 6376 §3.4.2: the name in lower case, no white space about the colon, folds removed, white space collapsed.
fn relaxed_field(field: &[u8]) -> Vec<u8> {
    let colon = field.iter().position(|byte| *byte == b':').unwrap_or(field.len());
    let (_, value) = field.split_at_checked(colon + 1).unwrap_or((field, &[]));
    let mut unfolded = Vec::with_capacity(value.len());
    for line in Lines(value) {
        unfolded.extend_from_slice(line);
    }
    let mut out = Vec::with_capacity(field.len());
    out.extend(name(field).iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let start = unfolded.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(unfolded.len());
    collapse(unfolded.get(start..).unwrap_or_default(), &mut out);
    out
}

/// A field's name: what stands before the colon, without white space at its end.
#[must_use]
pub fn name(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii_end()
}

/// Takes a message apart at the first empty line. Linear; the fields are slices of the message, the first [`MAX_FIELDS`] of them.
#[must_use]
pub fn pieces(message: &[u8]) -> Pieces<'_> {
    let (mut fields, mut rest) = (Vec::new(), message);
    while !rest.is_empty() {
        if let Some(body) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
            return Pieces { fields, body };
        }
        let mut after_break = false;
        let end = rest.iter().position(|byte| {
            let ends = after_break && !matches!(byte, b' ' | b'\t');
            after_break = *byte == b'\n';
            ends
        });
        let (field, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, &[]));
        if fields.len() < MAX_FIELDS {
            let field = field.strip_suffix(b"\n").unwrap_or(field);
            fields.push(field.strip_suffix(b"\r").unwrap_or(field));
        }
        rest = after;
    }
    Pieces { fields, body: &[] }
}

/// The message with every line end as CRLF; borrowed where nothing had to change.
#[must_use]
pub fn with_crlf(message: &[u8]) -> Cow<'_, [u8]> {
    let ends = message.iter().filter(|byte| **byte == b'\n').count();
    let good = message.windows(2).filter(|two| *two == b"\r\n").count();
    let bare = ends - good;
    if bare == 0 {
        return Cow::Borrowed(message);
    }
    let mut out = Vec::with_capacity(message.len() + bare);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) => {
                out.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Canonicalization::{Relaxed, Simple};
    use super::*;

    fn body(form: Canonicalization, text: &[u8]) -> String {
        let mut out = Vec::new();
        form.body(text, |piece| out.extend_from_slice(piece));
        String::from_utf8(out).unwrap()
    }

    fn beginning(form: Canonicalization, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        form.body_beginning(text, |piece| out.extend_from_slice(piece));
        out
    }

    #[test]
    fn the_example_of_rfc_6376_section_3_4_5() {
        let message = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let pieces = pieces(message);
        let fields = |form: Canonicalization| {
            pieces.fields.iter().map(|field| String::from_utf8(form.field(field)).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(fields(Relaxed), ["a:X", "b:Y Z"]);
        assert_eq!(fields(Simple), ["A: X", "B : Y\t\r\n\tZ  "]);
        assert_eq!(body(Relaxed, pieces.body), " C\r\nD E\r\n");
        assert_eq!(body(Simple, pieces.body), " C \r\nD \t E\r\n");
    }

    #[test]
    fn the_end_of_the_body() {
        for (text, simple, relaxed) in [
            ("", "\r\n", ""),
            ("\r\n", "\r\n", ""),
            ("\r\n\r\n\r\n", "\r\n", ""),
            ("a", "a\r\n", "a\r\n"),
            ("a\r\n\r\nb\r\n\r\n", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n"),
            // Lines of white space only are empty lines in the relaxed form, and lines in the simple one.
            ("a\r\n \r\n\t\r\n", "a\r\n \r\n\t\r\n", "a\r\n"),
            (" ", " \r\n", ""),
            ("a \r\n \r\n b", "a \r\n \r\n b\r\n", "a\r\n\r\n b\r\n"),
            ("a\nb \r\r\nc", "a\nb \r\r\nc\r\n", "a\nb \r\r\nc\r\n"),
        ] {
            assert_eq!(body(Simple, text.as_bytes()), simple, "{text:?}");
            assert_eq!(body(Relaxed, text.as_bytes()), relaxed, "{text:?}");
        }
        let many = format!("a\r\n{}b", "\r\n".repeat(1000));
        assert_eq!(body(Simple, many.as_bytes()), format!("{many}\r\n"));
    }

    #[test]
    fn pieces_of_odd_messages() {
        assert_eq!(pieces(b""), Pieces { fields: vec![], body: b"" });
        assert_eq!(pieces(b"\r\nbody"), Pieces { fields: vec![], body: b"body" });
        assert_eq!(pieces(b"A: 1\r\n \r\nB: 2"), Pieces { fields: vec![b"A: 1\r\n ", b"B: 2"], body: b"" });
        assert_eq!(name(b"Subject \t: x"), b"Subject");
    }

    #[test]
    fn line_ends_are_brought_back() {
        assert_eq!(with_crlf(b"a\nb\r\nc\r\n\n\rd"), b"a\r\nb\r\nc\r\n\r\n\rd".as_slice());
        assert!(matches!(with_crlf(b"a\r\n\r\nb"), Cow::Borrowed(_)));
        assert_eq!(with_crlf(b"\n"), b"\r\n".as_slice());
    }

    proptest! {
        #[test]
        fn canonical_forms_are_their_own(text in "[ab \t\r\n]{0,60}", folded in "([ab \t]|\r\n ){0,60}") {
            for form in [Simple, Relaxed] {
                let once = body(form, text.as_bytes());
                prop_assert_eq!(&body(form, once.as_bytes()), &once);
                let field = form.field(format!("A:{folded}").as_bytes());
                prop_assert_eq!(form.field(&field), field);
            }
        }

        #[test]
        fn a_beginning_is_the_beginning_whatever_follows(text in "[ab \t\r\n]{0,60}", more in "[ab \t\r\n]{0,60}") {
            for form in [Simple, Relaxed] {
                let whole = body(form, format!("{text}{more}").as_bytes());
                prop_assert!(whole.as_bytes().starts_with(&beginning(form, text.as_bytes())));
            }
        }

        #[test]
        fn conversion_leaves_no_bare_line_feed(text in "[a\r\n]{0,40}") {
            let converted = with_crlf(text.as_bytes());
            prop_assert_eq!(with_crlf(&converted), converted.clone());
            prop_assert_eq!(converted.split(|b| *b == b'\n').count(), text.split('\n').count());
        }

        #[test]
        fn pieces_lie_in_the_message(text in "[a: \t\r\n]{0,60}") {
            let pieces = pieces(text.as_bytes());
            let total: usize = pieces.fields.iter().map(|field| field.len()).sum();
            prop_assert!(total + pieces.body.len() <= text.len());
        }
    }
}
