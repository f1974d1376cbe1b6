//! What `smtp:` and `imap:` have in common: a server, how it is secured, and who we are to it.
//!
//! Port and security belong together (RFC 8314, RFC 6409): 993 and 465 speak TLS from the first byte, 143 and 587 begin plain and
//! switch with STARTTLS, and 25 is where one MTA meets another and takes what it can get. So each may be left out where the other,
//! or the provider's catalog entry, tells it.

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::fields::Fields;
use crate::config::key::{Key, Kind};
use crate::config::problem::{Context, Place, Read, Reported};
use crate::config::read;
use crate::config::secrets::{EnvSecret, FileSecret, InlineSecret};
use crate::config::tree::{Entry, Node};
use crate::model::{Credentials, Endpoint, Secret, SecretSource as _, TlsMode};

pub(super) static HOST: Key =
    Key::new("host", Kind::Text(&read::HOST), "The server's name or address.", "mx.example.org");
pub(super) static PORT: Key = Key::new("port", Kind::Count { min: 1, max: 65535 }, "The server's TCP port.", "587")
    .otherwise("what `tls` implies");
pub(super) static TLS: Key = tls("what `port` implies", "starttls");
pub(super) static CA_FILE: Key = Key::new(
    "ca_file",
    Kind::Text(&read::FILE),
    "Trust the certificate authorities in this PEM file, and no others.",
    "/etc/landfall/ca.pem",
)
.otherwise("the system's authorities");
pub(super) static SERVER_NAME: Key = Key::new(
    "server_name",
    Kind::Text(&read::HOST),
    "The name that the server's certificate must carry.",
    "relay.shop.example",
)
.otherwise("`host`");
pub(super) static USERNAME: Key =
    Key::new("username", Kind::Text(&read::TEXT), "The user name to log in with.", "landfall");
pub(super) static USERNAME_ENV: Key =
    Key::new("username_env", Kind::Text(&read::ENV), "The environment variable that holds the user name.", "SES_USER");
pub(super) static PASSWORD_FILE: Key = Key::new(
    "password_file",
    Kind::Text(&read::FILE),
    "The file that holds the password. It is read for each connection, so a rotated password needs no reload.",
    "/run/secrets/gmail-1",
);
pub(super) static PASSWORD_ENV: Key = Key::new(
    "password_env",
    Kind::Text(&read::ENV),
    "The environment variable that holds the password.",
    "SES_PASSWORD",
);
pub(super) static PASSWORD: Key = Key::new(
    "password",
    Kind::Text(&read::TEXT),
    "The password itself. Gives a warning: whoever reads the configuration can read it.",
    "not-a-good-idea",
);
pub(super) static SOURCE: Key =
    Key::new("source", Kind::Text(&read::IP), "The local address to connect from.", "192.0.2.10")
        .otherwise("the system chooses");

/// The key `tls`, whose default depends on the protocol.
pub(super) const fn tls(otherwise: &'static str, example: &'static str) -> Key {
    Key::new(
        "tls",
        Kind::Words(tls_words),
        "How the connection is secured: `implicit` is TLS from the first byte; `starttls` begins plain and must switch; \
         `opportunistic` switches where the server offers it and takes any certificate, as one mail server to another; `none` \
         never does.",
        example,
    )
    .otherwise(otherwise)
}

fn tls_words() -> Vec<&'static str> {
    TlsMode::ALL.iter().map(|mode| mode.as_str()).collect()
}

/// The ports of a protocol.
#[derive(Clone, Copy, Debug)]
pub(super) enum Protocol {
    Smtp,
    Imap,
}

impl Protocol {
    fn port(self, tls: Option<TlsMode>) -> u16 {
        match (self, tls) {
            (Self::Smtp, None | Some(TlsMode::StartTls)) => 587,
            (Self::Smtp, Some(TlsMode::Implicit)) => 465,
            (Self::Smtp, Some(TlsMode::Opportunistic | TlsMode::None)) => 25,
            (Self::Imap, None | Some(TlsMode::Implicit)) => 993,
            (Self::Imap, Some(TlsMode::StartTls | TlsMode::Opportunistic | TlsMode::None)) => 143,
        }
    }

    fn tls(self, port: u16) -> TlsMode {
        match (self, port) {
            (Self::Smtp, 465) | (Self::Imap, 993) => TlsMode::Implicit,
            (Self::Smtp, 25) => TlsMode::Opportunistic,
            _ => TlsMode::StartTls,
        }
    }
}

/// A server that is known from elsewhere: the provider catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: TlsMode,
}

/// Reads the server. What is not given comes from `known`. Where neither names a host, that has been reported.
pub(super) fn server(fields: &Fields<'_>, protocol: Protocol, known: Option<&Known>) -> Read<Endpoint> {
    let host = fields.optional(&HOST, read::host);
    let port = fields.optional(&PORT, read::port);
    let tls = fields.optional(&TLS, |cx, node| read::word(cx, node, &TlsMode::ALL, TlsMode::as_str));
    let ca_file = fields.optional(&CA_FILE, read::file);
    let server_name = fields.optional(&SERVER_NAME, read::host);
    let source: Read<Option<IpAddr>> = fields.optional(&SOURCE, read::ip);
    let host = match (host, known) {
        (Ok(None), None) => Err(Reported),
        (Ok(None), Some(known)) => Ok(known.host.clone()),
        (Ok(Some(host)), _) => Ok(host),
        (Err(reported), _) => Err(reported),
    };
    let (port, tls) = (port?, tls?);
    let known = known.filter(|_| fields.entry(&HOST).is_none());
    let known_port = known.filter(|known| tls.is_none_or(|tls| tls == known.tls)).map(|known| known.port);
    let port = port.or(known_port).unwrap_or_else(|| protocol.port(tls));
    let known_tls = known.filter(|known| known.port == port).map(|known| known.tls);
    let tls = tls.or(known_tls).unwrap_or_else(|| protocol.tls(port));
    warn_unused_trust(fields, tls);
    Ok(Endpoint { host: host?, port, tls, ca_file: ca_file?, server_name: server_name?, source: source? })
}

fn warn_unused_trust(fields: &Fields<'_>, tls: TlsMode) {
    for key in [&CA_FILE, &SERVER_NAME] {
        if let (Some(entry), TlsMode::Opportunistic | TlsMode::None) = (fields.entry(key), tls) {
            let message =
                format!("`{}` has no effect: with `tls: {}` no certificate is checked", key.name, tls.as_str());
            fields.cx.warn(entry.at, message);
        }
    }
}

/// Reads who we are. A user name alone is not enough, a password alone only where there is a `default` user name.
pub(super) fn credentials(fields: &Fields<'_>, default: Option<&str>) -> Read<Option<Credentials>> {
    let cx = fields.cx;
    let username = fields.at_most_one(&[&USERNAME, &USERNAME_ENV]).and_then(|entry| secret(cx, entry));
    let password = fields.at_most_one(&[&PASSWORD_FILE, &PASSWORD_ENV, &PASSWORD]).and_then(|entry| secret(cx, entry));
    let username = username?.or_else(|| default.map(|name| Arc::new(InlineSecret::new(name)) as Secret));
    match (username, password?) {
        (Some(username), Some(password)) => Ok(Some(Credentials { username, password })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(cx.error(fields.at, "a password is given, and no `username` or `username_env`")),
        (Some(_), None) => {
            Err(cx.error(fields.at, "the password is missing here: give `password_file` or `password_env`"))
        }
    }
}

fn secret(cx: &Context<'_>, entry: Option<&Entry>) -> Read<Option<Secret>> {
    let Some(entry) = entry else { return Ok(None) };
    let node: &Node = &entry.value;
    let secret: Secret = match entry.key.as_str() {
        key if key == USERNAME.name => Arc::new(InlineSecret::new(&read::text(cx, node)?)),
        key if key == PASSWORD_FILE.name => Arc::new(file_secret(cx, node)?),
        key if key == PASSWORD.name => Arc::new(inline(cx, entry.at, node)?),
        _ => Arc::new(variable(cx, node)?),
    };
    Ok(Some(secret))
}

/// A secret in a file that can be read now.
pub(super) fn file_secret(cx: &Context<'_>, node: &Node) -> Read<FileSecret> {
    let secret = FileSecret { path: read::path(cx, node)? };
    match secret.try_read() {
        Ok(_) => Ok(secret),
        Err(reason) => {
            let name = read::scalar(cx, node, "a file name")?;
            Err(cx.error(node.at, format!("could not read `{}`: {reason}", read::shown(name))))
        }
    }
}

fn variable(cx: &Context<'_>, node: &Node) -> Read<EnvSecret> {
    let variable = read::formed(cx, node, &read::ENV, |text| {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if plain && !text.is_empty() { Ok(text.to_owned()) } else { Err(String::new()) }
    })?;
    let secret = EnvSecret { variable };
    secret.read().map_err(|error| cx.error(node.at, error.to_string()))?;
    Ok(secret)
}

/// Never quotes what it reads.
fn inline(cx: &Context<'_>, at: Place, node: &Node) -> Read<InlineSecret> {
    let text = read::scalar(cx, node, "a password")?;
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(cx.error(node.at, "the password is empty, or holds a line break or another control character"));
    }
    cx.warn(
        at,
        "whoever reads the configuration can read this password; `password_file` and `password_env` keep it elsewhere",
    );
    Ok(InlineSecret::new(text))
}

/// Warns where a password would cross a network for all to read, or go to whoever answers.
pub(super) fn warn_exposed(cx: &Context<'_>, at: Place, server: &Endpoint) {
    let danger = match server.tls {
        TlsMode::Implicit | TlsMode::StartTls => return,
        TlsMode::Opportunistic => "takes any certificate, and none where the server offers no STARTTLS",
        TlsMode::None => "is not encrypted",
    };
    if !is_loopback(&server.host) {
        let mode = server.tls.as_str();
        cx.warn(at, format!("the password is sent to {} over a connection that {danger} (`tls: {mode}`)", server.host));
    }
}

fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>().map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}
