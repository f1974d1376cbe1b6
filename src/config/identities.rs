//! `identities:`, who seeds are from.

use std::sync::Arc;

use crate::config::address;
use crate::config::endpoint;
use crate::config::fields::{Declared, Fields};
use crate::config::key::{Key, Kind, Section};
use crate::config::problem::{Context, Read};
use crate::config::read;
use crate::config::tree::Node;
use crate::model::{DkimKey, Identity, IdentityName};

pub(super) static IDENTITIES: Key = Key::new(
    "identities",
    Kind::Named(&SECTION),
    "Who seeds are from, each by a name of your choice.",
    "{ shop: { from: no-reply@shop.example } }",
)
.required();

static SECTION: Section = Section::new(
    "identity",
    "Who a seed is from: the sender that people see, the one that the servers see, and the DKIM key where Landfall itself signs.",
    &[&FROM, &ENVELOPE_FROM, &DKIM],
);
static FROM: Key = Key::new(
    "from",
    Kind::Text(&address::FROM),
    "The sender in the header, with or without a display name.",
    "\"Shop <no-reply@shop.example>\"",
)
.required();
static ENVELOPE_FROM: Key = Key::new(
    "envelope_from",
    Kind::Text(&address::ENVELOPE),
    "The sender in the envelope (SMTP `MAIL FROM`), where bounces go. `{token}` in it is replaced by the seed's token, so that a \
     bounce names its seed.",
    "bounces+{token}@mail.shop.example",
)
.otherwise("the address in `from`");
static DKIM: Key = Key::new(
    "dkim",
    Kind::Map(&DKIM_SECTION),
    "Sign each seed with this key. Without it the route may sign, or nobody.",
    "{ domain: shop.example, selector: s1, key_file: s1.pem }",
);

static DKIM_SECTION: Section =
    Section::new("DKIM key", "A DKIM signing key (RFC 6376).", &[&DOMAIN, &SELECTOR, &KEY_FILE]);
static DOMAIN: Key =
    Key::new("domain", Kind::Text(&read::DOMAIN), "The domain that signs, `d=`.", "shop.example").required();
static SELECTOR: Key =
    Key::new("selector", Kind::Text(&read::SELECTOR), "The selector of the key's DNS record, `s=`.", "s1").required();
static KEY_FILE: Key = Key::new(
    "key_file",
    Kind::Text(&read::FILE),
    "The private key in PEM (PKCS#1 or PKCS#8, RSA or Ed25519). It is read for each signature, so a new key needs no reload.",
    "/etc/landfall/s1.pem",
)
.required();

pub(super) fn read(fields: &Fields<'_>) -> Declared<Identity> {
    Declared::read(fields, &IDENTITIES, "identity", |name, entry| identity(fields.cx, name, &entry.value))
}

fn identity(cx: &Context<'_>, name: &str, node: &Node) -> Read<Identity> {
    let fields = Fields::open(cx, node, &SECTION)?;
    let from = fields.required(&FROM, address::from);
    let envelope_from = fields.optional(&ENVELOPE_FROM, address::envelope);
    let dkim = fields.optional(&DKIM, dkim)?;
    let (display_name, from) = from?;
    let envelope_from = envelope_from?.unwrap_or_else(|| from.clone());
    Ok(Identity { name: IdentityName::from(name), display_name, from, envelope_from, dkim })
}

fn dkim(cx: &Context<'_>, node: &Node) -> Read<DkimKey> {
    let fields = Fields::open(cx, node, &DKIM_SECTION)?;
    let domain = fields.required(&DOMAIN, read::domain);
    let selector = fields.required(&SELECTOR, read::selector);
    let key = fields.required(&KEY_FILE, endpoint::file_secret);
    Ok(DkimKey { domain: domain?, selector: selector?, key: Arc::new(key?) })
}
