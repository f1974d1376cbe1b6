//! The words of Landfall as plain data: no I/O, no clock, no behaviour beyond what a value knows about itself.
//!
//! In the order a seed meets them: a [`Plan`] says which [`Lane`]s exist; each slot of a lane's schedule gives one
//! [`Seed`] with its unguessable [`Token`]; handing it to a route gives an [`Attempt`] whose result is a [`Handoff`]; while it is
//! under way it is [`Pending`]; a copy found in a mailbox is a [`Sighting`]; what that copy says is a [`Reading`]; what is
//! wrong with it are [`Finding`]s; and the end of it all is [`Settled`] with an [`Outcome`]. [`Snapshot`] is the state of everything at
//! one moment, the only thing that metrics and pages read.

mod authres;
mod bounce;
mod envelope;
mod finding;
mod handoff;
mod hop;
mod ledger;
mod mailbox;
mod name;
mod outcome;
mod plan;
mod reading;
mod secret;
mod seed;
mod settled;
mod sighting;
mod snapshot;
mod spf;
mod token;

pub use authres::{AuthenticationResults, MethodResult, Property};
pub use bounce::{Bounce, BounceAction};
pub use envelope::Envelope;
pub use finding::{Finding, Severity};
pub use handoff::{Attempt, Command, Handoff, HandoffResult, Phase, Reply, Timings, Unreachable};
pub use hop::{Hop, HopTls};
pub use ledger::{Attempted, Kept, Next, Returned, Seen};
pub use mailbox::{Cursor, MailboxFault};
pub use name::{IdentityName, MailboxName, ProbeName, ProviderName, RouteName};
pub use outcome::{Expectation, Outcome};
pub use plan::{
    Credentials, DkimKey, Endpoint, FolderNames, Identity, ImapServer, Mailbox, MessageSource, Plan, Probe, Provider,
    RetryPolicy, Route, RouteKind, TlsMode,
};
pub use reading::{Reading, SpamHeader};
pub use secret::{Secret, SecretError, SecretSource};
pub use seed::{Lane, Pending, Seed, SeedId, Stage};
pub use settled::Settled;
pub use sighting::{FolderKind, Sighting};
pub use snapshot::{LaneState, MailboxState, ReloadState, RouteState, SharedSnapshot, Snapshot};
pub use spf::{SpfIdentity, SpfResult};
pub use token::Token;
