//! Filling a template in.

use mail_parser::Encoding;

use crate::probe::compose::encode::{MAX_LINE, base64_lines, mailbox, quoted_printable, unstructured};
use crate::probe::compose::fields::{DROPPED, OURS};
use crate::probe::compose::parts::Leaf;
use crate::probe::compose::placeholder::{Piece, pieces};
use crate::probe::compose::template::{Template, decode, normalised};
use crate::probe::compose::{ComposeError, Facts};

/// The message that `template` makes with `facts`.
pub(super) fn render(template: &str, facts: &Facts) -> Result<Vec<u8>, ComposeError> {
    let text = normalised(template);
    let template = Template::parse(&text).map_err(ComposeError::Template)?;
    let (body, root_encoding) = template.body(facts);
    let mut out = template.header(facts, root_encoding).into_bytes();
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    Ok(out)
}

impl Template<'_> {
    /// The header section. `encoding` replaces the Content-Transfer-Encoding of a message that is one text.
    fn header(&self, facts: &Facts, encoding: Option<&str>) -> String {
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
        out
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
