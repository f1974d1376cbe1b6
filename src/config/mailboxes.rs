//! `mailboxes:`, the test accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::address;
use crate::config::catalog::{self, Catalog, Receiver};
use crate::config::duration::DURATION;
use crate::config::endpoint::{self, Protocol};
use crate::config::fields::{Declared, Fields};
use crate::config::key::{Key, Kind, Section};
use crate::config::problem::{Context, Read};
use crate::config::read;
use crate::config::tree::{Entry, Node};
use crate::model::{ImapServer, Mailbox, MailboxName, Provider};

pub(super) static MAILBOXES: Key = Key::new(
    "mailboxes",
    Kind::Named(&SECTION),
    "The test accounts that seeds are sent to, each by a name of your choice.",
    "{ gmail-1: { address: seed@gmail.com, imap: { password_file: gmail-1.password } } }",
)
.required();

static SECTION: Section = Section {
    refused: &[("s3", "not supported by this version; use `imap`", "imap")],
    ..Section::new(
        "mailbox",
        "A test account at a receiver. It should have no safe senders, no contacts and no filters of its own, or it measures those.",
        &[&ADDRESS, &PROVIDER, &IMAP, &KEEP, &AUTHSERV_ID],
    )
};
static ADDRESS: Key =
    Key::new("address", Kind::Text(&address::ADDRESS), "Where seeds are addressed to.", "shop.seed.1@gmail.com")
        .required();
static PROVIDER: Key = Key::new(
    "provider",
    Kind::Text(&read::NAME),
    "Who the receiver is, by its name in the provider catalog; `generic` fits any.",
    "gmail",
)
.otherwise("told by the domain of `address`, where the catalog knows it");
static IMAP: Key =
    Key::new("imap", Kind::Map(&IMAP_SECTION), "How the account is read.", "{ password_file: /run/secrets/gmail-1 }")
        .required();
static KEEP: Key = Key::new(
    "keep",
    Kind::Text(&DURATION),
    "How long a seed stays in the mailbox after it was recorded. Nothing but seeds is ever deleted.",
    "7d",
)
.default("7d");
static AUTHSERV_ID: Key = Key::new(
    "authserv_id",
    Kind::OneOrMany(&Kind::Text(&catalog::PATTERN)),
    "Whose Authentication-Results to believe, instead of those that the catalog lists for the provider.",
    "[mx.shop.example]",
)
.otherwise("what the provider's profile says");

static IMAP_SECTION: Section = Section::new(
    "IMAP account",
    "The IMAP server and account.",
    &[
        &IMAP_HOST,
        &IMAP_PORT,
        &IMAP_TLS,
        &endpoint::CA_FILE,
        &endpoint::SERVER_NAME,
        &IMAP_USERNAME,
        &endpoint::USERNAME_ENV,
        &endpoint::PASSWORD_FILE,
        &endpoint::PASSWORD_ENV,
        &endpoint::PASSWORD,
        &endpoint::SOURCE,
        &catalog::FOLDERS,
        &POLL,
    ],
);
static IMAP_HOST: Key = Key::new("host", Kind::Text(&read::HOST), "The server's name or address.", "imap.example.org")
    .otherwise("what the catalog says of the provider");
static IMAP_PORT: Key = Key::new("port", Kind::Count { min: 1, max: 65535 }, "The server's TCP port.", "993")
    .otherwise("what the catalog says; with a host of your own 993, or 143 where `tls` is not `implicit`");
static IMAP_TLS: Key = endpoint::tls(
    "what the catalog says; with a host of your own `implicit` on port 993, otherwise `starttls`",
    "implicit",
);
static IMAP_USERNAME: Key =
    Key::new("username", Kind::Text(&read::TEXT), "The user name to log in with.", "shop.seed.1@gmail.com")
        .otherwise("`address`");
static POLL: Key =
    Key::new("poll", Kind::Text(&DURATION), "How often to look while seeds are awaited, besides IDLE.", "30s")
        .default("30s");

pub(super) fn read(fields: &Fields<'_>, catalog: &Catalog) -> Declared<Mailbox> {
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    Declared::read(fields, &MAILBOXES, "mailbox", |name, entry| {
        let mailbox = mailbox(fields.cx, name, entry, catalog)?;
        match owners.insert(mailbox.address.to_ascii_lowercase(), name.to_owned()) {
            // A seed would be found in both, and be called a duplicate.
            Some(owner) => Err(fields.cx.error(entry.at, format!("`{name}` has the address of `{owner}`"))),
            None => Ok(mailbox),
        }
    })
}

fn mailbox(cx: &Context<'_>, name: &str, entry: &Entry, catalog: &Catalog) -> Read<Mailbox> {
    let fields = Fields::open(cx, &entry.value, &SECTION)?;
    let address = fields.required(&ADDRESS, address::address);
    let receiver = receiver(&fields, address.as_deref().ok(), catalog);
    let keep = fields.value(&KEEP, read::positive);
    let authserv_ids = fields.optional(&AUTHSERV_ID, catalog::patterns);
    let account = Account { receiver: receiver.as_deref().ok(), address: address.as_deref().ok() };
    let imap = fields.required(&IMAP, |cx, node| imap(cx, node, &account));
    Ok(Mailbox {
        name: MailboxName::from(name),
        provider: Arc::new(profile(&*receiver?, authserv_ids?)),
        address: address?,
        imap: imap?,
        keep: keep?,
    })
}

/// The receiver that is named, or whose domain the address has.
fn receiver(fields: &Fields<'_>, address: Option<&str>, catalog: &Catalog) -> Read<Arc<Receiver>> {
    if let Some(entry) = fields.entry(&PROVIDER) {
        return catalog.named(fields.cx, &entry.value);
    }
    let domain = address::domain(address.ok_or(crate::config::problem::Reported)?);
    catalog.of_domain(&domain).ok_or_else(|| {
        let message = format!(
            "the catalog knows no provider by the domain {domain}: say `provider: generic`, or which one hosts the domain"
        );
        fields.cx.error(fields.place(&ADDRESS), message)
    })
}

fn profile(receiver: &Receiver, authserv_ids: Option<Vec<String>>) -> Provider {
    let mut provider = receiver.provider.clone();
    if let Some(authserv_ids) = authserv_ids {
        provider.authserv_ids = authserv_ids;
    }
    provider
}

/// What of the mailbox its IMAP section takes defaults from; `None` where that could not be read.
struct Account<'a> {
    receiver: Option<&'a Receiver>,
    address: Option<&'a str>,
}

fn imap(cx: &Context<'_>, node: &Node, account: &Account<'_>) -> Read<ImapServer> {
    let fields = Fields::open(cx, node, &IMAP_SECTION)?;
    let domain = account.address.map(address::domain).unwrap_or_default();
    let known = account.receiver.and_then(|receiver| receiver.server(&domain));
    if let (None, None, Some(receiver)) = (fields.entry(&IMAP_HOST), &known, account.receiver) {
        let name = &receiver.provider.name;
        cx.error(node.at, format!("`host` is missing here: the catalog knows no IMAP server of the provider `{name}`"));
    }
    let server = endpoint::server(&fields, Protocol::Imap, known.as_ref());
    let credentials = endpoint::credentials(&fields, Some(account.address.unwrap_or("-")));
    let folders = fields.optional(&catalog::FOLDERS, catalog::folders);
    let poll = fields.value(&POLL, read::seconds);
    let server = server?;
    endpoint::warn_exposed(cx, node.at, &server);
    if let (Some(receiver), None) =
        (account.receiver.filter(|receiver| !receiver.password_login), fields.entry(&IMAP_HOST))
    {
        cx.warn(
            node.at,
            format!(
                "{} lets no program log in with a password (OAuth2 only), and this version knows no other way",
                receiver.title
            ),
        );
    }
    Ok(ImapServer {
        server,
        credentials: credentials?.ok_or(crate::config::problem::Reported)?,
        folders: folders?.unwrap_or_default(),
        poll: poll?,
    })
}
