//! The log: one line an event on standard error, for people or for machines.

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// How to log.
#[derive(Clone, Debug, Args)]
pub(super) struct LogArgs {
    /// The least severity that is logged: error, warn, info, debug or trace, or a filter such as `info,landfall::probe=debug`.
    /// The daemon logs info, other commands error.
    #[arg(long = "log.level", value_name = "LEVEL", env = "LANDFALL_LOG_LEVEL")]
    log_level: Option<String>,
    /// The form of a line.
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl LogArgs {
    /// Starts logging, at `usual` where the user does not say otherwise.
    ///
    /// # Errors
    /// When the level cannot be read.
    pub(super) fn start(&self, usual: &str) -> Result<(), String> {
        let level = self.log_level.as_deref().unwrap_or(usual);
        let filter = EnvFilter::try_new(level).map_err(|error| format!("--log.level: {error}"))?;
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(BoxMakeWriter::new(std::io::stderr))
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
        match self.log_format {
            LogFormat::Text => builder.try_init(),
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
        }
        .map_err(|error| error.to_string())
    }
}
