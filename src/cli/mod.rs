//! The commands. One file a command, each a function from its arguments to an exit code; what it says goes to the output it is given.

mod check_config;
mod generate;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Tells a sender where its mail makes landfall: inbox, a tab, spam, refused, or lost.
#[derive(Debug, Parser)]
#[command(name = "landfall", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    CheckConfig(check_config::Arguments),
    Generate(generate::Arguments),
}

/// How a command tells its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// What a command found, as every command's exit code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Good,
    /// The thing checked is bad.
    Bad,
    /// The command line or the configuration cannot be used.
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

/// Reads the command line, runs the command and says how it went.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(arguments.command, &mut io::stdout().lock()) {
        Ok(verdict) => verdict.into(),
        // Whoever reads the output has seen enough (`landfall ... | head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Verdict::Good.into(),
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "landfall: could not write the output: {error}");
            Verdict::Unknown.into()
        }
    }
}

fn dispatch(command: Command, out: &mut dyn Write) -> io::Result<Verdict> {
    match command {
        Command::CheckConfig(arguments) => check_config::run(&arguments, out),
        Command::Generate(arguments) => generate::run(&arguments, out),
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
        assert!(Arguments::try_parse_from(["landfall", "generate", "config-schema"]).is_ok());
    }
}
