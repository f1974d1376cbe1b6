//! Messages from templates: the user's own mail as an `.eml` file, with placeholders.
//!
//! A template is a message as it would be sent: header fields, an empty line, a body of any MIME structure. In its header fields and in its
//! text parts, whatever their transfer encoding, these are filled in:
//!
//! | placeholder | becomes |
//! |---|---|
//! | `{{reference}}` | `Reference:` and the token: for the last line of the text |
//! | `{{token}}` | the token alone, 32 hexadecimal digits |
//! | `{{to}}` | the recipient's address |
//! | `{{from}}` `{{from_name}}` `{{from_domain}}` | the sender's address, display name, domain |
//! | `{{date}}` | the date, as in the Date header |
//! | `{{message_id}}` | the Message-ID without angle brackets |
//! | `{{number}}` `{{subject_suffix}}` | six digits that differ between seeds, bare or after a `#` |
//!
//! From, To, Date, Message-ID and the token's header are ours: where the template has them, they are replaced. A template is often a mail that was saved
//! once, so what servers added to it (Received, Return-Path, DKIM-Signature and their like) is left out, and so are Sender, Cc and Bcc. Everything
//! else stays as it is. A single plain text without a place for the token gets the reference as a last line; any other message must name the place.

use std::fmt;

use mail_parser::Encoding;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

use crate::probe::compose::encode::MAX_LINE;
use crate::probe::compose::fields::{Field, check_fields, fields};
use crate::probe::compose::parts::{Layout, Leaf, layout};
use crate::probe::compose::placeholder::{Piece, nearest, pieces};

/// Something in a template that must be mended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TemplateProblem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for TemplateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// Whether a seed can be made of `template`. For the configuration's check.
///
/// # Errors
/// Every problem, in the order of their lines.
pub fn check(template: &str) -> Result<(), Vec<TemplateProblem>> {
    let text = normalised(template);
    Template::parse(&text).map(drop)
}

/// With CRLF at every line's end, and no byte order mark.
pub(super) fn normalised(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

/// A template that holds.
#[derive(Debug)]
pub(super) struct Template<'a> {
    /// The whole of it, with CRLF line ends.
    pub text: &'a str,
    /// Its header.
    pub fields: Vec<Field<'a>>,
    /// Where the body begins.
    pub body_at: usize,
    /// Its texts.
    pub layout: Layout,
    /// The reference is added as a last line.
    pub appends: bool,
}

impl<'a> Template<'a> {
    /// Parses a normalised text.
    pub fn parse(text: &'a str) -> Result<Self, Vec<TemplateProblem>> {
        let mut problems = Vec::new();
        let Some(header_end) = text.find("\r\n\r\n") else {
            let message = "a template is header fields, an empty line, and a body; there is no empty line".into();
            return Err(vec![TemplateProblem { line: 1, message }]);
        };
        let fields = fields(text.get(..header_end).unwrap_or_default(), &mut problems);
        check_fields(&fields, &mut problems);
        let mut template = Self { text, fields, body_at: header_end + 4, layout: layout(text), appends: false };
        template.check_body(&mut problems);
        problems.sort();
        problems.dedup();
        if problems.is_empty() { Ok(template) } else { Err(problems) }
    }

    fn check_body(&mut self, problems: &mut Vec<TemplateProblem>) {
        let mut shows_token = false;
        for leaf in &self.layout.leaves {
            shows_token |= self.check_text(leaf, problems);
        }
        let line = line_of(self.text, self.body_at);
        let only = match self.layout.leaves.as_slice() {
            [only] if self.layout.is_single => Some(only),
            _ => None,
        };
        self.appends = !shows_token && only.is_some_and(|leaf| !leaf.is_html);
        if self.layout.leaves.is_empty() {
            problems.push(TemplateProblem { line, message: "the message has no text part".into() });
        } else if !shows_token && !self.appends {
            let message =
                "no place for the token: write {{reference}} where the text should show it, best in its last line"
                    .into();
            problems.push(TemplateProblem { line, message });
        }
        self.check_rest(problems);
    }

    /// Checks one text, and tells whether it shows the token.
    fn check_text(&self, leaf: &Leaf, problems: &mut Vec<TemplateProblem>) -> bool {
        let raw = self.text.get(leaf.body.clone()).unwrap_or_default();
        let line = line_of(self.text, leaf.body.start);
        let mut problem = |line, message: &str| problems.push(TemplateProblem { line, message: message.into() });
        if !raw.is_ascii() && !leaf.is_utf8 {
            problem(line, "this text is not ASCII: say `Content-Type: text/...; charset=utf-8`");
        }
        let header = self.text.get(leaf.header.clone()).unwrap_or_default();
        if !self.layout.is_single && pieces(header.as_bytes()).len() > 1 {
            problem(line_of(self.text, leaf.header.start), "placeholders are not replaced in the header of a part");
        }
        let Some(content) = decode(raw, leaf.encoding) else {
            problem(line, "this part is not encoded as its Content-Transfer-Encoding says");
            return false;
        };
        let mut shows_token = false;
        for piece in pieces(&content) {
            match piece {
                Piece::Placeholder(placeholder) => shows_token |= placeholder.shows_token(),
                Piece::Unknown(word) => {
                    problems.push(unknown(line_with(self.text, leaf, &word).unwrap_or(line), &word));
                }
                Piece::Literal(_) => {}
            }
        }
        shows_token
    }

    /// What is outside the texts goes out as it stands, so it must be fit to.
    fn check_rest(&self, problems: &mut Vec<TemplateProblem>) {
        let mut at = self.body_at;
        let end = (self.text.len(), self.text.len());
        let texts = self.layout.leaves.iter().map(|leaf| (leaf.body.start, leaf.body.end));
        for (start, end) in texts.chain(std::iter::once(end)) {
            let gap = self.text.get(at..start).unwrap_or_default();
            for (offset, line) in gap.split("\r\n").enumerate() {
                if !line.is_ascii() || line.len() > MAX_LINE {
                    let message =
                        "this line is outside a text part, where only ASCII and 998 characters are allowed".into();
                    problems.push(TemplateProblem { line: line_of(self.text, at) + offset, message });
                }
            }
            at = end.max(at);
        }
    }
}

/// The problem with a placeholder that does not exist.
pub(super) fn unknown(line: usize, word: &str) -> TemplateProblem {
    let hint = nearest(word).map_or_else(String::new, |near| format!(": did you mean {{{{{near}}}}}?"));
    TemplateProblem { line, message: format!("unknown placeholder {{{{{word}}}}}{hint}") }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.get(..offset).unwrap_or(text).matches("\r\n").count()
}

/// The line of a placeholder in a part, where its encoding leaves the word readable.
fn line_with(text: &str, leaf: &Leaf, word: &str) -> Option<usize> {
    let raw = text.get(leaf.body.clone())?;
    let at = raw
        .match_indices("{{")
        .map(|(at, _)| at)
        .find(|at| raw.get(at + 2..).is_some_and(|rest| rest.trim_start().starts_with(word)))?;
    Some(line_of(text, leaf.body.start + at))
}

/// The content of a part without its transfer encoding.
pub(super) fn decode(raw: &str, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::None => Some(raw.into()),
        Encoding::QuotedPrintable => quoted_printable_decode(raw.as_bytes()),
        Encoding::Base64 => base64_decode(raw.as_bytes()),
    }
}
