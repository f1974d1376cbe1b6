//! The program under test: its configuration, its one-shot command, and its daemon, through the binary that users run.
#![expect(clippy::disallowed_methods, reason = "a real daemon runs on the real clock")]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::account::Account;
use crate::imap;
use crate::smtp::{Mode, Smtp};

/// How long anything may take, on a machine that is busy with all other scenarios.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A receiver: an account, and the servers that lead to it.
pub struct Receiver {
    pub account: Account,
    pub smtp: Smtp,
    pub imap: SocketAddr,
}

impl Receiver {
    pub fn start(account: Account, mode: Mode) -> Self {
        Self { smtp: Smtp::start(&account, mode), imap: imap::start(&account), account }
    }

    /// One more way to the account.
    pub fn another_way(&self, mode: Mode) -> Smtp {
        Smtp::start(&self.account, mode)
    }
}

/// A configuration under construction, in a directory of its own that is removed in the end.
pub struct Setup {
    pub dir: PathBuf,
    identity: String,
    routes: Vec<(String, String)>,
    mailboxes: String,
    probes: String,
}

impl Setup {
    /// The route `relay` and the mailbox `m`, both of `receiver`.
    pub fn new(name: &str, receiver: &Receiver) -> Self {
        let dir = std::env::temp_dir().join(format!("landfall-receivers-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let identity = "from: \"Shop <no-reply@shop.test>\"".to_owned();
        let setup = Self { dir, identity, routes: Vec::new(), mailboxes: String::new(), probes: String::new() };
        setup.route("relay", &receiver.smtp, "").mailbox("m", receiver, "provider: generic")
    }

    /// Seeds are signed with this key.
    pub fn signed_with(mut self, key_file: &str) -> Self {
        write!(self.identity, ", dkim: {{ domain: shop.test, selector: s1, key_file: {key_file} }}").unwrap();
        self
    }

    pub fn route(mut self, name: &str, smtp: &Smtp, more: &str) -> Self {
        let (ip, port) = (smtp.address.ip(), smtp.address.port());
        let yaml =
            format!("{{ identity: shop, helo: shop.test, smtp: {{ host: {ip}, port: {port}, tls: none }}{more} }}");
        self.routes.retain(|(known, _)| known != name);
        self.routes.push((name.to_owned(), yaml));
        self
    }

    /// A mailbox with these keys besides its address and server.
    pub fn mailbox(mut self, name: &str, receiver: &Receiver, keys: &str) -> Self {
        let (ip, port) = (receiver.imap.ip(), receiver.imap.port());
        // The last of that name counts.
        let lines: Vec<&str> = self.mailboxes.lines().filter(|line| !line.starts_with(&format!("  {name}:"))).collect();
        self.mailboxes = lines.iter().map(|line| format!("{line}\n")).collect();
        writeln!(
            self.mailboxes,
            "  {name}: {{ {keys}, address: {name}@seed.test, \
             imap: {{ host: {ip}, port: {port}, tls: none, password: secret, poll: 2s }} }}"
        )
        .unwrap();
        self
    }

    pub fn probe(mut self, name: &str, yaml: &str) -> Self {
        writeln!(self.probes, "  {name}: {{ {yaml} }}").unwrap();
        self
    }

    /// The same without any probe.
    pub fn without_probes(mut self) -> Self {
        self.probes.clear();
        self
    }

    pub fn without_route(mut self, name: &str) -> Self {
        self.routes.retain(|(known, _)| known != name);
        self
    }

    fn write(&self) -> PathBuf {
        let file = self.dir.join("landfall.yaml");
        let mut text = format!(
            "store: sqlite:{}\ndns: {{ servers: [\"127.0.0.1:9\"] }}\nidentities: {{ shop: {{ {} }} }}\nroutes:\n",
            self.dir.join("landfall.db").display(),
            self.identity
        );
        for (name, yaml) in &self.routes {
            writeln!(text, "  {name}: {yaml}").unwrap();
        }
        write!(text, "mailboxes:\n{}probes:\n{}", self.mailboxes, self.probes).unwrap();
        fs::write(&file, text).unwrap();
        file
    }

    /// Sends one seed along every lane now; gives how each ended, by its probe's name.
    pub fn run_probe(&self) -> impl Fn(&str) -> Value + use<> {
        let output = Command::new(env!("CARGO_BIN_EXE_landfall"))
            .args(["probe", "--format=json", &format!("--config.file={}", self.write().display())])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        let document: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{complaints}"));
        let seeds = document["seeds"].as_array().unwrap().clone();
        move |probe| seeds.iter().find(|seed| seed["probe"] == probe).unwrap_or_else(|| panic!("{seeds:#?}")).clone()
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        // What is left behind lies where temporary files belong.
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// A running daemon. Killed when dropped.
pub struct Daemon {
    child: Child,
    web: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Daemon {
    /// Starts the daemon and waits until it is ready.
    pub fn start(setup: &Setup) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_landfall"))
            .args(["run", "--web.listen-address=127.0.0.1:0", &format!("--config.file={}", setup.write().display())])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut first = Vec::new();
        let web = stderr.find_map(|line| {
            let address =
                line.split_once("listening address=").map(|(_, rest)| rest.trim_matches('"').parse().unwrap());
            first.push(line);
            address
        });
        let web = web.unwrap_or_else(|| panic!("the daemon does not listen:\n{}", first.join("\n")));
        let log = Arc::new(Mutex::new(first));
        let to = log.clone();
        std::thread::spawn(move || stderr.for_each(|line| to.lock().unwrap().push(line)));
        let daemon = Self { child, web, log };
        daemon.until("ready", || daemon.get("/-/ready").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
        daemon
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.web).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// The sum of the series of `family` whose labels contain all of `labels`; 0 where there is none.
    pub fn metric(&self, family: &str, labels: &str) -> f64 {
        let text = self.get("/metrics").unwrap_or_default();
        let of_family = |line: &&str| {
            line.strip_prefix(family).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
                && labels.split(' ').all(|label| line.contains(label))
        };
        text.lines().filter(of_family).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// How many seeds of the probe, or of all where it is empty, ended so.
    pub fn settled(&self, probe: &str, outcome: &str) -> f64 {
        let probe = if probe.is_empty() { String::new() } else { format!("probe=\"{probe}\"") };
        self.metric("landfall_seeds_settled_total", &format!("{probe} outcome=\"{outcome}\""))
    }

    /// Waits until a seed of the probe has ended so.
    pub fn until_settled(&self, probe: &str, outcome: &str) {
        self.until(&format!("{probe} ends as {outcome}"), || self.settled(probe, outcome) >= 1.0);
    }

    /// Waits until `done`, or fails with the daemon's log and metrics.
    pub fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let end = Instant::now() + LIMIT;
        while !done() {
            assert!(Instant::now() < end, "not within {LIMIT:?}: {what}\n{}", self.state());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The log, and the metrics that are not 0.
    pub fn state(&self) -> String {
        let metrics = self.get("/metrics").unwrap_or_default();
        let metrics: Vec<&str> =
            metrics.lines().filter(|line| line.starts_with("landfall_") && !line.ends_with(" 0")).collect();
        format!("{}\n{}", self.log.lock().unwrap().join("\n"), metrics.join("\n"))
    }

    /// SIGTERM; waits until it has ended.
    pub fn terminate(mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        assert!(self.child.wait().unwrap().success(), "{}", self.log.lock().unwrap().join("\n"));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Lets the real clock run.
pub fn pause(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}
