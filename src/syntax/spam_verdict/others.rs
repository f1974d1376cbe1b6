//! Filters whose headers say little, each known from messages and not from a document unless said otherwise.

use crate::model::SpamHeader;
use crate::syntax::spam_verdict::{Filter, SpamVerdict, number, pairs, yes};

pub(super) fn read(name: &str, header: &SpamHeader) -> Option<SpamVerdict> {
    let value = header.value.trim();
    let of = |filter| SpamVerdict::new(filter, header);
    let acted = |filter, is_spam| {
        let mut verdict = of(filter).spam(is_spam);
        verdict.action = Some(value.to_owned()).filter(|value| !value.is_empty());
        verdict
    };
    Some(match name {
        // Documented: PASS, FAIL, GRAY (not sure), PROCESSING_FAILED.
        "x-ses-spam-verdict" | "x-ses-virus-verdict" => acted(Filter::Ses, pass_or_fail(value)),
        "x-gm-spam" | "x-gm-phishy" => of(Filter::Gmail).spam(yes(value)),
        // Present, with an address, on what went to Bulk.
        "x-yahoofilteredbulk" => of(Filter::Yahoo).spam((!value.is_empty()).then_some(true)),
        // 0 to 100 and above; where the line is drawn is not known.
        "x-pm-spamscore" => of(Filter::Proton).scored(number(value)),
        "x-pm-spam-action" => acted(Filter::Proton, folder(value)),
        // `OK` on what is not spam; other words have been seen and are not known.
        "x-mras" => acted(Filter::MailRu, value.eq_ignore_ascii_case("ok").then_some(false)),
        // 1 on what is not spam and 4 on what is, as reported; the other numbers are not known.
        "x-yandex-spam" => acted(
            Filter::Yandex,
            match value {
                "1" => Some(false),
                "4" => Some(true),
                _ => None,
            },
        ),
        "x-ui-filterresults" => filter_results(of(Filter::Gmx)),
        // `0 (reason)` on what is not spam.
        "x-gmx-antispam" => of(Filter::Gmx).spam(number(value).map(|number| number > 0.0)),
        "x-toi-spam" => of(Filter::TOnline).spam(yes(value)),
        "x-qq-spam" => of(Filter::Qq).spam(yes(value)),
        "x-barracuda-spam-status" => barracuda(of(Filter::Barracuda)),
        "x-barracuda-spam-score" => of(Filter::Barracuda).scored(number(value)),
        "x-proofpoint-spam-details" => proofpoint(of(Filter::Proofpoint)),
        "x-mimecast-spam-score" => of(Filter::Mimecast).scored(number(value)),
        "x-vade-spamstate" => acted(
            Filter::Vade,
            match value.to_ascii_lowercase().as_str() {
                "clean" | "legit" => Some(false),
                state if state.starts_with("spam") || state.starts_with("phishing") || state == "malware" => Some(true),
                _ => None,
            },
        ),
        "x-vade-spamscore" => of(Filter::Vade).scored(number(value)),
        _ => return None,
    })
}

fn pass_or_fail(value: &str) -> Option<bool> {
    match value.to_ascii_uppercase().as_str() {
        "PASS" => Some(false),
        "FAIL" => Some(true),
        _ => None,
    }
}

fn folder(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "inbox" => Some(false),
        "spam" => Some(true),
        _ => None,
    }
}

/// `notjunk:1;V03:K0:...` or `junk:10;V03:...`.
fn filter_results(verdict: SpamVerdict) -> SpamVerdict {
    let raw = verdict.raw.clone();
    let Some((name, score)) = pairs(&raw, &[';'], ':').next() else {
        return verdict;
    };
    let is_spam = match name {
        "notjunk" => Some(false),
        "junk" => Some(true),
        _ => return verdict,
    };
    let mut verdict = verdict.spam(is_spam).scored(number(score));
    verdict.action = Some(name.to_owned());
    verdict
}

/// `No, SCORE=0.00 using global scores of TAG_LEVEL=1000.0 QUARANTINE_LEVEL=1000.0 KILL_LEVEL=9.0 tests=...`.
fn barracuda(verdict: SpamVerdict) -> SpamVerdict {
    let raw = verdict.raw.clone();
    let after = |key: &str| raw.split_once(key).and_then(|(_, rest)| number(rest));
    let mut verdict = verdict.spam(yes(&raw)).scored(after("SCORE="));
    verdict.threshold = after("KILL_LEVEL=");
    verdict
}

/// `rule=notspam policy=default score=0 spamscore=0 ...`.
fn proofpoint(verdict: SpamVerdict) -> SpamVerdict {
    let raw = verdict.raw.clone();
    let value = |key: &str| pairs(&raw, &[' '], '=').find(|(name, _)| *name == key).map(|(_, value)| value.to_owned());
    let rule = value("rule");
    let is_spam = match rule.as_deref() {
        Some("notspam") => Some(false),
        Some("spam" | "definitespam" | "phish" | "malware") => Some(true),
        _ => None,
    };
    let mut verdict = verdict.spam(is_spam).scored(value("score").as_deref().and_then(number));
    verdict.action = rule;
    verdict
}
