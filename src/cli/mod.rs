//! The commands, one file each, and what they share: exit statuses and output.
//!
//! Standard output carries results, standard error progress and complaints. Exit status: 0 good, 1 the thing checked is bad, 2 usage or
//! configuration, 3 could not tell.

mod check_config;
mod generate;
mod logging;
mod probe;
mod reference;
mod run;
mod spf;

use std::io::{self, Write};
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
    CheckConfig(check_config::Arguments),
    Spf(spf::Arguments),
    Generate(generate::Arguments),
}

/// What a command found, as its exit status says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// All is well.
    Good,
    /// The thing checked is bad.
    Bad,
    /// The command line, the configuration or the host does not allow it.
    Misused,
    /// It could not be told.
    Unknown,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(match verdict {
            Verdict::Good => 0,
            Verdict::Bad => 1,
            Verdict::Misused => 2,
            Verdict::Unknown => 3,
        })
    }
}

/// The form of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Where a command writes.
struct Output<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl Output<'_> {
    /// A result.
    fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// A result for programs.
    fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.out, value)?;
        self.say("")
    }

    /// Progress.
    fn note(&mut self, text: &str) {
        drop(writeln!(self.err, "{text}"));
    }

    /// A complaint about what the user gave, and the exit status that goes with it.
    fn usage(&mut self, text: &str) -> Verdict {
        self.note(text);
        Verdict::Misused
    }
}

/// Runs the command that the process was called with.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = Output { out: &mut io::stdout(), err: &mut io::stderr() };
    match dispatch(arguments.command, &mut out) {
        Ok(verdict) => verdict.into(),
        // Whoever reads the output has seen enough (`landfall ... | head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Verdict::Good.into(),
        Err(error) => {
            out.note(&format!("landfall: could not write the output: {error}"));
            Verdict::Unknown.into()
        }
    }
}

fn dispatch(command: Command, out: &mut Output<'_>) -> io::Result<Verdict> {
    match command {
        Command::Run(arguments) => Ok(run::run(&arguments, out)),
        Command::Probe(arguments) => probe::run(&arguments, out),
        Command::CheckConfig(arguments) => check_config::run(&arguments, out.out),
        Command::Spf(arguments) => spf::run(&arguments, out),
        Command::Generate(arguments) => generate::run(&arguments, out.out),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn generating_is_for_this_project_and_hidden() {
        assert!(!Arguments::command().render_help().to_string().contains("generate"));
        for what in ["config-schema", "config-reference", "metrics", "commands"] {
            assert!(Arguments::try_parse_from(["landfall", "generate", what]).is_ok(), "{what}");
        }
    }
}
