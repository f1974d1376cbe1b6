//! From a file to a checked configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::fields::Fields;
use crate::config::key::Section;
use crate::config::problem::{ConfigErrors, Context, Problem, Read, Reported};
use crate::config::store::{Retention, StoreLocation};
use crate::config::tree::Node;
use crate::config::{identities, later, mailboxes, probes, read, routes, store, tree};
use crate::model::{Identity, IdentityName, Plan};

/// Larger than the configuration of many thousand mailboxes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// The whole file.
pub(super) static ROOT: Section = Section::new(
    "configuration",
    "The keys of the file itself.",
    &[
        &store::STORE,
        &store::RETENTION,
        &store::DNS,
        &store::CATALOG,
        &identities::IDENTITIES,
        &routes::ROUTES,
        &mailboxes::MAILBOXES,
        &probes::PROBES,
        &later::BLOCKLISTS,
        &later::OBJECTIVES,
    ],
);

/// A configuration that was read without errors.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is odd about it, in the order of the file.
    pub warnings: Vec<Problem>,
}

/// A checked configuration. Nobody needs to check any of it again.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is remembered.
    pub store: StoreLocation,
    /// How long.
    pub retention: Retention,
    /// Recursive resolvers; the system's where empty.
    pub dns_servers: Vec<SocketAddr>,
    /// How long one question to a resolver may take.
    pub dns_timeout: Duration,
    /// Everyone that seeds can be from.
    pub identities: BTreeMap<IdentityName, Arc<Identity>>,
    /// What is to be watched.
    pub plan: Plan,
}

/// Reads the configuration in the file `path`. File names in it are relative to its directory.
///
/// # Errors
/// Everything that is wrong with it, or why it cannot be read.
pub fn load(path: &Path) -> Result<Loaded, ConfigErrors> {
    let name = path.display().to_string();
    let text = read::read_text(path, MAX_BYTES).map_err(|reason| {
        let message = format!("could not read the configuration: {reason}");
        ConfigErrors { errors: vec![Problem { file: name.clone(), line: 0, column: 0, message }], warnings: Vec::new() }
    })?;
    parse(&text, path.parent().unwrap_or_else(|| Path::new("")), &name)
}

/// Reads the configuration in `text`, which is called `file_name` in errors. File names in it are relative to `base_dir`. Files
/// that it names are opened, environment variables are read: nothing else outside the text matters.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn parse(text: &str, base_dir: &Path, file_name: &str) -> Result<Loaded, ConfigErrors> {
    let cx = Context::new(base_dir, file_name);
    let config = tree::parse(&cx, text).and_then(|root| config(&cx, &root));
    cx.finish(config).map(|(config, warnings)| Loaded { config, warnings })
}

fn config(cx: &Context<'_>, root: &Node) -> Read<Config> {
    let fields = Fields::open(cx, root, &ROOT)?;
    let store = store::store(&fields);
    let retention = store::retention(&fields);
    let dns = store::dns(&fields);
    let catalog = store::catalog(&fields)?;
    let identities = identities::read(&fields);
    let mailboxes = mailboxes::read(&fields, &catalog);
    let routes = routes::read(&fields, &identities, &mailboxes);
    let world = probes::World { identities: &identities, routes: &routes, mailboxes: &mailboxes, catalog: &catalog };
    let probes = probes::read(&fields, &world);
    later::check(&fields);
    if cx.has_errors() {
        return Err(Reported);
    }
    if probes.len() == 0 {
        cx.warn(fields.place(&probes::PROBES), "there are no probes: nothing will be sent");
    }
    identities.warn_unused(cx, "route and no probe");
    routes.warn_unused(cx, "probe");
    mailboxes.warn_unused(cx, "probe and no route");
    let (dns_servers, dns_timeout) = dns?;
    let plan =
        Plan { routes: routes.into_values()?, mailboxes: mailboxes.into_values()?, probes: probes.into_values()? };
    Ok(Config {
        store: store?,
        retention: retention?,
        dns_servers,
        dns_timeout,
        identities: identities.into_values()?,
        plan,
    })
}
