//! What the route answered.

use crate::model::{Command, Handoff, Reply, Severity, Unreachable};
use crate::probe::diagnose::replies::explain;
use crate::probe::diagnose::{Case, Claim, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "route-dns",
        severity: Severity::Error,
        title: "the route's host name does not resolve",
        reference: "RFC 5321 section 5.1",
        check: |case| {
            unreachable(
                case,
                Unreachable::Dns,
                "check `host` of the route, and whether the resolver in `dns.servers` knows it",
            )
        },
    },
    Rule {
        id: "route-tcp",
        severity: Severity::Error,
        title: "the route cannot be connected to",
        reference: "RFC 5321 section 3.1",
        check: |case| {
            unreachable(
                case,
                Unreachable::Tcp,
                "check that the relay runs and that host, port and firewall let this machine in; many clouds block port 25, use 587",
            )
        },
    },
    Rule {
        id: "route-tls",
        severity: Severity::Error,
        title: "the route's TLS cannot be trusted",
        reference: "RFC 3207 section 4.1, RFC 8314",
        check: |case| {
            unreachable(
                case,
                Unreachable::Tls,
                "renew or correct the relay's certificate; for a private authority set `ca_file`, for another name `server_name`",
            )
        },
    },
    Rule {
        id: "route-auth",
        severity: Severity::Error,
        title: "the route refuses our credentials",
        reference: "RFC 4954 section 6",
        check: |case| {
            unreachable(
                case,
                Unreachable::Auth,
                "check user name and password of the route; they may have been rotated, revoked, or made for another region",
            )
        },
    },
    Rule {
        id: "route-timeout",
        severity: Severity::Error,
        title: "the route does not answer in time",
        reference: "RFC 5321 section 4.5.3.2",
        check: |case| {
            unreachable(
                case,
                Unreachable::Timeout,
                "look at the relay's load and at what drops packets on the way to it",
            )
        },
    },
    Rule {
        id: "route-protocol",
        severity: Severity::Error,
        title: "the route does not speak SMTP",
        reference: "RFC 5321 section 4.2",
        check: |case| {
            unreachable(
                case,
                Unreachable::Protocol,
                "check host and port: something else may listen there, or `tls` does not fit the port",
            )
        },
    },
    Rule {
        id: "seed-not-made",
        severity: Severity::Error,
        title: "Landfall could not make the message",
        reference: "docs/templates.md",
        check: |case| {
            unreachable(
                case,
                Unreachable::Local,
                "correct the template or the signing key; `landfall check-config` says more",
            )
        },
    },
    Rule {
        id: "sender-refused",
        severity: Severity::Error,
        title: "the sender address is refused",
        reference: "RFC 5321 section 4.1.1.2",
        check: |case| {
            let reply = refused(case, &[Command::Mail])?;
            claim(
                reply,
                "MAIL FROM",
                "verify the sender address or its domain with the relay, or use one that it lets this account send from",
            )
        },
    },
    Rule {
        id: "recipient-refused",
        severity: Severity::Error,
        title: "the recipient is refused",
        reference: "RFC 5321 section 4.1.1.3",
        check: |case| {
            let reply = refused(case, &[Command::Rcpt])?;
            claim(
                reply,
                "RCPT TO",
                "check the mailbox's `address`: it may be misspelt, closed or full; or the relay does not relay for us",
            )
        },
    },
    Rule {
        id: "message-refused",
        severity: Severity::Error,
        title: "the message is refused",
        reference: "RFC 5321 section 4.2.5, RFC 3463 section 3.8",
        check: |case| {
            let reply = refused(case, &[Command::Data, Command::Message])?;
            claim(reply, "the message", "read the reply: content, authentication and reputation are refused here")
        },
    },
    Rule {
        id: "connection-refused-by-policy",
        severity: Severity::Error,
        title: "the route refuses to talk to us",
        reference: "RFC 5321 section 3.1, RFC 7504",
        check: |case| {
            let reply = refused(case, &[Command::Greeting, Command::Ehlo, Command::StartTls])?;
            claim(
                reply,
                "the connection",
                "the sending address may be blocked or its EHLO name unknown: set `helo` to a name that resolves",
            )
        },
    },
    Rule {
        id: "deferred-too-often",
        severity: Severity::Error,
        title: "the route put us off until the retries were used up",
        reference: "RFC 5321 section 4.5.4.1",
        check: |case| {
            match &case.attempt()?.handoff {
            Handoff::Deferred { reply, .. } => Some(Claim {
                evidence: format!("{} tries, the last answered {}", case.pending.attempts, words(reply)),
                remedy: "greylisting passes with time (`retry.times`, `retry.interval`); a rate limit or a full mailbox does not".into(),
            }),
            _ => None,
        }
        },
    },
    Rule {
        id: "returned",
        severity: Severity::Error,
        title: "the message was returned to its sender",
        reference: "RFC 3464 section 2.3",
        check: |case| {
            let bounce = case.bounce?;
            let reply = Reply {
                code: bounce.code.unwrap_or(550),
                enhanced: bounce.status.clone(),
                text: bounce.diagnostic.clone(),
            };
            let who = bounce.remote_mta.as_deref().unwrap_or("the receiver");
            let status = bounce.status.as_deref().unwrap_or("no status");
            let said = format!("{who} said {status}: {}", bounce.diagnostic);
            Some(match explain(&reply, Some(&case.pending.seed.provider)) {
                Some(known) => Claim { evidence: format!("{said}: {}", known.meaning), remedy: known.remedy.into() },
                None => Claim {
                    evidence: said,
                    remedy: "read what the receiver said, and compare with the other routes".into(),
                },
            })
        },
    },
    Rule {
        id: "handoff-lost",
        severity: Severity::Warning,
        title: "the connection was lost before the route had answered, and no copy came",
        reference: "RFC 1047",
        check: |case| match &case.attempt()?.handoff {
            Handoff::Ambiguous { detail } if case.sighting.is_none() => Some(Claim {
                evidence: detail.clone(),
                remedy: "once is chance; again and again it is a relay or a firewall that drops connections after DATA"
                    .into(),
            }),
            _ => None,
        },
    },
];

fn unreachable(case: &Case<'_>, wanted: Unreachable, remedy: &str) -> Option<Claim> {
    match &case.attempt()?.handoff {
        Handoff::Unreachable { cause, detail, .. } if *cause == wanted => {
            Some(Claim { evidence: detail.clone(), remedy: remedy.into() })
        }
        _ => None,
    }
}

fn refused<'a>(case: &Case<'a>, commands: &[Command]) -> Option<&'a Reply> {
    match &case.attempt()?.handoff {
        Handoff::Refused { command, reply } if commands.contains(command) => Some(reply),
        _ => None,
    }
}

/// What was said, and what the catalog knows of such a reply; `remedy` where it knows nothing.
fn claim(reply: &Reply, what: &str, remedy: &str) -> Option<Claim> {
    let said = format!("{what} was answered {}", words(reply));
    Some(match explain(reply, None) {
        Some(known) => Claim { evidence: format!("{said}: {}", known.meaning), remedy: known.remedy.into() },
        None => Claim { evidence: said, remedy: remedy.into() },
    })
}

/// The reply on one line.
fn words(reply: &Reply) -> String {
    let enhanced = reply.enhanced.as_ref().map(|code| format!("{code} ")).unwrap_or_default();
    format!("{} {enhanced}{}", reply.code, reply.text.replace('\n', " "))
}
