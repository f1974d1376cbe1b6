//! What a bounce says.

use serde::{Deserialize, Serialize};

/// What became of a message for one recipient (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BounceAction {
    /// It will not be delivered. The only action that is a bounce.
    Failed,
    /// It has not been delivered yet and is still tried.
    Delayed,
    /// It went on to a system that sends no notifications.
    Relayed,
    /// It went on to several addresses that the recipient stands for.
    Expanded,
    /// It was delivered.
    Delivered,
}

impl BounceAction {
    /// Every action, the worst first.
    pub const ALL: [Self; 5] = [Self::Failed, Self::Delayed, Self::Relayed, Self::Expanded, Self::Delivered];

    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
            Self::Delivered => "delivered",
        }
    }

    /// The action of that name, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str().eq_ignore_ascii_case(text))
    }
}

/// What a delivery status notification says of one recipient. Every text is one line and bounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounce {
    /// What became of the message.
    pub action: BounceAction,
    /// The enhanced status code (RFC 3463) such as `5.1.1`.
    pub status: Option<String>,
    /// The reply code of the server that refused it, where the notification quotes one.
    pub code: Option<u16>,
    /// The reason in the words of whoever gave it; empty where none is given.
    pub diagnostic: String,
    /// The server that refused it.
    pub remote_mta: Option<String>,
    /// The recipient it was not delivered to.
    pub recipient: Option<String>,
}
