//! `landfall probe`: send now, watch, and say how it went; for CI, and after a change of a relay, a key or an address.
//!
//! Its books are in memory: the daemon that runs beside it neither sees these seeds nor is disturbed.

mod progress;
mod result;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::app::{self, OneShot};
use crate::cli::logging::LogArgs;
use crate::cli::run::stop_on_signals;
use crate::cli::{Format, Output, Verdict};
use crate::clock::{Clock, Rng};
use crate::config::{self, Config};
use crate::model::{Lane, MailboxName, Plan, RetryPolicy, Settled};

/// Sends one seed along every lane (or those chosen) now, and waits until each has ended.
#[derive(Clone, Debug, Args)]
pub(super) struct ProbeArgs {
    /// The configuration.
    #[arg(long = "config.file", value_name = "FILE", default_value = "landfall.yaml")]
    config_file: PathBuf,
    /// Only this probe; may be repeated.
    #[arg(long = "probe", value_name = "NAME")]
    probes: Vec<String>,
    /// Only this route; may be repeated.
    #[arg(long = "route", value_name = "NAME")]
    routes: Vec<String>,
    /// Only this mailbox; may be repeated.
    #[arg(long = "mailbox", value_name = "NAME")]
    mailboxes: Vec<String>,
    /// Wait this long for a copy instead of the probes' own deadlines, such as `2m`; what is deferred is tried again only within it.
    #[arg(long = "deadline", value_name = "DURATION", value_parser = config::parse_duration)]
    deadline: Option<Duration>,
    /// How to tell the results.
    #[arg(long = "format", value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    log: LogArgs,
}

/// Probes.
pub(super) fn run(args: &ProbeArgs, out: &mut Output<'_>) -> io::Result<Verdict> {
    if let Err(error) = args.log.start("error") {
        return Ok(out.usage(&error));
    }
    let loaded = match app::load(&args.config_file) {
        Ok(loaded) => loaded,
        Err(errors) => return Ok(out.usage(&errors.to_string())),
    };
    let plan = match args.choose(&loaded.config.plan) {
        Ok(plan) => Arc::new(plan),
        Err(error) => return Ok(out.usage(&error)),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Ok(out.usage(&format!("could not start the runtime: {error}"))),
    };
    let ended = runtime.block_on(probe(&loaded.config, plan, args.format, out));
    runtime.shutdown_background();
    match ended {
        Ok(Ended { settled, interrupted }) => result::tell(&settled, &interrupted, args.format, out),
        Err(error) => Ok(out.usage(&error)),
    }
}

/// What came of it.
struct Ended {
    /// The seeds that ended, in lane order.
    settled: Vec<Arc<Settled>>,
    /// The lanes of the seeds that had not when the user stopped it.
    interrupted: Vec<Lane>,
}

impl ProbeArgs {
    /// The part of `plan` that was asked for.
    fn choose(&self, plan: &Plan) -> Result<Plan, String> {
        known("probe", &self.probes, plan.probes.keys().map(AsRef::as_ref))?;
        known("route", &self.routes, plan.routes.keys().map(AsRef::as_ref))?;
        known("mailbox", &self.mailboxes, plan.mailboxes.keys().map(AsRef::as_ref))?;
        let wanted = |chosen: &[String], name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
        let mut chosen = plan.clone();
        chosen.probes.retain(|name, _| wanted(&self.probes, name.as_str()));
        for probe in chosen.probes.values_mut() {
            let probe = Arc::make_mut(probe);
            probe.routes.retain(|name| wanted(&self.routes, name.as_str()));
            probe.mailboxes.retain(|name| wanted(&self.mailboxes, name.as_str()));
            if let Some(deadline) = self.deadline {
                probe.deadline = deadline;
                probe.patience = probe.patience.min(deadline);
            }
        }
        if let Some(deadline) = self.deadline {
            chosen.routes.values_mut().for_each(|route| within(&mut Arc::make_mut(route).retry, deadline));
        }
        let lanes: Vec<Lane> = chosen.lanes().map(|(lane, _)| lane).collect();
        chosen.routes.retain(|name, _| lanes.iter().any(|lane| lane.route == *name));
        let routes = &chosen.routes;
        let bounces = |name: &MailboxName| routes.values().any(|route| route.bounces.as_ref() == Some(name));
        chosen.mailboxes.retain(|name, _| lanes.iter().any(|lane| lane.mailbox == *name) || bounces(name));
        if lanes.is_empty() {
            return Err("no probe sends by that route to that mailbox: nothing to do".into());
        }
        Ok(chosen)
    }
}

/// Fewer retries, so that the last one is not after `deadline`.
fn within(retry: &mut RetryPolicy, deadline: Duration) {
    if let Some(times) = deadline.as_nanos().checked_div(retry.interval.as_nanos()) {
        retry.times = retry.times.min(u32::try_from(times).unwrap_or(u32::MAX));
    }
}

fn known<'a>(what: &str, chosen: &[String], names: impl Iterator<Item = &'a str> + Clone) -> Result<(), String> {
    for name in chosen {
        if !names.clone().any(|known| known == name) {
            let names: Vec<_> = names.collect();
            return Err(format!(
                "--{what}: there is no {what} {name:?} in the configuration, only {}",
                names.join(", ")
            ));
        }
    }
    Ok(())
}

/// Sends, and shows progress until every seed has ended or the user has had enough.
async fn probe(config: &Config, plan: Arc<Plan>, format: Format, out: &mut Output<'_>) -> Result<Ended, String> {
    let (clock, rng) = (Clock::system(), Rng::system());
    let stop = CancellationToken::new();
    stop_on_signals(&stop).map_err(|error| format!("could not watch for signals: {error}"))?;
    let mut run = OneShot::begin(config, &plan, &clock, &rng, stop.clone()).await.map_err(|error| error.to_string())?;
    let lanes: Vec<Lane> = plan.lanes().map(|(lane, _)| lane).collect();
    let settled = follow(&mut run, &lanes, &clock, &stop, format, out).await;
    run.end().await;
    let ended = |lane: &Lane| settled.iter().any(|settled| settled.seed.lane == *lane);
    let interrupted = lanes.into_iter().filter(|lane| !ended(lane)).collect();
    Ok(Ended { settled, interrupted })
}

/// Shows each change until every lane's seed has ended.
async fn follow(
    run: &mut OneShot,
    lanes: &[Lane],
    clock: &Clock,
    stop: &CancellationToken,
    format: Format,
    out: &mut Output<'_>,
) -> Vec<Arc<Settled>> {
    let mut progress = progress::Progress::new(lanes, format);
    loop {
        let snapshot = run.snapshot();
        progress.show(&snapshot, clock.now(), out);
        let last = |lane| snapshot.lanes.get(lane).and_then(|state| state.last.clone());
        let settled: Vec<_> = lanes.iter().filter_map(last).collect();
        if settled.len() == lanes.len() || stop.is_cancelled() {
            progress.finish();
            return settled;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            changed = run.changed() => if !changed { return settled },
            () = clock.sleep(progress::TICK) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_fit_into_the_deadline() {
        for (deadline_s, interval_s, expected) in
            [(10, 900, 0), (900, 900, 1), (2000, 900, 2), (90_000, 900, 3), (1, 0, 3)]
        {
            let mut retry = RetryPolicy { times: 3, interval: Duration::from_secs(interval_s) };
            within(&mut retry, Duration::from_secs(deadline_s));
            assert_eq!(retry.times, expected, "{deadline_s} s");
        }
    }
}
