//! The words of SPF (RFC 7208) that verdicts, findings and metrics share.

use serde::{Serialize, Serializer};

/// What an SPF check says of a host and a domain (RFC 7208 §2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpfResult {
    /// The domain has no SPF record, or there is no domain to check: nothing is said.
    None,
    /// The domain says that it says nothing about this host.
    Neutral,
    /// The host may send mail in the domain's name.
    Pass,
    /// The host may not.
    Fail,
    /// The host probably may not, but the domain does not want to say so firmly.
    SoftFail,
    /// DNS did not answer. Trying again later may succeed.
    TempError,
    /// The domain's records cannot be used: somebody has to correct them.
    PermError,
}

impl SpfResult {
    /// The result in the words of RFC 8601 §2.7.2, as Authentication-Results has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

impl Serialize for SpfResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Whose name is checked: each can pass where another fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpfIdentity {
    /// The envelope's sender (RFC 7208 §2.4), what nearly every receiver checks.
    MailFrom,
    /// The name in HELO or EHLO (RFC 7208 §2.3); it stands in for an empty envelope sender.
    Helo,
    /// The purported responsible address (RFC 4407), mostly the header From: what docomo, au and SoftBank check.
    Pra,
}

impl SpfIdentity {
    /// The identity's keyword in `Received-SPF` (RFC 7208 §9.1), or `pra`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MailFrom => "mailfrom",
            Self::Helo => "helo",
            Self::Pra => "pra",
        }
    }
}

impl Serialize for SpfIdentity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
