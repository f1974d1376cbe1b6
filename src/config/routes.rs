//! `routes:`, the ways out.

use crate::config::duration::DURATION;
use crate::config::endpoint::{self, Protocol};
use crate::config::fields::{Declared, Fields};
use crate::config::key::{Key, Kind, Section};
use crate::config::problem::{Context, Read};
use crate::config::read;
use crate::config::tree::{Entry, Node};
use crate::model::{Identity, Mailbox, RetryPolicy, Route, RouteKind, RouteName};

pub(super) static ROUTES: Key = Key::new(
    "routes",
    Kind::Named(&SECTION),
    "The ways out, each by a name of your choice.",
    "{ relay: { identity: shop, smtp: { host: relay.shop.example } } }",
)
.required();

static SECTION: Section = Section {
    one_of: &["smtp", "mx"],
    ..Section::new(
        "route",
        "A way out: through one SMTP server (`smtp`), or straight to the recipient's own servers (`mx`).",
        &[&IDENTITY, &SMTP, &MX, &HELO, &RETRY, &CONNECTIONS, &BOUNCES],
    )
};
static IDENTITY: Key =
    Key::new("identity", Kind::Text(&read::NAME), "Who seeds by this route are from.", "shop").required();
static SMTP: Key = Key::new(
    "smtp",
    Kind::Map(&SMTP_SECTION),
    "Hand seeds to this server, as a client of it.",
    "{ host: relay.shop.example, username: landfall, password_file: relay.password }",
);
static MX: Key = Key::new(
    "mx",
    Kind::Map(&MX_SECTION),
    "Deliver seeds to the MX hosts of their recipients, with STARTTLS where they offer it. `mx: {}` is enough.",
    "{ helo: mail.shop.example, source: 192.0.2.10 }",
);
static HELO: Key = Key::new(
    "helo",
    Kind::Text(&read::HELO),
    "The name in EHLO. May as well stand within `smtp` or `mx`.",
    "mail.shop.example",
)
.otherwise("the host's own name");
static RETRY: Key = Key::new(
    "retry",
    Kind::Map(&RETRY_SECTION),
    "What to do after a temporary no (4xx).",
    "{ times: 3, interval: 15m }",
);
static CONNECTIONS: Key = Key::new(
    "connections",
    Kind::Count { min: 1, max: 1000 },
    "How many seeds may be on their way through this route at once.",
    "4",
)
.default("4");

static BOUNCES: Key = Key::new(
    "bounces",
    Kind::Text(&read::NAME),
    "The mailbox that receives mail to the envelope sender. Bounces are looked for in such mailboxes only. It is looked at often while \
     seeds by this route are under way, and need not be in any probe.",
    "returns",
);

static SMTP_SECTION: Section = Section::new(
    "SMTP server",
    "A server that takes mail from its clients: a relay, or a provider's submission service.",
    &[
        &SMTP_HOST,
        &SMTP_PORT,
        &SMTP_TLS,
        &endpoint::CA_FILE,
        &endpoint::SERVER_NAME,
        &endpoint::USERNAME,
        &endpoint::USERNAME_ENV,
        &endpoint::PASSWORD_FILE,
        &endpoint::PASSWORD_ENV,
        &endpoint::PASSWORD,
        &HELO,
        &endpoint::SOURCE,
    ],
);
static SMTP_HOST: Key =
    Key::new("host", Kind::Text(&read::HOST), "The server's name or address.", "relay.shop.example").required();
static SMTP_PORT: Key = Key::new("port", Kind::Count { min: 1, max: 65535 }, "The server's TCP port.", "587")
    .otherwise("465 with `tls: implicit`, 25 with `opportunistic` or `none`, otherwise 587");
static SMTP_TLS: Key = endpoint::tls("`implicit` on port 465, `opportunistic` on 25, otherwise `starttls`", "starttls");

static MX_SECTION: Section = Section::new(
    "direct delivery",
    "Delivery to the MX hosts of the recipient's domain (RFC 5321 §5).",
    &[&HELO, &endpoint::SOURCE, &MX_PORT],
);
static MX_PORT: Key =
    Key::new("port", Kind::Count { min: 1, max: 65535 }, "The port; anything but 25 is for tests.", "25").default("25");

static RETRY_SECTION: Section = Section::new(
    "retries",
    "When a route says \"later\", the seed is tried again, as a mail server would. After the last try its outcome is `refused`.",
    &[&TIMES, &INTERVAL],
);
static TIMES: Key =
    Key::new("times", Kind::Count { min: 0, max: 100 }, "How many times after the first.", "3").default("3");
static INTERVAL: Key =
    Key::new("interval", Kind::Text(&DURATION), "How long to wait before each.", "15m").default("15m");

/// Reads the routes, which refer to identities and mailboxes.
pub(super) fn read(
    fields: &Fields<'_>,
    identities: &Declared<Identity>,
    mailboxes: &Declared<Mailbox>,
) -> Declared<Route> {
    Declared::read(fields, &ROUTES, "route", |name, entry| route(fields.cx, name, entry, identities, mailboxes))
}

fn route(
    cx: &Context<'_>,
    name: &str,
    entry: &Entry,
    identities: &Declared<Identity>,
    mailboxes: &Declared<Mailbox>,
) -> Read<Route> {
    let fields = Fields::open(cx, &entry.value, &SECTION)?;
    let identity = fields.required(&IDENTITY, |cx, node| identities.refer(cx, node));
    let kind = fields.exactly_one(&[&SMTP, &MX]).and_then(|entry| match entry.key == SMTP.name {
        true => smtp(cx, &entry.value),
        false => mx(cx, &entry.value),
    });
    let helo = fields.optional(&HELO, read::helo);
    let retry = fields.optional(&RETRY, retry);
    let bounces = fields.optional(&BOUNCES, |cx, node| mailboxes.refer(cx, node));
    let connections = fields.value(&CONNECTIONS, read::count(1, 1000));
    let (kind, inner) = kind?;
    let helo = match (helo?, inner) {
        (Some(_), Some(_)) => {
            let within = if fields.entry(&SMTP).is_some() { SMTP.name } else { MX.name };
            return Err(cx.error(fields.place(&HELO), format!("`helo` is given twice: here and in `{within}`")));
        }
        (outer, inner) => outer.or(inner),
    };
    Ok(Route {
        name: RouteName::from(name),
        identity: identity?,
        kind,
        helo,
        retry: retry?.unwrap_or_default(),
        connections: usize::try_from(connections?).unwrap_or(1),
        bounces: bounces?.map(|mailbox| mailbox.name.clone()),
    })
}

fn smtp(cx: &Context<'_>, node: &Node) -> Read<(RouteKind, Option<String>)> {
    let fields = Fields::open(cx, node, &SMTP_SECTION)?;
    let server = endpoint::server(&fields, Protocol::Smtp, None);
    let credentials = endpoint::credentials(&fields, None);
    let helo = fields.optional(&HELO, read::helo);
    let (server, credentials) = (server?, credentials?);
    if credentials.is_some() {
        endpoint::warn_exposed(cx, node.at, &server);
    }
    Ok((RouteKind::Smtp { server, credentials }, helo?))
}

fn mx(cx: &Context<'_>, node: &Node) -> Read<(RouteKind, Option<String>)> {
    let fields = Fields::open(cx, node, &MX_SECTION)?;
    let helo = fields.optional(&HELO, read::helo);
    let source = fields.optional(&endpoint::SOURCE, read::ip);
    let port = fields.value(&MX_PORT, read::port);
    Ok((RouteKind::Mx { source: source?, port: port? }, helo?))
}

fn retry(cx: &Context<'_>, node: &Node) -> Read<RetryPolicy> {
    let fields = Fields::open(cx, node, &RETRY_SECTION)?;
    let times = fields.value(&TIMES, read::count(0, 100));
    let interval = fields.value(&INTERVAL, read::seconds);
    Ok(RetryPolicy { times: times?, interval: interval? })
}
