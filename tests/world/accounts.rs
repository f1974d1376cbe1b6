//! The receivers' users: made, filled and looked into from outside the mail flow.

use std::fs::{self, File, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::world::layout::{account, mail_owner};
use crate::world::{Problem, Result, World, problem, wait_for};

/// A user of one receiver.
#[derive(Clone, Debug)]
pub struct Mailbox {
    /// `name@receiver`; the login as well.
    pub address: String,
    /// The receiver's domain.
    pub receiver: String,
    /// The IMAP server's name; its certificate is good for it. Ports 993 (TLS) and 143 (plain, or STARTTLS).
    pub imap_host: String,
    /// The IMAP server's address.
    pub imap_address: Ipv4Addr,
    /// The password it was made with.
    pub password: String,
}

/// A message as it lies in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its UID.
    pub uid: u32,
    /// Its flags, sorted, `\Recent` left out.
    pub flags: Vec<String>,
    /// The whole of it, with LF as line end.
    pub text: String,
}

impl World {
    /// A user of `receiver`, made if there is none of this name. What mail for it meets depends on the name: see `README.md`.
    ///
    /// # Errors
    /// When there is no such receiver.
    pub fn user(&self, receiver: &str, name: &str) -> Result<Mailbox> {
        let mailbox = Mailbox {
            address: format!("{name}@{receiver}"),
            receiver: receiver.into(),
            imap_host: format!("imap.{receiver}"),
            imap_address: self.receiver_address(receiver)?,
            password: format!("{name}-secret"),
        };
        if !self.account_file(&mailbox)?.exists() {
            self.write_account(&mailbox, &mailbox.password)?;
        }
        Ok(mailbox)
    }

    /// Gives the user another password and ends the sessions that were opened with the old one.
    ///
    /// # Errors
    /// When the accounts cannot be written.
    pub fn set_password(&self, mailbox: &Mailbox, password: &str) -> Result<()> {
        self.write_account(mailbox, password)?;
        // Dovecot looks at the file once a second at most.
        wait_for("the new password to be good", Duration::from_secs(20), || {
            let mut command = self.dovecot_command(&mailbox.receiver, "doveadm")?;
            self.run(command.args(["auth", "test", &mailbox.address, password])).map(drop)
        })?;
        // It fails where nobody is logged in.
        drop(self.run(self.dovecot_command(&mailbox.receiver, "doveadm")?.args(["kick", &mailbox.address])));
        Ok(())
    }

    /// Gives the user a Sieve script of their own, run after the receiver's.
    ///
    /// # Errors
    /// When it does not compile; the text says where.
    pub fn sieve(&self, mailbox: &Mailbox, script: &str) -> Result<()> {
        let mut command = self.dovecot_command(&mailbox.receiver, "doveadm")?;
        self.run_with(command.args(["sieve", "put", "-a", "-u", &mailbox.address, "own"]), script.as_bytes())?;
        Ok(())
    }

    /// Puts a message into a folder, past the mail flow. The folder is made where it does not exist.
    ///
    /// # Errors
    /// When Dovecot refuses it.
    pub fn append(&self, mailbox: &Mailbox, folder: &str, raw: &[u8]) -> Result<()> {
        drop(self.doveadm(mailbox, &["mailbox", "create"], &[folder]));
        let mut command = self.dovecot_command(&mailbox.receiver, "doveadm")?;
        self.run_with(command.args(["save", "-u", &mailbox.address, "-m", folder]), raw)?;
        Ok(())
    }

    /// Puts many messages into the inbox at once, each read before (`\Seen`).
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn fill(&self, mailbox: &Mailbox, messages: impl IntoIterator<Item = Vec<u8>>) -> Result<()> {
        // Opens the mailbox once, so that its directories exist and belong to the right user.
        self.doveadm(mailbox, &["mailbox", "status"], &["messages", "INBOX"])?;
        let inbox = self.home(mailbox)?.join("Maildir/cur");
        let owner = mail_owner(&mailbox.address);
        let mut changes = self.changes.lock().map_err(|error| problem("the lock", &error))?;
        *changes += 1;
        for (count, message) in messages.into_iter().enumerate() {
            let path = inbox.join(format!("{:010}.M{count:07}.world:2,S", 1_000_000_000 + *changes));
            fs::write(&path, message)
                .and_then(|()| chown(&path, Some(owner), Some(owner)))
                .map_err(|error| problem("the inbox", &error))?;
        }
        Ok(())
    }

    /// Everything in a folder, by UID. A folder that does not exist is an error.
    ///
    /// # Errors
    /// When Dovecot refuses.
    pub fn messages(&self, mailbox: &Mailbox, folder: &str) -> Result<Vec<Message>> {
        let mut command = self.dovecot_command(&mailbox.receiver, "doveadm")?;
        command.args(["-f", "json", "fetch", "-u", &mailbox.address, "uid flags text", "mailbox", folder, "all"]);
        let output = self.run(&mut command)?.stdout;
        let list: Value = serde_json::from_slice(String::from_utf8_lossy(&output).as_bytes())
            .map_err(|error| problem("doveadm fetch", &error))?;
        let mut messages = list
            .as_array()
            .into_iter()
            .flatten()
            .map(|fields| message(fields).ok_or_else(|| Problem(format!("doveadm fetch: {fields}"))))
            .collect::<Result<Vec<_>>>()?;
        messages.sort_by_key(|message| message.uid);
        Ok(messages)
    }

    /// Every folder of the user, in UTF-8.
    ///
    /// # Errors
    /// When Dovecot refuses.
    pub fn folders(&self, mailbox: &Mailbox) -> Result<Vec<String>> {
        let output = self.doveadm(mailbox, &["mailbox", "list"], &[])?;
        let mut folders: Vec<_> = output.lines().map(str::to_owned).collect();
        folders.sort();
        Ok(folders)
    }

    /// Runs `doveadm WORDS -u ADDRESS MORE` at the mailbox's receiver and gives what it prints.
    ///
    /// # Errors
    /// When it fails.
    pub fn doveadm(&self, mailbox: &Mailbox, words: &[&str], more: &[&str]) -> Result<String> {
        let mut command = self.dovecot_command(&mailbox.receiver, "doveadm")?;
        let output = self.run(command.args(words).args(["-u", &mailbox.address]).args(more))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn write_account(&self, mailbox: &Mailbox, password: &str) -> Result<()> {
        let mut changes = self.changes.lock().map_err(|error| problem("the lock", &error))?;
        *changes += 1;
        let file = self.account_file(mailbox)?;
        replace(&file, &account(&mailbox.address, password), *changes).map_err(|error| problem("the account", &error))
    }

    fn account_file(&self, mailbox: &Mailbox) -> Result<PathBuf> {
        Ok(self.receiver_directory(&mailbox.receiver)?.join("users").join(&mailbox.address))
    }

    fn home(&self, mailbox: &Mailbox) -> Result<PathBuf> {
        let name = mailbox.address.split('@').next().unwrap_or_default();
        Ok(self.receiver_directory(&mailbox.receiver)?.join("home").join(name))
    }
}

fn message(fields: &Value) -> Option<Message> {
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    let mut flags: Vec<_> =
        text("flags")?.split_whitespace().filter(|flag| *flag != "\\Recent").map(str::to_owned).collect();
    flags.sort();
    Some(Message { uid: text("uid")?.parse().ok()?, flags, text: text("text")?.replace("\r\n", "\n") })
}

/// Writes an account anew. Dovecot reads the file again when its time has changed, which it compares by the second: so every
/// change gets a second of its own.
fn replace(file: &Path, text: &str, change: u64) -> std::io::Result<()> {
    let new = PathBuf::from(format!("{}.new", file.display()));
    fs::write(&new, text)?;
    fs::set_permissions(&new, Permissions::from_mode(0o644))?;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + change);
    File::options().write(true).open(&new)?.set_modified(time)?;
    fs::rename(new, file)
}
