//! `landfall check-config`: is this configuration good, and what does it come to?

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::app;
use crate::cli::{Format, Verdict};
use crate::config::{Config, Problem};

/// Check a configuration file. Exits with 0 where it is good and 2 where it is not.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration.
    file: PathBuf,
    /// How to tell the result.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The result, as JSON has it.
#[derive(Debug, Serialize)]
struct Report {
    valid: bool,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    /// Only where it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
}

/// What a configuration comes to.
#[derive(Debug, Serialize)]
struct Summary {
    identities: usize,
    routes: usize,
    mailboxes: usize,
    probes: usize,
    lanes: usize,
    /// Rounded down; retries are not counted.
    seeds_per_day: u128,
}

impl Summary {
    fn of(config: &Config) -> Self {
        let day = Duration::from_hours(24);
        let lanes: Vec<_> = config.plan.lanes().collect();
        // In thousandths of a seed, so that lanes of less than one seed a day add up.
        let seeds = lanes.iter().map(|(_, probe)| {
            let every = probe.every.as_millis().max(1);
            day.as_millis().saturating_mul(1000).checked_div(every).unwrap_or(0)
        });
        Self {
            identities: config.identities.len(),
            routes: config.plan.routes.len(),
            mailboxes: config.plan.mailboxes.len(),
            probes: config.plan.probes.len(),
            lanes: lanes.len(),
            seeds_per_day: seeds.fold(0_u128, u128::saturating_add) / 1000,
        }
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Verdict> {
    let report = match app::load(&arguments.file) {
        Ok(loaded) => {
            let summary = Some(Summary::of(&loaded.config));
            Report { valid: true, errors: Vec::new(), warnings: loaded.warnings, summary }
        }
        Err(found) => Report { valid: false, errors: found.errors, warnings: found.warnings, summary: None },
    };
    match arguments.format {
        Format::Text => text(&report, &arguments.file.display().to_string(), out)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &report)?;
            writeln!(out)?;
        }
    }
    Ok(if report.valid { Verdict::Good } else { Verdict::Misused })
}

fn text(report: &Report, file: &str, out: &mut dyn Write) -> io::Result<()> {
    for problem in &report.errors {
        writeln!(out, "{problem}")?;
    }
    for problem in &report.warnings {
        let message = format!("warning: {}", problem.message);
        writeln!(out, "{}", Problem { message, ..problem.clone() })?;
    }
    match &report.summary {
        Some(summary) => writeln!(
            out,
            "{file} is good: {}, {}, {}, {}, {}, {} a day",
            counted(summary.identities, "identity", "identities"),
            counted(summary.routes, "route", "routes"),
            counted(summary.mailboxes, "mailbox", "mailboxes"),
            counted(summary.probes, "probe", "probes"),
            counted(summary.lanes, "lane", "lanes"),
            counted(usize::try_from(summary.seeds_per_day).unwrap_or(usize::MAX), "seed", "seeds"),
        ),
        None => writeln!(out, "{file} cannot be used: {}", counted(report.errors.len(), "error", "errors")),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, format: Format) -> (Verdict, String) {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
        let mut out = Vec::new();
        let verdict = run(&Arguments { file, format }, &mut out).unwrap();
        (verdict, String::from_utf8(out).unwrap().replace(concat!(env!("CARGO_MANIFEST_DIR"), "/"), ""))
    }

    #[test]
    fn a_good_file_is_summed_up() {
        let (verdict, said) = check("tests/data/config/good/two-probes.yaml", Format::Text);
        assert_eq!(verdict, Verdict::Good);
        assert_eq!(
            said,
            "tests/data/config/good/two-probes.yaml is good: \
             2 identities, 2 routes, 2 mailboxes, 2 probes, 5 lanes, 386 seeds a day\n"
        );
        let (verdict, said) = check("tests/data/config/good/two-probes.yaml", Format::Json);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            (verdict, &said["valid"], &said["summary"]["seeds_per_day"]),
            (Verdict::Good, &true.into(), &386.into())
        );
    }

    #[test]
    fn a_bad_file_is_told_in_full() {
        let (verdict, said) = check("tests/data/config/bad/several-errors.yaml", Format::Text);
        assert_eq!(verdict, Verdict::Misused);
        let lines: Vec<_> = said.lines().collect();
        assert!(lines[0].starts_with("tests/data/config/bad/several-errors.yaml:"), "{said}");
        assert_eq!(lines.last(), Some(&"tests/data/config/bad/several-errors.yaml cannot be used: 7 errors"));
        let (verdict, said) = check("tests/data/config/bad/several-errors.yaml", Format::Json);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!((verdict, said["errors"].as_array().unwrap().len()), (Verdict::Misused, 7));
        assert_eq!(said.get("summary"), None);
    }

    #[test]
    fn a_file_that_is_not_there_is_a_bad_one() {
        let (verdict, said) = check("no-such.yaml", Format::Text);
        assert_eq!(verdict, Verdict::Misused);
        assert_eq!(
            said,
            "no-such.yaml: could not read the configuration: no such file\n\
             no-such.yaml cannot be used: 1 error\n"
        );
    }
}
