//! From the server's EXISTS to a settled seed that a scrape shows.
//!
//! The daemon runs in this process as `landfall run` would run it, with its store on disk. Ten mailboxes are in IDLE and get a seed a
//! second each. The receiver notes when it sent EXISTS; a scraper notes when `/metrics` first counts the seed. What lies between is
//! all of Landfall's: end IDLE, fetch the headers, find the token, fetch the message, record the sighting durably, read its verdicts,
//! record the result durably, publish, write the exposition.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use landfall::clock::{Clock, Rng};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::figures::Figures;
use crate::receiver::{Message, Receiver};
use crate::scrape;
use crate::setup::{Directory, Plan};

const MAILBOXES: usize = 10;
const SEEDS: usize = 400;

pub fn run() -> io::Result<()> {
    // Long enough for the session, which looks once when a seed was handed off, to be back in IDLE.
    measure("in transit for 100 ms", Duration::from_millis(100))?;
    measure("in the mailbox at once", Duration::ZERO)
}

fn measure(what: &str, transit: Duration) -> io::Result<()> {
    let directory = Directory::new("latency")?;
    let receiver = Receiver::start(transit, None)?;
    let plan = Plan { mailboxes: MAILBOXES, smtp: receiver.smtp, imap: receiver.imap, tls: false, every: "1s" };
    let loaded = landfall::config::parse(&plan.config(&directory), &directory.0, "bench.yaml");
    let config = loaded.map_err(|errors| io::Error::other(errors.to_string()))?.config;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let (web, stop) = (listener.local_addr()?, CancellationToken::new());
    let daemon = runtime.spawn(landfall::app::run(config, listener, Clock::system(), Rng::system(), stop.clone()));
    let disk = Disk::watch(&directory)?;
    let seen = scrape::until_settled(web, MAILBOXES, SEEDS)?;
    let syncs = disk.stop()?;
    stop.cancel();
    runtime.block_on(daemon).map_err(io::Error::other)?.map_err(io::Error::other)?;

    let mut messages: Vec<(Message, Instant)> = Vec::new();
    for (number, settled) in seen.settled.iter().enumerate() {
        let account = receiver.accounts.get(&format!("m{number}@seed.test"));
        let arrived = account.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.extend(arrived.iter().cloned().zip(settled.iter().copied()));
    }
    let announced = || messages.iter().filter_map(|(message, at)| Some((message, message.announced_at?, *at)));
    println!("latency, {what} ({SEEDS} seeds in {MAILBOXES} mailboxes, each of which gets one a second):");
    println!(
        "  EXISTS to visible in /metrics    {}",
        Figures::new(announced().map(|(_, announced_at, at)| at.duration_since(announced_at)))
    );
    println!(
        "  of that: EXISTS to message read  {}",
        Figures::new(
            announced()
                .filter_map(|(message, announced_at, _)| { Some(message.handed_out_at?.duration_since(announced_at)) })
        )
    );
    println!(
        "  of that: read to visible         {}",
        Figures::new(announced().filter_map(|(message, _, at)| Some(at.duration_since(message.handed_out_at?))))
    );
    println!(
        "  250 to visible, transit included {}",
        Figures::new(messages.iter().map(|(message, at)| at.duration_since(message.accepted_at)))
    );
    println!("  a scrape of {} bytes          {}", seen.bytes, Figures::new(seen.scrapes));
    println!("  the disk, 4 KiB made durable      {}", Figures::new(syncs));
    Ok(())
}

/// What the disk by itself takes, at the same time: every 50 ms a block is appended to a file and made durable. Where this is slow, so is
/// every seed, which waits for two such writes.
struct Disk {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Vec<Duration>>>,
}

impl Disk {
    fn watch(directory: &Directory) -> io::Result<Self> {
        let mut file = File::create(directory.0.join("disk"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut took = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let began = Instant::now();
                file.write_all(&[0; 4096])?;
                file.sync_data()?;
                took.push(began.elapsed());
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok(took)
        });
        Ok(Self { stop, thread })
    }

    fn stop(self) -> io::Result<Vec<Duration>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| io::Error::other("the thread that watches the disk panicked"))?
    }
}
