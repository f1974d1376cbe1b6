//! The IMAP side: the few commands that Landfall sends. A message's UID is its number.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::receiver::{Account, Accounts};

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

struct Session {
    stream: BufReader<Box<dyn Io>>,
    accounts: Arc<Accounts>,
    account: Option<Arc<Account>>,
    /// Whether the open folder is the inbox; the other one is always empty.
    in_inbox: bool,
    /// How many messages the client was told of.
    told: usize,
}

/// Serves one session to its end.
pub async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, accounts: Arc<Accounts>) -> io::Result<()> {
    let stream: Box<dyn Io> = match tls {
        Some(tls) => Box::new(tls.accept(stream).await?),
        None => Box::new(stream),
    };
    let stream = BufReader::new(stream);
    let mut session = Session { stream, accounts, account: None, in_inbox: false, told: 0 };
    session.say("* OK [CAPABILITY IMAP4rev1 IDLE ID SPECIAL-USE UIDPLUS] ready\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if session.stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let Some((tag, command)) = line.trim_end().split_once(' ') else {
            return Ok(());
        };
        match session.command(tag, command).await? {
            Next::Command => {}
            Next::End => return Ok(()),
        }
    }
}

enum Next {
    Command,
    End,
}

impl Session {
    async fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.flush().await
    }

    async fn command(&mut self, tag: &str, command: &str) -> io::Result<Next> {
        let done = format!("{tag} OK done\r\n");
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        match word {
            "LOGIN" => {
                self.account = rest.split('"').nth(1).map(|user| self.accounts.get(user));
                self.say(&format!("{tag} OK [CAPABILITY IMAP4rev1 IDLE ID SPECIAL-USE UIDPLUS] in\r\n")).await?;
            }
            "LIST" => {
                let folders = "* LIST (\\HasNoChildren) \"/\" INBOX\r\n* LIST (\\HasNoChildren \\Junk) \"/\" Junk\r\n";
                self.say(&format!("{folders}{done}")).await?;
            }
            "EXAMINE" => self.examine(rest, &done).await?,
            "UID" => self.fetch(rest, &done).await?,
            "IDLE" => return self.idle(&done).await,
            "LOGOUT" => {
                self.say(&format!("* BYE\r\n{done}")).await?;
                return Ok(Next::End);
            }
            _ => self.say(&done).await?,
        }
        Ok(Next::Command)
    }

    fn count(&self) -> usize {
        let account = self.account.as_ref().filter(|_| self.in_inbox);
        account.map_or(0, |account| *account.count.borrow())
    }

    async fn examine(&mut self, folder: &str, done: &str) -> io::Result<()> {
        self.in_inbox = folder.contains("INBOX");
        self.told = self.count();
        let (exists, next) = (self.told, self.told.saturating_add(1));
        self.say(&format!("* {exists} EXISTS\r\n* OK [UIDVALIDITY 1] fixed\r\n* OK [UIDNEXT {next}] next\r\n{done}"))
            .await
    }

    /// `FETCH first:last (...)`: whatever is asked for, the header or the whole message.
    async fn fetch(&mut self, arguments: &str, done: &str) -> io::Result<()> {
        let set = arguments.split(' ').nth(1).unwrap_or_default();
        let (first, last) = set.split_once(':').unwrap_or((set, set));
        let first: usize = first.parse().unwrap_or(1);
        // RFC 3501 §6.4.8: `7:*` has the last message in it even where that is below 7.
        let last = last.parse().unwrap_or(usize::MAX).min(self.count());
        let whole = arguments.contains("BODY.PEEK[]");
        let mut answer = Vec::new();
        for number in first.min(last).max(1)..=last {
            let bytes = self.account.as_ref().and_then(|account| account.bytes(number)).unwrap_or_default();
            let (name, bytes) = if whole { ("BODY[]<0>", &*bytes) } else { ("BODY[HEADER]", header(&bytes)) };
            let date = Timestamp::now().strftime("%d-%b-%Y %H:%M:%S +0000");
            let item = format!(
                "* {number} FETCH (UID {number} INTERNALDATE \"{date}\" RFC822.SIZE {size} {name} {{{size}}}\r\n",
                size = bytes.len()
            );
            answer.extend_from_slice(item.as_bytes());
            answer.extend_from_slice(bytes);
            answer.extend_from_slice(b")\r\n");
        }
        answer.extend_from_slice(done.as_bytes());
        self.stream.write_all(&answer).await?;
        self.stream.flush().await?;
        if let Some(account) = self.account.as_ref().filter(|_| whole) {
            account.note(first, |message| message.handed_out_at = Some(Instant::now()));
        }
        Ok(())
    }

    /// Tells of new messages until the client has enough.
    async fn idle(&mut self, done: &str) -> io::Result<Next> {
        self.say("+ idling\r\n").await?;
        let Some(account) = self.account.clone().filter(|_| self.in_inbox) else {
            return Ok(Next::End);
        };
        let (mut count, mut line) = (account.count.subscribe(), String::new());
        loop {
            let now = *count.borrow_and_update();
            if now > self.told {
                let announced_at = Instant::now();
                for number in self.told.saturating_add(1)..=now {
                    account.note(number, |message| message.announced_at = Some(announced_at));
                }
                self.told = now;
                self.say(&format!("* {now} EXISTS\r\n")).await?;
            }
            tokio::select! {
                read = self.stream.read_line(&mut line) => {
                    if read? == 0 {
                        return Ok(Next::End);
                    }
                    self.say(done).await?;
                    return Ok(Next::Command);
                }
                // An error would mean that the account is gone, which this session holds.
                _ = count.changed() => {}
            }
        }
    }
}

/// The header of a message. The client asks for some fields of it and gets all: what it looks for is among them.
fn header(message: &[u8]) -> &[u8] {
    let end =
        message.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(message.len(), |at| at.saturating_add(4));
    message.get(..end).unwrap_or(message)
}
