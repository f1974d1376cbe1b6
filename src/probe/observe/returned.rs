//! What a bounce means for its seed.
//!
//! A bounce is found in the mailbox of the envelope sender, which need not be the one its seed was sent to; the token in it joins the two.
//! Only `failed` is an end: a message that is merely delayed may still arrive. A bounce that comes after its seed was called missing
//! changes nothing about the outcome, because it was right when it was said, but it is the best explanation there is and is kept.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info};

use crate::model::{Bounce, BounceAction, Finding, Returned, Severity, Token};
use crate::probe::evidence::Evidence;
use crate::probe::ledger::Ledger;
use crate::probe::observe::session::{Context, Trouble};
use crate::syntax::dsn::Notice;

/// How often to ask whether the handoff of a seed that has bounced is over, and how long to wait in between: a relay on the same machine can
/// return a message before its own acknowledgement of it is in the books.
const EARLY_TRIES: u32 = 50;
const EARLY_PAUSE: Duration = Duration::from_millis(200);

impl<L: Ledger> Context<L> {
    /// Settles the seed that `notice` is about, if it is one of ours and it says that it failed.
    pub async fn returned(&self, notice: Notice) -> Result<(), Trouble> {
        let mailbox = &self.mailbox.name;
        if notice.bounce.action != BounceAction::Failed {
            debug!(%mailbox, action = notice.bounce.action.as_str(), "a notification that is no bounce");
            return Ok(());
        }
        let bounce = Arc::new(notice.bounce);
        for token in notice.tokens {
            match self.said(token, &bounce).await? {
                Returned::Settles(pending) => {
                    // The profile of the receiver is not asked for: there is no copy to read.
                    self.settle(&pending, Evidence::Bounced(&bounce)).await?;
                    info!(%mailbox, seed = %pending.seed.id, status = bounce.status, code = bounce.code, "a seed was returned");
                }
                Returned::Late(lane) => {
                    info!(%mailbox, probe = %lane.probe, route = %lane.route, to = %lane.mailbox, status = bounce.status, code = bounce.code, "a seed that had ended was returned");
                }
                Returned::Early => {
                    debug!(%mailbox, "a seed was returned before its handoff was over, and the handoff does not end");
                }
                Returned::Known | Returned::Foreign => {}
            }
        }
        Ok(())
    }

    /// Says it to the books, again while the seed is still being handed off.
    async fn said(&self, token: Token, bounce: &Arc<Bounce>) -> Result<Returned, Trouble> {
        for _ in 0..EARLY_TRIES {
            match self.ledger.returned(token, bounce.clone(), late(bounce)).await? {
                Returned::Early => self.clock.sleep(EARLY_PAUSE).await,
                other => return Ok(other),
            }
        }
        Ok(Returned::Early)
    }
}

/// What a bounce tells that came after the end.
fn late(bounce: &Bounce) -> Finding {
    let status = bounce.status.as_deref().unwrap_or("without a status");
    let by = bounce.remote_mta.as_deref().map(|mta| format!(" by {mta}")).unwrap_or_default();
    Finding {
        rule: "bounced-late".into(),
        severity: Severity::Error,
        title: "the message was returned to its sender, after its outcome had been said".into(),
        evidence: format!("{status}{by}: {}", bounce.diagnostic).trim_end_matches([':', ' ']).to_owned(),
        remedy: "read the receiver's words; if bounces come this late regularly, give the probe a longer deadline"
            .into(),
        reference: "RFC 3464 §2.3".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finding_tells_what_the_receiver_said() {
        let mut bounce = Bounce {
            action: BounceAction::Failed,
            status: Some("5.1.1".into()),
            code: Some(550),
            diagnostic: "550 no such user".into(),
            remote_mta: Some("mx.example".into()),
            recipient: None,
        };
        assert_eq!(late(&bounce).evidence, "5.1.1 by mx.example: 550 no such user");
        (bounce.status, bounce.remote_mta) = (None, None);
        bounce.diagnostic.clear();
        assert_eq!(late(&bounce).evidence, "without a status");
    }
}
