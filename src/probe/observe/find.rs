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

/// More words that look like tokens than any header of ours has; each costs a look into the books.
const MOST_TOKENS: usize = 8;

/// What the fetched headers of a message say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// What looks like our tokens: Message-IDs of others do, too.
    pub tokens: Vec<Token>,
    /// It is from one of our identities, so that its text is worth reading where its headers hold no token of ours.
    pub is_ours: bool,
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
        let tokens = Token::candidates(fields).take(MOST_TOKENS).collect();
        let fields = String::from_utf8_lossy(fields).to_ascii_lowercase();
        let mut words = fields.split(|c: char| c.is_whitespace() || "<>,;:\"()".contains(c));
        let is_ours = words.any(|word| self.senders.iter().any(|sender| sender == word));
        Suspect { tokens, is_ours }
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
    tokens.truncate(MOST_TOKENS);
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
            assert_eq!(marks().suspect(fields.as_bytes()).tokens, [token]);
        }
    }

    #[test]
    fn our_own_sender_is_known_whatever_a_relay_made_of_the_message_id() {
        for fields in [
            "From: \"Shop\" <No-Reply@Shop.example>\r\nMessage-ID: <0100abc@ses>\r\n",
            "From: no-reply@shop.example\r\nMessage-ID: <0123456789abcdef0123456789abcdef@relay>\r\n",
        ] {
            assert!(marks().suspect(fields.as_bytes()).is_ours, "{fields}");
        }
        for fields in ["From: no-reply@shop.example.evil.test\r\n", "From: x@y\r\nMessage-ID: <1@y>\r\n\0\u{fffd}"] {
            assert_eq!(marks().suspect(fields.as_bytes()), Suspect { tokens: Vec::new(), is_ours: false }, "{fields}");
        }
    }

    #[test]
    fn a_header_full_of_tokens_costs_a_few_looks_only() {
        let fields: String = (0..=255_u8).map(|n| format!("{} ", Token::from_bytes([n; 16]))).collect();
        assert_eq!(marks().suspect(fields.as_bytes()).tokens.len(), MOST_TOKENS);
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
