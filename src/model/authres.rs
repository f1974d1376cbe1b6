//! What a receiver wrote into an Authentication-Results header (RFC 8601) or an ARC-Authentication-Results header (RFC 8617 §4.1.1).

use serde::{Deserialize, Serialize};

/// One header, parsed. Words that the RFC makes case-insensitive are in lower case; values are as written, without quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationResults {
    /// `i=`, in ARC-Authentication-Results only.
    pub instance: Option<u32>,
    /// Who says so. Some receivers (Outlook.com) leave it out.
    pub authserv_id: Option<String>,
    /// The version after the authserv-id, where one was written.
    pub version: Option<u32>,
    /// The header says `none`: the receiver did no check at all. Not the same as an absent header.
    pub no_result: bool,
    /// One for each method reported, in the header's order.
    pub results: Vec<MethodResult>,
    /// What stands in the header outside any result: stray words that some receivers write.
    pub orphans: Vec<String>,
}

/// The result of one method.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodResult {
    /// `spf`, `dkim`, `dmarc`, `arc`, or another, in lower case.
    pub method: String,
    /// The version after the method, where one was written.
    pub method_version: Option<u32>,
    /// `pass`, `fail`, `none`, ..., in lower case.
    pub result: String,
    /// The result as it was written, where that was not in lower case (Cisco writes `None`, `Pass`).
    pub result_raw: Option<String>,
    /// The `reason=` text.
    pub reason: Option<String>,
    /// What the check was about, in the header's order.
    pub properties: Vec<Property>,
    /// The comments within this result, without parentheses, white space collapsed.
    pub comments: Vec<String>,
}

/// One `ptype.property=value` (RFC 8601 §2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// `smtp`, `header`, `body`, `policy`; `None` where a receiver wrote a bare `property=value`.
    pub ptype: Option<String>,
    /// Such as `mailfrom`, `d`, `from`, in lower case.
    pub property: String,
    /// As written, without quotes; angle brackets are kept.
    pub value: String,
}
