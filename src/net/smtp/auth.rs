//! AUTH (RFC 4954) with PLAIN (RFC 4616) or LOGIN, which has no RFC and is all that some servers offer.
//!
//! Both send the password itself, so they are used only on a secured connection, or where the user configured `tls: none`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use secrecy::zeroize::Zeroizing;

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
        let plain = Zeroizing::new(STANDARD.encode(Zeroizing::new(format!("\0{username}\0{password}")).as_bytes()));
        let login = [username, password].map(|secret| Zeroizing::new(STANDARD.encode(secret)));
        let [user, pass] = &login;
        let secrets = [password, &plain, user, pass];
        if offered("PLAIN") {
            self.plain(&plain).await.map_err(|handoff| withheld(handoff, &secrets))
        } else if offered("LOGIN") {
            self.login(user, pass).await.map_err(|handoff| withheld(handoff, &secrets))
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

/// So much of a secret gives it away: texts are cut, and may end within it.
const TELLING: usize = 12;

/// The handoff without the server's words where they repeat the credentials: some answer a command that they do not know with the
/// command, and the words go to the store, the log and the pages.
fn withheld(mut handoff: Handoff, secrets: &[&str]) -> Handoff {
    let tells = |text: &str| {
        let text = text.to_lowercase();
        let start = |secret: &str| secret.chars().take(TELLING).collect::<String>().to_lowercase();
        secrets.iter().any(|secret| !secret.is_empty() && text.contains(&start(secret)))
    };
    let hide = |text: &mut String| {
        if tells(text) {
            *text = "(a text that repeats the credentials)".into();
        }
    };
    match &mut handoff {
        Handoff::Accepted { reply, .. } | Handoff::Refused { reply, .. } | Handoff::Deferred { reply, .. } => {
            hide(&mut reply.text);
        }
        Handoff::Unreachable { detail, reply, .. } => {
            hide(detail);
            if let Some(reply) = reply {
                hide(&mut reply.text);
            }
        }
        Handoff::Ambiguous { detail } => hide(detail),
    }
    handoff
}
