//! SMTP replies quoted in running text: `550 5.1.1 <ann@example.com>: no such user`, `#5.1.1 SMTP; 550 ...`, `550-5.7.26 ...`.

use crate::syntax::dsn::bounded;

/// A reply that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quoted {
    /// The reply code.
    pub(super) code: Option<u16>,
    /// The enhanced code.
    pub(super) enhanced: Option<String>,
    /// The words from the code to the end of the paragraph.
    pub(super) line: String,
}

impl Quoted {
    /// Whether it can be the reply of a notification with this status: temporary and permanent are not mixed.
    pub(super) fn agrees_with(&self, status: Option<&str>) -> bool {
        let class = status.and_then(|status| status.bytes().next());
        let own = self.code.and_then(|code| u8::try_from(code / 100).ok()).map(|class| class.saturating_add(b'0'));
        class.zip(own).is_none_or(|(class, own)| class == own)
    }
}

/// The first reply in `text` that says no: one with a code, else one with an enhanced code only.
pub(super) fn find(text: &str) -> Option<Quoted> {
    let mut bare = None;
    for (at, word) in words(text) {
        let rest = || text.get(at..).unwrap_or_default();
        if let Some(code) = code(word) {
            return Some(Quoted { code: Some(code), enhanced: enhanced_after(rest()), line: paragraph(rest()) });
        }
        if bare.is_none()
            && let Some(enhanced) = enhanced(word.trim_start_matches(['#', '(', '<']))
            && !enhanced.starts_with('2')
        {
            bare = Some(Quoted { code: None, enhanced: Some(enhanced), line: paragraph(rest()) });
        }
    }
    bare
}

/// The first enhanced code in a short text such as the Status field, which may carry a comment.
pub(super) fn enhanced_in(text: &str) -> Option<String> {
    words(text).find_map(|(_, word)| enhanced(word.trim_start_matches(['#', '(', '<'])))
}

/// The words and where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at: usize = 0;
    // Chinese text has its own punctuation and no spaces around it.
    let breaks = |c: char| c.is_whitespace() || "：（），。；“”".contains(c);
    text.split(breaks).filter_map(move |word| {
        let here = at;
        // White space may have several bytes: what follows the word is looked at, not assumed.
        let after = here.saturating_add(word.len());
        let gap = text.get(after..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        at = after.saturating_add(gap);
        (!word.is_empty()).then_some((here, word))
    })
}

/// A reply code that says no (RFC 5321 §4.2.1): three digits, alone or before a hyphen, a bracket or a full stop.
fn code(word: &str) -> Option<u16> {
    let word = word.trim_start_matches(['"', '\'', '(', '[', '<', '#', ':']);
    let digits = word.get(..3)?;
    let bytes = digits.as_bytes();
    let shaped = matches!(bytes, [b'4' | b'5', b'0'..=b'7', _]) && bytes.iter().all(u8::is_ascii_digit);
    let ends = match word.get(3..).and_then(|rest| rest.chars().next()) {
        None => true,
        Some('-' | ':' | ';' | ',' | ')' | ']' | '>' | '#') => true,
        Some(_) => false,
    };
    if shaped && ends { digits.parse().ok() } else { None }
}

/// The enhanced code right after the reply code, where there is one.
fn enhanced_after(reply: &str) -> Option<String> {
    let mut words = reply.split(|c: char| c.is_whitespace() || matches!(c, '-' | ';'));
    words.next();
    words.filter(|word| !word.is_empty()).take(2).find_map(|word| enhanced(word.trim_start_matches(['#', '('])))
}

/// A word that is an enhanced code (RFC 3463 §2), whatever stands after it.
fn enhanced(word: &str) -> Option<String> {
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
    let shape = word.get(..end)?.trim_end_matches('.');
    let rest = word.get(end..)?;
    if rest.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let mut parts = shape.split('.');
    let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |part: &str| (1..=3).contains(&part.len());
    let good = parts.next().is_none() && matches!(class, "2" | "4" | "5") && number(subject) && number(detail);
    good.then(|| shape.to_owned())
}

/// From here to the end of the paragraph, on one line.
fn paragraph(text: &str) -> String {
    let end =
        ["\n\n", "\r\n\r\n", "\n--", "\n  --"].iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len());
    bounded(text.get(..end).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (Option<u16>, Option<String>, String) {
        let quoted = find(text).unwrap();
        (quoted.code, quoted.enhanced, quoted.line)
    }

    #[test]
    fn replies_in_running_text() {
        for (text, code, enhanced, line) in [
            ("550 5.1.1 no such user", Some(550), Some("5.1.1"), "550 5.1.1 no such user"),
            (
                "host said:\n 550-5.7.26 not\n550 5.7.26 signed\n\nBye",
                Some(550),
                Some("5.7.26"),
                "550-5.7.26 not 550 5.7.26 signed",
            ),
            ("#5.1.1 smtp;550 5.1.1 unknown", None, Some("5.1.1"), "#5.1.1 smtp;550 5.1.1 unknown"),
            ("#< #5.2.2 smtp; 552 full> #SMTP#", Some(552), None, "552 full> #SMTP#"),
            ("Remote Server returned '554 5.2.2 mailbox full'", Some(554), Some("5.2.2"), "'554 5.2.2 mailbox full'"),
            ("said: 553 sorry, 5.7.1", Some(553), Some("5.7.1"), "553 sorry, 5.7.1"),
        ] {
            let expected = (code, enhanced.map(str::to_owned), line.to_owned());
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn other_numbers_are_no_replies() {
        for text in [
            "",
            "room 550a",
            "1550 things",
            "at 10.0.5.1 and 5.1",
            "version 5.1.1beta",
            "5.1.1.1",
            "250 2.0.0 ok",
            "599 x",
            "5500",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn wide_spaces_do_not_shift_words() {
        assert_eq!(found("退信\u{3000}550\u{3000}Mailbox not found").2, "550 Mailbox not found");
    }
}
