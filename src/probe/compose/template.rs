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

use crate::probe::compose::encode::{MAX_LINE, base64_lines, is_field_name, mailbox, quoted_printable, unstructured};
use crate::probe::compose::parts::{Layout, Leaf, layout};
use crate::probe::compose::placeholder::{Piece, nearest, pieces};
use crate::probe::compose::{ComposeError, Facts};

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

/// Fields that every seed sets itself.
const OURS: [&str; 4] = ["from", "to", "date", "message-id"];
/// Fields that are left out: what servers added on an earlier journey, and other senders and recipients than the seed's.
const DROPPED: [&str; 14] = [
    "received",
    "return-path",
    "delivered-to",
    "dkim-signature",
    "arc-seal",
    "arc-message-signature",
    "arc-authentication-results",
    "authentication-results",
    "received-spf",
    "x-original-to",
    "bcc",
    "cc",
    "resent-to",
    "sender",
];
/// Fields of which a message has one at most (RFC 5322 §3.6, RFC 2045).
const SINGLE: [&str; 8] = [
    "subject",
    "reply-to",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "in-reply-to",
    "references",
    "content-id",
];

/// Whether a seed can be made of `template`. For the configuration's check.
///
/// # Errors
/// Every problem, in the order of their lines.
pub fn check(template: &str) -> Result<(), Vec<TemplateProblem>> {
    let text = with_crlf(template);
    Template::parse(&text).map(drop)
}

/// Fills `template` in.
pub(super) fn render(template: &str, facts: &Facts) -> Result<Vec<u8>, ComposeError> {
    let text = with_crlf(template);
    let template = Template::parse(&text).map_err(ComposeError::Template)?;
    let (body, root_encoding) = template.body(facts);
    let mut out = template.header(facts, root_encoding)?.into_bytes();
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    Ok(out)
}

fn with_crlf(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

/// A template that holds.
#[derive(Debug)]
struct Template<'a> {
    text: &'a str,
    fields: Vec<Field<'a>>,
    /// Where the body begins.
    body_at: usize,
    layout: Layout,
    /// The reference is added as a last line.
    appends: bool,
}

#[derive(Clone, Copy, Debug)]
struct Field<'a> {
    line: usize,
    name: &'a str,
    /// With its folds, without the last line end.
    value: &'a str,
}

impl Field<'_> {
    fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }
}

impl<'a> Template<'a> {
    fn parse(text: &'a str) -> Result<Self, Vec<TemplateProblem>> {
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
            let raw = self.text.get(leaf.body.clone()).unwrap_or_default();
            let line = line_of(self.text, leaf.body.start);
            if !raw.is_ascii() && !leaf.is_utf8 {
                let message = "this text is not ASCII: say `Content-Type: text/...; charset=utf-8`".into();
                problems.push(TemplateProblem { line, message });
            }
            let Some(content) = decode(raw, leaf.encoding) else {
                let message = "this part is not encoded as its Content-Transfer-Encoding says".into();
                problems.push(TemplateProblem { line, message });
                continue;
            };
            for piece in pieces(&content) {
                match piece {
                    Piece::Placeholder(placeholder) => shows_token |= placeholder.shows_token(),
                    Piece::Unknown(word) => {
                        problems.push(unknown(line_with(self.text, leaf, &word).unwrap_or(line), &word));
                    }
                    Piece::Literal(_) => {}
                }
            }
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

    /// The header section. `encoding` replaces the Content-Transfer-Encoding of a message that is one text.
    fn header(&self, facts: &Facts, encoding: Option<&str>) -> Result<String, ComposeError> {
        let mut out = format!(
            "From: {}\r\nTo: {}\r\nDate: {}\r\nMessage-ID: <{}>\r\n{}: {}\r\n",
            mailbox(&facts.from_name, &facts.from),
            facts.to,
            facts.date,
            facts.message_id,
            facts.header,
            facts.token
        );
        if !self.fields.iter().any(|field| field.is(&["mime-version"])) {
            out.push_str("MIME-Version: 1.0\r\n");
        }
        for field in &self.fields {
            let replaced = encoding.is_some() && field.is(&["content-transfer-encoding"]);
            if replaced || field.is(&OURS) || field.is(&DROPPED) || field.is(&[&facts.header]) {
                continue;
            }
            let value = fill(field.value.as_bytes(), facts, false, true);
            let value = String::from_utf8_lossy(&value).into_owned();
            out.push_str(&format!("{}:{}\r\n", field.name, unstructured(&value)));
        }
        if let Some(encoding) = encoding {
            out.push_str(&format!("Content-Transfer-Encoding: {encoding}\r\n"));
        }
        Ok(out)
    }

    /// The body, and the Content-Transfer-Encoding that a message of one text needs where it differs from the template's.
    fn body(&self, facts: &Facts) -> (Vec<u8>, Option<&'static str>) {
        let mut out = Vec::with_capacity(self.text.len() + 256);
        let mut at = self.body_at;
        let mut root_encoding = None;
        for leaf in &self.layout.leaves {
            let raw = self.text.get(leaf.body.clone()).unwrap_or_default();
            let (content, encoding) = self.leaf(leaf, raw, facts);
            if self.layout.is_single {
                root_encoding = encoding;
            } else {
                let gap = self.text.get(at..leaf.header.start).unwrap_or_default();
                out.extend_from_slice(gap.as_bytes());
                let header = self.text.get(leaf.header.clone()).unwrap_or_default();
                match encoding {
                    Some(encoding) => out.extend_from_slice(encoded_as(header, encoding).as_bytes()),
                    None => out.extend_from_slice(header.as_bytes()),
                }
            }
            out.extend_from_slice(&content);
            at = leaf.body.end;
        }
        out.extend_from_slice(self.text.get(at..).unwrap_or_default().as_bytes());
        (out, root_encoding)
    }

    /// The content of one text as it goes out, and its Content-Transfer-Encoding where that changes.
    fn leaf(&self, leaf: &Leaf, raw: &str, facts: &Facts) -> (Vec<u8>, Option<&'static str>) {
        let content = decode(raw, leaf.encoding).unwrap_or_default();
        let mut filled = fill(&content, facts, leaf.is_html, leaf.is_utf8);
        if self.appends {
            filled.truncate(filled.trim_ascii_end().len());
            let blank = if filled.is_empty() { "" } else { "\r\n\r\n" };
            filled.extend_from_slice(format!("{blank}Reference: {}\r\n", facts.token).as_bytes());
        }
        if filled == content && goes_as_it_is(raw.as_bytes()) {
            return (raw.into(), None);
        }
        match leaf.encoding {
            Encoding::None if goes_as_it_is(&filled) => (filled, None),
            Encoding::None => (quoted_printable(&filled).into_bytes(), Some("quoted-printable")),
            Encoding::QuotedPrintable => (quoted_printable(&filled).into_bytes(), None),
            Encoding::Base64 => (base64_lines(&filled).into_bytes(), None),
        }
    }
}

/// Cuts a header section into its fields (RFC 5322 §2.2).
fn fields<'a>(header: &'a str, problems: &mut Vec<TemplateProblem>) -> Vec<Field<'a>> {
    let mut fields = Vec::new();
    let mut rest = header;
    let mut line = 1;
    while !rest.is_empty() {
        let end = field_end(rest);
        let (field, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        match field.split_once(':') {
            Some((name, value)) if is_field_name(name.trim_end_matches([' ', '\t'])) => {
                fields.push(Field { line, name: name.trim_end_matches([' ', '\t']), value });
            }
            _ => {
                let start: String = field.lines().next().unwrap_or_default().chars().take(40).collect();
                problems
                    .push(TemplateProblem { line, message: format!("{start:?} is no header field (`Name: value`)") });
            }
        }
        line += field.matches("\r\n").count() + 1;
        rest = after.strip_prefix("\r\n").unwrap_or(after);
    }
    fields
}

/// Where the first field of `header` ends: before a line end that no white space follows.
fn field_end(header: &str) -> usize {
    let mut from = 0;
    while let Some(at) = header.get(from..).and_then(|rest| rest.find("\r\n")) {
        let end = from + at;
        if !header.get(end + 2..).unwrap_or_default().starts_with([' ', '\t']) {
            return end;
        }
        from = end + 2;
    }
    header.len()
}

fn check_fields(fields: &[Field<'_>], problems: &mut Vec<TemplateProblem>) {
    for (at, field) in fields.iter().enumerate() {
        let mut problem = |message: String| problems.push(TemplateProblem { line: field.line, message });
        if !field.value.is_ascii() {
            problem(format!(
                "{} holds characters that are not ASCII: write them as encoded words (RFC 2047)",
                field.name
            ));
        }
        if field.value.bytes().any(|b| b.is_ascii_control() && !matches!(b, b'\r' | b'\n' | b'\t')) {
            problem(format!("{} holds a control character", field.name));
        }
        if field.value.split("\r\n").any(|line| line.len() > MAX_LINE - 100) {
            problem(format!("{} is too long for one line: fold it", field.name));
        }
        let name = field.name.to_ascii_lowercase();
        let earlier = fields.iter().take(at).any(|earlier| earlier.is(&[&name]));
        if earlier && SINGLE.contains(&name.as_str()) {
            problem(format!("there is a second {}", field.name));
        }
        for piece in pieces(field.value.as_bytes()) {
            if let Piece::Unknown(word) = piece {
                problems.push(unknown(field.line, &word));
            }
        }
    }
    if !fields.iter().any(|field| field.is(&["subject"])) {
        problems.push(TemplateProblem { line: 1, message: "there is no Subject".into() });
    }
}

fn unknown(line: usize, word: &str) -> TemplateProblem {
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
fn decode(raw: &str, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::None => Some(raw.into()),
        Encoding::QuotedPrintable => quoted_printable_decode(raw.as_bytes()),
        Encoding::Base64 => base64_decode(raw.as_bytes()),
    }
}

/// `text` with its placeholders filled. A value that the text's charset cannot hold gives way to one that it can.
fn fill(text: &[u8], facts: &Facts, is_html: bool, is_utf8: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 64);
    for piece in pieces(text) {
        match piece {
            Piece::Literal(literal) => out.extend_from_slice(literal),
            Piece::Placeholder(placeholder) => {
                let value = placeholder.value(facts);
                let value = if value.is_ascii() || is_utf8 { value } else { facts.from.clone() };
                let value = if is_html { escape(&value) } else { value };
                out.extend_from_slice(value.as_bytes());
            }
            Piece::Unknown(word) => out.extend_from_slice(format!("{{{{{word}}}}}").as_bytes()),
        }
    }
    out
}

fn escape(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// ASCII without NUL, in lines that are not too long, each ended by CRLF.
fn goes_as_it_is(bytes: &[u8]) -> bool {
    let lines = bytes.split(|b| *b == b'\n');
    let last = lines.clone().count().saturating_sub(1);
    let whole = |(at, line): (usize, &[u8])| {
        let ended = line.last() == Some(&b'\r');
        let text = if at == last { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
        (ended || at == last)
            && text.len() <= MAX_LINE
            && text.is_ascii()
            && !text.iter().any(|b| matches!(b, 0 | b'\r'))
    };
    lines.enumerate().all(whole)
}

/// The header of a part with another Content-Transfer-Encoding.
fn encoded_as(header: &str, encoding: &str) -> String {
    let mut out = format!("Content-Transfer-Encoding: {encoding}\r\n");
    let mut skips = false;
    for line in header.split_inclusive("\r\n") {
        if !line.starts_with([' ', '\t']) {
            skips = line.to_ascii_lowercase().starts_with("content-transfer-encoding:");
        }
        if !skips {
            out.push_str(line);
        }
    }
    out
}
