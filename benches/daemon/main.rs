//! The daemon as a whole: how soon it tells, how soon it is ready, what it holds in memory.
//!
//! `cargo bench --bench daemon` measures everything, `cargo bench --bench daemon -- latency` (`start`, `memory`) one thing. The servers are
//! scripted ones of this program. `docs/performance.md` has the figures and how to read them.
#![expect(clippy::disallowed_methods, reason = "what is measured is real time")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]

mod figures;
mod imap;
mod latency;
mod memory;
mod receiver;
mod scrape;
mod setup;
mod smtp;
mod start;

use std::io;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [option, directory] = arguments.as_slice()
        && option == "--receiver"
    {
        return memory::receive(directory.into());
    }
    // `cargo test --benches` runs this without `--bench`: there is nothing to test here.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let chosen: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|argument| *argument == name);
    if wanted("latency") {
        latency::run()?;
    }
    if wanted("start") {
        start::run()?;
    }
    if wanted("memory") {
        memory::run()?;
    }
    Ok(())
}
