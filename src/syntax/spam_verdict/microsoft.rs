//! Microsoft 365 and Outlook.com.
//!
//! `X-Forefront-Antispam-Report: CIP:192.0.2.1;...;SFV:SPM;SCL:5;CAT:SPM;...` is the filter's report. SFV says who decided, SCL is the spam
//! confidence level (-1 not filtered, 0 and 1 no spam, 5 and 6 spam, 7 to 9 certainly), CAT the category. The mailbox then has its own say, in
//! `X-Microsoft-Antispam-Mailbox-Delivery: ucf:0;jmr:0;auth:0;dest:J;OFR:CustomRules;...`, which Microsoft does not document: `dest` is
//! where it went (I inbox, J junk, and C, D seen on what rules moved or deleted), `OFR` what made it go there. Not read in any document: the meaning of `wl`, `pcwl`
//! and `iwl` (white lists), `ijl` (junk list) and of every OFR but the obvious ones; `ucf`, `jmr` and `auth` are given as tests without a meaning.

use crate::model::SpamHeader;
use crate::syntax::spam_verdict::{Filter, Override, SpamVerdict, number, pairs};

/// From this SCL on it is spam.
const SPAM_LEVEL: f64 = 5.0;

pub(super) fn read(name: &str, header: &SpamHeader) -> Option<SpamVerdict> {
    let verdict = SpamVerdict::new(Filter::Microsoft, header);
    match name {
        "x-forefront-antispam-report" => Some(report(verdict)),
        "x-microsoft-antispam-mailbox-delivery" => Some(delivery(verdict)),
        "x-ms-exchange-organization-scl" => {
            let score = number(&header.value);
            Some(confidence(verdict, score))
        }
        "x-microsoft-antispam" => Some(bulk(verdict)),
        _ => None,
    }
}

/// SCL: a level below 0 means that nobody filtered.
fn confidence(verdict: SpamVerdict, score: Option<f64>) -> SpamVerdict {
    let is_spam = score.filter(|score| *score >= 0.0).map(|score| score >= SPAM_LEVEL);
    let mut verdict = verdict.spam(is_spam).scored(score);
    verdict.threshold = score.map(|_| SPAM_LEVEL);
    verdict
}

fn report(verdict: SpamVerdict) -> SpamVerdict {
    let raw = verdict.raw.clone();
    let scl = pairs(&raw, &[';'], ':').find(|(name, _)| *name == "SCL").and_then(|(_, value)| number(value));
    let mut verdict = confidence(verdict, scl);
    for (name, value) in pairs(&raw, &[';'], ':') {
        match name {
            "SFV" => filtered(&mut verdict, value),
            "CAT" if !value.is_empty() => verdict.action = Some(value.to_owned()),
            "IPV" if value == "CAL" => verdict.decided_by(Override::AllowList),
            "CIP" | "CTRY" | "H" | "PTR" | "IPV" | "SRV" | "DIR" | "LANG" if !value.is_empty() => {
                verdict.test(&format!("{name}:{value}"), None);
            }
            _ => {}
        }
    }
    verdict
}

/// SFV: who decided.
fn filtered(verdict: &mut SpamVerdict, value: &str) {
    let (is_spam, by) = match value {
        "NSPM" => (Some(false), None),
        "SPM" => (Some(true), None),
        "SFE" => (Some(false), Some(Override::SafeSender)),
        "BLK" => (Some(true), Some(Override::BlockedSender)),
        "SKA" | "SKN" => (Some(false), Some(Override::AllowList)),
        "SKB" | "SKS" => (Some(true), Some(Override::BlockList)),
        "SKI" => (Some(false), Some(Override::Internal)),
        "SKQ" => (Some(false), Some(Override::Released)),
        _ => return,
    };
    verdict.is_spam = is_spam;
    if let Some(by) = by {
        verdict.decided_by(by);
    }
}

fn delivery(mut verdict: SpamVerdict) -> SpamVerdict {
    let raw = verdict.raw.clone();
    for (name, value) in pairs(&raw, &[';'], ':') {
        match name.to_ascii_lowercase().as_str() {
            "dest" if !value.is_empty() => {
                verdict.action = Some(value.to_owned());
                verdict.is_spam = match value {
                    "I" => Some(false),
                    "J" => Some(true),
                    _ => None,
                };
            }
            "ofr" => value.split(',').for_each(|word| forced(&mut verdict, word.trim())),
            "wl" | "pcwl" | "iwl" | "abwl" if value == "1" => verdict.decided_by(Override::SafeSender),
            "ijl" if value == "1" => verdict.decided_by(Override::BlockedSender),
            "ucf" | "jmr" | "auth" => verdict.test(&format!("{name}:{value}"), None),
            _ => {}
        }
    }
    verdict
}

/// OFR: what made it go there. `SpamFilterPass` and `SpamFilterAuthJ` are the filter itself.
fn forced(verdict: &mut SpamVerdict, word: &str) {
    let by = match word {
        "CustomRules" | "CustomRule" => Override::UserRule,
        "ExclusiveSettings" => Override::SafeSendersOnly,
        "BlockedSender" | "BlockedSenders" => Override::BlockedSender,
        _ if word.contains("SafeSender") || word.contains("TrustedSender") || word.contains("TrustedRecipient") => {
            Override::SafeSender
        }
        _ => return verdict.test(word, None),
    };
    verdict.decided_by(by);
    verdict.test(word, None);
}

/// `BCL:3;...`: how many complain of this bulk sender (0 none, 9 most). It decides only where an administrator said so.
fn bulk(mut verdict: SpamVerdict) -> SpamVerdict {
    let raw = verdict.raw.clone();
    let level = pairs(&raw, &[';'], ':').find(|(name, _)| *name == "BCL").and_then(|(_, value)| number(value));
    if let Some(level) = level {
        verdict.test("BCL", Some(level));
    }
    verdict
}

/// The reason of `compauth`: its first digit says which way, a few codes more.
pub(super) fn composite_reason(reason: &str) -> Option<&'static str> {
    let digits = reason.len() == 3 && reason.bytes().all(|byte| byte.is_ascii_digit());
    match (digits, reason, reason.bytes().next()) {
        (true, "000", _) => Some("failed: the domain publishes DMARC quarantine or reject, and DMARC failed"),
        (true, "001", _) => Some("failed: the domain publishes no strict policy, and nothing authenticates it"),
        (true, "002", _) => Some("failed: the organisation forbids mail of this sender that is not authenticated"),
        (true, "010", _) => Some("failed: DMARC reject or quarantine, for a domain of the organisation itself"),
        (true, _, Some(b'1' | b'7')) => Some("passed"),
        (true, _, Some(b'2')) => Some("passed softly, by implicit authentication"),
        (true, _, Some(b'3')) => Some("not checked"),
        (true, _, Some(b'4' | b'9')) => Some("composite authentication was bypassed"),
        (true, _, Some(b'6')) => Some("failed implicitly: the sending domain is not authenticated"),
        _ => None,
    }
}
