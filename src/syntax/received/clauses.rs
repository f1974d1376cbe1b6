//! The clauses (RFC 5321 §4.4): `from`, `by`, `via`, `with`, `id`, `for`, in any order, each once.

use std::net::{IpAddr, SocketAddr};

use crate::model::{Hop, HopTls};
use crate::syntax::received::lexer::Token;
use crate::syntax::received::tls;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Clause {
    #[default]
    Before,
    From,
    By,
    Via,
    With,
    Id,
    For,
}

impl Clause {
    fn named(word: &str) -> Option<Self> {
        let clauses = [
            ("from", Self::From),
            ("by", Self::By),
            ("via", Self::Via),
            ("with", Self::With),
            ("id", Self::Id),
            ("for", Self::For),
        ];
        clauses.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, clause)| clause)
    }
}

#[derive(Default)]
struct Reader<'a> {
    hop: Hop,
    clause: Clause,
    seen: Vec<Clause>,
    /// The words behind `with`, at most three.
    with: Vec<&'a str>,
    /// The word before was Exim's `tls`, so that a cipher follows.
    cipher_follows: bool,
    /// What stands behind `helo=` or `HELO`.
    helo: Option<&'a str>,
    /// Addresses in the comments behind `from`: in square brackets, and bare.
    bracketed: Option<IpAddr>,
    bare: Option<IpAddr>,
}

pub(super) fn read(tokens: &[Token<'_>]) -> Hop {
    let mut reader = Reader::default();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Comment(text) => reader.comment(text),
            Token::Word(word) => {
                let before_comment = matches!(tokens.get(index + 1), Some(Token::Comment(_)));
                reader.word(word, before_comment);
            }
        }
    }
    reader.finish()
}

impl<'a> Reader<'a> {
    fn word(&mut self, word: &'a str, before_comment: bool) {
        // A client may call itself `by`.
        let named_so = self.clause == Clause::From && self.hop.from.is_none() && before_comment;
        match Clause::named(word) {
            Some(clause) if !self.seen.contains(&clause) && !named_so => {
                self.clause = clause;
                self.seen.push(clause);
            }
            _ => self.value(word),
        }
    }

    fn value(&mut self, word: &'a str) {
        match self.clause {
            Clause::From => keep(&mut self.hop.from, word),
            Clause::By => keep(&mut self.hop.by, word),
            Clause::Id => keep(&mut self.hop.id, word),
            Clause::For => keep(&mut self.hop.recipient, word.trim_matches(['<', '>'])),
            Clause::With if self.cipher_follows => {
                self.cipher_follows = false;
                self.hop.tls.get_or_insert_default().cipher = Some(word.to_owned());
            }
            Clause::With if word == "tls" => self.cipher_follows = true,
            Clause::With if self.with.len() < 3 => self.with.push(word),
            Clause::With | Clause::Via | Clause::Before => {}
        }
    }

    fn comment(&mut self, comment: &'a str) {
        if let Some(HopTls { version, cipher }) = tls::by_comment(comment) {
            let tls = self.hop.tls.get_or_insert_default();
            tls.version = tls.version.take().or(version);
            tls.cipher = tls.cipher.take().or(cipher);
        } else if self.clause == Clause::From && self.hop.from.is_some() {
            self.client(comment);
        }
    }

    /// What a comment behind `from` tells of the client.
    fn client(&mut self, comment: &'a str) {
        let mut words = comment.split([' ', ',', '(', ')']).filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            let key = word.get(..5).unwrap_or_default();
            if key.eq_ignore_ascii_case("helo=") || key.eq_ignore_ascii_case("ehlo=") {
                self.helo = self.helo.or(word.get(5..));
            } else if word.eq_ignore_ascii_case("HELO") || word.eq_ignore_ascii_case("EHLO") {
                let name = words.next();
                self.helo = self.helo.or(name);
            } else if let Some(address) = within_brackets(word) {
                // The last one: an ident answer may stand before it and is the client's word.
                self.bracketed = Some(address);
            } else if self.bare.is_none() {
                self.bare = address(word.rsplit_once('@').map_or(word, |(_, host)| host));
            }
        }
    }

    fn finish(mut self) -> Hop {
        let name = self.hop.from.as_deref();
        let by_name = || name.and_then(|name| within_brackets(name).or_else(|| address(name)));
        self.hop.ip = self.bracketed.or(self.bare).or_else(by_name);
        self.hop.helo = self.helo.or(name).map(str::to_owned);
        self.hop.protocol = match self.with.as_slice() {
            [] => None,
            [one] => Some(one.to_ascii_uppercase()),
            several => Some(several.join(" ")),
        };
        if self.hop.tls.is_none() && self.hop.protocol.as_deref().is_some_and(tls::by_protocol) {
            self.hop.tls = Some(HopTls::default());
        }
        self.hop
    }
}

fn keep(kept: &mut Option<String>, word: &str) {
    if kept.is_none() && !word.is_empty() {
        *kept = Some(word.to_owned());
    }
}

/// The address in `[192.0.2.1]`, `[IPv6:2001:db8::1]`, or `[192.0.2.1]:52000`.
fn within_brackets(word: &str) -> Option<IpAddr> {
    let (inside, _) = word.split_once('[')?.1.split_once(']')?;
    address(inside)
}

/// An address, perhaps with the `IPv6:` of RFC 5321 §4.1.3, a zone (`fe80::1%3`), or a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => text.get(5..)?,
        _ => text,
    };
    let plain = text.split_once('%').map_or(text, |(plain, _)| plain);
    let address = plain.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()))?;
    match address {
        IpAddr::V6(v6) => Some(v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)),
        v4 @ IpAddr::V4(_) => Some(v4),
    }
}
