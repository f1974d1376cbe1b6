//! `probes:`, what is sent where, how often, and what should come of it.

use std::sync::Arc;

use crate::config::catalog::Catalog;
use crate::config::duration::DURATION;
use crate::config::fields::{Declared, Fields};
use crate::config::key::{Form, Key, Kind, Section};
use crate::config::problem::{Context, Read};
use crate::config::read;
use crate::config::tree::{Entry, Node, Value};
use crate::model::{
    Expectation, Identity, Mailbox, MailboxName, MessageSource, Outcome, Probe, ProbeName, Route, RouteName,
};

/// The largest template. A seed should look like ordinary mail, and is fetched whole.
const MAX_TEMPLATE: u64 = 256 * 1024;

pub(super) static PROBES: Key = Key::new(
    "probes",
    Kind::Named(&SECTION),
    "What is sent where, how often, and what should come of it, each by a name of your choice.",
    "{ receipts: { routes: all, mailboxes: all } }",
)
.required();

static SECTION: Section = Section::new(
    "probe",
    "Each route of a probe with each of its mailboxes is a lane: one seed goes down every lane every so often.",
    &[&ROUTES, &MAILBOXES, &IDENTITY, &EVERY, &DEADLINE, &PATIENCE, &MESSAGE, &EXPECT, &HEADER],
);
static ALL: Form = Form::new("`all`").pattern("^all$");
static ROUTES: Key = Key::new(
    "routes",
    Kind::AnyOf(&[Kind::Text(&ALL), Kind::OneOrMany(&Kind::Text(&read::NAME))]),
    "The routes to send by: `all`, or their names.",
    "[ses, direct]",
)
.required();
static MAILBOXES: Key = Key::new(
    "mailboxes",
    Kind::AnyOf(&[Kind::Text(&ALL), Kind::OneOrMany(&Kind::Text(&read::NAME)), Kind::Map(&CHOICE)]),
    "The mailboxes to send to: `all`, their names, or all of some providers.",
    "{ provider: [gmail, qq] }",
)
.required();
static IDENTITY: Key =
    Key::new("identity", Kind::Text(&read::NAME), "Who these seeds are from, whatever their route says.", "forger")
        .otherwise("the route's identity");
static EVERY: Key =
    Key::new("every", Kind::Text(&DURATION), "Time between two seeds of one lane; at least 1s.", "15m").default("15m");
static DEADLINE: Key = Key::new(
    "deadline",
    Kind::Text(&DURATION),
    "How long a seed may take. After that every folder is searched, and only then is it called missing.",
    "30m",
)
.default("30m");
static PATIENCE: Key = Key::new(
    "patience",
    Kind::Text(&DURATION),
    "How much longer a mailbox that cannot be read is waited for, before its seeds are called unobserved.",
    "2h",
)
.default("2h");
static MESSAGE: Key =
    Key::new("message", Kind::Map(&MESSAGE_SECTION), "What to send.", "{ template: templates/receipt.eml }")
        .otherwise("a built-in transactional message");
static EXPECT: Key = Key::new(
    "expect",
    Kind::OneOrMany(&Kind::Words(expectable_words)),
    "The outcomes that are good. A negative control expects `[refused, spam, missing]`.",
    "[inbox, category]",
)
.default("inbox");
static HEADER: Key = Key::new(
    "header",
    Kind::Text(&HEADER_NAME),
    "The name of the header field that carries the seed's token.",
    "X-Shop-Reference",
)
.default("X-Landfall-Seed");
static HEADER_NAME: Form =
    Form::new("the name of a header field, such as `X-Landfall-Seed`").pattern("^[!-9;-~]{1,76}$");

static CHOICE: Section = Section::new("choice of mailboxes", "All mailboxes of the given providers.", &[&PROVIDER]);
static PROVIDER: Key = Key::new(
    "provider",
    Kind::OneOrMany(&Kind::Text(&read::NAME)),
    "Names of providers, as in the catalog.",
    "[gmail, qq]",
)
.required();

static MESSAGE_SECTION: Section = Section::new("message", "What a seed says.", &[&TEMPLATE]);
static TEMPLATE: Key = Key::new(
    "template",
    Kind::Text(&read::FILE),
    "A message in a file (`.eml`, UTF-8, up to 256 KiB) with placeholders. It is read when the configuration is.",
    "templates/receipt.eml",
)
.required();

/// What a probe refers to.
pub(super) struct World<'a> {
    pub(super) identities: &'a Declared<Identity>,
    pub(super) routes: &'a Declared<Route>,
    pub(super) mailboxes: &'a Declared<Mailbox>,
    pub(super) catalog: &'a Catalog,
}

pub(super) fn read(fields: &Fields<'_>, world: &World<'_>) -> Declared<Probe> {
    Declared::read(fields, &PROBES, "probe", |name, entry| probe(fields.cx, name, entry, world))
}

fn probe(cx: &Context<'_>, name: &str, entry: &Entry, world: &World<'_>) -> Read<Probe> {
    let fields = Fields::open(cx, &entry.value, &SECTION)?;
    let routes = fields.required(&ROUTES, |cx, node| named(cx, node, world.routes, "a route"));
    let mailboxes = fields.required(&MAILBOXES, |cx, node| mailboxes(cx, node, world));
    let identity = fields.optional(&IDENTITY, |cx, node| world.identities.refer(cx, node));
    let every = fields.value(&EVERY, read::seconds);
    let deadline = fields.value(&DEADLINE, read::positive);
    let patience = fields.value(&PATIENCE, read::duration);
    let message = fields.optional(&MESSAGE, message);
    let expect = fields.value(&EXPECT, expect);
    let header = fields.value(&HEADER, header);
    let (routes, mailboxes) = (routes?, mailboxes?);
    for (key, count) in [(&ROUTES, routes.len()), (&MAILBOXES, mailboxes.len())] {
        if count == 0 {
            cx.error(fields.place(key), format!("this probe sends nothing: `{}` picks none", key.name));
        }
    }
    Ok(Probe {
        name: ProbeName::from(name),
        routes: routes.iter().map(|route: &Arc<Route>| RouteName::clone(&route.name)).collect(),
        mailboxes: mailboxes.iter().map(|mailbox: &Arc<Mailbox>| MailboxName::clone(&mailbox.name)).collect(),
        identity: identity?,
        every: every?,
        deadline: deadline?,
        patience: patience?,
        message: message?.unwrap_or(MessageSource::BuiltIn),
        expect: expect?,
        header: header?,
    })
}

/// `all`, or names.
fn named<T>(cx: &Context<'_>, node: &Node, declared: &Declared<T>, noun: &str) -> Read<Vec<Arc<T>>> {
    match &node.value {
        Value::Scalar { text, .. } if text == "all" => declared.pick(|_| true),
        _ => read::many(cx, node, noun, |cx, node| declared.refer(cx, node)),
    }
}

/// `all`, names, or `{provider: [...]}`.
fn mailboxes(cx: &Context<'_>, node: &Node, world: &World<'_>) -> Read<Vec<Arc<Mailbox>>> {
    if !matches!(node.value, Value::Map(_)) {
        return named(cx, node, world.mailboxes, "a mailbox");
    }
    let fields = Fields::open(cx, node, &CHOICE)?;
    let providers = fields
        .required(&PROVIDER, |cx, node| read::many(cx, node, "a provider", |cx, node| world.catalog.named(cx, node)))?;
    world.mailboxes.pick(|mailbox| providers.iter().any(|known| known.provider.name == mailbox.provider.name))
}

fn message(cx: &Context<'_>, node: &Node) -> Read<MessageSource> {
    let fields = Fields::open(cx, node, &MESSAGE_SECTION)?;
    let text = fields.required(&TEMPLATE, |cx, node| read::file_text(cx, node, MAX_TEMPLATE))?;
    Ok(MessageSource::Template(text.into()))
}

/// Every outcome that can be expected: nobody can want not to have looked.
fn expectable() -> impl Iterator<Item = Outcome> {
    Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Unobserved)
}

fn expectable_words() -> Vec<&'static str> {
    expectable().map(Outcome::as_str).collect()
}

fn expect(cx: &Context<'_>, node: &Node) -> Read<Expectation> {
    let all: Vec<_> = expectable().collect();
    let outcomes = read::many(cx, node, "an outcome", |cx, node| match &node.value {
        Value::Scalar { text, .. } if text == Outcome::Unobserved.as_str() => {
            Err(cx.error(node.at, "nobody can expect `unobserved`: it says that nobody could look"))
        }
        _ => read::word(cx, node, &all, Outcome::as_str),
    })?;
    if outcomes.is_empty() {
        return Err(cx.error(node.at, "no outcome is expected; name at least one, or leave the key out for `inbox`"));
    }
    Ok(Expectation::of(outcomes))
}

/// Fields that have a meaning of their own, in lower case. One that ends in `-` stands for all that begin so.
const RESERVED: [&str; 25] = [
    "arc-",
    "authentication-results",
    "bcc",
    "cc",
    "content-",
    "date",
    "delivered-to",
    "dkim-signature",
    "domainkey-signature",
    "from",
    "in-reply-to",
    "list-",
    "message-id",
    "mime-version",
    "received",
    "received-spf",
    "references",
    "reply-to",
    "resent-",
    "return-path",
    "sender",
    "subject",
    "to",
    "x-original-authentication-results",
    "x-received",
];

/// A field name (RFC 5322 §3.6.8) that means nothing yet.
fn header(cx: &Context<'_>, node: &Node) -> Read<String> {
    read::formed(cx, node, &HEADER_NAME, |text| {
        if text.is_empty() || text.len() > 76 || !text.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
            return Err(String::new());
        }
        let name = text.to_ascii_lowercase();
        let reserved = |known: &&str| name == *known || known.ends_with('-') && name.starts_with(known);
        if RESERVED.iter().any(reserved) {
            return Err("that field has a meaning of its own".to_owned());
        }
        Ok(text.to_owned())
    })
}
