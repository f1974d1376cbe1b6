//! The state of everything at one moment. The single writer publishes it; metrics and pages read it and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::model::{HandoffResult, Lane, MailboxFault, MailboxName, Pending, ProviderName, RouteName, Settled, Token};

/// The current snapshot: stored by the single writer, loaded by everyone else.
pub type SharedSnapshot = Arc<ArcSwap<Snapshot>>;

/// The state of everything at one moment. Each map is shared until it changes: the writer copies only the one that it changes
/// (`Arc::make_mut`), and a copy of the whole costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Seeds that have not ended, by token.
    pub pending: Arc<BTreeMap<Token, Arc<Pending>>>,
    /// Every configured lane.
    pub lanes: Arc<BTreeMap<Lane, Arc<LaneState>>>,
    /// Every configured mailbox.
    pub mailboxes: Arc<BTreeMap<MailboxName, MailboxState>>,
    /// Every configured route.
    pub routes: Arc<BTreeMap<RouteName, RouteState>>,
    /// Whether the last write to the store succeeded; `None` before the first.
    pub store_writable: Option<bool>,
    /// How the last reading of the configuration went.
    pub reload: ReloadState,
}

/// What is known of a lane.
#[derive(Clone, Debug)]
pub struct LaneState {
    /// The profile of its mailbox.
    pub provider: ProviderName,
    /// The last seed that ended.
    pub last: Option<Arc<Settled>>,
}

/// What is known of a mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxState {
    /// Whether it can be read; `None` before the first try has ended.
    pub up: Option<bool>,
    /// Why not, with words.
    pub fault: Option<(MailboxFault, String)>,
    /// The last time its inbox was read to the end.
    pub last_read_at: Option<Timestamp>,
}

/// What is known of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteState {
    /// What the last handoff came to; `None` before the first.
    pub last: Option<HandoffResult>,
}

impl RouteState {
    /// Whether the route can be reached: a refusal is an answer too.
    #[must_use]
    pub fn up(&self) -> Option<bool> {
        self.last.map(|result| !matches!(result, HandoffResult::Unreachable))
    }
}

/// How the last reading of the configuration went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReloadState {
    /// Whether it was taken; `None` before the first.
    pub successful: Option<bool>,
    /// When one was last taken.
    pub succeeded_at: Option<Timestamp>,
}

impl Snapshot {
    /// The seeds under way to `mailbox`.
    pub fn pending_in<'a>(&'a self, mailbox: &'a MailboxName) -> impl Iterator<Item = &'a Arc<Pending>> + Clone {
        self.pending.values().filter(move |pending| pending.seed.lane.mailbox == *mailbox)
    }

    /// The seeds under way by one of `routes`.
    pub fn pending_by<'a>(&'a self, routes: &'a BTreeSet<RouteName>) -> impl Iterator<Item = &'a Arc<Pending>> + Clone {
        self.pending.values().filter(move |pending| routes.contains(&pending.seed.lane.route))
    }
}
