//! An SMTP server that takes every message for one account, or behaves as it is told.
#![expect(clippy::disallowed_methods, reason = "a server outside of the program runs on the real clock")]

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::account::Account;

/// What happens to messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Accepted, and delivered.
    Deliver,
    /// Accepted, and kept until the account releases them.
    Hold,
    /// Accepted, and lost.
    Lose,
    /// Refused for now.
    Defer,
    /// The server takes the connection and says nothing while this lasts.
    Hang,
    /// Accepted, and delivered without its X- fields and with a Message-ID of the relay's own that looks like one of ours.
    Strip,
}

struct Inner {
    mode: Mode,
    connections: usize,
    /// When each message was accepted.
    accepted: Vec<Instant>,
}

/// A running server. It ends with the process.
#[derive(Clone)]
pub struct Smtp {
    pub address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Smtp {
    pub fn start(account: &Account, mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inner = Inner { mode, connections: 0, accepted: Vec::new() };
        let smtp = Self { address: listener.local_addr().unwrap(), inner: Arc::new(Mutex::new(inner)) };
        let (server, account) = (smtp.clone(), account.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (server, account) = (server.clone(), account.clone());
                // A client that goes away is no error of the server.
                std::thread::spawn(move || drop(server.serve(stream, &account)));
            }
        });
        smtp
    }

    fn with<T>(&self, look: impl FnOnce(&mut Inner) -> T) -> T {
        look(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn set(&self, mode: Mode) {
        self.with(|inner| inner.mode = mode);
    }

    pub fn mode(&self) -> Mode {
        self.with(|inner| inner.mode)
    }

    pub fn connections(&self) -> usize {
        self.with(|inner| inner.connections)
    }

    pub fn accepted(&self) -> Vec<Instant> {
        self.with(|inner| inner.accepted.clone())
    }

    fn serve(&self, stream: TcpStream, account: &Account) -> io::Result<()> {
        self.with(|inner| inner.connections += 1);
        while self.mode() == Mode::Hang {
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut out = stream.try_clone()?;
        let mut lines = BufReader::new(stream);
        out.write_all(b"220 mx.seed.test ESMTP\r\n")?;
        let mut line = String::new();
        loop {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let answer: &[u8] = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
                "EHLO" => b"250-mx.seed.test\r\n250 8BITMIME\r\n",
                "RCPT" if self.mode() == Mode::Defer => b"451 4.7.1 later\r\n",
                "DATA" => {
                    out.write_all(b"354 go on\r\n")?;
                    let message = message(&mut lines)?;
                    self.take(&message, account);
                    b"250 2.0.0 queued as 1\r\n"
                }
                "QUIT" => return out.write_all(b"221 2.0.0 bye\r\n"),
                _ => b"250 2.0.0 fine\r\n",
            };
            out.write_all(answer)?;
        }
    }

    fn take(&self, message: &[u8], account: &Account) {
        let mode = self.with(|inner| {
            inner.accepted.push(Instant::now());
            inner.mode
        });
        match mode {
            Mode::Deliver | Mode::Hang => account.lock().deliver(message),
            Mode::Strip => account.lock().deliver(&stripped(message)),
            Mode::Hold => account.lock().held.push(message.to_vec()),
            Mode::Lose | Mode::Defer => {}
        }
    }
}

/// A message up to its final dot, the other dots taken back (RFC 5321 §4.5.2).
fn message(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let (mut message, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(message);
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

/// What a relay that tidies up makes of a message: no X- fields, a Message-ID of its own, made like ours are.
fn stripped(message: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(message.to_vec()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut kept = String::new();
    for field in crate::imap::fields(head) {
        let name = field.split(':').next().unwrap().to_ascii_lowercase();
        if name == "message-id" {
            kept.push_str("Message-ID: <00112233445566778899aabbccddeeff@relay>\r\n");
        } else if !name.starts_with("x-") {
            kept.push_str(&field);
        }
    }
    format!("{kept}\r\n{body}").into_bytes()
}
