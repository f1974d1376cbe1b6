//! A seed seen in a folder.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{MailboxName, Outcome};

/// What a folder is to its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FolderKind {
    /// INBOX.
    Inbox,
    /// A tab of the inbox.
    Category,
    /// Junk.
    Spam,
    /// Any other folder that mail can land in.
    Other,
    /// A view over other folders (`\All`, `\Flagged`, `\Important`): what is found only here is in no folder of its own.
    View,
    /// The owner's own writing (`\Sent`, `\Drafts`): what is found here has not arrived anywhere.
    Own,
}

impl FolderKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Inbox, Self::Category, Self::Spam, Self::Other, Self::View, Self::Own];

    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Category => "category",
            Self::Spam => "spam",
            Self::Other => "other",
            Self::View => "view",
            Self::Own => "own",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The outcome of a seed found in such a folder.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Inbox => Outcome::Inbox,
            Self::Category => Outcome::Category,
            Self::Spam => Outcome::Spam,
            Self::Other | Self::View | Self::Own => Outcome::Other,
        }
    }
}

/// One copy of a seed, seen in a folder, with its bytes as the receiver stores them.
#[derive(Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The mailbox it was seen in.
    pub mailbox: MailboxName,
    /// The folder's name, decoded for people.
    pub folder: String,
    /// What that folder is, or [`FolderKind::Category`] where `tab` is known.
    pub kind: FolderKind,
    /// The tab it is shown under, where the receiver has tabs that are no folders (Gmail).
    pub tab: Option<String>,
    /// The folder's UIDVALIDITY (RFC 3501 §2.3.1.1).
    pub uid_validity: u32,
    /// The message's UID in it.
    pub uid: u32,
    /// When the receiver says it arrived (INTERNALDATE, whole seconds, the receiver's clock).
    pub arrived_at: Option<Timestamp>,
    /// When Landfall saw it.
    pub seen_at: Timestamp,
    /// The message as received, byte for byte, up to the size limit.
    pub message: Arc<[u8]>,
    /// Whether the message was larger than the limit and is cut.
    pub truncated: bool,
}

impl std::fmt::Debug for Sighting {
    /// Without the message: mail never goes to a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sighting")
            .field("mailbox", &self.mailbox)
            .field("folder", &self.folder)
            .field("kind", &self.kind)
            .field("tab", &self.tab)
            .field("uid_validity", &self.uid_validity)
            .field("uid", &self.uid)
            .field("arrived_at", &self.arrived_at)
            .field("seen_at", &self.seen_at)
            .field("bytes", &self.message.len())
            .field("truncated", &self.truncated)
            .finish()
    }
}

impl Sighting {
    /// The header section with the blank line that ends it; everything, where there is none.
    #[must_use]
    pub fn headers(&self) -> &[u8] {
        let end = self
            .message
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .map_or(self.message.len(), |at| at.saturating_add(4));
        self.message.get(..end).unwrap_or_default()
    }

    /// SHA-256 of the header section. A second delivery passes the receiver's hops again and so has other trace headers (RFC 5321
    /// §4.4); a copy that was moved, or shows up in a view, has the same.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut out = [0; 32];
        for (to, from) in out.iter_mut().zip(ring::digest::digest(&ring::digest::SHA256, self.headers()).as_ref()) {
            *to = *from;
        }
        out
    }
}
