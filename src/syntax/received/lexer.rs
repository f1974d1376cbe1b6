//! Words and comments.

/// A piece of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// What stands between blanks and comments.
    Word(&'a str),
    /// A comment without its outer parentheses; those within it are kept.
    Comment(&'a str),
}

/// What is before and behind the last semicolon outside comments. A comment that never ends hides nothing: it is taken to end at
/// the last semicolon.
pub(super) fn split_date(text: &str) -> (&str, Option<&str>) {
    let (mut depth, mut semicolon) = (0_usize, None);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b';' if depth == 0 => semicolon = Some(at),
            _ => {}
        }
    }
    if depth > 0 {
        semicolon = text.rfind(';');
    }
    match semicolon.and_then(|at| text.split_at_checked(at)) {
        Some((fields, date)) => (fields, date.strip_prefix(';')),
        None => (text, None),
    }
}

/// The tokens in their order.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, byte) in text.bytes().enumerate() {
        match (byte, depth) {
            (b'(', 0) => {
                word(text, start, at, &mut tokens);
                (depth, start) = (1, at + 1);
            }
            (b'(', _) => depth += 1,
            (b')', 1) => {
                tokens.extend(text.get(start..at).map(Token::Comment));
                (depth, start) = (0, at + 1);
            }
            (b')', 2..) => depth -= 1,
            (b' ', 0) => {
                word(text, start, at, &mut tokens);
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        tokens.extend(text.get(start..).map(Token::Comment));
    } else {
        word(text, start, text.len(), &mut tokens);
    }
    tokens
}

fn word<'a>(text: &'a str, start: usize, end: usize, tokens: &mut Vec<Token<'a>>) {
    tokens.extend(text.get(start..end).filter(|word| !word.is_empty()).map(Token::Word));
}

#[cfg(test)]
mod tests {
    use super::Token::{Comment, Word};
    use super::*;

    #[test]
    fn words_and_comments() {
        assert_eq!(
            tokens("from a (b [1.2.3.4] (c))by  d"),
            [Word("from"), Word("a"), Comment("b [1.2.3.4] (c)"), Word("by"), Word("d")]
        );
        assert_eq!(tokens("a(b"), [Word("a"), Comment("b")]);
        assert_eq!(tokens("a) b"), [Word("a)"), Word("b")]);
        assert_eq!(tokens(""), []);
    }

    #[test]
    fn the_date_is_behind_the_last_semicolon_outside_comments() {
        assert_eq!(split_date("a (b; c); d (e; f)"), ("a (b; c)", Some(" d (e; f)")));
        assert_eq!(split_date("a; b; c"), ("a; b", Some(" c")));
        assert_eq!(split_date("a (b; c"), ("a (b", Some(" c")));
        assert_eq!(split_date("a (b; c)"), ("a (b; c)", None));
    }
}
