//! The mailboxes in an address field (RFC 5322 §3.4), such as From, Sender and their Resent forms.
//!
//! `"Shop, the" <no-reply@shop.example> (desk 1)` is one mailbox: the comma is quoted, the display name and the comment say nothing about
//! the address. Whoever wants to know in whose name a message speaks must find the same mailbox that a mail reader shows, and must
//! notice where there are several. Groups (`name: a@b.example;`) and the obsolete routes (`<@a,@b:user@c>`, RFC 5322 §4.4) occur.

/// One address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// As written: a quoted local part keeps its quotes.
    pub local_part: String,
    /// As written, without a final dot.
    pub domain: String,
}

impl Mailbox {
    /// `local_part@domain`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}@{}", self.local_part, self.domain)
    }
}

/// The mailbox of a field that holds one; `None` where it holds several, a group, or none with a domain name.
///
/// `value` is unfolded. Linear in its length.
#[must_use]
pub fn single(value: &str) -> Option<Mailbox> {
    let mut address = String::new();
    let mut angle = Angle::Before;
    for token in (Tokens { rest: value }) {
        match (token, angle) {
            (Token::Special('<'), Angle::Before) => {
                // What came so far was the display name.
                address.clear();
                angle = Angle::Within;
            }
            // The route is over, the address follows.
            (Token::Special(':'), Angle::Within) => address.clear(),
            (Token::Special('>'), Angle::Within) => angle = Angle::After,
            // A comma within angle brackets can only stand in a route.
            (Token::Special(','), Angle::Within) => {}
            (Token::Special(_), _) => return None,
            (Token::Space, Angle::Before) => address.push(' '),
            (Token::Space, _) => {}
            (Token::Text(_), Angle::After) => return None,
            (Token::Text(text), _) => address.push_str(text),
        }
    }
    if angle == Angle::Within {
        return None;
    }
    addr_spec(address.trim())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Angle {
    Before,
    Within,
    After,
}

fn addr_spec(address: &str) -> Option<Mailbox> {
    let (local_part, domain) = address.rsplit_once('@')?;
    let (local_part, domain) = (local_part.trim_end(), domain.trim_start());
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    // RFC 5322 §3.2.3: these never stand bare. A literal (`[192.0.2.1]`) is no domain name.
    let bare = |c: char| " @\"()<>[]:;,\\".contains(c) || c.is_control();
    let quoted = local_part.starts_with('"') && quoted(local_part) == local_part.len() && local_part.len() > 1;
    if local_part.is_empty() || (!quoted && local_part.contains(bare)) {
        return None;
    }
    if domain.is_empty() || domain.contains(bare) {
        return None;
    }
    Some(Mailbox { local_part: local_part.into(), domain: domain.into() })
}

enum Token<'a> {
    /// Characters that stand for themselves, or one quoted string with its quotes.
    Text(&'a str),
    /// White space or a comment.
    Space,
    /// One of `< > , ; :`.
    Special(char),
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (token, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        token
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        Some(match self.rest.chars().next()? {
            '(' => {
                self.take(comment(self.rest));
                Token::Space
            }
            '"' => Token::Text(self.take(quoted(self.rest))),
            '[' => Token::Text(self.take(self.rest.find(']').map_or(self.rest.len(), |end| end.saturating_add(1)))),
            special @ ('<' | '>' | ',' | ';' | ':') => {
                self.take(1);
                Token::Special(special)
            }
            white if white.is_whitespace() => {
                self.take(white.len_utf8());
                Token::Space
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || "(\"[<>,;:".contains(c);
                Token::Text(self.take(self.rest.find(ends).unwrap_or(self.rest.len())))
            }
        })
    }
}

/// The length of the comment that `text` begins with; comments nest. One that does not end takes all.
fn comment(text: &str) -> usize {
    let (mut depth, mut escaped) = (0_usize, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth = depth.saturating_add(1),
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at.saturating_add(1);
        }
    }
    text.len()
}

/// The length of the quoted string that `text` begins with.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at.saturating_add(1),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_mailbox() {
        for (value, address) in [
            ("a@shop.example", "a@shop.example"),
            ("Shop <a@shop.example>", "a@shop.example"),
            ("\"Shop, the\" <a@shop.example> (desk, 1)", "a@shop.example"),
            ("(a (nested) b@c.example) a@shop.example.", "a@shop.example"),
            ("a@b.example <c@shop.example>", "c@shop.example"),
            ("\"a b\"@shop.example", "\"a b\"@shop.example"),
            ("\"a@b\\\"\"@shop.example", "\"a@b\\\"\"@shop.example"),
            ("<@x.example,@y.example:a@shop.example>", "a@shop.example"),
            ("Bücher <é@bücher.example>", "é@bücher.example"),
            ("a @ shop.example", "a@shop.example"),
        ] {
            assert_eq!(single(value).map(|mailbox| mailbox.address()).as_deref(), Some(address), "{value}");
        }
    }

    #[test]
    fn not_one_mailbox() {
        for value in [
            "",
            "nobody",
            "a@",
            "@shop.example",
            "a@shop.example, b@shop.example",
            "<a@shop.example> <b@shop.example>",
            "shop: a@shop.example;",
            "a@[192.0.2.1]",
            "<a@shop.example",
            "a b@shop.example",
            "a@b@shop.example",
            "<>",
        ] {
            assert_eq!(single(value), None, "{value}");
        }
        // A comment that does not end hides the rest.
        assert!(single("a@shop.example (never ends, b@c.example").is_some());
    }

    proptest! {
        #[test]
        fn whatever_comes(value in "[a@<>,:;()\"\\\\. \\[\\]é]{0,40}") {
            if let Some(mailbox) = single(&value) {
                prop_assert!(!mailbox.domain.contains(['@', ' ', '<', '>', ',']));
                prop_assert!(!mailbox.domain.is_empty() && !mailbox.local_part.is_empty());
            }
        }
    }
}
