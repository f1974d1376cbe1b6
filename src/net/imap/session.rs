//! One connection: commands go out, responses come in, everything within limits.
//!
//! A command is over when its tagged answer is here. If the waiting task is cancelled or anything fails before that, nobody
//! knows where in the stream the session stands; it then refuses every further command, and the caller connects anew.

use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::net::dial::Stream;
use crate::net::imap::capabilities::Capabilities;
use crate::net::imap::command::Command;
use crate::net::imap::fault::Fault;
use crate::net::imap::frame::Framer;
use crate::net::imap::limits::Limits;
use crate::net::imap::response::{Condition, Data, Response, Status};

/// One logged-in session. Drop it after any [`Fault`].
///
/// What an idle session costs: 27 KiB, measured as the growth of the process over 500 sessions in IDLE over TLS, task and all.
/// Almost all of it is the state of `rustls`; our own part is a read buffer of 512 bytes and the list of capabilities, because
/// the larger buffers of a command are given back when it ends. Besides, each session has its socket.
pub struct Imap {
    pub(super) stream: Stream,
    pub(super) framer: Framer,
    pub(super) limits: Limits,
    pub(super) capabilities: Capabilities,
    /// Whether the capabilities were told since somebody last cleared this.
    pub(super) told: bool,
    /// How many messages the open folder holds; `None` before one was opened.
    pub(super) exists: Option<u32>,
    /// Whether that changed since the caller was last told.
    pub(super) changed: bool,
    /// What no message may ever contain; empty once logged in.
    pub(super) secrets: Vec<Zeroizing<String>>,
    usable: bool,
    tag: u32,
}

impl std::fmt::Debug for Imap {
    /// Without what was read or is to be kept secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Imap").field("usable", &self.usable).field("exists", &self.exists).finish_non_exhaustive()
    }
}

impl Imap {
    pub(super) fn over(stream: Stream, limits: Limits) -> Self {
        Self {
            stream,
            framer: Framer::new(limits),
            limits,
            capabilities: Capabilities::default(),
            told: false,
            exists: None,
            changed: false,
            secrets: Vec::new(),
            usable: true,
            tag: 0,
        }
    }

    /// What the server says it can do, now.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether messages came to the open folder or left it since it was opened, or since this was last asked. The server tells
    /// while it answers any command, such as [`Imap::noop`].
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Asks for news and keeps the session alive (RFC 3501 §6.1.2).
    ///
    /// # Errors
    /// When the session is over.
    pub async fn noop(&mut self) -> Result<(), Fault> {
        self.command("NOOP", Command::new("NOOP")).await
    }

    /// Says goodbye (RFC 3501 §6.1.3). Nothing depends on the answer, so it is not waited for long.
    pub async fn logout(mut self) {
        let farewell = self.command("LOGOUT", Command::new("LOGOUT"));
        // An error means that the server closed first, or is gone: either way the session ends here.
        let _ = timeout(Duration::from_secs(5), farewell).await;
    }

    /// A command that must succeed and whose data is of no interest.
    pub(super) async fn command(&mut self, step: &'static str, command: Command) -> Result<(), Fault> {
        let keep = self.limits.header;
        let status = self.run(step, command, keep, |_| Ok(())).await?;
        if status.is_ok() { Ok(()) } else { Err(self.refused(step, status)) }
    }

    /// Runs a command to its tagged answer and hands the data to `take`; `keep` bytes of each literal are kept.
    pub(super) async fn run(
        &mut self,
        step: &'static str,
        command: Command,
        keep: usize,
        take: impl FnMut(Data) -> Result<(), Fault>,
    ) -> Result<Status, Fault> {
        self.enter()?;
        let limit = self.limits.command;
        let status = timeout(limit, self.exchange(step, command, keep, take))
            .await
            .map_err(|_| Fault::timeout(step, limit))??;
        self.leave();
        Ok(status)
    }

    /// The session is between two responses from here until [`Imap::leave`].
    pub(super) fn enter(&mut self) -> Result<(), Fault> {
        if !std::mem::replace(&mut self.usable, false) {
            return Err(Fault::protocol("the session was given up before"));
        }
        Ok(())
    }

    /// The session stands at the end of a command.
    pub(super) fn leave(&mut self) {
        self.usable = true;
        self.framer.relax();
    }

    async fn exchange(
        &mut self,
        step: &'static str,
        command: Command,
        keep: usize,
        mut take: impl FnMut(Data) -> Result<(), Fault>,
    ) -> Result<Status, Fault> {
        let tag = self.start(step, keep)?;
        let mut pieces = command.finish(&tag).into_iter();
        if let Some(first) = pieces.next() {
            self.send(&first).await?;
        }
        loop {
            match self.receive(step).await? {
                Response::Data(data) => take(data)?,
                Response::Continue => match pieces.next() {
                    Some(piece) => self.send(&piece).await?,
                    // RFC 3501 §6.2.2: an error of the mechanism comes as a further challenge; `*` declines it, and the tagged
                    // NO follows.
                    None if step == "AUTHENTICATE" => self.send(b"*\r\n").await?,
                    None => return Err(Fault::protocol(format!("{step} was answered with a request for more"))),
                },
                Response::Tagged { tag: whose, status } if whose == tag => {
                    // A literal may be refused, but a command cannot succeed before it was sent.
                    if status.is_ok() && pieces.next().is_some() {
                        return Err(Fault::protocol(format!("{step} was answered OK before it was sent")));
                    }
                    return Ok(status);
                }
                Response::Tagged { .. } => {
                    return Err(Fault::protocol(format!("{step} was answered with another tag")));
                }
            }
        }
    }

    /// Makes the tag of a new command. What has come unasked is taken in first: data is welcome, an answer to a question not
    /// yet asked is not.
    pub(super) fn start(&mut self, step: &'static str, keep: usize) -> Result<String, Fault> {
        self.framer.begin(keep);
        while let Some(raw) = self.framer.next()? {
            if !matches!(self.understand(step, Response::parse(raw)?)?, Response::Data(_)) {
                return Err(Fault::protocol(format!("an answer came before {step} was sent")));
            }
        }
        self.tag = self.tag.wrapping_add(1);
        Ok(format!("A{}", self.tag))
    }

    /// The next response, with what it says of the session already noted.
    pub(super) async fn receive(&mut self, step: &'static str) -> Result<Response, Fault> {
        loop {
            if let Some(raw) = self.framer.next()? {
                return self.understand(step, Response::parse(raw)?);
            }
            let read = self.stream.read_buf(self.framer.space()).await;
            if read.map_err(|error| Fault::broken(&error))? == 0 {
                return Err(Fault::closed());
            }
        }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let broken = |error| Fault::broken(&error);
        self.stream.write_all(bytes).await.map_err(broken)?;
        self.stream.flush().await.map_err(broken)
    }

    /// Notes what concerns the session, whatever the command was.
    fn understand(&mut self, step: &'static str, response: Response) -> Result<Response, Fault> {
        match &response {
            Response::Data(Data::Capability(capabilities)) => self.learn(capabilities.clone()),
            Response::Data(Data::Exists(count)) => {
                self.changed |= Some(*count) != self.exists;
                self.exists = Some(*count);
            }
            Response::Data(Data::Removed) => {
                self.changed = true;
                self.exists = self.exists.map(|count| count.saturating_sub(1));
            }
            Response::Data(Data::Status(status)) | Response::Tagged { status, .. } if status.says("CAPABILITY") => {
                self.learn(Capabilities::parse(&status.arguments));
            }
            // To LOGOUT this is the polite answer.
            Response::Data(Data::Status(status)) if status.condition == Condition::Bye && step != "LOGOUT" => {
                return Err(self.refused(step, status.clone()));
            }
            _ => {}
        }
        Ok(response)
    }

    fn learn(&mut self, capabilities: Capabilities) {
        self.capabilities = capabilities;
        self.told = true;
    }

    /// The server refused `step`. Some servers repeat the command they refuse, password and all: such a text is withheld.
    pub(super) fn refused(&self, step: &str, mut status: Status) -> Fault {
        let told = format!("{} {}", status.code.as_deref().unwrap_or_default(), status.text).to_lowercase();
        if self.secrets.iter().any(|secret| !secret.is_empty() && told.contains(&secret.to_lowercase())) {
            status.code = None;
            status.text = "(a text that repeats the credentials)".into();
        }
        Fault::refused(step, &status)
    }
}
