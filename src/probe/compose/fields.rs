//! The header section of a template, field by field (RFC 5322 §2.2).

use crate::probe::compose::encode::{MAX_LINE, is_field_name};
use crate::probe::compose::placeholder::{Piece, pieces};
use crate::probe::compose::template::{TemplateProblem, unknown};

/// Fields that every seed sets itself.
pub(super) const OURS: [&str; 4] = ["from", "to", "date", "message-id"];
/// Fields that are left out: what servers added on an earlier journey, and other senders and recipients than the seed's.
pub(super) const DROPPED: [&str; 14] = [
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

/// A header field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    /// From 1.
    pub line: usize,
    pub name: &'a str,
    /// With its folds, without the last line end.
    pub value: &'a str,
}

impl Field<'_> {
    /// Whether it has one of these names.
    pub fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }
}

/// Cuts a header section into its fields (RFC 5322 §2.2).
pub(super) fn fields<'a>(header: &'a str, problems: &mut Vec<TemplateProblem>) -> Vec<Field<'a>> {
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

/// What keeps these fields from being a message's header.
pub(super) fn check_fields(fields: &[Field<'_>], problems: &mut Vec<TemplateProblem>) {
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
        // The body is cut at the boundary that stands here, before anything is filled in.
        if name.starts_with("content-") && pieces(field.value.as_bytes()).len() > 1 {
            problem(format!("placeholders are not replaced in {}", field.name));
        }
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
