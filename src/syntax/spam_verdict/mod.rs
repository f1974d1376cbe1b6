//! What a spam filter thought of a message, read from the headers it left.
//!
//! No standard describes these headers. Microsoft documents most of `X-Forefront-Antispam-Report` and nothing of
//! `X-Microsoft-Antispam-Mailbox-Delivery`; SpamAssassin and rspamd document theirs; the rest is known from messages only. What is uncertain is
//! said where it is read, and a header of which nothing certain is known gives no verdict. Many are opaque by design (`X-YMailISG`, `X-MANTSH`,
//! `X-Microsoft-Antispam-Message-Info`): they are not here.
//!
//! How they mislead: a relay, or the sender, may have written any of them; one receiver may run two filters that disagree; and the filter need
//! not have decided. A contact, a safe-sender list or a rule of the mailbox's owner moves mail past the filter or into junk. Such an [`Override`]
//! means that the mailbox tells nothing about what others would see: a test mailbox should have none.

mod assassin;
mod microsoft;
mod others;
mod rspamd;

use serde::Serialize;

use crate::model::{AuthenticationResults, SpamHeader};

/// How many named tests of one header are kept.
pub const MAX_TESTS: usize = 200;

/// Whose verdict it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Microsoft 365 and Outlook.com.
    Microsoft,
    /// Amazon SES inbound.
    Ses,
    /// SpamAssassin, and what writes headers of the same form (Fastmail, cPanel).
    SpamAssassin,
    /// rspamd.
    Rspamd,
    /// Gmail, as far as it says anything.
    Gmail,
    /// Yahoo and AOL.
    Yahoo,
    /// Proton.
    Proton,
    /// Mail.ru.
    MailRu,
    /// Yandex.
    Yandex,
    /// GMX and web.de.
    Gmx,
    /// T-Online.
    TOnline,
    /// QQ.
    Qq,
    /// Barracuda.
    Barracuda,
    /// Proofpoint.
    Proofpoint,
    /// Mimecast.
    Mimecast,
    /// Vade.
    Vade,
}

impl Filter {
    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Microsoft => "microsoft",
            Self::Ses => "ses",
            Self::SpamAssassin => "spam-assassin",
            Self::Rspamd => "rspamd",
            Self::Gmail => "gmail",
            Self::Yahoo => "yahoo",
            Self::Proton => "proton",
            Self::MailRu => "mail-ru",
            Self::Yandex => "yandex",
            Self::Gmx => "gmx",
            Self::TOnline => "t-online",
            Self::Qq => "qq",
            Self::Barracuda => "barracuda",
            Self::Proofpoint => "proofpoint",
            Self::Mimecast => "mimecast",
            Self::Vade => "vade",
        }
    }
}

/// Something that decided in the filter's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Override {
    /// The mailbox's owner trusts the sender: a safe-sender list, or the address book.
    SafeSender,
    /// The mailbox's owner blocked the sender.
    BlockedSender,
    /// The mailbox takes mail from its safe senders only; all else is junk.
    SafeSendersOnly,
    /// A rule of the mailbox's owner.
    UserRule,
    /// An administrator's allow list, or a rule of theirs that skips the filter.
    AllowList,
    /// An administrator's block list, or a rule of theirs that calls it spam.
    BlockList,
    /// It never left the organisation, so it was not filtered.
    Internal,
    /// Somebody released it from quarantine.
    Released,
}

impl Override {
    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SafeSender => "safe-sender",
            Self::BlockedSender => "blocked-sender",
            Self::SafeSendersOnly => "safe-senders-only",
            Self::UserRule => "user-rule",
            Self::AllowList => "allow-list",
            Self::BlockList => "block-list",
            Self::Internal => "internal",
            Self::Released => "released",
        }
    }
}

/// One test of a filter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Test {
    /// Its name, as written.
    pub name: String,
    /// What it added to the score, where that is told.
    pub score: Option<f64>,
}

/// The verdict of one header.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpamVerdict {
    /// Whose.
    pub filter: Filter,
    /// The header's name, as written.
    pub header: String,
    /// Whether the filter called it spam; `None` where the header does not tell.
    pub is_spam: Option<bool>,
    /// The score, in the filter's own unit.
    pub score: Option<f64>,
    /// The score from which on it is spam.
    pub threshold: Option<f64>,
    /// What was done, or the category, in the filter's own word.
    pub action: Option<String>,
    /// What decided in the filter's place.
    pub overrides: Vec<Override>,
    /// The tests that fired, in the header's order.
    pub tests: Vec<Test>,
    /// The value.
    pub raw: String,
}

impl SpamVerdict {
    /// A verdict that says nothing yet.
    fn new(filter: Filter, header: &SpamHeader) -> Self {
        Self {
            filter,
            header: header.name.clone(),
            is_spam: None,
            score: None,
            threshold: None,
            action: None,
            overrides: Vec::new(),
            tests: Vec::new(),
            raw: header.value.clone(),
        }
    }

    fn spam(mut self, is_spam: Option<bool>) -> Self {
        self.is_spam = is_spam;
        self
    }

    fn scored(mut self, score: Option<f64>) -> Self {
        self.score = score;
        self
    }

    fn test(&mut self, name: &str, score: Option<f64>) {
        if self.tests.len() < MAX_TESTS && !name.is_empty() {
            self.tests.push(Test { name: name.to_owned(), score });
        }
    }

    fn decided_by(&mut self, by: Override) {
        if !self.overrides.contains(&by) {
            self.overrides.push(by);
        }
    }

    /// Whether it says anything at all.
    fn says_something(&self) -> bool {
        self.is_spam.is_some()
            || self.score.is_some()
            || self.action.is_some()
            || !self.overrides.is_empty()
            || !self.tests.is_empty()
    }
}

/// The verdict in each header that has one, in their order.
#[must_use]
pub fn read(headers: &[SpamHeader]) -> Vec<SpamVerdict> {
    headers.iter().filter_map(one).filter(SpamVerdict::says_something).collect()
}

fn one(header: &SpamHeader) -> Option<SpamVerdict> {
    let name = header.name.to_ascii_lowercase();
    microsoft::read(&name, header)
        .or_else(|| rspamd::read(&name, header))
        .or_else(|| assassin::read(&name, header))
        .or_else(|| others::read(&name, header))
}

/// What decided in the filters' place, each once: where there is any, the mailbox tells nothing about other recipients.
#[must_use]
pub fn overrides(verdicts: &[SpamVerdict]) -> Vec<Override> {
    let mut all: Vec<Override> = verdicts.iter().flat_map(|verdict| verdict.overrides.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Microsoft's own verdict on who sent a message: `compauth=fail reason=001` in Authentication-Results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CompositeAuth {
    /// `pass`, `softpass`, `fail`, `none`, in lower case.
    pub result: String,
    /// The three digits of `reason=`.
    pub reason: Option<String>,
    /// What the digits mean, as far as Microsoft documents them.
    pub meaning: Option<&'static str>,
}

/// The first `compauth` in these headers, which are believed to be the receiver's.
#[must_use]
pub fn composite_auth(trusted: &[AuthenticationResults]) -> Option<CompositeAuth> {
    let found = trusted.iter().flat_map(|header| &header.results).find(|result| result.method == "compauth")?;
    let reason = found.reason.clone().or_else(|| {
        let property = found.properties.iter().find(|property| property.property == "reason");
        property.map(|property| property.value.clone())
    });
    let meaning = reason.as_deref().and_then(microsoft::composite_reason);
    Some(CompositeAuth { result: found.result.clone(), reason, meaning })
}

/// A number as filters write it; whatever stands after it does not count. Not one that is infinite or too long to be a score.
fn number(text: &str) -> Option<f64> {
    let text = text.trim_start().trim_start_matches('+');
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-'))).unwrap_or(text.len());
    let digits = text.get(..end)?;
    if digits.len() > 20 { None } else { digits.parse().ok() }
}

/// `name<separator>value` pairs, cut at any of `between`.
fn pairs<'a>(text: &'a str, between: &'a [char], separator: char) -> impl Iterator<Item = (&'a str, &'a str)> {
    text.split(between).filter_map(move |item| {
        let (name, value) = item.trim().split_once(separator)?;
        Some((name.trim(), value.trim()))
    })
}

/// Yes or no, in the words of filters.
fn yes(text: &str) -> Option<bool> {
    let word: String = text.trim_start().chars().take_while(char::is_ascii_alphanumeric).collect();
    match word.to_ascii_lowercase().as_str() {
        "yes" | "true" | "spam" | "1" => Some(true),
        "no" | "false" | "notspam" | "ham" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
