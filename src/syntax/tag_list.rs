//! Lists of `tag=value;` (RFC 6376 §3.2): DKIM and ARC signatures, DKIM keys.
//!
//! ```text
//! v=1; a=rsa-sha256; d=shop.example;      a tag may stand anywhere, but only once
//!     b=dzdVyOfAKCdLXdJOc9G2q8LoXSl...    folded as a header field may be
//! ```
//!
//! Strict: what is no tag list is refused with the name of the tag at fault, because a verifier that guesses may find a signature good that
//! others find broken. The exception is UTF-8 in values, which internationalised mail allows (RFC 8616 §4).

use std::ops::Range;

use thiserror::Error;

/// What is wrong with a tag list.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TagListError {
    /// It has no tag at all.
    #[error("it is empty")]
    Empty,
    /// Between two `;` there is nothing (RFC 6376 §3.2 has a tag there).
    #[error("there is nothing between two semicolons, behind tag {after:?}")]
    EmptyTag {
        /// The tag before.
        after: String,
    },
    /// A part has no `=`.
    #[error("{0:?} has no `=`")]
    NoEquals(String),
    /// A tag's name is not a letter followed by letters, digits and `_`.
    #[error("{0:?} is no name of a tag")]
    BadName(String),
    /// A tag stands there twice: the whole list is invalid (RFC 6376 §3.2).
    #[error("tag {0}= stands there more than once")]
    Duplicate(String),
    /// A value has a control character or is not UTF-8.
    #[error("the value of tag {0}= has bytes that are not text")]
    BadValue(String),
}

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// The name, case and all: `b` and `B` are different tags.
    pub name: &'a str,
    /// The value without white space around it; folds inside are as they came.
    pub value: &'a str,
    /// Where everything between the `=` and the next `;` stands in the list, in bytes, white space included.
    pub span: Range<usize>,
}

/// Tags in their order, each name once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagList<'a>(Vec<Tag<'a>>);

impl<'a> TagList<'a> {
    /// Reads a list. Linear in its length, but for the search for duplicates, which sorts the names.
    ///
    /// # Errors
    /// When it is not a tag list.
    pub fn parse(text: &'a [u8]) -> Result<Self, TagListError> {
        let mut tags: Vec<Tag<'a>> = Vec::new();
        let (mut start, mut parts) = (0, text.split(|byte| *byte == b';').peekable());
        while let Some(part) = parts.next() {
            let trimmed = trim(part);
            match (trimmed.is_empty(), parts.peek(), tags.last()) {
                (false, ..) => tags.push(tag(part, start)?),
                (true, None, Some(_)) => {}
                (true, None, None) => return Err(TagListError::Empty),
                (true, Some(_), last) => {
                    return Err(TagListError::EmptyTag { after: last.map_or_else(String::new, |tag| tag.name.into()) });
                }
            }
            start += part.len() + 1;
        }
        let mut names: Vec<&str> = tags.iter().map(|tag| tag.name).collect();
        names.sort_unstable();
        match names.array_windows().find(|[one, next]| one == next) {
            Some([name, _]) => Err(TagListError::Duplicate(quoted(name.as_bytes()))),
            None => Ok(Self(tags)),
        }
    }

    /// The tag called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tag<'a>> {
        self.0.iter().find(|tag| tag.name == name)
    }

    /// The value of the tag called `name`.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.get(name).map(|tag| tag.value)
    }

    /// The tags in their order; never empty.
    #[must_use]
    pub fn tags(&self) -> &[Tag<'a>] {
        &self.0
    }
}

fn tag(part: &[u8], start: usize) -> Result<Tag<'_>, TagListError> {
    let equals =
        part.iter().position(|byte| *byte == b'=').ok_or_else(|| TagListError::NoEquals(quoted(trim(part))))?;
    let (name, value) = part.split_at_checked(equals).unwrap_or((part, &[]));
    let (name, raw) = (trim(name), value.strip_prefix(b"=").unwrap_or(value));
    let good = name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let name = str::from_utf8(name).ok().filter(|_| good).ok_or_else(|| TagListError::BadName(quoted(name)))?;
    let value = str::from_utf8(trim(raw)).ok().filter(|value| !value.contains(is_bad));
    let value = value.ok_or_else(|| TagListError::BadValue(quoted(name.as_bytes())))?;
    Ok(Tag { name, value, span: start + equals + 1..start + part.len() })
}

/// RFC 6376 §3.2: a value is printable, with white space between its words.
fn is_bad(character: char) -> bool {
    character.is_control() && !matches!(character, '\t' | '\r' | '\n')
}

/// Without folding white space around it (RFC 6376 §2.8).
fn trim(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let start = text.iter().position(|byte| !is_space(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_space(byte)).map_or(start, |at| at + 1);
    text.get(start..end).unwrap_or_default()
}

/// The beginning of somebody's text, for a message.
fn quoted(text: &[u8]) -> String {
    String::from_utf8_lossy(text.get(..40).unwrap_or(text)).into_owned()
}

/// A value without any white space: for what may be folded anywhere, such as Base64.
#[must_use]
pub fn without_space(value: &str) -> String {
    value.chars().filter(|c| !matches!(c, ' ' | '\t' | '\r' | '\n')).collect()
}

/// The words of a list with colons between, without white space around them.
pub fn words(value: &str) -> impl Iterator<Item = &str> {
    value.split(':').map(|word| word.trim_matches([' ', '\t', '\r', '\n']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> TagListError {
        TagList::parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn values_spans_and_folds() {
        let text = b" v=1; a = x y\r\n\tz ;B=;b= q=q ";
        let list = TagList::parse(text).unwrap();
        let read: Vec<_> = list.tags().iter().map(|tag| (tag.name, tag.value)).collect();
        assert_eq!(read, [("v", "1"), ("a", "x y\r\n\tz"), ("B", ""), ("b", "q=q")]);
        assert_eq!(&text[list.get("b").unwrap().span.clone()], b" q=q ");
        assert_eq!(list.value("c"), None);
        assert_eq!(TagList::parse(b"a=1;\r\n ").unwrap().tags().len(), 1);
        assert_eq!(TagList::parse("d=bücher.example".as_bytes()).unwrap().value("d"), Some("bücher.example"));
    }

    #[test]
    fn what_is_no_list_is_refused_by_name() {
        assert_eq!(refused(""), TagListError::Empty);
        assert_eq!(refused(" \r\n "), TagListError::Empty);
        assert_eq!(refused("a=1;;b=2"), TagListError::EmptyTag { after: "a".into() });
        assert_eq!(refused(";a=1"), TagListError::EmptyTag { after: String::new() });
        assert_eq!(refused("a=1; b"), TagListError::NoEquals("b".into()));
        assert_eq!(refused("a=1; =2"), TagListError::BadName(String::new()));
        assert_eq!(refused("a=1; b c=2"), TagListError::BadName("b c".into()));
        assert_eq!(refused("1=1"), TagListError::BadName("1".into()));
        assert_eq!(refused("a=1; b=2; a=1"), TagListError::Duplicate("a".into()));
        assert_eq!(refused("a=x\0y"), TagListError::BadValue("a".into()));
        assert_eq!(TagList::parse(b"a=\xff"), Err(TagListError::BadValue("a".into())));
        assert_eq!(refused("a=1; b=2; a=1").to_string(), "tag a= stands there more than once");
    }

    proptest! {
        #[test]
        fn anything_can_be_read(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(list) = TagList::parse(&text) {
                for tag in list.tags() {
                    prop_assert_eq!(trim(&text[tag.span.clone()]), tag.value.as_bytes());
                    prop_assert_eq!(text[tag.span.start - 1], b'=');
                    prop_assert!(text.get(tag.span.end).is_none_or(|byte| *byte == b';'));
                }
            }
        }

        #[test]
        fn what_was_written_is_read(
            written in proptest::collection::btree_map("[a-zA-Z][a-zA-Z0-9_]{0,4}", "([!-:<-~]{1,9}( [!-:<-~]{1,9}){0,2})?", 1..9),
            space in "(\r\n)?[ \t]{0,2}", last in any::<bool>(),
        ) {
            let parts: Vec<_> = written.iter().map(|(n, v)| format!("{space}{n}{space}={space}{v}{space}")).collect();
            let text = parts.join(";") + if last { ";" } else { "" };
            let list = TagList::parse(text.as_bytes()).unwrap();
            let read: std::collections::BTreeMap<_, _> =
                list.tags().iter().map(|tag| (tag.name.to_owned(), tag.value.to_owned())).collect();
            prop_assert_eq!(read, written);
        }
    }
}
