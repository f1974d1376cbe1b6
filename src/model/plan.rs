//! What the configuration asks for, checked: identities, routes, mailboxes and probes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Expectation, IdentityName, Lane, MailboxName, ProbeName, ProviderName, RouteName, Secret};

/// Everything that is to be watched, by name.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Ways out.
    pub routes: BTreeMap<RouteName, Arc<Route>>,
    /// Test accounts.
    pub mailboxes: BTreeMap<MailboxName, Arc<Mailbox>>,
    /// What is sent where, how often.
    pub probes: BTreeMap<ProbeName, Arc<Probe>>,
}

impl Plan {
    /// Every lane, in name order.
    pub fn lanes(&self) -> impl Iterator<Item = (Lane, &Arc<Probe>)> {
        self.probes.values().flat_map(|probe| {
            probe.routes.iter().flat_map(move |route| {
                probe.mailboxes.iter().map(move |mailbox| {
                    (Lane { probe: probe.name.clone(), route: route.clone(), mailbox: mailbox.clone() }, probe)
                })
            })
        })
    }

    /// The routes whose bounces come to `mailbox`.
    #[must_use]
    pub fn bouncing_to(&self, mailbox: &MailboxName) -> BTreeSet<RouteName> {
        let returning = self.routes.values().filter(|route| route.bounces.as_ref() == Some(mailbox));
        returning.map(|route| route.name.clone()).collect()
    }
}

/// Who a seed is from.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its key in the configuration.
    pub name: IdentityName,
    /// The display name of the header From; may be empty.
    pub display_name: String,
    /// The address of the header From, in ASCII.
    pub from: String,
    /// The envelope sender (RFC 5321 MAIL FROM). `{token}` in it is replaced by the seed's token (VERP), so that a bounce names its seed.
    pub envelope_from: String,
    /// Signs each seed here; without it the route may sign, or nobody.
    pub dkim: Option<DkimKey>,
}

/// A DKIM signing key (RFC 6376).
#[derive(Clone, Debug)]
pub struct DkimKey {
    /// `d=`.
    pub domain: String,
    /// `s=`.
    pub selector: String,
    /// The private key in PEM (PKCS#1 or PKCS#8; RSA or Ed25519), read again when the file changes.
    pub key: Secret,
}

/// A way out.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its key in the configuration.
    pub name: RouteName,
    /// Who seeds by this route are from, unless the probe says otherwise.
    pub identity: Arc<Identity>,
    /// How.
    pub kind: RouteKind,
    /// The name in EHLO; the host's own name where `None`.
    pub helo: Option<String>,
    /// What to do after a 4xx reply.
    pub retry: RetryPolicy,
    /// How many seeds may be in SMTP at once.
    pub connections: usize,
    /// The mailbox that receives what is sent to the envelope sender. Every watched mailbox is searched for bounces; this one is also looked at
    /// as often as the seed's own while seeds by this route are under way.
    pub bounces: Option<MailboxName>,
}

/// How a route hands off.
#[derive(Clone, Debug)]
pub enum RouteKind {
    /// To one SMTP server, as a client of it (RFC 6409 or RFC 5321).
    Smtp {
        /// The server.
        server: Endpoint,
        /// Who we are to it.
        credentials: Option<Credentials>,
    },
    /// To the recipient domain's own MX hosts on port 25 (RFC 5321 §5), with opportunistic TLS.
    Mx {
        /// The local address to send from.
        source: Option<IpAddr>,
        /// The port, 25 but in tests.
        port: u16,
    },
}

/// When a deferred seed is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many times after the first.
    pub times: u32,
    /// How long between.
    pub interval: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { times: 3, interval: Duration::from_mins(15) }
    }
}

/// A server to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How it is secured.
    pub tls: TlsMode,
    /// Authorities to trust instead of the system's, a PEM file.
    pub ca_file: Option<PathBuf>,
    /// The name the certificate must carry, where it is not `host`.
    pub server_name: Option<String>,
    /// The local address to connect from.
    pub source: Option<IpAddr>,
}

/// How a connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// Plain first, then STARTTLS, which must succeed.
    StartTls,
    /// STARTTLS where offered, any certificate, as one MTA to another (RFC 7435).
    Opportunistic,
    /// Never.
    None,
}

impl TlsMode {
    /// Every mode, as the configuration spells them.
    pub const ALL: [Self; 4] = [Self::StartTls, Self::Implicit, Self::Opportunistic, Self::None];

    /// The word for it, everywhere.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::StartTls => "starttls",
            Self::Opportunistic => "opportunistic",
            Self::None => "none",
        }
    }
}

/// Who we are to a server.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user name (from the configuration or its environment variable).
    pub username: Secret,
    /// The password.
    pub password: Secret,
}

/// A test account.
#[derive(Clone, Debug)]
pub struct Mailbox {
    /// Its key in the configuration.
    pub name: MailboxName,
    /// Where seeds are addressed to, in ASCII.
    pub address: String,
    /// Its receiver's profile, with the mailbox's own settings merged in.
    pub provider: Arc<Provider>,
    /// Where it is read.
    pub imap: ImapServer,
    /// How long a seed stays in the mailbox after it was recorded.
    pub keep: Duration,
}

/// An IMAP server and account.
#[derive(Clone, Debug)]
pub struct ImapServer {
    /// The server.
    pub server: Endpoint,
    /// Who we are to it.
    pub credentials: Credentials,
    /// Folders that discovery cannot find.
    pub folders: FolderNames,
    /// How often to look while seeds are pending, besides IDLE.
    pub poll: Duration,
}

/// Folders by their names for people (not modified UTF-7), `/` or the server's own delimiter between levels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderNames {
    /// The inbox, where it is not INBOX.
    pub inbox: Option<String>,
    /// Junk folders.
    pub spam: Vec<String>,
    /// Tabs. A name that ends in `/*` stands for everything below it.
    pub categories: Vec<String>,
}

/// What is known of a receiver (`catalog/providers.yaml`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its name, a metrics label.
    pub name: ProviderName,
    /// Names its folders are known to have, tried where neither SPECIAL-USE nor XLIST tells.
    pub folders: FolderNames,
    /// How long the server may be left in IDLE; zero where IDLE is not to be used though it is offered.
    pub idle_limit: Duration,
    /// Patterns of the authserv-ids it writes: a name in lower case, in which `*` stands for any characters but a dot.
    pub authserv_ids: Vec<String>,
    /// It writes Authentication-Results without an authserv-id (Outlook.com).
    pub omits_authserv_id: bool,
    /// It tells the Gmail tabs by search (`X-GM-RAW`).
    pub gmail_tabs: bool,
}

impl Provider {
    /// A receiver of which nothing is known.
    #[must_use]
    pub fn unknown(name: ProviderName) -> Self {
        Self {
            name,
            folders: FolderNames::default(),
            // RFC 2177 §3: a client should not stay in IDLE for more than 29 minutes.
            idle_limit: Duration::from_mins(29),
            authserv_ids: Vec::new(),
            omits_authserv_id: false,
            gmail_tabs: false,
        }
    }
}

/// What is sent where, how often, and what should come of it.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Its key in the configuration.
    pub name: ProbeName,
    /// The routes.
    pub routes: Vec<RouteName>,
    /// The mailboxes.
    pub mailboxes: Vec<MailboxName>,
    /// Replaces the routes' identity.
    pub identity: Option<Arc<Identity>>,
    /// Time between two seeds of one lane.
    pub every: Duration,
    /// How long a seed may take.
    pub deadline: Duration,
    /// How much longer an unreadable mailbox is waited for.
    pub patience: Duration,
    /// What to send.
    pub message: MessageSource,
    /// What should come of it.
    pub expect: Expectation,
    /// The name of the token's header.
    pub header: String,
}

/// What a seed says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageSource {
    /// The built-in transactional message.
    BuiltIn,
    /// The user's own `.eml` with placeholders, read when the configuration was, and checked.
    Template(Arc<str>),
}
