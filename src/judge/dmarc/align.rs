//! Whether the domains that SPF and DKIM were about belong to the From domain (RFC 9989 §4.4, §4.10.2).

use crate::judge::Dns;
use crate::judge::dmarc::author::normal;
use crate::judge::dmarc::discover::Discovered;
use crate::judge::dmarc::walk::Tree;
use crate::judge::dmarc::{Alignment, Checked, DmarcResult, Identifier, MAX_IDENTIFIERS, Method};
use crate::syntax::dmarc::Mode;

pub(super) async fn all<D: Dns>(
    tree: &mut Tree<'_, D>,
    author: &str,
    found: &Discovered,
    identifiers: &[Identifier],
) -> Vec<Alignment> {
    let mut alignments = Vec::new();
    for identifier in identifiers.iter().take(MAX_IDENTIFIERS) {
        let mode = match identifier.method {
            Method::Spf => found.record.spf_mode(),
            Method::Dkim => found.record.dkim_mode(),
        };
        let (domain, aligned) = match normal(&identifier.domain) {
            Some(domain) => {
                let aligned = is_aligned(tree, author, found.organization.as_deref(), mode, &domain).await;
                (domain, aligned)
            }
            None => (identifier.domain.to_lowercase(), Some(false)),
        };
        let (method, checked) = (identifier.method, identifier.checked);
        alignments.push(Alignment { method, domain, checked, mode, aligned });
    }
    alignments
}

async fn is_aligned<D: Dns>(
    tree: &mut Tree<'_, D>,
    author: &str,
    organization: Option<&str>,
    mode: Mode,
    domain: &str,
) -> Option<bool> {
    if domain == author || mode == Mode::Strict {
        return Some(domain == author);
    }
    let Some(organization) = organization else {
        // The organization is the author's name or an end of it, so names without a common end belong to different ones.
        let top = |name: &str| name.rsplit('.').next().map(str::to_owned);
        return (top(domain) != top(author)).then_some(false);
    };
    if !is_within(domain, organization) {
        return Some(false);
    }
    let walk = tree.walk(domain).await;
    match walk.failed {
        Some(_) => None,
        None => Some(walk.organization(domain) == organization),
    }
}

/// Whether `domain` is `parent` or below it.
fn is_within(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|labels| labels.is_empty() || labels.ends_with('.'))
}

/// RFC 9989 §5.3.5: one that is proved and aligned is enough. What could still turn out to be one makes it a temporary error.
pub(super) fn result(alignments: &[Alignment]) -> DmarcResult {
    let any = |fits: fn(&Alignment) -> bool| alignments.iter().any(fits);
    if any(|alignment| alignment.checked == Checked::Pass && alignment.aligned == Some(true)) {
        DmarcResult::Pass
    } else if any(|alignment| alignment.checked != Checked::Fail && alignment.aligned != Some(false)) {
        DmarcResult::TempError
    } else {
        DmarcResult::Fail
    }
}

/// The same for a reader.
pub(super) fn words(alignment: &Alignment, author: &str) -> String {
    let Alignment { method, domain, checked, mode, aligned } = alignment;
    let check = match checked {
        Checked::Pass => "passed",
        Checked::Fail => "did not pass",
        Checked::TempError => "could not be checked",
    };
    let method = match method {
        Method::Spf => "SPF",
        Method::Dkim => "DKIM",
    };
    let nearness = match (aligned, mode) {
        (None, _) => format!("whether it belongs to {author} is not known, because DNS did not answer"),
        (Some(true), _) if domain == author => "it is the From domain".to_owned(),
        (Some(true), _) => format!("it is of the same organization as {author}"),
        (Some(false), Mode::Strict) => format!("it is not exactly {author}, as the record demands"),
        (Some(false), Mode::Relaxed) => format!("it is not of the same organization as {author}"),
    };
    format!("{method} {check} for {domain}; {nearness}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_is_by_labels() {
        assert!(is_within("shop.example", "shop.example"));
        assert!(is_within("a.shop.example", "shop.example"));
        assert!(!is_within("ashop.example", "shop.example"));
        assert!(!is_within("example", "shop.example"));
    }
}
