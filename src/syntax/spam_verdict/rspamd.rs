//! rspamd (module milter_headers).
//!
//! `X-Spamd-Result: default: False [1.20 / 15.00]; DMARC_POLICY_ALLOW(-0.50)[shop.example,reject]; R_SPF_ALLOW(-0.20)[+mx];...` tells profile,
//! verdict, score and the score for rejection, which is not the one for the junk folder (`add header`, commonly 6). `X-Rspamd-Score` and
//! `X-Spam: Yes` say less.

use crate::model::SpamHeader;
use crate::syntax::spam_verdict::{Filter, Override, SpamVerdict, number, yes};

pub(super) fn read(name: &str, header: &SpamHeader) -> Option<SpamVerdict> {
    let verdict = SpamVerdict::new(Filter::Rspamd, header);
    let value = header.value.as_str();
    match name {
        "x-spamd-result" => Some(result(verdict)),
        "x-rspamd-score" => Some(verdict.scored(number(value))),
        "x-rspamd-action" => {
            let mut verdict = verdict.spam(acted(value));
            verdict.action = Some(value.trim().to_owned());
            Some(verdict)
        }
        // Mail.ru writes `X-Spam: undefined` into everything.
        "x-spam" => yes(value).map(|is_spam| verdict.spam(Some(is_spam))),
        _ => None,
    }
}

fn acted(action: &str) -> Option<bool> {
    match action.trim().to_ascii_lowercase().as_str() {
        "no action" | "greylist" => Some(false),
        "add header" | "rewrite subject" | "reject" | "quarantine" => Some(true),
        _ => None,
    }
}

fn result(verdict: SpamVerdict) -> SpamVerdict {
    let raw = verdict.raw.clone();
    let (head, symbols) = raw.split_once(';').unwrap_or((&raw, ""));
    let (said, scores) = head.split_once('[').unwrap_or((head, ""));
    let (score, threshold) = scores.split_once('/').unwrap_or((scores, ""));
    let is_spam = said.rsplit(':').next().and_then(yes);
    let mut verdict = verdict.spam(is_spam).scored(number(score));
    verdict.threshold = number(threshold);
    for (name, score) in Symbols(symbols) {
        if name.contains("WHITELIST") && name.starts_with("LOCAL")
            || matches!(name, "LOCAL_WL_IP" | "LOCAL_WL_DOMAIN" | "LOCAL_WL_FROM" | "LOCAL_WL_RCPT")
        {
            verdict.decided_by(Override::AllowList);
        } else if name.starts_with("LOCAL_BL_") {
            verdict.decided_by(Override::BlockList);
        }
        verdict.test(name, Some(score));
    }
    verdict
}

/// `NAME(score)[options]; ...`. Options quote the message, so nothing in them is a symbol, whatever it looks like.
struct Symbols<'a>(&'a str);

impl<'a> Iterator for Symbols<'a> {
    type Item = (&'a str, f64);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((before, after)) = self.0.split_once('(') {
            self.0 = after;
            let start =
                before.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |at| at.saturating_add(1));
            let name = before.get(start..).unwrap_or_default();
            let Some((score, rest)) = after.split_once(')') else { continue };
            self.0 = match rest.strip_prefix('[') {
                Some(options) => options.split_once("];").map_or("", |(_, rest)| rest),
                None => rest,
            };
            let own = name.len() > 1 && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
            let number = number(score).filter(|_| score.bytes().all(|b| b.is_ascii_digit() || b"-+.".contains(&b)));
            if let (true, Some(score)) = (own, number) {
                return Some((name, score));
            }
        }
        None
    }
}
