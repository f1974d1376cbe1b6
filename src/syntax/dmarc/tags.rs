//! Taking a record apart, tag by tag (RFC 9989 §4.8).

use std::ops::Range;

use crate::syntax::dmarc::{
    At, DmarcRecord, FailureReport, Historic, MAX_ITEMS, Mode, Oddity, OddityKind, Policy, Psd, uri,
};

/// A piece of the record, with where it stands.
#[derive(Clone, Copy)]
struct Piece<'a> {
    bytes: &'a [u8],
    start: usize,
}

impl<'a> Piece<'a> {
    fn span(self) -> Range<usize> {
        self.start..self.start + self.bytes.len()
    }

    /// Without the blanks and tabs around it: the `*WSP` of the grammar.
    fn trimmed(self) -> Self {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let before = self.bytes.iter().take_while(|byte| blank(byte)).count();
        let kept = self.bytes.iter().rposition(|byte| !blank(byte)).map_or(before, |last| last + 1);
        Piece { bytes: self.bytes.get(before..kept).unwrap_or_default(), start: self.start + before }
    }

    fn split(self, separator: u8) -> impl Iterator<Item = Self> {
        let mut start = self.start;
        self.bytes.split(move |byte| *byte == separator).map(move |bytes| {
            let piece = Piece { bytes, start };
            start += bytes.len() + 1;
            piece
        })
    }

    /// The parts before and behind the first `=`.
    fn halves(self) -> Option<(Self, Self)> {
        let at = self.bytes.iter().position(|byte| *byte == b'=')?;
        let (name, value) = self.bytes.split_at_checked(at)?;
        Some((Piece { bytes: name, ..self }, Piece { bytes: value.get(1..)?, start: self.start + at + 1 }))
    }

    /// The text in lower case: the words of the grammar may be written in any (RFC 5234 §2.3).
    fn word(self) -> String {
        String::from_utf8_lossy(self.bytes).to_ascii_lowercase()
    }

    fn at<T>(self, value: T) -> At<T> {
        At { value, span: self.span() }
    }
}

/// The record, or `None` where it does not begin with exactly `v=DMARC1`.
pub(super) fn read(record: &[u8]) -> Option<DmarcRecord> {
    let mut pieces = Piece { bytes: record, start: 0 }.split(b';');
    let version = pieces.next()?;
    let (name, value) = version.halves()?;
    // No blank may stand before the `v`: the grammar has `*WSP` around `=` and `;` only.
    let name = Piece { bytes: name.bytes.trim_ascii_end(), ..name };
    if !name.bytes.eq_ignore_ascii_case(b"v") || value.trimmed().bytes != b"DMARC1" {
        return None;
    }
    let mut reader = Reader::default();
    reader.note_case(name);
    for (taken, piece) in pieces.enumerate() {
        if taken == MAX_ITEMS {
            reader.note(OddityKind::TooLong, piece.start..record.len());
            break;
        }
        // The separator at the end is optional, so nothing behind it is nothing odd.
        let last = piece.span().end == record.len();
        reader.tag(piece.trimmed(), last);
    }
    Some(reader.finish(version.trimmed().span()))
}

#[derive(Default)]
struct Reader {
    record: DmarcRecord,
    /// Names in lower case, in their order.
    seen: Vec<String>,
}

impl Reader {
    fn note(&mut self, kind: OddityKind, span: Range<usize>) {
        self.record.oddities.push(Oddity { kind, span });
    }

    fn note_case(&mut self, name: Piece<'_>) {
        if name.bytes.iter().any(u8::is_ascii_uppercase) {
            self.note(OddityKind::TagCase, name.span());
        }
    }

    fn tag(&mut self, piece: Piece<'_>, last: bool) {
        if piece.bytes.is_empty() {
            if !last {
                self.note(OddityKind::EmptyTag, piece.span());
            }
            return;
        }
        let Some((name, value)) = piece.halves() else { return self.note(OddityKind::NotATag, piece.span()) };
        let (name, value) = (name.trimmed(), value.trimmed());
        if name.bytes.is_empty() || !name.bytes.iter().all(u8::is_ascii_alphabetic) {
            return self.note(OddityKind::NotATag, piece.span());
        }
        self.note_case(name);
        let word = name.word();
        if word == "v" || self.seen.contains(&word) {
            return self.note(OddityKind::DuplicateTag, piece.span());
        }
        if word == "p" && !self.seen.is_empty() {
            self.note(OddityKind::PolicyNotSecond, piece.span());
        }
        self.value(&word, value, piece);
        self.seen.push(word);
    }

    fn value(&mut self, name: &str, value: Piece<'_>, piece: Piece<'_>) {
        let text = value.word();
        let invalid = match name {
            "p" => missing(&mut self.record.p, value, policy(&text)),
            "sp" => missing(&mut self.record.sp, value, policy(&text)),
            "np" => missing(&mut self.record.np, value, policy(&text)),
            "adkim" => missing(&mut self.record.adkim, value, mode(&text)),
            "aspf" => missing(&mut self.record.aspf, value, mode(&text)),
            "t" => missing(&mut self.record.t, value, yes_or_no(&text)),
            "psd" => missing(&mut self.record.psd, value, psd(&text)),
            "fo" => self.failure_reports(value),
            "rua" | "ruf" => return self.uris(name == "rua", value),
            "pct" => return self.historic("pct", value, piece),
            "rf" => return self.historic("rf", value, piece),
            "ri" => return self.historic("ri", value, piece),
            _ => return self.note(OddityKind::UnknownTag, piece.span()),
        };
        if invalid {
            self.record.policy_invalid |= matches!(name, "p" | "sp" | "np");
            self.note(OddityKind::InvalidValue, if value.bytes.is_empty() { piece.span() } else { value.span() });
        }
    }

    fn historic(&mut self, tag: &'static str, value: Piece<'_>, piece: Piece<'_>) {
        let text = String::from_utf8_lossy(value.bytes).into_owned();
        self.record.historic.push(value.at(Historic { tag, value: text }));
        self.note(OddityKind::HistoricTag, piece.span());
    }

    /// `true` where the value is not valid. The grammar allows `0`, `1`, `d`, `s`, `d:s` and `s:d`; any list of the four is understood,
    /// because RFC 7489 §6.3 allowed it.
    fn failure_reports(&mut self, value: Piece<'_>) -> bool {
        let mut wanted = Vec::new();
        for option in value.split(b':').map(Piece::trimmed).take(MAX_ITEMS) {
            let report = match option.word().as_str() {
                "0" => FailureReport::AllFail,
                "1" => FailureReport::AnyFails,
                "d" => FailureReport::Dkim,
                "s" => FailureReport::Spf,
                _ => return true,
            };
            wanted.push(option.at(report));
        }
        self.record.fo = wanted;
        false
    }

    fn uris(&mut self, summaries: bool, value: Piece<'_>) {
        for (index, listed) in value.split(b',').map(Piece::trimmed).enumerate() {
            if index == MAX_ITEMS {
                return self.note(OddityKind::TooLong, listed.start..value.span().end);
            }
            let text = str::from_utf8(listed.bytes).unwrap_or_default();
            let (uri, oddity) = uri::read(text);
            if let Some(uri) = uri {
                let uri = listed.at(uri.to_owned());
                if summaries { self.record.rua.push(uri) } else { self.record.ruf.push(uri) }
            }
            if let Some(kind) = oddity {
                self.note(kind, listed.span());
            }
        }
    }

    fn finish(mut self, version: Range<usize>) -> DmarcRecord {
        if !self.seen.iter().any(|name| name == "p") {
            self.note(OddityKind::NoPolicy, version);
        }
        if let (Some(first), true) = (self.record.fo.first(), self.record.ruf.is_empty()) {
            let end = self.record.fo.last().map_or(first.span.end, |last| last.span.end);
            let span = first.span.start..end;
            self.note(OddityKind::FoWithoutRuf, span);
        }
        self.record
    }
}

/// Keeps what was read; `true` where there is nothing to keep.
fn missing<T>(kept: &mut Option<At<T>>, value: Piece<'_>, read: Option<T>) -> bool {
    *kept = read.map(|read| value.at(read));
    kept.is_none()
}

fn policy(word: &str) -> Option<Policy> {
    [Policy::None, Policy::Quarantine, Policy::Reject].into_iter().find(|policy| policy.as_str() == word)
}

fn mode(word: &str) -> Option<Mode> {
    match word {
        "r" => Some(Mode::Relaxed),
        "s" => Some(Mode::Strict),
        _ => None,
    }
}

fn yes_or_no(word: &str) -> Option<bool> {
    match word {
        "y" => Some(true),
        "n" => Some(false),
        _ => None,
    }
}

fn psd(word: &str) -> Option<Psd> {
    match word {
        "y" => Some(Psd::Yes),
        "n" => Some(Psd::No),
        "u" => Some(Psd::Unknown),
        _ => None,
    }
}
