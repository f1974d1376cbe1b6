//! An SMTP server that does what a test tells it, and writes down what it was told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

/// What the server does at one point.
#[derive(Clone, Debug)]
pub enum Do {
    /// Answers with these bytes.
    Say(Vec<u8>),
    /// Closes the connection.
    Drop,
    /// Says nothing any more.
    Stall,
    /// Repeats these bytes for ever.
    Flood(Vec<u8>),
}

pub fn say(text: &str) -> Do {
    Do::Say(text.replace('\n', "\r\n").into_bytes())
}

/// What differs from a server that accepts everything. The points are `greeting`, the commands, `response` (to a 334), `body` (before it is
/// read) and `message` (after it).
#[derive(Clone, Debug, Default)]
pub struct Script {
    at: BTreeMap<&'static str, Do>,
    extensions: Vec<&'static str>,
    tls: Option<Arc<ServerConfig>>,
    implicit: bool,
}

impl Script {
    pub fn at(mut self, point: &'static str, what: Do) -> Self {
        self.at.insert(point, what);
        self
    }

    pub fn offering(mut self, extensions: &[&'static str]) -> Self {
        self.extensions = extensions.to_vec();
        self
    }

    pub fn with_tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    pub fn implicit(mut self, config: Arc<ServerConfig>) -> Self {
        self.implicit = true;
        self.with_tls(config)
    }

    pub async fn serve(self) -> Server {
        self.serve_on("127.0.0.1:0").await
    }

    pub async fn serve_on(self, address: &str) -> Server {
        let socket = TcpSocket::new_v4().unwrap();
        // Small, so that a client which sends much must wait for the server to read it.
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address.parse().unwrap()).unwrap();
        let listener = socket.listen(64).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn({
            let heard = heard.clone();
            async move {
                loop {
                    let (stream, peer) = listener.accept().await.unwrap();
                    heard.lock().unwrap().push(format!("connected from {}", peer.ip()));
                    let talk =
                        Talk { script: self.clone(), heard: heard.clone(), received: Vec::new(), secured: false };
                    // It ends when the client goes away, which is no error.
                    tokio::spawn(talk.run(stream));
                }
            }
        });
        Server { port, heard, task }
    }
}

/// A running server. Stops when dropped.
pub struct Server {
    pub port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Everything it was told, line by line.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// Waits until it was told `line`.
    pub async fn hears(&self, line: &str) {
        while !self.heard().iter().any(|heard| heard == line) {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Connection = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// One connection.
struct Talk {
    script: Script,
    heard: Arc<Mutex<Vec<String>>>,
    received: Vec<u8>,
    secured: bool,
}

/// The client is gone, or is to be left alone.
type Gone = Option<()>;

impl Talk {
    async fn run(mut self, stream: TcpStream) -> Gone {
        let mut stream: Connection =
            if self.script.implicit { self.secure(stream).await? } else { Either::Left(stream) };
        self.act(&mut stream, "greeting", "220 scripted ESMTP\n").await?;
        loop {
            let line = self.line(&mut stream).await?;
            let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    let offered = self.script.extensions.iter().filter(|word| !(self.secured && **word == "STARTTLS"));
                    let offered: String = offered.map(|word| format!("250-{word}\n")).collect();
                    self.act(&mut stream, "EHLO", &format!("250-scripted\n{offered}250 HELP\n")).await?;
                }
                "STARTTLS" => {
                    let says = self.script.at.get("STARTTLS").cloned();
                    self.act(&mut stream, "STARTTLS", "220 go ahead\n").await?;
                    if !matches!(&says, Some(Do::Say(text)) if !text.starts_with(b"220")) {
                        let Either::Left(plain) = stream else { return None };
                        stream = self.secure(plain).await?;
                    }
                }
                "HELO" => self.act(&mut stream, "HELO", "250 scripted\n").await?,
                "AUTH" => self.auth(&mut stream, &line).await?,
                "MAIL" => self.act(&mut stream, "MAIL", "250 2.1.0 Ok\n").await?,
                "RCPT" => self.act(&mut stream, "RCPT", "250 2.1.5 Ok\n").await?,
                "DATA" => self.data(&mut stream).await?,
                _ => self.act(&mut stream, "QUIT", "221 bye\n").await?,
            }
        }
    }

    async fn secure(&mut self, stream: TcpStream) -> Option<Connection> {
        let acceptor = TlsAcceptor::from(self.script.tls.clone()?);
        let stream = acceptor.accept(stream).await.ok()?;
        self.secured = true;
        Some(Either::Right(Box::new(stream)))
    }

    async fn auth(&mut self, stream: &mut Connection, line: &str) -> Gone {
        if line == "AUTH LOGIN" {
            self.act(stream, "AUTH", "334 VXNlcm5hbWU6\n").await?;
            self.line(stream).await?;
            self.act(stream, "username", "334 UGFzc3dvcmQ6\n").await?;
            self.line(stream).await?;
            return self.act(stream, "response", "235 2.7.0 welcome\n").await;
        }
        let asks = matches!(self.script.at.get("AUTH"), Some(Do::Say(text)) if text.starts_with(b"334"));
        self.act(stream, "AUTH", "235 2.7.0 welcome\n").await?;
        if asks {
            self.line(stream).await?;
            self.act(stream, "response", "235 2.7.0 welcome\n").await?;
        }
        Some(())
    }

    async fn data(&mut self, stream: &mut Connection) -> Gone {
        let refuses = matches!(self.script.at.get("DATA"), Some(Do::Say(text)) if !text.starts_with(b"354"));
        self.act(stream, "DATA", "354 go ahead\n").await?;
        if refuses {
            return Some(());
        }
        if self.script.at.contains_key("body") {
            let mut first = [0; 1000];
            stream.read_exact(&mut first).await.ok()?;
            self.act(stream, "body", "").await?;
            return None;
        }
        while self.line(stream).await? != "." {}
        self.act(stream, "message", "250 2.0.0 Ok: queued as 4ABC\n").await
    }

    async fn act(&mut self, stream: &mut Connection, point: &'static str, usual: &str) -> Gone {
        match self.script.at.get(point).cloned().unwrap_or_else(|| say(usual)) {
            Do::Say(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                stream.flush().await.ok()
            }
            Do::Drop => None,
            Do::Stall => std::future::pending().await,
            Do::Flood(bytes) => loop {
                stream.write_all(&bytes).await.ok()?;
            },
        }
    }

    async fn line(&mut self, stream: &mut Connection) -> Option<String> {
        loop {
            if let Some(end) = self.received.windows(2).position(|two| two == b"\r\n") {
                let rest = self.received.split_off(end + 2);
                let line = std::mem::replace(&mut self.received, rest);
                let line = String::from_utf8_lossy(&line[..end]).into_owned();
                self.heard.lock().unwrap().push(line.clone());
                return Some(line);
            }
            let mut packet = [0; 4096];
            let count = stream.read(&mut packet).await.ok().filter(|count| *count > 0)?;
            self.received.extend_from_slice(&packet[..count]);
        }
    }
}
