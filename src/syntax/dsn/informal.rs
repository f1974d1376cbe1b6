//! Notifications for people only. What they mean is told by the set phrases of their writers; a text without one is no notification.

use crate::model::{Bounce, BounceAction};
use crate::syntax::dsn::{bounded, reply};
use crate::syntax::header;

/// How much of the text is looked at, in bytes.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// Phrases, in lower case and with single spaces, that say the message is still tried. They are looked for first: such a text also
/// says what could not be done so far.
const DELAYED: [&str; 14] = [
    "this is a warning message only",
    "you do not need to resend your message",
    "has not yet been delivered",
    "has not been delivered to one or more of its recipients after more than",
    "will be retried",
    "will continue to try",
    "will keep trying",
    "is still being retried",
    "delivery is delayed",
    "delivery incomplete",
    "there was a temporary problem",
    "系统会继续尝试",
    "系统将继续尝试",
    "投递延迟",
];

/// Phrases that say it will not be delivered.
const FAILED: [&str; 37] = [
    // qmail.
    "hi. this is the qmail-send program",
    "this is a permanent error; i've given up",
    // Exim.
    "could not be delivered to one or more of its recipients",
    "could not be delivered to all of its recipients",
    "a message that you sent could not be delivered",
    // Postfix, sendmail.
    "could not be delivered to one or more recipients",
    "the following addresses had permanent fatal errors",
    "your message could not be delivered",
    // Exchange, Outlook.com.
    "delivery has failed to these recipients",
    "couldn't be delivered",
    "wasn't delivered",
    "undeliverable:",
    "did not reach some or all of the intended recipients",
    // Gmail.
    "delivery to the following recipient failed permanently",
    "address not found",
    "message blocked",
    // Yahoo.
    "we were unable to deliver your message",
    "sorry, we were unable to deliver",
    // Others.
    "delivery failed",
    "delivery failure",
    "failed to deliver",
    "unable to deliver",
    "undeliverable mail",
    "undelivered mail returned to sender",
    "returned to sender",
    "could not deliver",
    "unzustellbar",
    "konnte nicht zugestellt werden",
    "配信できませんでした",
    "送信できませんでした",
    // QQ, NetEase, Aliyun, Sina.
    "退信",
    "无法投递",
    "投递失败",
    "未能投递",
    "无法送达",
    "发送失败",
    "無法傳遞",
];

/// Lines that stand before the returned original, in lower case.
const ORIGINALS: [&str; 10] = [
    "--- below this line is a copy of the message",
    "------ this is a copy of the message",
    "------ this is a copy of your message",
    "----- original message",
    "--- original message",
    "----- transcript of session follows",
    "original message headers:",
    "--- enclosed is a copy of the message",
    "原邮件内容",
    "原始邮件",
];

/// What a text says, from a message whose sender is a mail system. `None` where it has none of the phrases.
pub(super) fn read(raw: &[u8], text: &str) -> Option<Bounce> {
    if let Some(bounce) = from_ses(text) {
        return Some(bounce);
    }
    let before = before_original(text);
    let subject = header::named(raw, "Subject").next().map(|field| field.unfold()).unwrap_or_default();
    let plain = plain(&format!("{subject}: {before}"));
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| plain.contains(phrase));
    let action = match (has(&DELAYED), has(&FAILED)) {
        (true, _) => BounceAction::Delayed,
        (false, true) => BounceAction::Failed,
        (false, false) => return None,
    };
    let quoted = reply::find(before);
    let failed = header::named(raw, "X-Failed-Recipients").next().map(|field| field.unfold());
    let failed = failed.and_then(|all| all.split(',').next().map(|one| bounded(one.trim())));
    Some(Bounce {
        action,
        code: quoted.as_ref().and_then(|quoted| quoted.code),
        status: quoted.as_ref().and_then(|quoted| quoted.enhanced.clone()),
        diagnostic: quoted.map(|quoted| quoted.line).or_else(|| reason(before)).unwrap_or_default(),
        remote_mta: host(before),
        recipient: failed.filter(|one| !one.is_empty()).or_else(|| address(before)),
    })
}

/// The part of the text before the original.
pub(super) fn before_original(text: &str) -> &str {
    let end = at_original(text).map_or(text.len(), |(start, _)| start);
    text.get(..end).unwrap_or(text)
}

/// The original as far as it was returned within the text, from its first header line.
pub(super) fn original(text: &str) -> Option<&str> {
    at_original(text).and_then(|(_, after)| text.get(after..)).map(str::trim_start)
}

/// Where the line that announces the original begins and ends.
fn at_original(text: &str) -> Option<(usize, usize)> {
    let mut at: usize = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at = at.saturating_add(line.len());
        let line = line.trim().to_ascii_lowercase();
        if ORIGINALS.iter().any(|original| line.starts_with(original)) {
            return Some((start, at));
        }
    }
    None
}

/// In lower case, with straight apostrophes, white space collapsed.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('\u{2019}', "'").to_lowercase()
}

/// The line after the recipient's, where no reply is quoted (qmail writes its own reasons).
fn reason(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).skip_while(|line| !is_recipient_line(line)).skip(1);
    lines.find(|line| !line.is_empty()).map(bounded)
}

fn is_recipient_line(line: &str) -> bool {
    line.ends_with(':') && line.contains('@') && !line.contains(' ')
}

/// The first mail address that is not a mail system's.
fn address(text: &str) -> Option<String> {
    let breaks = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || "<>()[]{},;:\"'|\u{ff08}\u{ff09}\u{ff1a}\u{ff0c}\u{3002}\u{201c}\u{201d}".contains(c)
    };
    text.split(breaks).map(|word| word.trim_matches('.')).find_map(|word| {
        let (left, domain) = word.split_once('@')?;
        let plain = |part: &str| !part.is_empty() && part.is_ascii();
        let system = ["mailer-daemon", "postmaster"].iter().any(|name| left.eq_ignore_ascii_case(name));
        (plain(left) && plain(domain) && domain.contains('.') && !system).then(|| bounded(word))
    })
}

/// The server that said no: `host mx.example [192.0.2.1]`, as Exim and Postfix write.
fn host(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if word.trim_start_matches('(').eq_ignore_ascii_case("host") {
            let name = words.next()?.split(['[', '(']).next()?.trim_end_matches([':', ',']);
            if name.contains('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
                return Some(bounded(name));
            }
        }
    }
    None
}

/// A notification of Amazon SES that SNS mailed: JSON.
fn from_ses(text: &str) -> Option<Bounce> {
    let text = text.trim_start();
    let json = text.strip_prefix('{').map(|_| text)?;
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<serde_json::Value>();
    let value = values.next()?.ok()?;
    let kind = value.get("notificationType").or_else(|| value.get("eventType"))?.as_str()?;
    if !kind.eq_ignore_ascii_case("bounce") {
        return None;
    }
    let bounce = value.get("bounce")?;
    let recipient = bounce.get("bouncedRecipients")?.get(0)?;
    let text = |value: &serde_json::Value, key: &str| value.get(key).and_then(|value| value.as_str()).map(bounded);
    let diagnostic = text(recipient, "diagnosticCode").unwrap_or_default();
    let diagnostic = diagnostic.split_once(';').map_or(diagnostic.as_str(), |(_, rest)| rest.trim()).to_owned();
    let action = text(recipient, "action").and_then(|action| BounceAction::parse(&action));
    let mta = text(bounce, "remoteMtaIp").or_else(|| text(bounce, "reportingMTA"));
    Some(Bounce {
        action: action.unwrap_or(BounceAction::Failed),
        status: text(recipient, "status").and_then(|status| reply::enhanced_in(&status)),
        code: reply::find(&diagnostic).and_then(|quoted| quoted.code),
        diagnostic,
        remote_mta: mta,
        recipient: text(recipient, "emailAddress"),
    })
}
