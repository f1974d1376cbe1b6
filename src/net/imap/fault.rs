//! Why a mailbox could not be read, and how a server's refusal is told apart.
//!
//! A server refuses with a response code (RFC 5530) and a sentence. The code decides where there is one that says enough; many
//! servers send none, so that a few well-known sentences are recognised too; what remains is judged by the command: `NO` to a
//! login means the credentials, `NO` to anything else that the server cannot now, `BAD` that the two do not speak the same
//! protocol.

use std::time::Duration;

use thiserror::Error;

use crate::model::MailboxFault;
use crate::net::dial::DialError;
use crate::net::imap::response::{Condition, Status};

/// The longest piece of a server's text that is kept, in characters.
const TEXT_LIMIT: usize = 300;

/// The longest pause that a server may ask for: one that asks for a year is not obeyed.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// Why the mailbox could not be read. The session it came from is over.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{detail}")]
pub struct Fault {
    /// The kind, each with its own remedy.
    pub reason: MailboxFault,
    /// What happened, in words: the step, and what the server said, cleaned and cut. Never a secret, never mail text.
    pub detail: String,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// The server refused one folder; the session goes on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct Refusal {
    /// The response code in upper case (RFC 5530), such as `NONEXISTENT` or `NOPERM`.
    pub code: Option<String>,
    /// What the server said, cleaned and cut.
    pub text: String,
}

impl Fault {
    pub(super) fn new(reason: MailboxFault, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), retry_after: None }
    }

    /// The server said something that is not IMAP, or more than the limits allow.
    pub(super) fn protocol(detail: impl Into<String>) -> Self {
        Self::new(MailboxFault::Protocol, detail)
    }

    /// The server did not finish `step` within `limit`.
    pub(super) fn timeout(step: &str, limit: Duration) -> Self {
        Self::new(MailboxFault::Timeout, format!("no answer to {step} within {limit:?}"))
    }

    /// The connection broke. `rustls` hides its own errors in an [`std::io::Error`].
    pub(super) fn broken(error: &std::io::Error) -> Self {
        let tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
        let reason = if tls { MailboxFault::Tls } else { MailboxFault::Tcp };
        Self::new(reason, format!("the connection broke: {error}"))
    }

    /// The server closed the connection without a word.
    pub(super) fn closed() -> Self {
        Self::new(MailboxFault::Tcp, "the server closed the connection")
    }

    /// The server refused `step` with `status`.
    pub(super) fn refused(step: &str, status: &Status) -> Self {
        let reason = specific(status).unwrap_or(match (status.condition, step) {
            (Condition::Bye, _) => MailboxFault::Unavailable,
            (Condition::No, "LOGIN" | "AUTHENTICATE") => MailboxFault::Auth,
            (Condition::No, _) => MailboxFault::Unavailable,
            (Condition::Bad | Condition::Ok | Condition::PreAuth, _) => MailboxFault::Protocol,
        });
        let detail = format!("{step} was answered {}", describe(status));
        Self { reason, detail, retry_after: pause(&status.text) }
    }
}

impl From<DialError> for Fault {
    fn from(error: DialError) -> Self {
        let reason = match &error {
            DialError::Dns(_) => MailboxFault::Dns,
            DialError::Tcp(..) => MailboxFault::Tcp,
            DialError::Tls(..) => MailboxFault::Tls,
            DialError::Timeout(..) => MailboxFault::Timeout,
        };
        Self::new(reason, error.to_string())
    }
}

impl Refusal {
    pub(super) fn new(status: &Status) -> Self {
        Self { code: status.code.clone(), text: describe(status) }
    }
}

/// What the code or the sentence says by itself, whatever the command was.
pub(super) fn specific(status: &Status) -> Option<MailboxFault> {
    let text = status.text.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    match status.code.as_deref() {
        // RFC 5530 §3; Gmail's WEBALERT wants the owner to log in with a browser.
        Some("AUTHENTICATIONFAILED" | "AUTHORIZATIONFAILED" | "EXPIRED" | "PRIVACYREQUIRED" | "WEBALERT") => {
            return Some(MailboxFault::Auth);
        }
        // RFC 5530 §3, RFC 9051 §7.1.
        Some("LIMIT" | "OVERQUOTA") => return Some(MailboxFault::Throttled),
        _ => {}
    }
    // Before UNAVAILABLE: older Dovecot says `[UNAVAILABLE] Maximum number of connections from user+IP exceeded`. QQ's login
    // refusal names everything at once (`password is incorrect, login frequency limited, or system is busy`) and must not match
    // here.
    if says(&[
        "too many",
        "throttled",
        "suggested backoff",
        "temporarily blocked",
        "maximum number of connections",
        "bandwidth limit",
        "rate limit",
    ]) {
        return Some(MailboxFault::Throttled);
    }
    if let Some("UNAVAILABLE" | "INUSE" | "IN-USE" | "SERVERBUG" | "CORRUPTION") = status.code.as_deref() {
        return Some(MailboxFault::Unavailable);
    }
    // NetEase, to a client that sent no ID: `NO SELECT Unsafe Login. Please contact kefu@188.com for help`. Microsoft, where
    // IMAP is off for the account: `BAD User is authenticated but not connected.`
    says(&["unsafe login", "authenticated but not connected"]).then_some(MailboxFault::Auth)
}

/// `NO [LIMIT] too many connections`, cleaned and cut.
fn describe(status: &Status) -> String {
    let code = status.code.as_deref().map(|code| format!(" [{}]", clean(code))).unwrap_or_default();
    let text = clean(&status.text);
    let space = if text.is_empty() { "" } else { " " };
    format!("{}{code}{space}{text}", status.condition.as_str())
}

/// One line of printable characters, cut to a length that a log and a label of a page can bear.
fn clean(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut cleaned: String = printable.take(TEXT_LIMIT).collect();
    if text.chars().nth(TEXT_LIMIT).is_some() {
        cleaned.push('…');
    }
    cleaned.trim().to_owned()
}

/// Microsoft: `BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds`.
fn pause(text: &str) -> Option<Duration> {
    let text = text.to_lowercase();
    let (_, rest) = text.split_once("backoff time:")?;
    let mut words = rest.split_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    let pause = match words.next() {
        Some(unit) if unit.starts_with("second") => Duration::from_secs(number),
        _ => Duration::from_millis(number),
    };
    Some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(line: &str) -> Status {
        Status::parse(line.as_bytes()).unwrap()
    }

    fn reason(step: &str, line: &str) -> &'static str {
        Fault::refused(step, &status(line)).reason.as_str()
    }

    #[test]
    fn codes_decide_first() {
        for (line, expected) in [
            ("NO [AUTHENTICATIONFAILED] Too many failures", "auth"),
            ("NO [AUTHORIZATIONFAILED] no", "auth"),
            ("NO [EXPIRED] password expired", "auth"),
            ("NO [UNAVAILABLE] Temporary authentication failure", "unavailable"),
            ("NO [INUSE] locked", "unavailable"),
            ("NO [SERVERBUG] oops", "unavailable"),
            ("NO [LIMIT] slow down", "throttled"),
            ("NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)", "throttled"),
        ] {
            assert_eq!(reason("LOGIN", line), expected, "{line}");
        }
    }

    #[test]
    fn without_a_code_the_sentence_and_then_the_command_decide() {
        for (step, line, expected) in [
            ("LOGIN", "NO Invalid credentials", "auth"),
            ("AUTHENTICATE", "NO AUTHENTICATE failed.", "auth"),
            ("LOGIN", "NO [ALERT] Too many simultaneous connections. (Failure)", "throttled"),
            ("LOGIN", "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded", "throttled"),
            ("LOGIN", "NO Account is temporarily blocked", "throttled"),
            (
                "LOGIN",
                "NO Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, \
                 or system is busy.",
                "auth",
            ),
            ("EXAMINE", "NO SELECT Unsafe Login. Please contact kefu@188.com for help", "auth"),
            ("EXAMINE", "BAD User is authenticated but not connected.", "auth"),
            ("FETCH", "NO disk error", "unavailable"),
            ("FETCH", "BAD syntax", "protocol"),
            ("FETCH", "BYE shutting down", "unavailable"),
            ("FETCH", "BYE Too many connections", "throttled"),
        ] {
            assert_eq!(reason(step, line), expected, "{line}");
        }
    }

    #[test]
    fn a_pause_that_microsoft_asks_for_is_read_and_bounded() {
        let fault = |line| Fault::refused("FETCH", &status(line));
        let throttled = fault("BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds");
        assert_eq!(throttled.reason, MailboxFault::Throttled);
        assert_eq!(throttled.retry_after, Some(Duration::from_millis(299_961)));
        assert_eq!(fault("NO Suggested Backoff Time: 20 seconds").retry_after, Some(Duration::from_secs(20)));
        assert_eq!(fault("NO Suggested Backoff Time: 18446744073709551615 ms").retry_after, Some(LONGEST_PAUSE));
        assert_eq!(fault("NO Suggested Backoff Time: soon").retry_after, None);
    }

    #[test]
    fn text_is_one_printable_bounded_line() {
        let long = format!("NO a\x1b[2Jb\t{}", "é".repeat(5000));
        let fault = Fault::refused("LIST", &status(&long));
        assert!(fault.detail.chars().count() < TEXT_LIMIT + 50, "{}", fault.detail.len());
        assert!(fault.detail.starts_with("LIST was answered NO a [2Jb é"), "{}", fault.detail);
        assert!(!fault.detail.contains(|c: char| c.is_control()));
    }
}
