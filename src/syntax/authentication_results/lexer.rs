//! The words, values and comments of the header. Reads from left to right and never goes back.

use std::borrow::Cow;

use crate::syntax::authentication_results::MAX_ITEMS;

/// What is left to read.
pub(super) struct Lexer<'a> {
    rest: &'a [u8],
    /// The comments passed over and not yet taken, without their outer parentheses.
    pub comments: Vec<&'a [u8]>,
    /// How many bytes were looked at so far, lookahead included.
    pub looked_at: usize,
}

/// What stood between two words.
#[derive(Clone, Copy, Default)]
pub(super) struct Gap {
    /// White space or a comment.
    pub any: bool,
    /// A line break.
    pub fold: bool,
    /// A comment.
    pub comment: bool,
}

impl Gap {
    /// The line was broken here and nothing else was: what stands on either side may be one word.
    pub fn only_fold(self) -> bool {
        self.fold && !self.comment
    }

    /// This gap and one that joins it.
    pub fn and(self, other: Self) -> Self {
        Self { any: self.any | other.any, fold: self.fold | other.fold, comment: self.comment | other.comment }
    }
}

/// A value (RFC 8601 §2.2 `pvalue`).
pub(super) struct Value {
    /// Without the quotes around it.
    pub text: String,
    /// Nothing can belong to it any more: it stood in quotes, or it is missing.
    pub closed: bool,
}

impl<'a> Lexer<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest, comments: Vec::new(), looked_at: 0 }
    }

    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Passes over `byte` if it is next.
    pub fn eat(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        if next {
            self.take(1);
        }
        next
    }

    /// Passes over white space and comments (RFC 5322 `CFWS`), and over `)` that close nothing.
    pub fn gap(&mut self) -> Gap {
        let mut gap = Gap::default();
        while let Some(byte) = self.peek() {
            if byte == b'(' {
                gap.comment = true;
                let comment = self.comment();
                if self.comments.len() < MAX_ITEMS {
                    self.comments.push(comment);
                }
            } else if is_space(byte) || byte == b')' {
                gap.fold |= byte == b'\n';
                self.take(1);
            } else {
                break;
            }
            gap.any = true;
        }
        gap
    }

    /// The comment that starts here. Nesting is counted, not recursed into; one that never ends takes the rest.
    fn comment(&mut self) -> &'a [u8] {
        let (mut depth, mut escaped) = (0_usize, false);
        let end = self.rest.iter().position(|byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let comment = self.take(end.unwrap_or(self.rest.len()));
        self.eat(b')');
        comment.strip_prefix(b"(").unwrap_or(comment)
    }

    /// A name or a bare word: up to white space, a comment, a quote, `;` or `=`. Empty where one of these is next.
    pub fn word(&mut self) -> &'a [u8] {
        self.take(self.length(|byte| !ends_value(byte) && !matches!(byte, b'"' | b'=')))
    }

    /// The word that is next, if a `=` follows it at once. It stays unread.
    pub fn name_ahead(&mut self) -> Option<&'a [u8]> {
        let length = self.length(|byte| !ends_value(byte) && !matches!(byte, b'"' | b'='));
        self.looked_at += length;
        let (name, after) = self.rest.split_at_checked(length)?;
        after.starts_with(b"=").then_some(name)
    }

    /// A value: a quoted string, or everything up to white space, a comment or `;`. A quoted part within it (`"John Doe"@example.com`, RFC 5321
    /// `Quoted-string`) keeps its quotes, because without them it would be another address.
    pub fn value(&mut self) -> Value {
        let start = self.rest;
        let mut read = 0;
        if let Some(inner) = self.quoted_string() {
            if !matches!(self.peek(), Some(b'@' | b'.')) {
                return Value { text: unquoted(inner), closed: true };
            }
            read = start.len() - self.rest.len();
        }
        loop {
            read += self.take(self.length(|byte| !ends_value(byte) && byte != b'"')).len();
            let before = self.rest.len();
            if self.quoted_string().is_none() {
                break;
            }
            read += before - self.rest.len();
        }
        Value { text: one_line(start.get(..read).unwrap_or(start)), closed: false }
    }

    /// What stands between the quotes here; one that never ends takes the rest.
    fn quoted_string(&mut self) -> Option<&'a [u8]> {
        if !self.eat(b'"') {
            return None;
        }
        let mut escaped = false;
        let end = self.rest.iter().position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        });
        let inner = self.take(end.unwrap_or(self.rest.len()));
        self.eat(b'"');
        Some(inner)
    }

    fn length(&self, belongs: impl Fn(u8) -> bool) -> usize {
        self.rest.iter().position(|byte| !belongs(*byte)).unwrap_or(self.rest.len())
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        self.looked_at += length;
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }
}

fn ends_value(byte: u8) -> bool {
    is_space(byte) || matches!(byte, b';' | b'(' | b')')
}

/// Control characters count as white space: no receiver means anything by them.
fn is_space(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

/// The text of `bytes`.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The text of `bytes` in lower case.
pub(super) fn lower(bytes: &[u8]) -> String {
    let mut text = lossy(bytes);
    text.make_ascii_lowercase();
    text
}

/// The text of a comment: escapes resolved (RFC 5322 §3.2.1), each run of white space one space, none at the ends.
pub(super) fn comment_text(comment: &[u8]) -> String {
    let comment = comment.trim_ascii();
    let mut text = Vec::with_capacity(comment.len());
    for byte in unescaped(comment).iter() {
        if !is_space(*byte) {
            text.push(*byte);
        } else if text.last().is_some_and(|last| *last != b' ') {
            text.push(b' ');
        }
    }
    lossy(text.trim_ascii_end())
}

/// The content of a quoted string: escapes resolved, folds taken out.
fn unquoted(inner: &[u8]) -> String {
    one_line(&unescaped(inner))
}

fn unescaped(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'\\') {
        return Cow::Borrowed(bytes);
    }
    let mut escaped = false;
    let plain = bytes.iter().filter(|byte| {
        escaped = **byte == b'\\' && !escaped;
        !escaped
    });
    Cow::Owned(plain.copied().collect())
}

/// The text with each fold and each control character as one space.
fn one_line(bytes: &[u8]) -> String {
    if !bytes.iter().any(|byte| is_space(*byte) && *byte != b' ') {
        return lossy(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len());
    let mut folding = false;
    for byte in bytes {
        let space = is_space(*byte);
        let fold = space && *byte != b' ';
        if fold && !folding {
            text.push(b' ');
        } else if !(space && folding) {
            text.push(*byte);
        }
        folding = space && (folding || fold);
    }
    lossy(&text)
}
