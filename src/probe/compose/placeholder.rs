//! What a template may ask for: `{{name}}`, blanks around the name allowed.

use crate::probe::compose::Facts;

/// A place in a template that a seed fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placeholder {
    /// The token, 32 hexadecimal digits.
    Token,
    /// The words `Reference:` and the token.
    Reference,
    /// The recipient's address.
    To,
    /// The address of the header From.
    From,
    /// The sender's display name, or its address where it has none.
    FromName,
    /// The domain of the header From.
    FromDomain,
    /// The date, as in the Date header.
    Date,
    /// The Message-ID without angle brackets.
    MessageId,
    /// Six digits that differ between seeds.
    Number,
    /// `#` and the number: makes subjects differ, so that a receiver does not fold them into one conversation.
    SubjectSuffix,
}

impl Placeholder {
    /// Every placeholder.
    const ALL: [Self; 10] = [
        Self::Token,
        Self::Reference,
        Self::To,
        Self::From,
        Self::FromName,
        Self::FromDomain,
        Self::Date,
        Self::MessageId,
        Self::Number,
        Self::SubjectSuffix,
    ];

    /// The word between the braces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Reference => "reference",
            Self::To => "to",
            Self::From => "from",
            Self::FromName => "from_name",
            Self::FromDomain => "from_domain",
            Self::Date => "date",
            Self::MessageId => "message_id",
            Self::Number => "number",
            Self::SubjectSuffix => "subject_suffix",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|placeholder| placeholder.as_str() == word)
    }

    /// Whether it puts the token where a reader of the text finds it.
    pub fn shows_token(self) -> bool {
        matches!(self, Self::Token | Self::Reference | Self::MessageId)
    }

    /// What stands there in the message.
    pub fn value(self, facts: &Facts) -> String {
        match self {
            Self::Token => facts.token.clone(),
            Self::Reference => format!("Reference: {}", facts.token),
            Self::To => facts.to.clone(),
            Self::From => facts.from.clone(),
            Self::FromName if facts.from_name.is_empty() => facts.from.clone(),
            Self::FromName => facts.from_name.clone(),
            Self::FromDomain => facts.from.rsplit_once('@').map_or("", |(_, domain)| domain).into(),
            Self::Date => facts.date.clone(),
            Self::MessageId => facts.message_id.clone(),
            Self::Number => facts.number.to_string(),
            Self::SubjectSuffix => format!("#{}", facts.number),
        }
    }
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Goes out as it is.
    Literal(&'a [u8]),
    /// Is filled in.
    Placeholder(Placeholder),
    /// Names nothing known; the word between the braces.
    Unknown(String),
}

/// Longest text between braces that is taken for a placeholder.
const MAX_NAME: usize = 64;

/// Cuts `text` at its placeholders. Braces that are not closed on the same line are ordinary text.
pub(super) fn pieces(text: &[u8]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(at) = find(rest.get(from..).unwrap_or_default(), b"{{").map(|at| at + from) {
        let inner = rest.get(at + 2..).unwrap_or_default();
        // Bounded, so that a text full of open braces takes linear time.
        let near = inner.get(..MAX_NAME + 2).unwrap_or(inner);
        let Some(word) = find(near, b"}}").and_then(|end| inner.get(..end)) else {
            from = at + 2;
            continue;
        };
        if word.contains(&b'\n') || word.contains(&b'{') {
            from = at + 1;
            continue;
        }
        pieces.push(Piece::Literal(rest.get(..at).unwrap_or_default()));
        let name = String::from_utf8_lossy(word).trim().to_owned();
        pieces.push(Placeholder::parse(&name).map_or(Piece::Unknown(name), Piece::Placeholder));
        rest = inner.get(word.len() + 2..).unwrap_or_default();
        from = 0;
    }
    pieces.push(Piece::Literal(rest));
    pieces
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The known word nearest to `word`, where one is near.
pub(super) fn nearest(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase().replace(['-', ' '], "_");
    let near = Placeholder::ALL.into_iter().map(|known| (distance(&word, known.as_str()), known.as_str())).min()?;
    (near.0 <= 1 + near.1.len() / 3).then_some(near.1)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut before = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.bytes().zip(row.iter().skip(1)) {
            left = (above + 1).min(left + 1).min(before + usize::from(x != y));
            before = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_and_what_only_looks_like_them() {
        let cut = pieces(b"a {{ token }}{{to}} {{nope}} {{ open { {{{date}}} {{\n}} end");
        let names: Vec<String> = cut
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => String::from_utf8_lossy(text).into_owned(),
                Piece::Placeholder(known) => format!("<{}>", known.as_str()),
                Piece::Unknown(word) => format!("?{word}?"),
            })
            .collect();
        assert_eq!(names.concat(), "a <token><to> ?nope? {{ open { {<date>} {{\n}} end");
    }

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("tokn"), Some("token"));
        assert_eq!(nearest("From-Name"), Some("from_name"));
        assert_eq!(nearest("messageid"), Some("message_id"));
        assert_eq!(nearest("customer.first_name"), None);
        assert_eq!((distance("kitten", "sitting"), distance("", "ab"), distance("a", "a")), (3, 2, 0));
    }
}
