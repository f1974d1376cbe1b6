//! The commands, one file each, and what they share: exit statuses and output.
//!
//! Standard output carries results, standard error progress and complaints. Exit status: 0 good, 1 the thing checked is bad, 2 usage or
//! configuration, 3 could not tell.

mod logging;
mod probe;
mod run;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;

/// Tells a sender where its mail makes landfall: inbox, a tab, spam, refused, or lost.
#[derive(Debug, Parser)]
#[command(name = "landfall", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: send seeds, watch mailboxes, serve metrics
    Run(run::RunArgs),
    /// Send seeds now, show where they land, and exit 0 if all met their expectation
    Probe(probe::ProbeArgs),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// All is well.
    Good,
    /// The thing checked is bad.
    Bad,
    /// The command line, the configuration or the host does not allow it.
    Usage,
    /// It could not be told.
    Unknown,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Good => 0,
            Exit::Bad => 1,
            Exit::Usage => 2,
            Exit::Unknown => 3,
        })
    }
}

/// The form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Where a command writes. A reader that went away (`| head`) is no error.
struct Output<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl Output<'_> {
    /// A result.
    fn say(&mut self, text: &str) {
        drop(writeln!(self.out, "{text}"));
    }

    /// A result for programs.
    fn json(&mut self, value: &impl Serialize) {
        if serde_json::to_writer_pretty(&mut self.out, value).is_ok() {
            drop(writeln!(self.out));
        }
    }

    /// Progress.
    fn note(&mut self, text: &str) {
        drop(writeln!(self.err, "{text}"));
    }

    /// A complaint about what the user gave, and the exit status that goes with it.
    fn usage(&mut self, text: &str) -> Exit {
        self.note(text);
        Exit::Usage
    }
}

/// Runs the command that the process was called with.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = Output { out: &mut std::io::stdout(), err: &mut std::io::stderr() };
    match arguments.command {
        Command::Run(args) => run::run(&args, &mut out),
        Command::Probe(args) => probe::run(&args, &mut out),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
