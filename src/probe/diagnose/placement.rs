//! Where the seed was found, or was not.

use crate::model::{Handoff, Outcome, Severity};
use crate::probe::diagnose::{Case, Claim, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "delivered-unauthenticated",
        severity: Severity::Error,
        title: "unauthenticated mail in your name is delivered",
        reference: "RFC 9989",
        check: |case| {
            let delivered = matches!(case.outcome, Outcome::Inbox | Outcome::Category);
            let control = !case.pending.seed.expect.outcomes().contains(&Outcome::Inbox);
            (delivered && control).then(|| Claim {
                evidence: format!("it landed in {}", folder(case)),
                remedy: "publish a DMARC policy of quarantine or reject for the domain in the header From; where there is one, this receiver does not enforce it".into(),
            })
        },
    },
    Rule {
        id: "accepted-and-lost",
        severity: Severity::Error,
        title: "the route accepted it, and it is in no folder",
        reference: "RFC 5321 section 6.1",
        check: |case| match &case.attempt()?.handoff {
            Handoff::Accepted { reply, queue_id } if case.outcome == Outcome::Missing => {
                let queue_id = queue_id.as_ref().map(|id| format!(" (queue id {id})")).unwrap_or_default();
                let evidence =
                    format!("accepted with {}{queue_id}; every folder was searched after the deadline", reply.code);
                let remedy = "look for the queue id in the relay's log: it may still wait there, have bounced, or been accepted by a receiver that throws such mail away (QQ, au and SoftBank do when SPF or DMARC fails)";
                Some(Claim { evidence, remedy: remedy.into() })
            }
            _ => None,
        },
    },
    Rule {
        id: "filed-as-spam",
        // What happened, not why: any cause that is found ranks before it.
        severity: Severity::Info,
        title: "the receiver filed it as spam",
        reference: "docs/troubleshooting.md",
        check: |case| {
            (case.outcome == Outcome::Spam).then(|| {
                let said = case.reading.spam_headers.first();
                let said = said.map(|header| format!("; its filter says {}: {}", header.name, beginning(&header.value))).unwrap_or_default();
                Claim {
                    evidence: format!("it landed in {}{said}", folder(case)),
                    remedy: "if SPF, DKIM and DMARC pass, it is reputation or content: compare with the other receivers and routes".into(),
                }
            })
        },
    },
    Rule {
        id: "filed-elsewhere",
        severity: Severity::Info,
        title: "it landed in a folder that mail is not read in",
        reference: "docs/troubleshooting.md",
        check: |case| {
            matches!(case.outcome, Outcome::Other | Outcome::Category).then(|| Claim {
                evidence: format!("it landed in {}", folder(case)),
                remedy: "look for a rule or a tab of this mailbox; if this is where it belongs, add it to `expect` or to `folders`".into(),
            })
        },
    },
    Rule {
        id: "mailbox-unreadable",
        severity: Severity::Warning,
        title: "nobody could look: the mailbox could not be read",
        reference: "docs/troubleshooting.md",
        check: |case| {
            (case.outcome == Outcome::Unobserved).then(|| Claim {
                evidence: format!("no complete look into {} since the deadline", case.pending.seed.lane.mailbox),
                remedy: "see landfall_mailbox_errors_total for the reason; nothing is known of the seed, and it counts against nobody".into(),
            })
        },
    },
];

fn folder(case: &Case<'_>) -> String {
    case.sighting.map_or_else(|| "no folder".into(), |sighting| sighting.folder.clone())
}

/// Enough of a filter's words to know them by; the whole is with the copy.
fn beginning(value: &str) -> String {
    const LENGTH: usize = 120;
    let cut = value.chars().nth(LENGTH).is_some();
    let mut text: String = value.chars().take(LENGTH).collect();
    if cut {
        text.push('…');
    }
    text
}
