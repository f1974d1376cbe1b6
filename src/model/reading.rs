//! What a received copy says.

use serde::{Deserialize, Serialize};

use crate::model::AuthenticationResults;

/// What the receiver put on a copy: its verdicts on authentication, and its spam filter's headers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The Authentication-Results headers that are believed to be the receiver's own, in message order.
    pub trusted: Vec<AuthenticationResults>,
    /// Every other one: written by a relay, forged, or by somebody whose name the provider's profile does not know.
    pub untrusted: Vec<AuthenticationResults>,
    /// The headers in which receivers tell what their spam filter thought, as written.
    pub spam_headers: Vec<SpamHeader>,
}

/// One header of a spam filter, unfolded and bounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpamHeader {
    /// The field name, as written.
    pub name: String,
    /// The unfolded value.
    pub value: String,
}

impl Reading {
    /// The receiver's result for `method` (`spf`, `dkim`, `dmarc`): the first `pass` where a method is reported several times (one
    /// aligned signature is enough), otherwise the first result. `None` where no trusted header reports the method: absent is not `none`.
    #[must_use]
    pub fn result(&self, method: &str) -> Option<&str> {
        let mut results = self
            .trusted
            .iter()
            .flat_map(|header| &header.results)
            .filter(|r| r.method == method)
            .map(|r| r.result.as_str());
        let first = results.next()?;
        if first == "pass" { Some(first) } else { results.find(|r| *r == "pass").or(Some(first)) }
    }
}
