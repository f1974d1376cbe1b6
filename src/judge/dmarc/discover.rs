//! Which record applies to a From domain, and what it asks for (RFC 9989 §4.10.1).

use crate::judge::Dns;
use crate::judge::dmarc::walk::{Found, Tree, Walk};
use crate::judge::dmarc::{Applied, PolicySource};
use crate::syntax::dmarc::{Demand, DmarcRecord, Policy, Psd};

/// What came of the search.
pub(super) enum Discovery {
    /// A record.
    Found(Box<Discovered>),
    /// There is none: DMARC does not apply.
    Nothing,
    /// DNS did not answer, for this reason.
    Failed(String),
}

/// The record that counts.
pub(super) struct Discovered {
    /// Whose it is.
    pub(super) domain: String,
    /// Its text.
    pub(super) text: String,
    /// What it says.
    pub(super) record: DmarcRecord,
    /// The From domain's organization; `None` where DNS did not answer about a name above.
    pub(super) organization: Option<String>,
    /// `false` for a record too broken to be applied.
    pub(super) applies: bool,
    /// What it asks for; `None` where DNS did not say whether the From domain exists and that makes a difference.
    pub(super) policy: Option<Applied>,
    /// Why, in sentences.
    pub(super) reasons: Vec<String>,
}

pub(super) async fn discover<D: Dns>(tree: &mut Tree<'_, D>, author: &str) -> Discovery {
    let mut walk = tree.walk(author).await;
    let organization = walk.failed.is_none().then(|| walk.organization(author));
    let own = walk.found.first().is_some_and(|found| found.domain == author);
    let found = match (own, &organization) {
        // The From domain's own record applies, whatever is above it or does not answer there.
        (true, _) => walk.found.swap_remove(0),
        (false, None) => return Discovery::Failed(walk.failed.unwrap_or_default()),
        (false, Some(organization)) => match above(walk, organization) {
            Some(found) => found,
            None => return Discovery::Nothing,
        },
    };
    let Found { domain, text, record } = found;
    let mut discovered =
        Discovered { domain, text, record, organization, applies: true, policy: None, reasons: Vec::new() };
    policy(tree, author, &mut discovered).await;
    Discovery::Found(Box::new(discovered))
}

/// The record of the organizational domain or, where that has none, of the public suffix above it. A walk ends at a public suffix, so its
/// record is the last.
fn above(mut walk: Walk, organization: &str) -> Option<Found> {
    if let Some(index) = walk.found.iter().position(|found| found.domain == organization) {
        return Some(walk.found.swap_remove(index));
    }
    walk.found.pop().filter(|found| found.record.psd() == Psd::Yes)
}

async fn policy<D: Dns>(tree: &mut Tree<'_, D>, author: &str, found: &mut Discovered) {
    let at = &found.domain;
    let (published, source) = match found.record.demand() {
        Demand::NotApplied => {
            found.applies = false;
            let reason =
                format!("The DMARC record of {at} has no valid policy and no valid rua address, so it is not applied.");
            return found.reasons.push(reason);
        }
        Demand::NoneInstead => {
            found.reasons.push(format!("The DMARC record of {at} has no valid policy, so it counts as p=none."));
            (Policy::None, PolicySource::InvalidRecord)
        }
        Demand::AsWritten { domain, .. } if at == author => (domain, PolicySource::P),
        // Whether the domain exists is asked only where it matters.
        Demand::AsWritten { existing, nonexistent, .. } if existing == nonexistent => (existing, PolicySource::Sp),
        Demand::AsWritten { existing, nonexistent, .. } => match tree.exists(author).await {
            Ok(true) => (existing, PolicySource::Sp),
            Ok(false) => (nonexistent, PolicySource::Np),
            Err(why) => {
                let reason =
                    format!("Whether {author} exists is not known ({why}), so neither is the policy that applies.");
                return found.reasons.push(reason);
            }
        },
    };
    let testing = found.record.testing();
    let applied = Applied { policy: if testing { published.relaxed() } else { published }, published, source, testing };
    found.reasons.push(words(applied, at, author));
    found.policy = Some(applied);
}

fn words(applied: Applied, at: &str, author: &str) -> String {
    let policy = applied.published.as_str();
    let from = match applied.source {
        PolicySource::P => format!("{at} asks for {policy}"),
        PolicySource::Sp => format!("{at} asks for {policy} for its subdomain {author}"),
        PolicySource::Np => format!("{at} asks for {policy} for {author}, which does not exist in DNS"),
        PolicySource::InvalidRecord => format!("{at} so asks for {policy}"),
    };
    match applied.testing && applied.policy != applied.published {
        true => format!("{from}, but is testing (t=y), which makes it {}.", applied.policy.as_str()),
        false => format!("{from}."),
    }
}
