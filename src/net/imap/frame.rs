//! From bytes to whole responses, within limits; no I/O.
//!
//! An IMAP response is a line, unless the line ends in `{n}`: then `n` raw bytes follow, the *literal*, and after them the
//! response goes on (RFC 3501 §4.3). A hostile server announces 500 MB, never ends a line, or sends a million small things; so
//! each literal, the text of each response and the whole answer to a command are bounded before anything is kept. What has been
//! read stays here when a waiting task is cancelled, so no byte of the stream is ever lost.

use std::mem::take;

use crate::net::imap::fault::Fault;
use crate::net::imap::limits::Limits;

/// Room for one read while an answer is expected.
const BUSY: usize = 16 << 10;

/// Room for one read while nothing is expected: this much an idle session holds.
const QUIET: usize = 512;

/// Literals in one response; what Landfall asks for needs one.
const MAX_LITERALS: usize = 64;

/// One whole response. The text keeps the `{n}` CR LF that stands for each literal and has no line end of its own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) text: Vec<u8>,
    pub(super) literals: Vec<Vec<u8>>,
}

/// Collects bytes until they make a response.
pub(super) struct Framer {
    limits: Limits,
    /// What was read; the part before `start` has been dealt with, the part before `scanned` holds no line end.
    buffer: Vec<u8>,
    start: usize,
    scanned: usize,
    /// The response so far, and how many bytes of its last literal are to come.
    partial: Raw,
    missing: usize,
    /// How much of each literal to keep.
    keep: usize,
    /// How much this command's answer has cost.
    received: usize,
    /// Room for one read.
    room: usize,
}

impl Framer {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            partial: Raw::default(),
            missing: 0,
            keep: limits.header,
            received: 0,
            room: BUSY,
        }
    }

    /// A new command: its answer may be as large as the limits allow, and `keep` bytes of each literal are wanted.
    pub(super) fn begin(&mut self, keep: usize) {
        self.keep = keep;
        self.received = 0;
        self.room = BUSY;
    }

    /// Gives back what memory it can: nothing is expected for a while.
    pub(super) fn relax(&mut self) {
        self.room = QUIET;
        self.compact();
        self.buffer.shrink_to(QUIET);
        self.partial.text.shrink_to_fit();
    }

    /// Whether everything that was read has been taken.
    pub(super) fn is_empty(&self) -> bool {
        self.start >= self.buffer.len() && self.partial.text.is_empty()
    }

    /// Where to append what is read next.
    pub(super) fn space(&mut self) -> &mut Vec<u8> {
        self.compact();
        self.buffer.reserve(self.room);
        &mut self.buffer
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let literals: usize = self.partial.literals.iter().map(Vec::capacity).sum();
        self.buffer.capacity().saturating_add(self.partial.text.capacity()).saturating_add(literals)
    }

    fn compact(&mut self) {
        self.buffer.drain(..self.start.min(self.buffer.len()));
        self.scanned = self.scanned.saturating_sub(self.start);
        self.start = 0;
    }

    /// The next whole response, or `None` until more is read.
    pub(super) fn next(&mut self) -> Result<Option<Raw>, Fault> {
        loop {
            if !self.literal() {
                return Ok(None);
            }
            let fresh = self.buffer.get(self.scanned..).unwrap_or_default();
            let Some(end) = fresh.iter().position(|byte| *byte == b'\n') else {
                self.scanned = self.buffer.len();
                self.check_line(self.scanned.saturating_sub(self.start))?;
                return Ok(None);
            };
            let end = self.scanned.saturating_add(end).saturating_add(1);
            self.check_line(end.saturating_sub(self.start))?;
            self.take_line(end)?;
            match announced(&self.partial.text) {
                Some(size) => self.expect_literal(size)?,
                None => return Ok(Some(self.finish())),
            }
        }
    }

    /// Takes what is there of a literal; tells whether it is complete.
    fn literal(&mut self) -> bool {
        if self.missing == 0 {
            return true;
        }
        let available = self.buffer.get(self.start..).unwrap_or_default();
        let available = available.get(..self.missing).unwrap_or(available);
        if let Some(literal) = self.partial.literals.last_mut() {
            let wanted = self.keep.saturating_sub(literal.len());
            literal.extend_from_slice(available.get(..wanted).unwrap_or(available));
        }
        self.missing -= available.len();
        self.start = self.start.saturating_add(available.len());
        self.scanned = self.start;
        self.missing == 0
    }

    fn check_line(&self, more: usize) -> Result<(), Fault> {
        if self.partial.text.len().saturating_add(more) > self.limits.line {
            return Err(Fault::protocol(format!(
                "a response of more than {} bytes without a literal",
                self.limits.line
            )));
        }
        Ok(())
    }

    /// Counts `more` bytes against this command's allowance.
    fn charge(&mut self, more: usize) -> Result<(), Fault> {
        self.received = self.received.saturating_add(more);
        if self.received > self.limits.response {
            return Err(Fault::protocol(format!("more than {} bytes in answer to one command", self.limits.response)));
        }
        Ok(())
    }

    fn take_line(&mut self, end: usize) -> Result<(), Fault> {
        let line = self.buffer.get(self.start..end).unwrap_or_default();
        // RFC 3501 §9: NUL is never allowed outside a literal.
        if line.contains(&0) {
            return Err(Fault::protocol("a NUL byte in a response"));
        }
        self.partial.text.extend_from_slice(line);
        let length = line.len();
        self.start = end;
        self.scanned = end;
        self.charge(length)
    }

    fn expect_literal(&mut self, size: usize) -> Result<(), Fault> {
        if size > self.limits.literal {
            return Err(Fault::protocol(format!("a literal of {size} bytes, {} are allowed", self.limits.literal)));
        }
        if self.partial.literals.len() >= MAX_LITERALS {
            return Err(Fault::protocol(format!("more than {MAX_LITERALS} literals in one response")));
        }
        self.charge(size)?;
        self.partial.literals.push(Vec::new());
        self.missing = size;
        Ok(())
    }

    fn finish(&mut self) -> Raw {
        let mut raw = take(&mut self.partial);
        // Only this line's end: the one before it may belong to a literal's marker.
        for end in [b'\n', b'\r'] {
            if raw.text.last() == Some(&end) {
                raw.text.pop();
            }
        }
        raw
    }
}

/// The size of the literal that follows the line at the end of `text`. Only data responses hold literals: a status response is
/// free text, which may well end in `{5}`.
fn announced(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"* ")?;
    let word = rest.split(|byte| matches!(byte, b' ' | b'\r' | b'\n')).next()?;
    if [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(|status| word.eq_ignore_ascii_case(status)) {
        return None;
    }
    let line = text.strip_suffix(b"\r\n").or_else(|| text.strip_suffix(b"\n"))?;
    let line = line.strip_suffix(b"}")?;
    let digits = line.get(line.iter().rposition(|byte| *byte == b'{')?.saturating_add(1)..)?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // More digits than a number has: as large as can be, and so refused.
    Some(str::from_utf8(digits).ok()?.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn small() -> Limits {
        Limits { line: 200, literal: 100, response: 1000, header: 50, ..Limits::default() }
    }

    fn feed(framer: &mut Framer, bytes: &[u8]) -> Result<Vec<Raw>, Fault> {
        framer.space().extend_from_slice(bytes);
        let mut all = Vec::new();
        while let Some(raw) = framer.next()? {
            all.push(raw);
        }
        Ok(all)
    }

    fn refused(bytes: &[u8]) -> String {
        feed(&mut Framer::new(small()), bytes).unwrap_err().detail
    }

    #[test]
    fn a_response_with_literals_is_one_response_however_it_arrives() {
        let bytes = b"* 1 FETCH (BODY[] {5}\r\na\r\n\0c UID {1}\r\n7)\r\nA1 OK {5}\r\n* OK {3}\r\n";
        let whole = feed(&mut Framer::new(small()), bytes).unwrap();
        assert_eq!(whole.len(), 3);
        assert_eq!(whole[0].literals, [b"a\r\n\0c".to_vec(), b"7".to_vec()]);
        assert_eq!(whole[0].text, b"* 1 FETCH (BODY[] {5}\r\n UID {1}\r\n)");
        assert_eq!(whole[1].text, b"A1 OK {5}");

        let mut framer = Framer::new(small());
        let last = feed(&mut Framer::new(small()), b"* LIST () NIL {1}\r\na\r\n").unwrap();
        assert_eq!(last[0].text, b"* LIST () NIL {1}\r\n", "the marker keeps its line end");
        let trickled: Vec<Raw> = bytes.iter().flat_map(|byte| feed(&mut framer, &[*byte]).unwrap()).collect();
        assert_eq!(trickled, whole);
        assert!(framer.is_empty());
    }

    #[test]
    fn what_exceeds_a_limit_is_refused_before_it_is_kept() {
        assert_eq!(refused(b"* 1 FETCH (BODY[] {101}\r\n"), "a literal of 101 bytes, 100 are allowed");
        assert_eq!(
            refused(b"* 1 FETCH {99999999999999999999999}\r\n"),
            format!("a literal of {} bytes, 100 are allowed", usize::MAX)
        );
        assert_eq!(refused(&[b'x'; 201]), "a response of more than 200 bytes without a literal");
        assert_eq!(refused(&b"* 1 EXISTS\r\n".repeat(100)), "more than 1000 bytes in answer to one command");
    }

    #[test]
    fn many_empty_literals_are_refused() {
        let mut framer = Framer::new(Limits { line: 10_000, ..small() });
        let bytes = [&b"* 1 FETCH ("[..], &b"{0}\r\n".repeat(65)].concat();
        assert_eq!(feed(&mut framer, &bytes).unwrap_err().detail, "more than 64 literals in one response");
    }

    #[test]
    fn nul_is_refused_in_text_and_kept_in_literals() {
        assert_eq!(refused(b"* 1 \0EXISTS\r\n"), "a NUL byte in a response");
    }

    #[test]
    fn only_the_wanted_part_of_a_literal_is_kept() {
        let mut framer = Framer::new(small());
        framer.begin(10);
        let bytes = [&b"* 1 FETCH (X {100}\r\n"[..], &[b'x'; 100], b" UID 5)\r\n"].concat();
        let all = feed(&mut framer, &bytes).unwrap();
        assert_eq!(all[0].literals[0].len(), 10);
        assert!(all[0].text.ends_with(b" UID 5)"));
    }

    #[test]
    fn an_idle_framer_is_small() {
        let mut framer = Framer::new(Limits::default());
        framer.begin(1 << 20);
        let bytes = [&b"* 1 FETCH (X {1000000}\r\n"[..], &vec![b'x'; 1_000_000], b")\r\n"].concat();
        assert_eq!(feed(&mut framer, &bytes).unwrap().len(), 1);
        framer.relax();
        framer.space();
        assert!(framer.held() <= 2 * QUIET, "{}", framer.held());
    }

    proptest! {
        #[test]
        fn anything_in_any_pieces_is_bounded(pieces in prop::collection::vec("[*A1 {}0-9\r\n(FETCH)\\x00]{0,40}", 0..40)) {
            let mut framer = Framer::new(small());
            let mut pieces = pieces.iter();
            let fine = pieces.all(|piece| feed(&mut framer, piece.as_bytes()).is_ok());
            if fine {
                prop_assert!(framer.partial.text.len() <= 200);
                prop_assert!(framer.partial.literals.iter().all(|literal| literal.len() <= 50));
            }
        }
    }
}
