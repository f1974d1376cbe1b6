//! `make demo`: the daemon at work against real mail servers, for watching.
//!
//! Starts the world of the real-server tests, writes a configuration for six of its mailboxes, runs `landfall run` on it and shows its
//! log until Ctrl-C. Then everything is taken down again.
#![expect(clippy::print_stdout, reason = "it talks to whoever watches")]

#[path = "../tests/world/mod.rs"]
#[expect(dead_code, reason = "the demonstration needs only a part of it")]
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};

use tokio::signal::unix::{SignalKind, signal};
use world::{Mailbox, Problem, RELAY_PASSWORD, RELAY_USER, World};

/// Where the daemon listens.
const LISTEN: &str = "127.0.0.1:9925";

/// What the mailboxes are for, their receiver and the user's name, which decides what mail for it meets (`tests/world/README.md`).
const MAILBOXES: [(&str, &str, &str); 6] = [
    ("alpha-inbox", "alpha.test", "ann"),
    ("beta-inbox", "beta.test", "ben"),
    ("gamma-tab", "gamma.test", "promo-demo"),
    ("gamma-spam", "gamma.test", "spam-demo"),
    ("delta-refused", "delta.test", "refuse-demo"),
    ("delta-lost", "delta.test", "blackhole-demo"),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match demonstrate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("demo: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn demonstrate() -> Result<(), Problem> {
    // Ctrl-C reaches this process and the daemon alike. The daemon stops on its own and in order; only then comes the end here.
    let _ctrl_c = signal(SignalKind::interrupt()).map_err(|error| Problem::new(format!("Ctrl-C: {error}")))?;
    println!("demo: starting DNS, relay, filters and four receivers ...");
    let world = World::start()?;
    let config = write_config(&world)?;
    let mut daemon = run(&config)?;
    tell(&world, &config);
    let status = daemon.wait().map_err(|error| Problem::new(format!("the daemon: {error}")))?;
    println!("demo: the daemon ended: {status}; taking everything down ...");
    world.stop();
    Ok(())
}

fn run(config: &Path) -> Result<Child, Problem> {
    let binary = daemon_binary()?;
    Command::new(&binary)
        .arg("run")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--web.listen-address={LISTEN}"))
        .spawn()
        .map_err(|error| Problem::new(format!("{}: {error}", binary.display())))
}

/// `landfall` beside this program's directory: `target/debug/landfall` for `target/debug/examples/demo`.
fn daemon_binary() -> Result<PathBuf, Problem> {
    let own = std::env::current_exe().map_err(|error| Problem::new(error.to_string()))?;
    let binary = own.parent().and_then(Path::parent).map(|directory| directory.join("landfall"));
    binary
        .filter(|binary| binary.exists())
        .ok_or_else(|| Problem::new("there is no `landfall` to run; use `make demo`, which builds it".into()))
}

fn tell(world: &World, config: &Path) {
    println!("demo: the daemon runs; Ctrl-C ends everything. Look at:");
    println!("  http://{LISTEN}/              where the last seeds landed");
    println!("  http://{LISTEN}/metrics       what Prometheus gets, e.g. landfall_last_outcome");
    println!("  http://{LISTEN}/-/ready       whether it is ready");
    println!("  {}   what it was told to do", config.display());
    println!("  {}/   what the mail servers say", world.logs().display());
    println!("  tests/world/README.md               who is who, and what becomes of each mailbox's mail\n");
}

fn write_config(world: &World) -> Result<PathBuf, Problem> {
    let save = |name: &str, text: &str| {
        fs::write(world.directory().join(name), text).map_err(|error| Problem::new(format!("{name}: {error}")))
    };
    let mut mailboxes = String::new();
    for (label, receiver, user) in MAILBOXES {
        let mailbox = world.user(receiver, user)?;
        save(&format!("{label}.password"), &mailbox.password)?;
        mailboxes.push_str(&mailbox_config(world, label, &mailbox));
    }
    save("relay.password", RELAY_PASSWORD)?;
    let (state, dns, ca) = (world.directory(), world.dns(), world.ca_file());
    let (state, ca, key) = (state.display(), ca.display(), world.dkim_key_file());
    let source = world.direct_address();
    let text = format!(
        "store: sqlite:{state}/landfall.db
dns: {{ servers: [\"{dns}\"], timeout: 2s }}
identities:
  shop:
    from: \"Shop <no-reply@good.test>\"
    envelope_from: bounces@good.test
    dkim: {{ domain: good.test, selector: s1, key_file: {key} }}
  forger:
    from: \"Boss <boss@strict.test>\"
    envelope_from: boss@strict.test
routes:
  relay:
    identity: shop
    smtp: {{ host: relay.good.test, port: 587, tls: starttls, ca_file: {ca}, username: {RELAY_USER}, password_file: {state}/relay.password }}
  straight:
    identity: shop
    smtp: {{ host: mx.delta.test, port: 25, tls: none, helo: direct.good.test, source: {source} }}
mailboxes:
{mailboxes}probes:
  receipts:
    routes: [relay]
    mailboxes: [alpha-inbox, beta-inbox, gamma-tab, gamma-spam]
    every: 5s
    deadline: 30s
  hard-cases:
    routes: [straight]
    mailboxes: [delta-refused, delta-lost]
    every: 10s
    deadline: 15s
  forged:
    routes: [relay]
    identity: forger
    mailboxes: [alpha-inbox]
    every: 20s
    deadline: 30s
    expect: [refused, spam, missing]
",
        key = key.display(),
    );
    save("landfall.yaml", &text)?;
    Ok(world.directory().join("landfall.yaml"))
}

fn mailbox_config(world: &World, label: &str, mailbox: &Mailbox) -> String {
    let Mailbox { address, receiver, imap_host, .. } = mailbox;
    let (ca, state) = (world.ca_file(), world.directory());
    let folders =
        if receiver == "gamma.test" { ", folders: { spam: 垃圾邮件, categories: Promotions }" } else { "" };
    format!(
        "  {label}:
    provider: generic
    address: {address}
    authserv_id: mx.{receiver}
    imap: {{ host: {imap_host}, port: 993, tls: implicit, ca_file: {ca}, username: {address}, password_file: {state}/{label}.password, poll: 2s{folders} }}
",
        ca = ca.display(),
        state = state.display(),
    )
}
