//! A server that says what a test tells it to, on a port of its own.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::model::{Credentials, Endpoint, FolderNames, ImapServer, Secret, SecretError, SecretSource, TlsMode};
use crate::net::dial::Dialer;
use crate::net::dns::Resolver;
use crate::net::imap::frame::Framer;
use crate::net::imap::{Fault, Imap, Limits};

pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// The client, as the server sees it.
pub(super) struct Peer {
    stream: BufReader<Box<dyn Io>>,
    tag: String,
    acceptor: Option<TlsAcceptor>,
}

impl Peer {
    /// Sends `text`, in which `{tag}` stands for the tag of the last command. Tells whether the client was still there.
    pub(super) async fn say(&mut self, text: &str) -> bool {
        self.say_bytes(text.replace("{tag}", &self.tag).as_bytes()).await
    }

    pub(super) async fn say_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// The next line, without its end.
    pub(super) async fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }

    pub(super) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    /// The next command, which must be this one.
    pub(super) async fn expect(&mut self, command: &str) {
        let line = self.line().await;
        let (tag, rest) = line.split_once(' ').unwrap_or_else(|| panic!("{command} expected, got {line:?}"));
        assert_eq!(rest, command);
        self.tag = tag.to_owned();
    }

    pub(super) async fn answer(&mut self, command: &str, text: &str) {
        self.expect(command).await;
        assert!(self.say(text).await, "the client is gone");
    }

    /// Greets, and logs the client in with these capabilities.
    pub(super) async fn log_in(&mut self, capabilities: &str) {
        self.say(&format!("* OK [CAPABILITY IMAP4rev1 {capabilities}] ready\r\n")).await;
        let done = format!("{{tag}} OK [CAPABILITY IMAP4rev1 {capabilities}] in\r\n");
        self.answer(r#"LOGIN "user" "secret""#, &done).await;
    }

    /// Opens a folder of `exists` messages.
    pub(super) async fn open(&mut self, command: &str, exists: u32) {
        let text = "EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen)\r\n* OK [PERMANENTFLAGS (\\Seen [x])] fine\r\n* OK [UIDVALIDITY 7] UIDs \r\n\
                    * OK [UIDNEXT 100] Predicted\r\n{tag} OK [READ-WRITE] open\r\n";
        self.answer(command, &format!("* {exists} {text}")).await;
    }

    /// Says nothing until the client goes away.
    pub(super) async fn hang(&mut self) {
        let _ = tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await;
    }

    /// Goes on over TLS; tells whether the handshake succeeded. What the client sent too early is lost, as it should be.
    pub(super) async fn secure(self) -> Option<Self> {
        let acceptor = self.acceptor.clone().unwrap();
        let stream = acceptor.accept(self.stream.into_inner()).await.ok()?;
        Some(Self { stream: BufReader::new(Box::new(stream)), tag: self.tag, acceptor: self.acceptor })
    }
}

/// Asks a DNS server that is not there: scripted servers have addresses.
static DIALER: LazyLock<Dialer> =
    LazyLock::new(|| Dialer::new(Resolver::new(&["127.0.0.1:9".parse().unwrap()], Duration::from_millis(50)).unwrap()));

/// A running server: where it is, and its script, which is awaited so that its assertions count.
pub(super) struct Scripted {
    pub(super) server: ImapServer,
    script: JoinHandle<()>,
}

#[derive(Debug)]
struct Fixed(String);

impl SecretSource for Fixed {
    fn read(&self) -> Result<SecretString, SecretError> {
        Ok(self.0.clone().into())
    }
}

pub(super) fn secret(text: &str) -> Secret {
    Arc::new(Fixed(text.to_owned()))
}

/// Starts a server for one connection.
pub(super) async fn serve<F, S>(acceptor: Option<TlsAcceptor>, script: F) -> Scripted
where
    F: FnOnce(Peer) -> S + Send + 'static,
    S: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        script(Peer { stream: BufReader::new(Box::new(stream)), tag: String::new(), acceptor }).await;
    });
    let server =
        Endpoint { host: "127.0.0.1".into(), port, tls: TlsMode::None, ca_file: None, server_name: None, source: None };
    let credentials = Credentials { username: secret("user"), password: secret("secret") };
    let poll = Duration::from_mins(1);
    Scripted { server: ImapServer { server, credentials, folders: FolderNames::default(), poll }, script }
}

/// A server in plain text.
pub(super) async fn plain<F, S>(script: F) -> Scripted
where
    F: FnOnce(Peer) -> S + Send + 'static,
    S: Future<Output = ()> + Send,
{
    serve(None, script).await
}

impl Scripted {
    pub(super) async fn connect(&self, limits: Limits) -> Result<Imap, Fault> {
        Imap::connect(&DIALER, &self.server, limits).await
    }

    /// Waits for the script to end, so that what it asserts counts.
    pub(super) async fn done(self) {
        timeout(Duration::from_secs(20), self.script).await.expect("the script hangs").unwrap();
    }
}

impl Imap {
    /// Goes on under other limits: logging in may take its time on a busy machine where the step under test may not.
    pub(super) fn adopt(&mut self, limits: Limits) {
        assert!(self.framer.is_empty());
        self.framer = Framer::new(limits);
        self.limits = limits;
    }
}

/// Limits for servers that do answer.
pub(super) fn patient() -> Limits {
    Limits { connect: Duration::from_secs(10), command: Duration::from_secs(10), ..Limits::default() }
}

/// Limits for servers that do not.
pub(super) fn brief() -> Limits {
    Limits { connect: Duration::from_secs(10), command: Duration::from_millis(60), ..Limits::default() }
}
