//! AUTH (RFC 4954) with PLAIN (RFC 4616) or LOGIN, which has no RFC and is all that some servers offer.
//!
//! Both send the password itself, so they are used only on a secured connection, or where the user configured `tls: none`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;

use crate::model::{Command, Credentials, Handoff, Phase, Unreachable};
use crate::net::smtp::fault::{answered, unreachable};
use crate::net::smtp::session::Session;

impl Session<'_, '_> {
    /// Says who we are. The secrets are read now, so that a rotated file counts.
    pub async fn authenticate(&mut self, credentials: &Credentials, may_be_plain: bool) -> Result<(), Handoff> {
        self.timer.enter(Phase::Auth);
        let refuse = |reason: String| unreachable(Unreachable::Auth, Phase::Auth, reason);
        if !self.secured && !may_be_plain {
            return Err(refuse("the connection is not secured, so the password was not sent".into()));
        }
        let unreadable = |error: crate::model::SecretError| refuse(error.to_string());
        let username = credentials.username.read().map_err(unreadable)?;
        let password = credentials.password.read().map_err(unreadable)?;
        let (username, password) = (username.expose_secret(), password.expose_secret());
        if username.contains('\0') || password.contains('\0') {
            return Err(refuse("the user name or the password holds a NUL byte".into()));
        }
        let offered = |mechanism: &str| self.extensions.auth.iter().any(|known| known == mechanism);
        if offered("PLAIN") {
            let response = STANDARD.encode(format!("\0{username}\0{password}"));
            self.plain(&response).await
        } else if offered("LOGIN") {
            self.login(&STANDARD.encode(username), &STANDARD.encode(password)).await
        } else if self.extensions.auth.is_empty() {
            Err(refuse("the server offers no AUTH".into()))
        } else {
            Err(refuse(format!("the server offers neither PLAIN nor LOGIN, but {}", self.extensions.auth.join(", "))))
        }
    }

    async fn plain(&mut self, response: &str) -> Result<(), Handoff> {
        let mut reply = self.ask(&format!("AUTH PLAIN {response}")).await?;
        // A server may ignore the initial response and ask for it (RFC 4954 §4).
        if reply.code == 334 {
            reply = self.ask(response).await?;
        }
        if reply.code == 235 { Ok(()) } else { Err(answered(Command::Auth, reply)) }
    }

    async fn login(&mut self, username: &str, password: &str) -> Result<(), Handoff> {
        for line in ["AUTH LOGIN", username] {
            let reply = self.ask(line).await?;
            if reply.code != 334 {
                return Err(answered(Command::Auth, reply));
            }
        }
        let reply = self.ask(password).await?;
        if reply.code == 235 { Ok(()) } else { Err(answered(Command::Auth, reply)) }
    }
}
