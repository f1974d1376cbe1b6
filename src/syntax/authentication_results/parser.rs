//! What the words mean.

use std::borrow::Cow;

use crate::model::{AuthenticationResults, MethodResult, Property};
use crate::syntax::authentication_results::MAX_ITEMS;
use crate::syntax::authentication_results::lexer::{Gap, Lexer, Value, comment_text, lossy, lower};
use crate::syntax::authentication_results::words::{
    is_method, is_property, is_result, is_typed_property, may_be_method,
};

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    header: AuthenticationResults,
    place: Place,
    last: Last,
    /// The gap behind a stray word, passed over in search of a `=`.
    passed: Gap,
    /// How many more items are taken.
    left: usize,
}

/// Where in the header we are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the authserv-id.
    Top,
    /// After it and before the first `;`, where the version stands.
    Issuer,
    /// After a `;`, where a result should start.
    Start,
    /// Behind a result, which takes what follows.
    Result,
}

/// What was read last: the piece that a fold may have broken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Result,
    Value,
    Stray,
}

/// What stands before a `=`, or a word with no `=` behind it.
struct Name<'a> {
    /// With the dot of a property, however it was spaced; as written.
    text: Cow<'a, [u8]>,
    version: Option<u32>,
    /// What stood between it and the `=` or the next word.
    after: Gap,
}

impl<'a> Parser<'a> {
    pub fn new(value: &'a [u8]) -> Self {
        let header = AuthenticationResults::default();
        Self {
            lexer: Lexer::new(value),
            header,
            place: Place::Top,
            last: Last::Nothing,
            passed: Gap::default(),
            left: MAX_ITEMS,
        }
    }

    /// The header, and how many bytes were looked at.
    pub fn run(mut self) -> (AuthenticationResults, usize) {
        loop {
            let gap = self.lexer.gap().and(std::mem::take(&mut self.passed));
            self.settle_comments();
            match self.lexer.peek() {
                Some(b';') => self.end_result(),
                Some(_) if self.left > 0 => self.statement(gap),
                _ => break,
            }
        }
        // `none` beside results says nothing (RFC 8601 §2.2 has one or the other).
        self.header.no_result &= self.header.results.is_empty();
        (self.header, self.lexer.looked_at)
    }

    fn end_result(&mut self) {
        self.lexer.eat(b';');
        self.lexer.comments.clear();
        (self.place, self.last) = (Place::Start, Last::Nothing);
    }

    /// Gives the comments read so far to the result they stand behind; those before a method wait for its result.
    fn settle_comments(&mut self) {
        match self.place {
            Place::Top | Place::Start => {}
            Place::Issuer => self.lexer.comments.clear(),
            Place::Result => {
                if let Some(result) = self.header.results.last_mut() {
                    for comment in self.lexer.comments.drain(..).take(self.left) {
                        result.comments.push(comment_text(comment));
                        self.left -= 1;
                    }
                }
                self.lexer.comments.clear();
            }
        }
    }

    /// `name = value`, or a word alone. Reads one byte at least.
    fn statement(&mut self, before: Gap) {
        self.left -= 1;
        if self.lexer.peek() == Some(b'"') {
            let word = self.lexer.value().text;
            return self.word(word, Gap::default());
        }
        let name = self.name();
        if !self.lexer.eat(b'=') {
            self.passed = name.after;
            return self.word(lossy(&name.text), before);
        }
        let gap = self.lexer.gap();
        let value = if gap.any && self.value_is_missing() {
            Value { text: String::new(), closed: true }
        } else {
            self.lexer.value()
        };
        self.pair(name, value, before);
    }

    /// After `name= `: the next thing is a pair of its own (`smtp.mailfrom= smtp.helo=mx.example`).
    fn value_is_missing(&mut self) -> bool {
        self.lexer.name_ahead().is_some_and(|next| is_typed_property(next) || is_method(next))
    }

    /// Comments and white space may stand around the dot of a property and around the slash before a method's version (RFC 8601 §2.2, B.7).
    fn name(&mut self) -> Name<'a> {
        let mut text = Cow::Borrowed(self.lexer.word());
        let mut after = self.lexer.gap();
        while after.any && self.name_goes_on(&text, matches!(text, Cow::Owned(_))) {
            text.to_mut().extend(self.lexer.word());
            after = self.lexer.gap();
        }
        let slash = text.iter().position(|byte| *byte == b'/');
        let version = slash.and_then(|slash| number(text.get(slash + 1..)?));
        if let (Some(slash), Some(_)) = (slash, version) {
            text = Cow::Owned(text.get(..slash).unwrap_or_default().to_vec());
        }
        Name { text, version, after }
    }

    /// After `text` and a gap. A dot or slash that stands alone (`spaced`) joins what is around it; a dot at a word's end may be a full stop.
    fn name_goes_on(&self, text: &[u8], spaced: bool) -> bool {
        match self.lexer.peek() {
            Some(b'.' | b'/') => !text.contains(&b'.') && !text.contains(&b'/'),
            Some(b';' | b'=' | b'"') | None => false,
            Some(_) => text.ends_with(b"/") || text.ends_with(b".") && (spaced || is_typed_property(text)),
        }
    }

    fn pair(&mut self, mut name: Name<'_>, value: Value, before: Gap) {
        if self.place == Place::Top && name.text.eq_ignore_ascii_case(b"i") && self.header.instance.is_none() {
            // RFC 8617 §4.1.1. Its `;` does not end the place of the authserv-id.
            self.header.instance = number(value.text.as_bytes());
            self.lexer.gap();
            self.lexer.eat(b';');
            self.lexer.comments.clear();
            return;
        }
        self.mend_name(&mut name, before);
        if self.place == Place::Top {
            // No authserv-id (Microsoft).
            self.place = Place::Start;
        }
        // Some separate results by commas.
        let result = value.text.trim_end_matches(',');
        if self.is_result(&name.text, result) {
            self.result(name, result);
        } else if !(before.only_fold() && self.mend_address(&name, &value)) {
            self.property(&name, value);
        }
    }

    fn is_result(&self, name: &[u8], value: &str) -> bool {
        match self.place {
            Place::Top | Place::Start => is_method(name) && !value.is_empty() || may_be_method(name, value),
            // A forgotten `;`. Only what cannot be a property is taken for a result here.
            Place::Issuer | Place::Result => is_method(name) && is_result(value),
        }
    }

    fn result(&mut self, name: Name<'_>, value: &str) {
        let result = value.to_ascii_lowercase();
        self.header.results.push(MethodResult {
            method: lower(&name.text),
            method_version: name.version,
            result_raw: (result != value).then(|| value.to_owned()),
            result,
            ..MethodResult::default()
        });
        (self.place, self.last) = (Place::Result, Last::Result);
        self.settle_comments();
    }

    fn property(&mut self, name: &Name<'_>, value: Value) {
        let result = self.header.results.last_mut().filter(|_| self.place == Place::Result);
        let Some(result) = result else {
            self.last = Last::Nothing;
            return self.header.orphans.push(format!("{}={}", lossy(&name.text), value.text));
        };
        self.last = Last::Nothing;
        if name.text.eq_ignore_ascii_case(b"reason") && result.reason.is_none() {
            result.reason = Some(value.text);
            return;
        }
        if !value.closed {
            self.last = Last::Value;
        }
        let dot = name.text.iter().position(|byte| *byte == b'.');
        let (ptype, property) = match dot.and_then(|dot| name.text.split_at_checked(dot)) {
            Some((ptype, property)) => (Some(lower(ptype)), property.strip_prefix(b".").unwrap_or(property)),
            None => (None, &*name.text),
        };
        result.properties.push(Property { ptype, property: lower(property), value: value.text });
    }

    /// A word with no `=` behind it: the authserv-id, its version, `none`, the rest of a broken word, or nothing we know.
    fn word(&mut self, word: String, before: Gap) {
        if before.only_fold() && self.mend_text(&word) {
            return;
        }
        self.last = Last::Nothing;
        match self.place {
            Place::Top if word.eq_ignore_ascii_case("none") => self.header.no_result = true,
            Place::Top => {
                self.header.authserv_id = Some(word);
                self.place = Place::Issuer;
            }
            Place::Issuer if self.header.version.is_none() && number(word.as_bytes()).is_some() => {
                self.header.version = number(word.as_bytes());
            }
            Place::Issuer | Place::Start if word.eq_ignore_ascii_case("none") => self.header.no_result = true,
            _ => {
                self.header.orphans.push(word);
                self.last = Last::Stray;
            }
        }
    }

    /// NetEase (Coremail) folds at column 70 within words: `smtp.mail=0101-a63b` CRLF TAB `8f9e@example.com`. A word that follows a value, or that
    /// makes an unknown result a known one, is its second half.
    fn mend_text(&mut self, word: &str) -> bool {
        let Some(result) = self.header.results.last_mut() else { return false };
        match self.last {
            Last::Value => {
                if let Some(property) = result.properties.last_mut() {
                    property.value.push_str(word);
                }
                true
            }
            Last::Result if !is_result(&result.result) => {
                let whole = format!("{}{}", result.result, word.to_ascii_lowercase());
                let known = is_result(&whole);
                if known {
                    result.result = whole;
                }
                known
            }
            _ => false,
        }
    }

    /// The same for an address with a `=` in its second half: `smtp.mail=bounce-12` CRLF TAB `34-alice=example.com@lists.example`.
    fn mend_address(&mut self, name: &Name<'_>, value: &Value) -> bool {
        let Some(property) = self.header.results.last_mut().and_then(|result| result.properties.last_mut()) else {
            return false;
        };
        let broken = self.last == Last::Value
            && !is_property(&name.text)
            && value.text.contains('@')
            && !property.value.contains('@');
        if broken {
            property.value += &format!("{}={}", lossy(&name.text), value.text);
        }
        broken
    }

    /// The same for names: `smtp.mai` CRLF TAB `lfrom=example.com`.
    fn mend_name(&mut self, name: &mut Name<'_>, before: Gap) {
        let Some(start) = self.header.orphans.last().filter(|_| self.last == Last::Stray && before.only_fold()) else {
            return;
        };
        let whole = [start.as_bytes(), &*name.text].concat();
        let is_name = |name: &[u8]| is_method(name) || is_typed_property(name);
        if is_name(&whole) && !is_name(&name.text) {
            name.text = Cow::Owned(whole);
            self.header.orphans.pop();
        }
    }
}

/// A number of digits only.
fn number(digits: &[u8]) -> Option<u32> {
    let digits = str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok()
}
