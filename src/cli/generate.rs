//! `landfall generate`: the files of this project that are made from its code, and committed.

use std::io::{self, Write};

use clap::{Args, Subcommand};

use crate::cli::{Verdict, reference};
use crate::config;
use crate::metrics;

/// Print a generated file of this project.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum What {
    /// `docs/config.schema.json`.
    ConfigSchema,
    /// `docs/configuration.md`.
    ConfigReference,
    /// `docs/metrics.md`.
    Metrics,
    /// `docs/commands.md`.
    Commands,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Verdict> {
    let text = match arguments.what {
        What::ConfigSchema => config::json_schema(),
        What::ConfigReference => config::markdown(),
        What::Metrics => metrics::reference(),
        What::Commands => reference::commands(),
    };
    out.write_all(text.as_bytes())?;
    Ok(Verdict::Good)
}
