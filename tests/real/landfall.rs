//! The program under test: its configuration, its one-shot command, and its daemon, all through the binary that users run.
#![expect(clippy::disallowed_methods, reason = "a real daemon runs on the real clock")]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{Mailbox, RELAY_PASSWORD, RELAY_USER, World};

/// How long a daemon may take to be ready, on a machine that is busy with other tests.
const READY: Duration = Duration::from_secs(20);

/// A configuration under construction, in a directory of its own.
pub struct Setup {
    pub dir: PathBuf,
    pub ca_file: PathBuf,
    head: String,
    routes: String,
    mailboxes: String,
    probes: String,
}

impl Setup {
    /// Identities `good`, `signed` (signs here), `bare` and `strict`; the route `relay` (587, STARTTLS, login) of `good`.
    pub fn new(world: &World, name: &str) -> Self {
        let dir = world.directory().join("landfall").join(name);
        fs::create_dir_all(&dir).unwrap();
        let (ca_file, key) = (world.ca_file(), world.dkim_key_file());
        fs::write(dir.join("relay.password"), RELAY_PASSWORD).unwrap();
        let head = format!(
            "store: sqlite:{}\n\
             dns: {{ servers: [\"{}\"], timeout: 2s }}\n\
             identities:\n\
             \x20 good: {{ from: \"Good Shop <no-reply@good.test>\", envelope_from: bounces@good.test }}\n\
             \x20 signed: {{ from: no-reply@good.test, envelope_from: \"bounces+{{token}}@good.test\", \
             dkim: {{ domain: good.test, selector: s1, key_file: {} }} }}\n\
             \x20 bare: {{ from: no-reply@bare.test, envelope_from: bounces@bare.test }}\n\
             \x20 strict: {{ from: no-reply@strict.test, envelope_from: bounces@strict.test }}\n",
            dir.join("landfall.db").display(),
            world.dns(),
            key.display(),
        );
        let setup = Self { dir, ca_file, head, routes: String::new(), mailboxes: String::new(), probes: String::new() };
        setup.relay("relay", "good", "relay.good.test", 587, "starttls", RELAY_PASSWORD, "")
    }

    /// A relay with a login.
    #[expect(clippy::too_many_arguments, reason = "each is one key of the route")]
    pub fn relay(
        mut self,
        name: &str,
        identity: &str,
        host: &str,
        port: u16,
        tls: &str,
        password: &str,
        more: &str,
    ) -> Self {
        let file = self.dir.join(format!("{name}.password"));
        fs::write(&file, password).unwrap();
        writeln!(
            self.routes,
            "  {name}: {{ identity: {identity}, smtp: {{ host: {host}, port: {port}, tls: {tls}, ca_file: {}, \
             username: {RELAY_USER}, password_file: {} }}{more} }}",
            self.ca_file.display(),
            file.display()
        )
        .unwrap();
        self
    }

    /// One more identity.
    pub fn identity(mut self, name: &str, yaml: &str) -> Self {
        writeln!(self.head, "  {name}: {yaml}").unwrap();
        self
    }

    /// Any route.
    pub fn route(mut self, name: &str, yaml: &str) -> Self {
        writeln!(self.routes, "  {name}: {yaml}").unwrap();
        self
    }

    /// A mailbox, read over implicit TLS with a poll every two seconds; `more` adds keys to `imap`.
    pub fn mailbox(self, name: &str, mailbox: &Mailbox, more: &str) -> Self {
        let imap =
            format!("host: {}, port: 993, tls: implicit, ca_file: {}", mailbox.imap_host, self.ca_file.display());
        self.mailbox_at(name, mailbox, &imap, more)
    }

    /// A mailbox at another server.
    pub fn mailbox_at(mut self, name: &str, mailbox: &Mailbox, imap: &str, more: &str) -> Self {
        let file = self.dir.join(format!("{name}.password"));
        fs::write(&file, &mailbox.password).unwrap();
        writeln!(
            self.mailboxes,
            "  {name}: {{ provider: generic, address: {address}, authserv_id: [mx.{receiver}], \
             imap: {{ {imap}, username: {address}, password_file: {file}, poll: 2s{more} }} }}",
            address = mailbox.address,
            receiver = mailbox.receiver,
            file = file.display()
        )
        .unwrap();
        self
    }

    /// A probe.
    pub fn probe(mut self, name: &str, yaml: &str) -> Self {
        writeln!(self.probes, "  {name}: {yaml}").unwrap();
        self
    }

    /// Writes the configuration.
    pub fn write(&self) -> PathBuf {
        let file = self.dir.join("landfall.yaml");
        let text =
            format!("{}routes:\n{}mailboxes:\n{}probes:\n{}", self.head, self.routes, self.mailboxes, self.probes);
        fs::write(&file, text).unwrap();
        file
    }

    /// Sends one seed along every lane now; gives the exit status and the results.
    pub fn run_probe(&self, options: &[&str]) -> (i32, Vec<Value>) {
        let output = landfall(&self.write(), "probe", &[&["--format=json"], options].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        let document: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}\n{complaints}"));
        assert_eq!(beyond_the_schema(&document), Vec::<String>::new(), "{document:#}");
        (output.status.code().unwrap(), document["seeds"].as_array().unwrap().clone())
    }

    /// The same for a single lane.
    pub fn probe_one(&self) -> (i32, Value) {
        let (status, mut seeds) = self.run_probe(&[]);
        assert_eq!(seeds.len(), 1);
        (status, seeds.remove(0))
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.dir.join("landfall.db")
    }
}

/// What of a result `docs/probe.schema.json` does not foresee.
fn beyond_the_schema(document: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(include_str!("../../docs/probe.schema.json")).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    validator.iter_errors(document).map(|error| format!("{error} at {}", error.instance_path())).collect()
}

/// Runs a command of the program to its end.
pub fn landfall(config: &Path, command: &str, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_landfall"))
        .arg(command)
        .arg(format!("--config.file={}", config.display()))
        .args(options)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A running daemon. Killed when dropped.
pub struct Daemon {
    child: Child,
    pub web: SocketAddr,
    log: mpsc::Receiver<String>,
}

impl Daemon {
    /// Starts the daemon and waits until it is ready.
    pub fn start(setup: &Setup) -> Self {
        Self::start_with(&setup.write(), &[])
    }

    pub fn start_with(config: &Path, options: &[&str]) -> Self {
        let web = free_port();
        let mut child = Command::new(env!("CARGO_BIN_EXE_landfall"))
            .arg("run")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address={web}"))
            .args(options)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, log) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                drop(lines.send(line));
            }
        });
        let daemon = Self { child, web, log };
        daemon.until("ready", READY, || daemon.get("/-/ready").is_some_and(|(status, _)| status == 200));
        daemon
    }

    /// GET; `None` where nobody answers.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.web).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let body =
            if head.to_ascii_lowercase().contains("transfer-encoding: chunked") { unchunk(body) } else { body.into() };
        Some((status, body))
    }

    /// The sum of the series of `family` whose labels contain all of `labels`; `None` where there is none.
    pub fn metric(&self, family: &str, labels: &[&str]) -> Option<f64> {
        let (_, text) = self.get("/metrics")?;
        let of_family = |line: &&str| {
            line.strip_prefix(family).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
                && labels.iter().all(|label| line.contains(label))
        };
        let values: Vec<f64> =
            text.lines().filter(of_family).map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// Waits until `family{labels}` is at least `value`.
    pub fn until_metric(&self, family: &str, labels: &[&str], value: f64, limit: Duration) {
        self.until(&format!("{family}{labels:?} >= {value}"), limit, || {
            self.metric(family, labels).is_some_and(|is| is >= value)
        });
    }

    /// Waits until `done`, or fails with the daemon's log and metrics.
    pub fn until(&self, what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
        let end = Instant::now() + limit;
        while !done() {
            if Instant::now() > end {
                let log: Vec<String> = self.log.try_iter().collect();
                let metrics = self.get("/metrics").map(|(_, text)| text).unwrap_or_default();
                let metrics: Vec<&str> =
                    metrics.lines().filter(|line| line.starts_with("landfall_") && !line.ends_with(" 0")).collect();
                panic!("not within {limit:?}: {what}\n{}\n{}", log.join("\n"), metrics.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// SIGTERM; gives how long it took to exit, and the whole log.
    pub fn terminate(mut self) -> (Duration, String) {
        let began = Instant::now();
        self.signal("TERM");
        let status = self.child.wait().unwrap();
        let took = began.elapsed();
        let log: Vec<String> = self.log.iter().collect();
        assert!(status.success(), "{status}\n{}", log.join("\n"));
        (took, log.join("\n"))
    }

    /// Sends a signal that ends the daemon; gives how long that took, and its exit status.
    pub fn signalled(mut self, name: &str) -> (Duration, ExitStatus) {
        let began = Instant::now();
        self.signal(name);
        let status = self.child.wait().unwrap();
        (began.elapsed(), status)
    }

    /// SIGKILL: no goodbye.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// RFC 9112 §7.1.
fn unchunk(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        let (chunk, after) = rest.split_at(size);
        text.push_str(chunk);
        body = after.strip_prefix("\r\n").unwrap();
    }
    text
}

/// A port that was free a moment ago, on an address that only this process uses.
fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Lets the real clock run.
pub fn pause(span: Duration) {
    std::thread::sleep(span);
}
