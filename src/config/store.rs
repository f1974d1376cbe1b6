//! The small sections: `store:`, `retention:`, `dns:` and `catalog:`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::catalog::{self, Catalog};
use crate::config::duration::DURATION;
use crate::config::fields::Fields;
use crate::config::key::{Form, Key, Kind, Section};
use crate::config::problem::{Context, Read};
use crate::config::read;
use crate::config::tree::Node;

pub(super) static STORE: Key = Key::new(
    "store",
    Kind::Text(&LOCATION),
    "Where everything is remembered: `sqlite:` and a file, which is made where it does not exist.",
    "sqlite:landfall.db",
)
.default("sqlite:/var/lib/landfall/landfall.db");
static LOCATION: Form = Form::new("`sqlite:` and a file name").pattern("^sqlite:[^:?][^?]*$");

pub(super) static RETENTION: Key = Key::new(
    "retention",
    Kind::Map(&RETENTION_SECTION),
    "How long the store remembers.",
    "{ messages: 7d, results: 400d }",
);
static RETENTION_SECTION: Section = Section::new("retention", "How long the store remembers.", &[&MESSAGES, &RESULTS]);
static MESSAGES: Key =
    Key::new("messages", Kind::Text(&DURATION), "How long received copies are kept, as evidence.", "7d").default("7d");
static RESULTS: Key = Key::new(
    "results",
    Kind::Text(&DURATION),
    "How long results are kept; a service level is computed from them.",
    "400d",
)
.default("400d");

pub(super) static DNS: Key =
    Key::new("dns", Kind::Map(&DNS_SECTION), "Who resolves names.", "{ servers: [\"127.0.0.1:53\"], timeout: 2s }");
static DNS_SECTION: Section = Section::new("resolver", "Who resolves names.", &[&SERVERS, &TIMEOUT]);
static SERVERS: Key = Key::new(
    "servers",
    Kind::OneOrMany(&Kind::Text(&read::SERVER)),
    "Recursive resolvers by address; port 53 where none is given.",
    "[\"127.0.0.1:53\"]",
)
.otherwise("the system's resolver");
static TIMEOUT: Key = Key::new("timeout", Kind::Text(&DURATION), "How long one question may take.", "2s").default("2s");

pub(super) static CATALOG: Key = Key::new(
    "catalog",
    Kind::Map(&CATALOG_SECTION),
    "What is known of the receivers, beside what comes with the program.",
    "{ providers: providers.yaml }",
);
static CATALOG_SECTION: Section = Section::new("catalog", "Additions to the built-in catalogs.", &[&PROVIDERS]);
static PROVIDERS: Key = Key::new(
    "providers",
    Kind::Text(&read::FILE),
    "A file in the form of `catalog/providers.yaml`. Its entries are added; one with a known name replaces that.",
    "providers.yaml",
);

/// Where everything is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// A SQLite database in this file.
    Sqlite(PathBuf),
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Sqlite(path) = self;
        write!(f, "sqlite:{}", path.display())
    }
}

/// How long the store remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Received copies.
    pub messages: Duration,
    /// Everything else.
    pub results: Duration,
}

pub(super) fn store(fields: &Fields<'_>) -> Read<StoreLocation> {
    fields.value(&STORE, |cx, node| {
        let text = read::scalar(cx, node, LOCATION.noun)?;
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return Err(cx.error(node.at, "this version stores nothing in PostgreSQL; use `sqlite:` and a file name"));
        }
        // The text is not quoted: people put passwords into such addresses.
        match text.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path)) {
            // `:memory:` would forget, and a query belongs to other programs' addresses.
            Some(path) if !path.is_empty() && !path.starts_with(':') && !path.contains(['\0', '?']) => {
                Ok(StoreLocation::Sqlite(cx.base_dir.join(path)))
            }
            _ => Err(cx.error(node.at, format!("expected {}", LOCATION.noun))),
        }
    })
}

pub(super) fn retention(fields: &Fields<'_>) -> Read<Retention> {
    let empty = Node { at: fields.at, value: crate::config::tree::Value::Map(Vec::new()) };
    let node = fields.entry(&RETENTION).map_or(&empty, |entry| &*entry.value);
    let fields = Fields::open(fields.cx, node, &RETENTION_SECTION)?;
    let messages = fields.value(&MESSAGES, read::positive);
    let results = fields.value(&RESULTS, read::positive);
    Ok(Retention { messages: messages?, results: results? })
}

/// Servers (none: the system's) and the time limit of one question.
pub(super) fn dns(fields: &Fields<'_>) -> Read<(Vec<SocketAddr>, Duration)> {
    let empty = Node { at: fields.at, value: crate::config::tree::Value::Map(Vec::new()) };
    let node = fields.entry(&DNS).map_or(&empty, |entry| &*entry.value);
    let fields = Fields::open(fields.cx, node, &DNS_SECTION)?;
    let servers = fields.optional(&SERVERS, |cx, node| read::many(cx, node, read::SERVER.noun, read::dns_server));
    let timeout = fields.value(&TIMEOUT, read::positive);
    Ok((servers?.unwrap_or_default(), timeout?))
}

/// The built-in catalog with the user's additions.
pub(super) fn catalog(fields: &Fields<'_>) -> Read<Catalog> {
    let mut catalog = Catalog::built_in().map_err(|errors| fields.cx.absorb(errors))?;
    if let Some(added) = fields.optional(&CATALOG, added)?.flatten() {
        catalog.extend(added);
    }
    Ok(catalog)
}

fn added(cx: &Context<'_>, node: &Node) -> Read<Option<Catalog>> {
    let fields = Fields::open(cx, node, &CATALOG_SECTION)?;
    fields.optional(&PROVIDERS, |cx, node| {
        let text = read::file_text(cx, node, catalog::MAX_BYTES)?;
        let name = read::scalar(cx, node, "a file name")?;
        Catalog::parse(&text, cx.base_dir, name).map_err(|errors| cx.absorb(errors))
    })
}
