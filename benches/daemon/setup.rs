//! What each measurement starts from: a directory, a configuration, a running daemon.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest that anything may take before a measurement is given up.
const LIMIT: Duration = Duration::from_secs(120);

/// A directory that is removed in the end: in `LANDFALL_BENCH_DIR`, so that any disk can be measured, or else where Cargo builds.
#[derive(Debug)]
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new(name: &str) -> io::Result<Self> {
        let parent = std::env::var_os("LANDFALL_BENCH_DIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
        let path = PathBuf::from(parent).join(format!("landfall-bench-{}-{name}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub fn store(&self) -> PathBuf {
        self.0.join("landfall.db")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What is left behind lies where temporary files belong.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Mailboxes at one receiver, with one lane each.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub mailboxes: usize,
    pub smtp: SocketAddr,
    pub imap: SocketAddr,
    /// IMAP in TLS from the first byte, trusting the system's authorities.
    pub tls: bool,
    /// Time between two seeds of a mailbox.
    pub every: &'static str,
}

impl Plan {
    /// The configuration, with its store in `directory`.
    pub fn config(&self, directory: &Directory) -> String {
        let tls = if self.tls { "implicit" } else { "none" };
        let mut mailboxes = String::new();
        for number in 0..self.mailboxes {
            let (ip, port) = (self.imap.ip(), self.imap.port());
            // Writing to a String cannot fail.
            let _ = writeln!(
                mailboxes,
                "  m{number}: {{ provider: generic, address: m{number}@seed.test, \
                 imap: {{ host: {ip}, port: {port}, tls: {tls}, password: secret }} }}"
            );
        }
        format!(
            "store: sqlite:{}\n\
             dns: {{ servers: [\"127.0.0.1:9\"] }}\n\
             identities: {{ shop: {{ from: \"Shop <no-reply@shop.test>\" }} }}\n\
             routes: {{ relay: {{ identity: shop, helo: shop.test, connections: 100, \
             smtp: {{ host: {}, port: {}, tls: none }} }} }}\n\
             mailboxes:\n{mailboxes}\
             probes: {{ p: {{ routes: [relay], mailboxes: all, every: {} }} }}\n",
            directory.store().display(),
            self.smtp.ip(),
            self.smtp.port(),
            self.every
        )
    }
}

/// `landfall run`, as it is released.
#[derive(Debug)]
pub struct Daemon {
    pub child: Child,
    pub web: SocketAddr,
    /// From the start of the process to the first 200 of `/-/ready`.
    pub ready_after: Duration,
}

impl Daemon {
    /// Starts it, with `environment` set, and waits until it is ready.
    pub fn start(config: &Path, environment: &[(&str, PathBuf)]) -> io::Result<Self> {
        let web = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let began = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_landfall"))
            .arg("run")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address={web}"))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut daemon = Self { child, web, ready_after: Duration::ZERO };
        until("the daemon to be ready", Duration::from_micros(500), || {
            get(web, "/-/ready").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
        })?;
        daemon.ready_after = began.elapsed();
        Ok(daemon)
    }

    /// The sum of the values of the series that begin with `family` and hold `label`.
    pub fn sum(&self, family: &str, label: &str) -> io::Result<u64> {
        let text = get(self.web, "/metrics")?;
        let series = text.lines().filter(|line| line.starts_with(family) && line.contains(label));
        Ok(series.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    }

    /// Ends it as an init system would.
    pub fn stop(mut self) -> io::Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // An error means that it has ended, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// GET on a connection of its own: the whole answer, head and all.
pub fn get(web: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(web)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Asks again and again, `pause` apart, until it is `done`.
pub fn until(what: &str, pause: Duration, mut done: impl FnMut() -> bool) -> io::Result<()> {
    let began = Instant::now();
    while !done() {
        if began.elapsed() > LIMIT {
            return Err(io::Error::other(format!("waited for {what} in vain")));
        }
        std::thread::sleep(pause);
    }
    Ok(())
}
