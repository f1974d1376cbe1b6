//! SpamAssassin (Mail::SpamAssassin::Conf, "X-Spam-Status"), and what imitates it.
//!
//! `X-Spam-Status: No, score=-1.9 required=5.0 tests=BAYES_00,DKIM_VALID autolearn=ham version=4.0.0`. The list of tests is folded anywhere; older
//! ones say `hits=`. cPanel and Fastmail write `X-Spam-Score` and more of the kind; Fastmail's `X-Spam-known-sender: yes` means that the
//! sender is in the address book, which lets mail past the filter.

use crate::model::SpamHeader;
use crate::syntax::spam_verdict::{Filter, Override, SpamVerdict, number, yes};

pub(super) fn read(name: &str, header: &SpamHeader) -> Option<SpamVerdict> {
    let verdict = SpamVerdict::new(Filter::SpamAssassin, header);
    let value = header.value.as_str();
    match name {
        "x-spam-status" => Some(status(verdict)),
        "x-spam-flag" => Some(verdict.spam(yes(value))),
        "x-spam-score" => Some(verdict.scored(number(value))),
        "x-spam-level" => Some(verdict.scored(stars(value))),
        "x-spam-known-sender" => {
            let mut verdict = verdict;
            if yes(value) == Some(true) {
                verdict.decided_by(Override::SafeSender);
            }
            Some(verdict)
        }
        "x-spam-hits" => Some(hits(verdict)),
        _ => None,
    }
}

/// One star (or other sign) a point.
fn stars(value: &str) -> Option<f64> {
    let sign = value.chars().next()?;
    let count = value.chars().take_while(|c| *c == sign).count();
    (!sign.is_alphanumeric()).then(|| u32::try_from(count).ok().map(f64::from))?
}

fn status(verdict: SpamVerdict) -> SpamVerdict {
    let raw = verdict.raw.clone();
    let after = |key: &str| raw.split_once(key).and_then(|(_, rest)| number(rest));
    let mut verdict = verdict.spam(yes(&raw)).scored(after("score=").or_else(|| after("hits=")));
    verdict.threshold = after("required=");
    // The list ends where the next `key=` begins; folding leaves spaces after its commas.
    let list = raw.split_once("tests=").map(|(_, rest)| rest).unwrap_or_default();
    let list = list.trim_start_matches('[');
    for word in list.split([',', ' ', ']']).map(str::trim).filter(|word| !word.is_empty()) {
        let (name, score) = match word.split_once('=') {
            Some((name, score)) if number(score).is_some() && is_test(name) => (name, number(score)),
            Some(_) => break,
            None => (word, None),
        };
        if is_test(name) {
            fired(&mut verdict, name, score);
        }
    }
    verdict
}

/// `BAYES_00 -1.9, DKIM_VALID -0.1` as Fastmail writes.
fn hits(mut verdict: SpamVerdict) -> SpamVerdict {
    let raw = verdict.raw.clone();
    for item in raw.split(',') {
        let mut words = item.split_whitespace();
        if let Some(name) = words.next().filter(|name| is_test(name)) {
            fired(&mut verdict, name, words.next().and_then(number));
        }
    }
    verdict
}

fn fired(verdict: &mut SpamVerdict, name: &str, score: Option<f64>) {
    match name {
        "USER_IN_WELCOMELIST" | "USER_IN_WHITELIST" | "USER_IN_ALL_SPAM_TO" | "USER_IN_MORE_SPAM_TO" => {
            verdict.decided_by(Override::AllowList);
        }
        "USER_IN_WELCOMELIST_TO" | "USER_IN_WHITELIST_TO" => verdict.decided_by(Override::AllowList),
        "USER_IN_BLOCKLIST" | "USER_IN_BLACKLIST" | "USER_IN_BLOCKLIST_TO" | "USER_IN_BLACKLIST_TO" => {
            verdict.decided_by(Override::BlockList);
        }
        _ => {}
    }
    verdict.test(name, score);
}

/// The names of tests are in capitals; `none` stands for no test.
fn is_test(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.bytes().all(plain)
}
