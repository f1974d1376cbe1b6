//! From an address to a logged-in session: connect, secure, greet, log in, introduce ourselves.
//!
//! Before TLS nothing is believed. With STARTTLS an attacker in between can send whatever he likes in plain text beforehand, so
//! the capabilities are asked for again afterwards, and a byte that arrives behind the server's `OK` but before TLS ends the
//! session: it would otherwise be taken for the secured server's word ("response injection", CVE-2021-38371 and its kind). A
//! server that greets with PREAUTH makes STARTTLS impossible (RFC 3501 §6.2.1), which is the same attack by other means.

use secrecy::ExposeSecret as _;
use secrecy::zeroize::Zeroizing;
use tokio::time::timeout;
use tokio_util::either::Either;

use crate::model::{Credentials, Endpoint, ImapServer, MailboxFault, Secret, TlsMode};
use crate::net::dial::Dialer;
use crate::net::imap::command::Command;
use crate::net::imap::fault::Fault;
use crate::net::imap::limits::Limits;
use crate::net::imap::response::{Condition, Data, Response};
use crate::net::imap::session::Imap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

impl Imap {
    /// Connects, secures the connection as configured, and logs in.
    ///
    /// The password goes by `LOGIN`, or by `AUTHENTICATE PLAIN` (RFC 4616) where the server disables `LOGIN` or where the
    /// password has characters that not every server reads alike in `LOGIN`. A server that offers `ID` (RFC 2971) is told a
    /// name: NetEase lets nobody open a folder who has not.
    ///
    /// # Errors
    /// With the step that failed: each has a different person to call.
    pub async fn connect(dialer: &Dialer, server: &ImapServer, limits: Limits) -> Result<Self, Fault> {
        let endpoint = &server.server;
        let stream = dialer.connect(endpoint, limits.connect).await?;
        let stream = match endpoint.tls {
            TlsMode::Implicit => Either::Right(Box::new(dialer.secure(stream, endpoint, limits.connect).await?)),
            TlsMode::StartTls | TlsMode::Opportunistic | TlsMode::None => Either::Left(stream),
        };
        let mut imap = Self::over(stream, limits);
        let known = imap.greeting().await?;
        imap = imap.secured(dialer, endpoint, known).await?;
        if !known {
            imap.log_in(&server.credentials).await?;
        }
        imap.introduce().await?;
        Ok(imap)
    }

    /// Reads the greeting and the capabilities; tells whether the server knows us already (PREAUTH).
    async fn greeting(&mut self) -> Result<bool, Fault> {
        let limit = self.limits.command;
        let greeting = timeout(limit, self.receive("the greeting"));
        let Response::Data(Data::Status(status)) =
            greeting.await.map_err(|_| Fault::timeout("the greeting", limit))??
        else {
            return Err(Fault::protocol("the greeting is not IMAP"));
        };
        let known = match status.condition {
            Condition::Ok => false,
            Condition::PreAuth => true,
            Condition::No | Condition::Bad | Condition::Bye => return Err(self.refused("the greeting", status)),
        };
        self.ask_capabilities().await?;
        Ok(known)
    }

    /// Asks for the capabilities unless the server has just told them.
    async fn ask_capabilities(&mut self) -> Result<(), Fault> {
        if std::mem::take(&mut self.told) {
            return Ok(());
        }
        let asked = self.command("CAPABILITY", Command::new("CAPABILITY")).await;
        self.told = false;
        asked
    }

    /// Goes on over TLS where the mode asks for STARTTLS (RFC 3501 §6.2.1).
    async fn secured(mut self, dialer: &Dialer, endpoint: &Endpoint, known: bool) -> Result<Self, Fault> {
        let offered = self.capabilities.has("STARTTLS") && !known;
        match endpoint.tls {
            TlsMode::Implicit | TlsMode::None => return Ok(self),
            TlsMode::Opportunistic if !offered => return Ok(self),
            TlsMode::StartTls if !offered => {
                return Err(Fault::new(MailboxFault::Tls, "the server does not offer STARTTLS"));
            }
            TlsMode::Opportunistic | TlsMode::StartTls => {}
        }
        let keep = self.limits.header;
        let status = self.run("STARTTLS", Command::new("STARTTLS"), keep, |_| Ok(())).await?;
        if !status.is_ok() {
            return Err(Fault { reason: MailboxFault::Tls, ..self.refused("STARTTLS", status) });
        }
        if !self.framer.is_empty() {
            return Err(Fault::protocol("data came behind STARTTLS before the connection was secured"));
        }
        let Either::Left(stream) = self.stream else {
            return Err(Fault::protocol("the connection is secured already"));
        };
        let stream = dialer.secure(stream, endpoint, self.limits.connect).await?;
        let mut imap = Self::over(Either::Right(Box::new(stream)), self.limits);
        imap.ask_capabilities().await?;
        Ok(imap)
    }

    async fn log_in(&mut self, credentials: &Credentials) -> Result<(), Fault> {
        let user = read(&credentials.username)?;
        let password = read(&credentials.password)?;
        if [&user, &password].iter().any(|secret| secret.contains('\0')) {
            return Err(Fault::new(MailboxFault::Auth, "the user name or the password holds a NUL character"));
        }
        // RFC 4616: authorization identity (none), user, password.
        let plain = Zeroizing::new(STANDARD.encode(Zeroizing::new(format!("\0{}\0{}", *user, *password)).as_bytes()));
        let (step, command) = self.login_command(&user, &password, &plain)?;
        let escaped = Zeroizing::new(password.replace('\\', "\\\\").replace('"', "\\\""));
        self.secrets = vec![plain, password, escaped];
        let done = self.command(step, command).await;
        self.secrets.clear();
        done?;
        self.ask_capabilities().await
    }

    fn login_command(&self, user: &str, password: &str, plain: &str) -> Result<(&'static str, Command), Fault> {
        let offers = |name| self.capabilities.has(name);
        let simple = [user, password]
            .iter()
            .all(|text| text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')));
        if offers("AUTH=PLAIN") && (offers("LOGINDISABLED") || !simple) {
            let command = Command::new("AUTHENTICATE PLAIN");
            // RFC 4959: the answer to the empty challenge goes along with the command.
            let command = if offers("SASL-IR") {
                command.words(plain)
            } else {
                let line = Zeroizing::new(format!("{plain}\r\n"));
                command.then_line(line.as_bytes())
            };
            return Ok(("AUTHENTICATE", command));
        }
        if offers("LOGINDISABLED") {
            let detail =
                "the server takes no password on this connection (LOGINDISABLED without AUTH=PLAIN): is TLS on?";
            return Err(Fault::new(MailboxFault::Auth, detail));
        }
        let command = Command::new("LOGIN").eager(self.eager());
        Ok(("LOGIN", command.string(user.as_bytes()).string(password.as_bytes())))
    }

    /// Whether literals need not wait (RFC 7888).
    pub(super) fn eager(&self) -> bool {
        self.capabilities.has("LITERAL+") || self.capabilities.has("LITERAL-")
    }

    /// Sends ID where offered, before any folder is opened. Nothing depends on the answer.
    async fn introduce(&mut self) -> Result<(), Fault> {
        if !self.capabilities.has("ID") {
            return Ok(());
        }
        let keep = self.limits.header;
        self.run("ID", Command::new("ID (\"name\" \"landfall\")"), keep, |_| Ok(())).await.map(|_| ())
    }
}

fn read(secret: &Secret) -> Result<Zeroizing<String>, Fault> {
    let secret = secret.read().map_err(|error| Fault::new(MailboxFault::Auth, error.to_string()))?;
    Ok(Zeroizing::new(secret.expose_secret().to_owned()))
}
