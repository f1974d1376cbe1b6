//! A mail world of real servers on loopback: DNS, a sender's relay, and receivers with their filters and mailboxes.
//!
//! [`World::start`] writes the configuration of every server into one state directory and starts them in their own PID and mount
//! namespaces. Each server has its own address in the world's own 127.x.y.0/24 net and listens on its protocol's real port, so
//! that MX lookups and default ports work unchanged, and worlds stand side by side. `keeper.sh` explains why nothing is left
//! behind; `README.md` lists who is where and what each user name does.
//!
//! Everything here blocks. It needs root and the packages of `tests/setup.sh`, and says so where they are missing.

pub mod accounts;
mod layout;
mod net;
mod tls;

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

pub use accounts::Mailbox;

/// The receivers' domains.
pub const RECEIVERS: [&str; 4] = ["alpha.test", "beta.test", "gamma.test", "delta.test"];

/// The relay's login.
pub const RELAY_USER: &str = "shop@good.test";

/// The relay's password.
pub const RELAY_PASSWORD: &str = "relay-secret";

/// Something in the world went wrong; the text says what.
#[derive(Debug)]
pub struct Problem(String);

impl Problem {
    /// One with this text.
    pub fn new(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

/// What the world's functions give.
pub type Result<T> = std::result::Result<T, Problem>;

/// The running servers. They stop when it is dropped or the process ends, whichever is first.
#[derive(Debug)]
pub struct World {
    net: net::Net,
    state: PathBuf,
    keeper: Child,
    /// Guards the files of accounts and DNS records; holds the number of changes made so far.
    changes: Mutex<u64>,
    _black_hole: TcpListener,
}

impl World {
    /// Starts all servers and waits until each takes connections.
    ///
    /// # Errors
    /// When this process is not root, a package is missing, or a server did not start: the end of its log is in the text.
    pub fn start() -> Result<Self> {
        check_machine()?;
        let (net, black_hole) = net::claim()?;
        let state = net.state_directory();
        layout::write(&state, net)?;
        let hole = black_hole.try_clone().map_err(|error| problem("the black hole", &error))?;
        let keeper = keep(&state, net, hole).inspect_err(|_| drop(fs::remove_dir_all(&state)))?;
        let mut world = Self { net, state, keeper, changes: Mutex::new(0), _black_hole: black_hole };
        world.wait_until_ready()?;
        Ok(world)
    }

    /// The world's DNS server: the only one that knows its names.
    pub fn dns(&self) -> SocketAddr {
        SocketAddr::from((self.net.address(53), 53))
    }

    /// The authority that signed every certificate but `untrusted.good.test`'s, as a PEM file.
    pub fn ca_file(&self) -> PathBuf {
        self.state.join("tls/ca.pem")
    }

    /// The private key behind `s1._domainkey.good.test`, as a PEM file.
    pub fn dkim_key_file(&self) -> PathBuf {
        self.state.join("tls/dkim.key")
    }

    /// A directory for the test's own files; it goes with the world.
    pub fn directory(&self) -> PathBuf {
        self.state.join("test")
    }

    /// The directory of the servers' logs.
    pub fn logs(&self) -> PathBuf {
        self.state.join("log")
    }

    /// The address of the relay's host: `good.test` lets it send.
    pub fn relay_address(&self) -> Ipv4Addr {
        self.net.address(21)
    }

    /// An address with nobody on it, from which `good.test` may send as well: a source address for whoever goes to the MX directly.
    pub fn direct_address(&self) -> Ipv4Addr {
        self.net.address(22)
    }

    /// Takes connections and never says a word. Port 993; the name `silent.test` leads to it.
    pub fn black_hole(&self) -> SocketAddr {
        SocketAddr::from((self.net.address(66), 993))
    }

    /// Adds DNS records in zone-file syntax, names relative to `test.` (`"odd IN TXT \"v=spf1 -all\""`).
    ///
    /// # Errors
    /// When the server refuses them.
    pub fn publish(&self, records: &str) -> Result<()> {
        let _guard = self.changes.lock().map_err(|error| problem("the lock", &error))?;
        let zone = self.state.join("dns/test.zone");
        let mut file = File::options().append(true).open(&zone).map_err(|error| problem("test.zone", &error))?;
        writeln!(file, "{records}").map_err(|error| problem("test.zone", &error))?;
        for command in [["auth_zone_reload", "test."], ["flush_zone", "test."]] {
            self.run(Command::new("unbound-control").arg("-c").arg(self.state.join("dns/unbound.conf")).args(command))?;
        }
        Ok(())
    }

    /// Lets the mail go that the receivers hold for this address (user names beginning with `late`); says how many messages.
    ///
    /// # Errors
    /// When Postfix refuses.
    pub fn release(&self, address: &str) -> Result<usize> {
        let held = self.queued(address)?;
        for id in &held {
            self.run(Command::new("postsuper").arg("-c").arg(self.state.join("mx")).args(["-H", id]))?;
        }
        self.run(Command::new("postqueue").arg("-c").arg(self.state.join("mx")).arg("-f"))?;
        Ok(held.len())
    }

    /// The queue ids of the mail that waits at the receivers for this address, held or deferred.
    ///
    /// # Errors
    /// When Postfix refuses.
    pub fn queued(&self, address: &str) -> Result<Vec<String>> {
        let output = self.run(Command::new("postqueue").arg("-c").arg(self.state.join("mx")).arg("-j"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let entries = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        Ok(entries
            .filter(|entry| {
                let recipients = entry.get("recipients").and_then(|all| all.as_array());
                let is_it = |one: &serde_json::Value| one.get("address").and_then(|a| a.as_str()) == Some(address);
                recipients.is_some_and(|all| all.iter().any(is_it))
            })
            .filter_map(|entry| entry.get("queue_id").and_then(|id| id.as_str()).map(str::to_owned))
            .collect())
    }

    /// Shuts a receiver's IMAP server down, and with it its delivery: connections are refused.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn stop_imap(&self, receiver: &str) -> Result<()> {
        self.run(self.dovecot_command(receiver, "doveadm")?.arg("stop"))?;
        let at = SocketAddr::V4(SocketAddrV4::new(self.receiver_address(receiver)?, 993));
        wait_for("the IMAP server's end", Duration::from_secs(10), || {
            TcpStream::connect(at).is_err().then_some(()).ok_or("it still listens")
        })
    }

    /// Starts a receiver's IMAP server again.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_imap(&self, receiver: &str) -> Result<()> {
        let address = self.receiver_address(receiver)?;
        self.run(&mut self.dovecot_command(receiver, "dovecot")?)?;
        wait_for("the IMAP server", Duration::from_secs(10), || answers((address, 993)))
    }

    /// Stops everything and waits until it is gone. Dropping does the same.
    pub fn stop(self) {
        drop(self);
    }

    fn receiver_address(&self, receiver: &str) -> Result<Ipv4Addr> {
        let place = RECEIVERS.iter().position(|known| *known == receiver);
        let place = place.and_then(|place| u8::try_from(place).ok());
        place
            .map(|place| self.net.address(31 + place))
            .ok_or_else(|| Problem::new(format!("no receiver {receiver}; there are {RECEIVERS:?}")))
    }

    /// The directory of a receiver's Dovecot.
    fn receiver_directory(&self, receiver: &str) -> Result<PathBuf> {
        self.receiver_address(receiver)?;
        Ok(self.state.join(receiver.trim_end_matches(".test")))
    }

    fn dovecot_command(&self, receiver: &str, program: &str) -> Result<Command> {
        let mut command = Command::new(program);
        command.arg("-c").arg(self.receiver_directory(receiver)?.join("dovecot.conf"));
        Ok(command)
    }

    /// Runs a command inside the world's namespaces; its failure is an error with its output.
    fn run(&self, command: &mut Command) -> Result<Output> {
        self.run_with(command, &[])
    }

    /// The same, with `input` on its standard input.
    fn run_with(&self, command: &mut Command, input: &[u8]) -> Result<Output> {
        let namespaces = format!("/proc/{}/ns", self.keeper.id());
        let mut inside = Command::new("nsenter");
        inside.arg(format!("--mount={namespaces}/mnt")).arg(format!("--pid={namespaces}/pid_for_children"));
        inside.arg("--").arg(command.get_program()).args(command.get_args());
        // A server that a command starts keeps its outputs: files, then, and no pipes that would not end.
        let (out, err) = (scratch(&self.state)?, scratch(&self.state)?);
        let what = format!("{:?}", command.get_program());
        let stdio = |file: &Scratch| file.0.try_clone().map(Stdio::from).map_err(|error| problem(&what, &error));
        inside.stdin(Stdio::piped()).stdout(stdio(&out)?).stderr(stdio(&err)?);
        let mut child = inside.spawn().map_err(|error| problem("nsenter", &error))?;
        if let Some(mut pipe) = child.stdin.take() {
            pipe.write_all(input).map_err(|error| problem(&what, &error))?;
        }
        let status = child.wait().map_err(|error| problem(&what, &error))?;
        let output = Output { status, stdout: out.read()?, stderr: err.read()? };
        if status.success() {
            return Ok(output);
        }
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Err(Problem::new(format!("{command:?} failed: {status}\n{out}{err}")))
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let address = |host: u8| self.net.address(host);
        let mut doors = vec![(address(53), 53), (address(34), 10023), (address(23), 465), (address(23), 587)];
        doors.extend([25, 465, 587].map(|port| (address(21), port)));
        for host in 31..=34 {
            doors.extend([25, 143, 993].map(|port| (address(host), port)));
        }
        let mut sockets: Vec<_> = ["rspamd", "opendkim-relay", "opendkim-beta", "opendmarc"]
            .map(|name| self.state.join("run").join(name))
            .into();
        sockets.extend(["alpha", "beta", "gamma", "delta"].map(|name| self.state.join(name).join("run/lmtp")));
        sockets.push(self.state.join("relay-auth/run/postfix-auth"));
        let keeper = &mut self.keeper;
        let ready = wait_for("the servers", Duration::from_secs(30), || {
            if let Ok(Some(status)) = keeper.try_wait() {
                return Err(format!("they ended: {status}"));
            }
            while let Some(door) = doors.last() {
                answers(*door)?;
                doors.pop();
            }
            match sockets.iter().find(|socket| !socket.exists()) {
                Some(socket) => Err(format!("{} is not there", socket.display())),
                None => Ok(()),
            }
        });
        ready.map_err(|Problem(text)| Problem::new(format!("{text}\n{}", log_tails(&self.state.join("log")))))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The keeper ends when the pipe does.
        drop(self.keeper.stdin.take());
        drop(self.keeper.wait());
    }
}

/// A nameless file that takes a command's output.
struct Scratch(File);

impl Scratch {
    fn read(mut self) -> Result<Vec<u8>> {
        use std::io::{Read as _, Seek as _};
        let mut bytes = Vec::new();
        self.0.rewind().and_then(|()| self.0.read_to_end(&mut bytes)).map_err(|error| problem("an output", &error))?;
        Ok(bytes)
    }
}

fn scratch(state: &Path) -> Result<Scratch> {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = state.join("test").join(format!(".output-{}-{count}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path);
    let file = file.map_err(|error| problem(&path.display().to_string(), &error))?;
    fs::remove_file(&path).map_err(|error| problem(&path.display().to_string(), &error))?;
    Ok(Scratch(file))
}

fn keep(state: &Path, net: net::Net, black_hole: TcpListener) -> Result<Child> {
    let log = File::create(state.join("log/keeper.out")).map_err(|error| problem("keeper.out", &error))?;
    Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc", "--kill-child", "--", "bash"])
        .arg(state.join("keeper.sh"))
        .arg(state)
        .arg(net.to_string())
        .stdin(Stdio::piped())
        .stdout(OwnedFd::from(black_hole))
        .stderr(log)
        // Ctrl-C on the terminal ends the test, and the test's end ends the world: in that order.
        .process_group(0)
        .spawn()
        .map_err(|error| problem("unshare", &error))
}

fn check_machine() -> Result<()> {
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !root {
        return Err(Problem::new(
            "the real servers need root: run `make real` (it uses sudo), or the tests as root".into(),
        ));
    }
    let programs = [
        "/usr/sbin/unbound",
        "/usr/sbin/postfix",
        "/usr/sbin/dovecot",
        "/usr/lib/dovecot/lmtp",
        "/usr/lib/dovecot/modules/lib90_sieve_plugin.so",
        "/usr/sbin/opendkim",
        "/usr/sbin/opendmarc",
        "/usr/bin/policyd-spf",
        "/usr/sbin/postgrey",
        "/usr/bin/rspamd",
        "/usr/bin/swaks",
        "/usr/bin/openssl",
    ];
    let missing: Vec<_> = programs.into_iter().filter(|program| !Path::new(program).exists()).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Problem::new(format!("not on this machine: {}; run `make setup`", missing.join(", "))))
    }
}

fn answers(door: (Ipv4Addr, u16)) -> std::result::Result<(), String> {
    let at = SocketAddr::from(door);
    TcpStream::connect_timeout(&at, Duration::from_secs(1)).map(drop).map_err(|error| format!("{at}: {error}"))
}

/// Asks again and again until `attempt` succeeds or `limit` is over.
///
/// # Errors
/// With the last attempt's reason.
#[expect(clippy::disallowed_methods, reason = "real servers run on the real clock")]
pub fn wait_for<T, E: std::fmt::Display>(
    what: &str,
    limit: Duration,
    mut attempt: impl FnMut() -> std::result::Result<T, E>,
) -> Result<T> {
    let start = SystemTime::now();
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if start.elapsed().unwrap_or(limit) >= limit => {
                return Err(Problem::new(format!("waited {limit:?} in vain for {what}: {error}")));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn log_tails(logs: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(logs).into_iter().flatten().flatten() {
        let content = fs::read(entry.path()).unwrap_or_default();
        let content = String::from_utf8_lossy(&content);
        let lines: Vec<_> = content.lines().rev().take(8).collect();
        for line in lines.iter().rev() {
            text.push_str(&format!("{}: {line}\n", entry.file_name().display()));
        }
    }
    text
}

fn problem(what: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(format!("{what}: {error}"))
}
