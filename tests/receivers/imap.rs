//! An IMAP server for one account: the few commands that Landfall sends, and the account's quirks.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::account::{Account, Folder, Idling, Listing, Message};

const CAPABILITIES: &str = "IMAP4rev1 IDLE SPECIAL-USE UIDPLUS";
/// The one UIDVALIDITY that every folder has for all time.
const UID_VALIDITY: u32 = 7;
/// How often a client in IDLE is told of news.
const TICK: Duration = Duration::from_millis(10);

/// Starts a server on a free port. It ends with the process.
pub fn start(account: &Account) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let account = account.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let account = account.clone();
            std::thread::spawn(move || -> io::Result<()> {
                let out = stream.try_clone()?;
                stream.set_nodelay(true)?;
                // A client that goes away is no error of the server.
                Session { lines: BufReader::new(stream), out, account, open: None, told: 0 }.serve()
            });
        }
    });
    address
}

/// The fields of a header section, each with its continuation lines and line ends.
pub fn fields(head: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in head.lines() {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => field.push_str(&format!("{line}\r\n")),
            _ => fields.push(format!("{line}\r\n")),
        }
    }
    fields
}

struct Session {
    lines: BufReader<TcpStream>,
    out: TcpStream,
    account: Account,
    open: Option<String>,
    /// How many messages the client was told of.
    told: usize,
}

impl Session {
    fn serve(mut self) -> io::Result<()> {
        self.say(&format!("* OK [CAPABILITY {CAPABILITIES}] ready\r\n"))?;
        let mut line = String::new();
        loop {
            line.clear();
            if self.lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let Some((tag, command)) = line.trim_end().split_once(' ') else {
                // Such as DONE, from a client that has not yet heard that its IDLE is over.
                self.say("* BAD what\r\n")?;
                continue;
            };
            let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
            let answer = match word {
                "LOGIN" => self.login(),
                "LIST" => self.list()?,
                "EXAMINE" | "SELECT" => self.open(rest.trim_matches('"'), word)?,
                "UID" => self.uid(rest)?,
                "IDLE" => self.idle(tag)?,
                "LOGOUT" => return self.say(&format!("* BYE\r\n{tag} OK bye\r\n")),
                _ => "OK done".to_owned(),
            };
            self.say(&format!("{tag} {answer}\r\n"))?;
        }
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    fn login(&self) -> String {
        let mut account = self.account.lock();
        account.counts.logins += 1;
        let gmail = if account.quirks.gmail_tab.is_some() { " X-GM-EXT-1" } else { "" };
        format!("OK [CAPABILITY {CAPABILITIES}{gmail}] in")
    }

    fn list(&mut self) -> io::Result<String> {
        let mut lines = String::new();
        {
            let mut account = self.account.lock();
            account.counts.lists += 1;
            let listing = account.quirks.listing;
            for folder in &account.folders {
                let attributes = match (listing, folder.name) {
                    (Listing::Nothing, _) | (Listing::NoInbox, "INBOX") => continue,
                    (Listing::InboxNoselect, "INBOX") => "\\Noselect",
                    _ => folder.attributes,
                };
                lines.push_str(&format!("* LIST ({attributes}) \"/\" \"{}\"\r\n", folder.name));
            }
        }
        self.say(&lines)?;
        Ok("OK listed".into())
    }

    fn open(&mut self, name: &str, how: &str) -> io::Result<String> {
        self.open = None;
        let (exists, next, tells) = {
            let mut account = self.account.lock();
            account.opening(name);
            if let Some((_, answer)) = account.quirks.refused.iter().find(|(refused, _)| *refused == name) {
                return Ok((*answer).to_owned());
            }
            let tells = !account.quirks.tells_no_uid_next;
            let Some(folder) = account.folder(name) else {
                return Ok("NO [NONEXISTENT] no such folder".into());
            };
            (folder.messages.len(), folder.uid_next, tells)
        };
        self.open = Some(name.to_owned());
        self.told = exists;
        let next = if tells { format!("* OK [UIDNEXT {next}] next\r\n") } else { String::new() };
        self.say(&format!("* {exists} EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY {UID_VALIDITY}] fixed\r\n{next}"))?;
        Ok(format!("OK [READ-{}] open", if how == "EXAMINE" { "ONLY" } else { "WRITE" }))
    }

    /// What the open folder holds.
    fn messages(&self) -> Vec<Message> {
        let mut account = self.account.lock();
        let folder = self.open.as_deref().and_then(|name| account.folder(name));
        folder.map(|folder| folder.messages.clone()).unwrap_or_default()
    }

    fn uid(&mut self, arguments: &str) -> io::Result<String> {
        let (word, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
        match word {
            "FETCH" => self.fetch(rest),
            "SEARCH" => self.search(rest),
            "STORE" | "EXPUNGE" => Ok(self.remove(word, rest)),
            _ => Ok("BAD what".into()),
        }
    }

    /// `first:last (items)`.
    fn fetch(&mut self, arguments: &str) -> io::Result<String> {
        self.account.lock().counts.fetches += 1;
        let (set, items) = arguments.split_once(' ').unwrap_or((arguments, ""));
        let (first, last) = set.split_once(':').unwrap_or((set, set));
        let messages = self.messages();
        let highest = messages.last().map_or(0, |message| message.uid);
        let number = |text: &str| text.parse().unwrap_or(highest);
        // RFC 3501 §6.4.8: `7:*` has the last message in it even where that is below 7.
        let (first, last) = (number(first).min(number(last)), number(first).max(number(last)));
        for (index, message) in messages.iter().enumerate().filter(|(_, message)| (first..=last).contains(&message.uid))
        {
            let mut answer = format!("* {} FETCH (UID {}", index + 1, message.uid).into_bytes();
            if let Some((_, asked)) = items.split_once("BODY.PEEK[") {
                let section = asked.split(']').next().unwrap_or_default();
                let (name, part) = match section.split_once('(') {
                    Some((_, wanted)) => {
                        (format!("BODY[{section}]"), header(&message.bytes, wanted.trim_end_matches(')')))
                    }
                    None => ("BODY[]<0>".to_owned(), message.bytes.to_vec()),
                };
                let (date, size) = (message.arrived_at.strftime("%d-%b-%Y %H:%M:%S +0000"), message.bytes.len());
                let said = format!(" INTERNALDATE \"{date}\" RFC822.SIZE {size} {name} {{{}}}\r\n", part.len());
                answer.extend_from_slice(said.as_bytes());
                answer.extend_from_slice(&part);
            }
            answer.extend_from_slice(b")\r\n");
            self.out.write_all(&answer)?;
        }
        Ok("OK fetched".into())
    }

    /// `UID n X-GM-RAW "category:tab"`.
    fn search(&mut self, arguments: &str) -> io::Result<String> {
        let tab = self.account.lock().quirks.gmail_tab;
        let uid = arguments.split(' ').nth(1).unwrap_or_default();
        let found = tab.is_some_and(|tab| arguments.ends_with(&format!("X-GM-RAW \"category:{tab}\"")));
        let found = if found { format!(" {uid}") } else { String::new() };
        self.say(&format!("* SEARCH{found}\r\n"))?;
        Ok("OK searched".into())
    }

    /// STORE is taken as said, EXPUNGE removes the one message.
    fn remove(&self, word: &str, arguments: &str) -> String {
        let mut account = self.account.lock();
        account.counts.stores += 1;
        if account.quirks.refuses_store {
            return "NO not allowed".into();
        }
        let uid = arguments.split(' ').next().and_then(|uid| uid.parse().ok()).unwrap_or(0);
        let folder: Option<&mut Folder> = self.open.as_deref().and_then(|name| account.folder(name));
        if let (Some(folder), "EXPUNGE") = (folder, word) {
            folder.messages.retain(|message| message.uid != uid);
        }
        "OK done".into()
    }

    /// Tells of news until the client has enough.
    fn idle(&mut self, tag: &str) -> io::Result<String> {
        self.account.lock().counts.idles += 1;
        self.say("+ idling\r\n")?;
        let mut line = String::new();
        loop {
            let idling = self.account.lock().quirks.idling;
            let tick = match idling {
                Idling::EndsAtOnce => return Ok("OK that was it".into()),
                Idling::Floods => {
                    self.told = if self.told == 1_000 { 1_001 } else { 1_000 };
                    self.say(&format!("* {} EXISTS\r\n", self.told))?;
                    Duration::from_millis(1)
                }
                Idling::Waits => {
                    let exists = self.messages().len();
                    if exists != self.told {
                        self.told = exists;
                        self.say(&format!("* {exists} EXISTS\r\n"))?;
                    }
                    TICK
                }
            };
            self.lines.get_ref().set_read_timeout(Some(tick))?;
            let read = self.lines.read_line(&mut line);
            self.lines.get_ref().set_read_timeout(None)?;
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => return Ok(format!("OK {tag} done")),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The fields of a message that were asked for, and the empty line.
fn header(message: &[u8], wanted: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(message);
    let head = text.split_once("\r\n\r\n").map_or(&*text, |(head, _)| head);
    let is_wanted = |field: &String| {
        let name = field.split(':').next().unwrap_or_default();
        wanted.split(' ').any(|wanted| wanted.eq_ignore_ascii_case(name))
    };
    let mut kept: String = fields(head).into_iter().filter(is_wanted).collect();
    kept.push_str("\r\n");
    kept.into_bytes()
}
