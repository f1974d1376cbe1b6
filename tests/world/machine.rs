//! The machine a world runs on: what it must have, the namespaces, and commands inside them.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::world::net::Net;
use crate::world::{Problem, Result, World, problem, wait_for};

impl World {
    /// Runs a command inside the world's namespaces; its failure is an error with its output.
    pub(in crate::world) fn run(&self, command: &mut Command) -> Result<Output> {
        self.run_with(command, &[])
    }

    /// The same, with `input` on its standard input.
    pub(in crate::world) fn run_with(&self, command: &mut Command, input: &[u8]) -> Result<Output> {
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

    pub(in crate::world) fn wait_until_ready(&mut self) -> Result<()> {
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

/// A nameless file that takes a command's output.
struct Scratch(File);

impl Scratch {
    fn read(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.rewind().and_then(|()| self.0.read_to_end(&mut bytes)).map_err(|error| problem("an output", &error))?;
        Ok(bytes)
    }
}

fn scratch(state: &Path) -> Result<Scratch> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = state.join("test").join(format!(".output-{}-{count}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path);
    let file = file.map_err(|error| problem(&path.display().to_string(), &error))?;
    fs::remove_file(&path).map_err(|error| problem(&path.display().to_string(), &error))?;
    Ok(Scratch(file))
}

pub(in crate::world) fn keep(state: &Path, net: Net, black_hole: TcpListener) -> Result<Child> {
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

pub(in crate::world) fn check_machine() -> Result<()> {
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

pub(in crate::world) fn answers(door: (Ipv4Addr, u16)) -> std::result::Result<(), String> {
    let at = SocketAddr::from(door);
    TcpStream::connect_timeout(&at, Duration::from_secs(1)).map(drop).map_err(|error| format!("{at}: {error}"))
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
