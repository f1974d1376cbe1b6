//! Which of a folder's messages is a seed: matching by what was fetched, never by the server's SEARCH (QQ, NetEase and Yandex cannot be
//! relied on to find what is there).

use mail_parser::MessageParser;

use crate::model::{Plan, Token};
use crate::syntax::dsn;

/// What to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The header fields to fetch of each new message.
    fields: Vec<String>,
    /// The addresses our seeds are from, in lower case.
    senders: Vec<String>,
}

/// What the fetched headers of a message say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Suspect {
    /// It carries what looks like our tokens: Message-IDs of others do, too.
    Tokens(Vec<Token>),
    /// It is from one of our identities and carries no token in its headers, so its text is worth reading.
    Ours,
    /// It is none of our business.
    Foreign,
}

impl Marks {
    /// What to look for under `plan`.
    pub fn of(plan: &Plan) -> Self {
        let mut fields: Vec<String> = plan.probes.values().map(|probe| probe.header.clone()).collect();
        fields.push("Message-ID".into());
        fields.extend(dsn::HEADER_FIELDS.map(String::from));
        fields.sort();
        fields.dedup();
        let probes = plan.probes.values().filter_map(|probe| probe.identity.as_ref());
        let routes = plan.routes.values().map(|route| &route.identity);
        let mut senders: Vec<String> =
            probes.chain(routes).map(|identity| identity.from.to_ascii_lowercase()).collect();
        senders.sort();
        senders.dedup();
        Self { fields, senders }
    }

    /// The names of the header fields to fetch.
    pub fn fields(&self) -> Vec<&str> {
        self.fields.iter().map(String::as_str).collect()
    }

    /// What `fields`, as fetched, say about their message.
    pub fn suspect(&self, fields: &[u8]) -> Suspect {
        let tokens: Vec<Token> = Token::candidates(fields).collect();
        if !tokens.is_empty() {
            return Suspect::Tokens(tokens);
        }
        let fields = String::from_utf8_lossy(fields).to_ascii_lowercase();
        let words = fields.split(|c: char| c.is_whitespace() || "<>,;:\"()".contains(c));
        if words.into_iter().any(|word| self.senders.iter().any(|sender| sender == word)) {
            Suspect::Ours
        } else {
            Suspect::Foreign
        }
    }
}

/// The tokens in the text of a message, whatever its transfer encoding.
pub fn body_tokens(message: &[u8]) -> Vec<Token> {
    let Some(message) = MessageParser::default().parse(message) else {
        return Vec::new();
    };
    let texts = (0..message.text_body_count()).filter_map(|part| message.body_text(part));
    let htmls = (0..message.html_body_count()).filter_map(|part| message.body_html(part));
    let mut tokens: Vec<Token> =
        texts.chain(htmls).flat_map(|text| Token::candidates(text.as_bytes()).collect::<Vec<_>>()).collect();
    tokens.sort();
    tokens.dedup();
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks() -> Marks {
        Marks { fields: vec!["From".into()], senders: vec!["no-reply@shop.example".into()] }
    }

    #[test]
    fn a_token_in_any_fetched_field_makes_a_suspect() {
        let token = Token::from_bytes([9; 16]);
        for fields in
            [format!("X-Landfall-Seed: {token}\r\n\r\n"), format!("Message-ID:\r\n <{token}@shop.example>\r\n")]
        {
            assert_eq!(marks().suspect(fields.as_bytes()), Suspect::Tokens(vec![token]));
        }
    }

    #[test]
    fn our_own_sender_without_a_token_is_worth_reading_and_others_are_not() {
        assert_eq!(
            marks().suspect(b"From: \"Shop\" <No-Reply@Shop.example>\r\nMessage-ID: <0100abc@ses>\r\n"),
            Suspect::Ours
        );
        assert_eq!(marks().suspect(b"From: no-reply@shop.example.evil.test\r\n"), Suspect::Foreign);
        assert_eq!(marks().suspect(b"From: x@y\r\nMessage-ID: <1@y>\r\n\0\xff"), Suspect::Foreign);
    }

    #[test]
    fn the_body_gives_its_token_through_any_encoding() {
        let token = Token::from_bytes([0xab; 16]);
        let text = token.to_string();
        let (a, b) = text.split_at(10);
        let quoted = format!(
            "From: a@b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nReference: {a}=\r\n{b}\r\n"
        );
        assert_eq!(body_tokens(quoted.as_bytes()), [token]);
        assert_eq!(body_tokens(b"no message at all"), []);
        assert_eq!(body_tokens(b""), []);
    }
}
