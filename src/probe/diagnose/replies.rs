//! What a refusal means: the receiver's own words, looked up in `catalog/replies.yaml`.
//!
//! A reply has up to three layers, each more telling than the one before: the code (550: no), the enhanced code (5.7.1: for policy
//! reasons; RFC 3463) and the text, in which alone most receivers say what they mean, each in words of its own. The same code means
//! different things at different receivers (Gmail says 5.7.30 where DKIM fails, RFC 8689 where TLS cannot be promised), so what is known of the
//! receiver goes first, and among its texts the longest. Where no text is known, the enhanced code tells the subject and no more. A
//! bare code tells nothing that could be acted on, and gets no meaning.
//!
//! The catalog is compiled in and parsed once, at the first refusal.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use tracing::error;

use crate::model::{ProviderName, Reply};

/// The catalog that comes with the program.
const BUILT_IN: &str = include_str!("../../../catalog/replies.yaml");
/// How much of a reply's text is looked at, in bytes.
const MAX_TEXT: usize = 4_096;

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplyKind {
    /// SPF, DKIM, DMARC or the sender's domain.
    Authentication,
    /// The name that address or domain have with this receiver.
    Reputation,
    /// A blocklist.
    Blocklist,
    /// The PTR record of the sending address.
    ReverseDns,
    /// Too much, too fast, or too many at once.
    Rate,
    /// The message itself.
    Content,
    /// The size of the message.
    Size,
    /// The recipient's address or mailbox.
    Mailbox,
    /// A rule of the receiver or the recipient.
    Policy,
    /// The first try of a stranger.
    Greylist,
    /// Credentials and accounts.
    Login,
    /// A relay that does not serve this client or recipient.
    Relay,
    /// TLS is missing.
    Tls,
    /// The client does not keep to SMTP or the message format.
    Protocol,
    /// Trouble at the server.
    Server,
    /// A mistake of the receiver.
    Receiver,
}

impl ReplyKind {
    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Reputation => "reputation",
            Self::Blocklist => "blocklist",
            Self::ReverseDns => "reverse-dns",
            Self::Rate => "rate",
            Self::Content => "content",
            Self::Size => "size",
            Self::Mailbox => "mailbox",
            Self::Policy => "policy",
            Self::Greylist => "greylist",
            Self::Login => "login",
            Self::Relay => "relay",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Server => "server",
            Self::Receiver => "receiver",
        }
    }
}

/// What a reply means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReplyMeaning {
    /// The entry of the catalog.
    pub id: &'static str,
    /// What it is about.
    pub kind: ReplyKind,
    /// One sentence.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// Where to read on: an address, or a section of an RFC.
    pub reference: &'static str,
    /// Whether the text was read in a source; otherwise it is hearsay.
    pub verified: bool,
}

/// What `reply` means, said by the receiver whose profile is `provider`, or by whoever signs in the text. `None` where nothing is known of it.
#[must_use]
pub fn explain(reply: &Reply, provider: Option<&ProviderName>) -> Option<ReplyMeaning> {
    let said = Said::of(reply);
    let mut best: Option<(Order, &'static Group, &'static Entry)> = None;
    for group in CATALOG.iter() {
        let specific = group.speaks_for(provider, &said);
        if group.is_specific() && !specific {
            continue;
        }
        for entry in &group.entries {
            let Some(rank) = entry.rank(&said) else { continue };
            // A text counts more than a code, the receiver's own text more than anybody's. Of equals the first stands.
            let rank = (rank.text > 0, specific, rank.text, rank.enhanced, rank.code);
            if best.is_none_or(|(known, _, _)| rank > known) {
                best = Some((rank, group, entry));
            }
        }
    }
    let (_, group, entry) = best?;
    Some(ReplyMeaning {
        id: &entry.id,
        kind: entry.kind,
        meaning: &entry.meaning,
        remedy: &entry.remedy,
        reference: entry.reference.as_deref().unwrap_or(&group.reference),
        verified: entry.verified,
    })
}

/// Parsed once. A catalog that does not parse explains nothing; a test sees to it that this one does.
static CATALOG: LazyLock<Vec<Group>> = LazyLock::new(|| match serde_saphyr::from_str::<Catalog>(BUILT_IN) {
    Ok(catalog) => catalog.groups,
    Err(error) => {
        error!(%error, "could not read the built-in catalog of replies: no refusal will be explained");
        Vec::new()
    }
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog {
    groups: Vec<Group>,
}

/// The replies of one receiver, or of everybody.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    #[serde(default)]
    providers: Vec<String>,
    #[serde(default)]
    signs: Vec<String>,
    reference: String,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    kind: ReplyKind,
    #[serde(default)]
    codes: Vec<u16>,
    #[serde(default)]
    enhanced: Vec<String>,
    #[serde(default)]
    by_enhanced: bool,
    #[serde(default, rename = "match")]
    texts: Vec<String>,
    meaning: String,
    remedy: String,
    reference: Option<String>,
    verified: bool,
}

/// How well an entry fits.
struct Rank {
    /// The letters of the longest text that is in the reply; 0 where it fits by its enhanced code only.
    text: usize,
    /// How closely the enhanced code fits.
    enhanced: u8,
    /// Whether the code has been seen with it.
    code: bool,
}

/// By text, of the receiver's own, how long the text, how close the enhanced code, the code: the highest wins.
type Order = (bool, bool, usize, u8, bool);

/// A reply, ready to be compared.
struct Said<'a> {
    code: u16,
    enhanced: Option<&'a str>,
    text: String,
}

impl<'a> Said<'a> {
    fn of(reply: &'a Reply) -> Self {
        let text = reply.text.get(..reply.text.floor_char_boundary(MAX_TEXT)).unwrap_or_default();
        Self { code: reply.code, enhanced: reply.enhanced.as_deref(), text: plain(text) }
    }
}

impl Group {
    fn is_specific(&self) -> bool {
        !self.providers.is_empty()
    }

    fn speaks_for(&self, provider: Option<&ProviderName>, said: &Said<'_>) -> bool {
        let named = provider
            .is_some_and(|name| self.name == name.as_str() || self.providers.iter().any(|p| p == name.as_str()));
        self.is_specific() && (named || self.signs.iter().any(|sign| said.text.contains(&plain(sign))))
    }
}

impl Entry {
    fn rank(&self, said: &Said<'_>) -> Option<Rank> {
        let text = self.texts.iter().filter(|text| contains(&said.text, &plain(text))).map(|text| text.len()).max();
        let enhanced =
            said.enhanced.map_or(0, |code| self.enhanced.iter().map(|known| fits(known, code)).max().unwrap_or(0));
        let text = match text {
            Some(length) => length,
            None if self.by_enhanced && enhanced > 0 => 0,
            None => return None,
        };
        Some(Rank { text, enhanced, code: self.codes.contains(&said.code) })
    }
}

/// How closely the enhanced code `code` fits `known`: 3 the same, 2 in a range or of any class, 1 by its subject, 0 not at all.
fn fits(known: &str, code: &str) -> u8 {
    let (mut known_parts, mut parts) = (known.splitn(3, '.'), code.splitn(3, '.'));
    let mut next = || known_parts.next().zip(parts.next());
    let (Some(class), Some(subject), Some(detail)) = (next(), next(), next()) else {
        return 0;
    };
    if (class.0 != "X" && class.0 != class.1)
        || (class.0 == "X" && !matches!(class.1, "4" | "5"))
        || subject.0 != subject.1
    {
        return 0;
    }
    let number = |text: &str| text.parse::<u16>().ok();
    let within = detail
        .0
        .split_once('-')
        .and_then(|(from, to)| Some((number(from)?..=number(to)?).contains(&number(detail.1)?)));
    match (detail.0 == detail.1, within, detail.0) {
        (true, _, _) if class.0 == "X" => 2,
        (true, _, _) => 3,
        (false, Some(true), _) => 2,
        (false, _, "*") => 1,
        _ => 0,
    }
}

/// Whether `text` holds `pattern`, in which `*` stands for anything.
fn contains(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    pattern.split('*').map(str::trim).filter(|part| !part.is_empty()).all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// In lower case, white space collapsed.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests;
