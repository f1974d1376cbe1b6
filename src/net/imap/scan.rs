//! Reads the values of one response from left to right: atoms, quoted strings, literals, parenthesised lists (RFC 3501 §4).
//!
//! Nothing here calls itself: a list is skipped by counting its parentheses, so that ten thousand of them cost a loop and not a
//! stack.

use std::mem::take;

use crate::net::imap::frame::Raw;

/// A place within a response.
pub(super) struct Scanner {
    raw: Raw,
    at: usize,
    literal: usize,
}

impl Scanner {
    pub(super) fn new(raw: Raw) -> Self {
        Self { raw, at: 0, literal: 0 }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &[u8] {
        self.raw.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.raw.text.get(self.at).copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    /// Passes `byte` if it is next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        if next {
            self.bump();
        }
        next
    }

    /// Passes any number of spaces; some servers send two, or one at the end.
    pub(super) fn spaces(&mut self) {
        while self.eat(b' ') {}
    }

    /// The bytes up to a space, a parenthesis or the end; may be empty.
    pub(super) fn atom(&mut self) -> Vec<u8> {
        let rest = self.rest();
        let end = rest.iter().position(|byte| matches!(byte, b' ' | b'(' | b')' | b'"' | b'\r' | b'\n'));
        let atom = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default().to_vec();
        self.at = self.at.saturating_add(atom.len());
        atom
    }

    /// An atom in upper case.
    pub(super) fn word(&mut self) -> String {
        String::from_utf8_lossy(&self.atom()).to_ascii_uppercase()
    }

    /// A number (RFC 3501 §9: 32 bits). `None` where there is none, or it is larger.
    pub(super) fn number(&mut self) -> Option<u32> {
        str::from_utf8(&self.atom()).ok()?.parse().ok()
    }

    /// The name of a FETCH item in upper case, with its section as in `BODY[HEADER.FIELDS (SUBJECT "X-A")]<0>`. The answer
    /// repeats the names of the fields, at some servers in quotes, in theory even as literals.
    pub(super) fn item(&mut self) -> String {
        let from = self.at;
        let mut within = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'[' => within = true,
                b']' => within = false,
                b'\n' => self.literal = self.literal.saturating_add(1),
                b' ' | b'(' | b')' if !within => break,
                _ => {}
            }
            self.bump();
        }
        let item = self.raw.text.get(from..self.at).unwrap_or_default();
        String::from_utf8_lossy(item).to_ascii_uppercase()
    }

    /// A string, quoted or literal or a bare atom; `Some(None)` for NIL. `None` where the response breaks off, or a list stands
    /// there.
    pub(super) fn string(&mut self) -> Option<Option<Vec<u8>>> {
        match self.peek()? {
            b'"' => self.quoted().map(Some),
            b'{' => self.take_literal().map(Some),
            b'(' | b')' => None,
            _ => {
                let atom = self.atom();
                Some((!atom.eq_ignore_ascii_case(b"NIL")).then_some(atom))
            }
        }
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        self.bump();
        let mut string = Vec::new();
        loop {
            match self.bump()? {
                b'"' => return Some(string),
                b'\\' => string.push(self.bump()?),
                byte => string.push(byte),
            }
        }
    }

    fn take_literal(&mut self) -> Option<Vec<u8>> {
        let end = self.rest().iter().position(|byte| *byte == b'\n')?;
        self.at = self.at.saturating_add(end).saturating_add(1);
        let literal = self.raw.literals.get_mut(self.literal)?;
        self.literal = self.literal.saturating_add(1);
        Some(take(literal))
    }

    /// Passes one value of any kind. `None` where the response breaks off within it.
    pub(super) fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'(' => {
                    self.bump();
                    depth = depth.saturating_add(1);
                }
                b')' => {
                    depth = depth.checked_sub(1)?;
                    self.bump();
                }
                b' ' => {
                    self.bump();
                }
                b'\r' | b'\n' => return None,
                _ => {
                    self.string()?;
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn on(text: &str, literals: &[&[u8]]) -> Scanner {
        Scanner::new(Raw { text: text.into(), literals: literals.iter().map(|literal| literal.to_vec()).collect() })
    }

    #[test]
    fn strings_in_every_form() {
        assert_eq!(on("\"a \\\"b\\\\\" x", &[]).string(), Some(Some(b"a \"b\\".to_vec())));
        assert_eq!(on("{3}\r\n x", &[b"a\0b"]).string(), Some(Some(b"a\0b".to_vec())));
        assert_eq!(on("nil x", &[]).string(), Some(None));
        assert_eq!(on("INBOX.Sp]am x", &[]).string(), Some(Some(b"INBOX.Sp]am".to_vec())));
        assert_eq!(on("\"never ends", &[]).string(), None);
        assert_eq!(on("\"ends in \\", &[]).string(), None);
        assert_eq!(on("{3}\r\n", &[]).string(), None, "a marker without its literal");
        assert_eq!(on("", &[]).string(), None);
    }

    #[test]
    fn ten_thousand_parentheses_are_skipped_by_counting() {
        let deep = format!("{}\"x\" {{1}}\r\n{} UID 7", "(".repeat(10_000), ")".repeat(10_000));
        let mut scanner = on(&deep, &[b"y"]);
        assert_eq!(scanner.skip(), Some(()));
        assert_eq!(scanner.rest(), b" UID 7");
        assert_eq!(on(&"(".repeat(10_000), &[]).skip(), None);
        assert_eq!(on(")", &[]).skip(), None);
    }

    #[test]
    fn a_fetch_item_includes_its_section() {
        let mut scanner = on("body[header.fields (From \"X-A\")]<0> {1}\r\n)", &[b"z"]);
        assert_eq!(scanner.item(), "BODY[HEADER.FIELDS (FROM \"X-A\")]<0>");
        assert!(scanner.eat(b' '));
        assert_eq!(scanner.string(), Some(Some(b"z".to_vec())));
        let mut scanner = on("BODY[HEADER.FIELDS ({3}\r\n)] {1}\r\n)", &[b"X-A", b"z"]);
        scanner.item();
        scanner.spaces();
        assert_eq!(scanner.string(), Some(Some(b"z".to_vec())));
    }

    proptest! {
        #[test]
        fn never_panics_and_always_ends(text in "[a(){}\"\\\\\r\n 1\\[\\]]{0,80}") {
            let mut scanner = on(&text, &[b"x"]);
            while scanner.skip().is_some() && !scanner.rest().is_empty() {}
            let mut scanner = on(&text, &[b"x"]);
            scanner.item();
            scanner.string();
            prop_assert!(scanner.at <= text.len());
        }
    }
}
