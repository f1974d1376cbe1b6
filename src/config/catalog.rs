//! The provider catalog: what is known of each receiver, so that a mailbox need not say it.
//!
//! It is plain YAML (`catalog/providers.yaml`), compiled in. `catalog: { providers: FILE }` names a file of the same form whose
//! entries are added, or replace those of the same name: a receiver that changed its ways needs no new release.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::duration::DURATION;
use crate::config::endpoint::{self, Known, Protocol};
use crate::config::fields::{self, Fields};
use crate::config::key::{Key, Kind, Section};
use crate::config::nearest;
use crate::config::problem::{ConfigErrors, Context, Read};
use crate::config::read;
use crate::config::tree::{self, Entry, Node};
use crate::model::{FolderNames, Provider, ProviderName};

/// The catalog that comes with the program.
pub(super) const BUILT_IN: &str = include_str!("../../catalog/providers.yaml");

/// Larger than any catalog.
pub(super) const MAX_BYTES: u64 = 1024 * 1024;

static SECTION: Section = Section::new(
    "provider",
    "What is known of a receiver.",
    &[
        &TITLE,
        &DOMAINS,
        &IMAP,
        &FOLDERS,
        &IDLE_LIMIT,
        &AUTHSERV_IDS,
        &OMITS_AUTHSERV_ID,
        &GMAIL_TABS,
        &PASSWORD_LOGIN,
        &VERIFIED,
        &NOTES,
    ],
);
/// The table of an entry, for the reference.
pub(super) fn section() -> &'static Section {
    &SECTION
}

static TITLE: Key = Key::new("title", Kind::Text(&read::TEXT), "What people call it.", "Gmail").required();
static DOMAINS: Key = Key::new(
    "domains",
    Kind::OneOrMany(&Kind::Text(&read::DOMAIN)),
    "The domains of its addresses; `*.` at the start stands for any one below.",
    "[gmail.com]",
);
static IMAP: Key =
    Key::new("imap", Kind::Map(&IMAP_SECTION), "Where its mailboxes are read.", "{ host: imap.gmail.com, port: 993 }");
pub(super) static FOLDERS: Key = Key::new(
    "folders",
    Kind::Map(&FOLDERS_SECTION),
    "Folders by name, where discovery (SPECIAL-USE, XLIST) is not enough. Names are written for people, not in modified UTF-7.",
    "{ spam: Junk, categories: [INBOX/Social] }",
);
static IDLE_LIMIT: Key = Key::new(
    "idle_limit",
    Kind::Text(&DURATION),
    "How long the server may be left in IDLE (RFC 2177 §3 allows 29 minutes); 0s where IDLE is not to be used.",
    "29m",
)
.default("29m");
static AUTHSERV_IDS: Key = Key::new(
    "authserv_ids",
    Kind::OneOrMany(&Kind::Text(&PATTERN)),
    "The authserv-ids that it writes into Authentication-Results.",
    "[mx.google.com]",
);
static OMITS_AUTHSERV_ID: Key =
    Key::new("omits_authserv_id", Kind::Flag, "It writes Authentication-Results without one.", "true").default("false");
static GMAIL_TABS: Key =
    Key::new("gmail_tabs", Kind::Flag, "It tells the Gmail tabs by search.", "true").default("false");
static PASSWORD_LOGIN: Key =
    Key::new("password_login", Kind::Flag, "It lets programs log in with a password.", "true").default("true");
static VERIFIED: Key = Key::new(
    "verified",
    Kind::OneOrMany(&Kind::Text(&read::TEXT)),
    "Which of these facts were read in a source; the others are hearsay, to be checked against the receiver.",
    "[imap, folders]",
);
static NOTES: Key =
    Key::new("notes", Kind::OneOrMany(&Kind::Text(&read::TEXT)), "Why the entry is as it is.", "Tabs are no folders.");

static IMAP_SECTION: Section = Section::new(
    "IMAP server",
    "The receiver's IMAP server.",
    &[&endpoint::HOST, &endpoint::PORT, &endpoint::TLS, &HOSTS],
);
static HOSTS: Key = Key::new(
    "hosts",
    Kind::Texts(&read::HOST),
    "The server of those domains that have another one.",
    "{ 126.com: imap.126.com }",
);

static FOLDERS_SECTION: Section =
    Section::new("folder names", "Folders by the names people see.", &[&INBOX, &SPAM, &CATEGORIES]);
static INBOX: Key =
    Key::new("inbox", Kind::Text(&read::TEXT), "The inbox.", "INBOX").otherwise("INBOX, as RFC 3501 wants");
static SPAM: Key = Key::new("spam", Kind::OneOrMany(&Kind::Text(&read::TEXT)), "Junk folders.", "[Junk, Spam]")
    .otherwise("what the server or the provider's profile says");
static CATEGORIES: Key = Key::new(
    "categories",
    Kind::OneOrMany(&Kind::Text(&read::TEXT)),
    "Tabs and the like. A name that ends in `/*` stands for every folder below it.",
    "[INBOX/Social, INBOX/News]",
)
.otherwise("what the provider's profile says");

pub(super) static PATTERN: crate::config::key::Form =
    crate::config::key::Form::new("an authserv-id, in which `*` stands for any characters but a dot")
        .pattern(r"^[^\s;*]*\*?[^\s;]*[^\s;*]+[^\s;]*$");

/// A receiver with everything known of it.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    pub(super) title: String,
    pub(super) domains: Vec<String>,
    pub(super) provider: Provider,
    pub(super) imap: Option<Known>,
    /// Servers of single domains.
    hosts: BTreeMap<String, String>,
    pub(super) password_login: bool,
}

impl Receiver {
    /// The IMAP server for addresses of `domain`.
    pub(super) fn server(&self, domain: &str) -> Option<Known> {
        let mut known = self.imap.clone()?;
        if let Some(host) = self.hosts.get(domain) {
            known.host.clone_from(host);
        }
        Some(known)
    }
}

/// All receivers, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    pub(super) receivers: BTreeMap<String, Arc<Receiver>>,
}

impl Catalog {
    /// The built-in catalog.
    pub(super) fn built_in() -> Result<Self, ConfigErrors> {
        Self::parse(BUILT_IN, Path::new(""), "catalog/providers.yaml")
    }

    /// Reads a catalog.
    pub(super) fn parse(text: &str, base_dir: &Path, file: &str) -> Result<Self, ConfigErrors> {
        let cx = Context::new(base_dir, file);
        let receivers = receivers(&cx, text);
        cx.finish(receivers).map(|(receivers, _)| Self { receivers })
    }

    /// Adds the entries of `other`, which win over those of the same name.
    pub(super) fn extend(&mut self, other: Self) {
        self.receivers.extend(other.receivers);
    }

    /// The receiver called `name`.
    pub(super) fn named(&self, cx: &Context<'_>, node: &Node) -> Read<Arc<Receiver>> {
        let name = read::text(cx, node)?;
        self.receivers.get(&name).cloned().ok_or_else(|| {
            let near = nearest::nearest(&name, self.receivers.keys().map(String::as_str));
            let hint = near.map_or_else(
                || "; `generic` fits every receiver".to_owned(),
                |near| format!("; did you mean `{near}`?"),
            );
            cx.error(node.at, format!("the catalog has no provider `{}`{hint}", read::shown(&name)))
        })
    }

    /// The receiver of the addresses of `domain`.
    pub(super) fn of_domain(&self, domain: &str) -> Option<Arc<Receiver>> {
        let serves = |pattern: &String| match pattern.strip_prefix('*') {
            Some(suffix) => domain.ends_with(suffix),
            None => domain == pattern,
        };
        self.receivers.values().find(|receiver| receiver.domains.iter().any(serves)).cloned()
    }
}

fn receivers(cx: &Context<'_>, text: &str) -> Read<BTreeMap<String, Arc<Receiver>>> {
    let root = tree::parse(cx, text)?;
    let mut receivers = BTreeMap::new();
    let mut domains: BTreeMap<String, String> = BTreeMap::new();
    for entry in fields::mapping(cx, &root, "providers by name")? {
        let name = read::check_name(cx, entry.at, &entry.key, "provider");
        let (Ok(receiver), Ok(())) = (receiver(cx, entry), name) else { continue };
        for domain in &receiver.domains {
            if let Some(other) = domains.insert(domain.clone(), entry.key.clone()) {
                cx.error(entry.at, format!("the domain `{domain}` belongs to `{other}` already"));
            }
        }
        receivers.insert(entry.key.clone(), Arc::new(receiver));
    }
    Ok(receivers)
}

fn receiver(cx: &Context<'_>, entry: &Entry) -> Read<Receiver> {
    let fields = Fields::open(cx, &entry.value, &SECTION)?;
    let title = fields.required(&TITLE, read::text);
    let domains = fields.optional(&DOMAINS, |cx, node| read::many(cx, node, "a domain", domain));
    let imap = fields.optional(&IMAP, imap);
    let folders = fields.optional(&FOLDERS, folders);
    let idle_limit = fields.value(&IDLE_LIMIT, read::duration);
    let authserv_ids = fields.optional(&AUTHSERV_IDS, patterns);
    let omits_authserv_id = fields.value(&OMITS_AUTHSERV_ID, read::flag);
    let gmail_tabs = fields.value(&GMAIL_TABS, read::flag);
    let password_login = fields.value(&PASSWORD_LOGIN, read::flag);
    for key in [&VERIFIED, &NOTES] {
        let _ = fields.optional(key, read::texts);
    }
    let (imap, hosts) = imap?.unzip();
    Ok(Receiver {
        title: title?,
        domains: domains?.unwrap_or_default(),
        provider: Provider {
            name: ProviderName::from(entry.key.as_str()),
            folders: folders?.unwrap_or_default(),
            idle_limit: idle_limit?,
            authserv_ids: authserv_ids?.unwrap_or_default(),
            omits_authserv_id: omits_authserv_id?,
            gmail_tabs: gmail_tabs?,
        },
        imap,
        hosts: hosts.unwrap_or_default(),
        password_login: password_login?,
    })
}

fn domain(cx: &Context<'_>, node: &Node) -> Read<String> {
    read::formed(cx, node, &read::DOMAIN, |text| {
        read::check_host(text.strip_prefix("*.").unwrap_or(text)).map(|()| text.to_ascii_lowercase())
    })
}

fn imap(cx: &Context<'_>, node: &Node) -> Read<(Known, BTreeMap<String, String>)> {
    let fields = Fields::open(cx, node, &IMAP_SECTION)?;
    if fields.entry(&endpoint::HOST).is_none() {
        return Err(cx.error(node.at, "`host` is missing here"));
    }
    let server = endpoint::server(&fields, Protocol::Imap, None)?;
    let hosts = fields.optional(&HOSTS, hosts)?.unwrap_or_default();
    Ok((Known { host: server.host, port: server.port, tls: server.tls }, hosts))
}

fn hosts(cx: &Context<'_>, node: &Node) -> Read<BTreeMap<String, String>> {
    let entries = fields::mapping(cx, node, "host names by domain")?;
    entries.iter().map(|entry| Ok((entry.key.clone(), read::host(cx, &entry.value)?))).collect()
}

/// Folder names, of a receiver or of a mailbox.
pub(super) fn folders(cx: &Context<'_>, node: &Node) -> Read<FolderNames> {
    let fields = Fields::open(cx, node, &FOLDERS_SECTION)?;
    let inbox = fields.optional(&INBOX, read::text);
    let spam = fields.optional(&SPAM, read::texts);
    let categories = fields.optional(&CATEGORIES, read::texts);
    Ok(FolderNames { inbox: inbox?, spam: spam?.unwrap_or_default(), categories: categories?.unwrap_or_default() })
}

/// Patterns of authserv-ids, in lower case.
pub(super) fn patterns(cx: &Context<'_>, node: &Node) -> Read<Vec<String>> {
    read::many(cx, node, PATTERN.noun, |cx, node| {
        read::formed(cx, node, &PATTERN, |text| match text {
            _ if text.chars().all(|c| matches!(c, '*' | '.')) => Err("it would trust everybody's word".to_owned()),
            _ if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == ';') => Err(String::new()),
            _ => Ok(text.to_lowercase()),
        })
    })
}
