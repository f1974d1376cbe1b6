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
mod machine;
mod net;
mod tls;

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

pub use accounts::Mailbox;
use machine::{answers, check_machine, keep};

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
        let at = SocketAddr::from((self.receiver_address(receiver)?, 993));
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
}

impl Drop for World {
    fn drop(&mut self) {
        // The keeper ends when the pipe does.
        drop(self.keeper.stdin.take());
        drop(self.keeper.wait());
    }
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

fn problem(what: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(format!("{what}: {error}"))
}
