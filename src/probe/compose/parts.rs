//! Where in a message its texts are (RFC 2046): the leaves of its MIME tree whose type is `text/*`.

use std::ops::Range;

use mail_parser::{Encoding, MessageParser, MimeHeaders as _, PartType};

/// A part that is text, by its place in the message.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// Its header fields, with the empty line after them.
    pub header: Range<usize>,
    /// Its content.
    pub body: Range<usize>,
    /// How the content is encoded.
    pub encoding: Encoding,
    /// It is HTML.
    pub is_html: bool,
    /// Its charset is UTF-8.
    pub is_utf8: bool,
}

/// The texts of a message.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// In the order they stand.
    pub leaves: Vec<Leaf>,
    /// The message is one text and nothing else.
    pub is_single: bool,
}

/// Finds the texts of `message`, whose lines end with CRLF. A message within the message is left alone.
pub(super) fn layout(message: &str) -> Layout {
    let Some(parsed) = MessageParser::default().parse(message.as_bytes()) else {
        return Layout { leaves: Vec::new(), is_single: false };
    };
    let is_single = parsed.parts.len() == 1;
    let mut leaves = Vec::new();
    for part in &parsed.parts {
        let is_html = matches!(part.body, PartType::Html(_));
        if !is_html && !matches!(part.body, PartType::Text(_)) {
            continue;
        }
        let charset = part.content_type().and_then(|kind| kind.attribute("charset")).unwrap_or_default();
        let [start, body, end] = [part.offset_header, part.offset_body, part.offset_end].map(index);
        let end = if is_single { message.len() } else { end };
        leaves.push(Leaf {
            header: start..body,
            body: body..end.max(body),
            encoding: part.encoding,
            is_html,
            is_utf8: charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8"),
        });
    }
    leaves.sort_by_key(|leaf| leaf.body.start);
    Layout { leaves, is_single }
}

fn index(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_at_any_depth_and_end_before_their_boundary() {
        let message = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\npreamble\r\n--o\r\n\
            Content-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\nplain\r\n--i\r\nContent-Type: text/html; charset=UTF-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>=3D</p>\r\n\r\n--i--\r\n--o\r\nContent-Type: image/png\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--o--\r\n";
        let layout = layout(message);
        let at = |range: &Range<usize>| message.get(range.clone()).unwrap();
        let found: Vec<_> = layout.leaves.iter().map(|leaf| (at(&leaf.header), at(&leaf.body))).collect();
        let html = "Content-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
        assert_eq!(found, [("\r\n", "plain"), (html, "<p>=3D</p>\r\n")]);
        assert!(!layout.is_single);
        let [plain, html] = layout.leaves.as_slice() else { panic!() };
        assert!(!plain.is_html && !plain.is_utf8 && html.is_html && html.is_utf8);
        assert_eq!((plain.encoding, html.encoding), (Encoding::None, Encoding::QuotedPrintable));
    }
}
