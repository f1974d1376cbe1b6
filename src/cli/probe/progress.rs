//! Progress of each seed: a live table on a terminal, otherwise one line a change on standard error.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::cli::{Format, Output};
use crate::clock::elapsed;
use crate::model::{Handoff, Lane, Pending, Snapshot, Stage};

/// How often a live table is drawn again, for the seconds in it.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// What was shown last.
pub(super) struct Progress {
    lanes: BTreeMap<Lane, Shown>,
    live: bool,
    format: Format,
}

struct Shown {
    bar: ProgressBar,
    /// The stage in a few words, without the passing seconds.
    stage: String,
}

impl Progress {
    /// Nothing shown yet. The table is live where standard error is a terminal.
    pub(super) fn new(lanes: &[Lane], format: Format) -> Self {
        let live = std::io::stderr().is_terminal();
        let all = MultiProgress::new();
        let width = lanes.iter().map(|lane| title(lane).len()).max().unwrap_or_default();
        // A template that indicatif does not understand leaves its own default: no reason to fail.
        let style = ProgressStyle::with_template("{spinner} {prefix}  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let shown = |lane: &Lane| {
            let bar = if live { all.add(ProgressBar::new_spinner()) } else { ProgressBar::hidden() };
            bar.set_style(style.clone());
            bar.set_prefix(format!("{:width$}", title(lane)));
            Shown { bar, stage: String::new() }
        };
        Self { lanes: lanes.iter().map(|lane| (lane.clone(), shown(lane))).collect(), live, format }
    }

    /// Shows what changed.
    pub(super) fn show(&mut self, snapshot: &Snapshot, now: Timestamp, out: &mut Output<'_>) {
        let pending: BTreeMap<&Lane, &Pending> =
            snapshot.pending.values().map(|pending| (&pending.seed.lane, pending.as_ref())).collect();
        for (lane, shown) in &mut self.lanes {
            let settled = snapshot.lanes.get(lane).and_then(|state| state.last.as_ref());
            let (stage, since) = match (settled, pending.get(lane)) {
                (Some(settled), _) => (ended(settled), None),
                (None, Some(pending)) => stage(pending),
                (None, None) => ("waiting for a connection".to_owned(), None),
            };
            if self.live {
                let clock = since.map(|since| format!(" {} s", elapsed(since, now).as_secs())).unwrap_or_default();
                shown.bar.set_message(format!("{stage}{clock}"));
                shown.bar.tick();
                if settled.is_some() && !shown.bar.is_finished() {
                    shown.bar.finish();
                }
            } else if self.format == Format::Text && shown.stage != stage {
                out.note(&format!("{}: {stage}", title(lane)));
            }
            shown.stage = stage;
        }
    }

    /// Leaves the table as it is.
    pub(super) fn finish(&self) {
        for shown in self.lanes.values().filter(|shown| !shown.bar.is_finished()) {
            shown.bar.abandon();
        }
    }
}

fn title(lane: &Lane) -> String {
    format!("{} {} -> {}", lane.probe, lane.route, lane.mailbox)
}

fn ended(settled: &crate::model::Settled) -> String {
    let folder = settled.folder.as_ref().map(|folder| format!(" ({folder})")).unwrap_or_default();
    format!("{}{folder}", settled.outcome.as_str())
}

/// The stage of a seed, and since when, where the time passing is worth showing.
fn stage(pending: &Pending) -> (String, Option<Timestamp>) {
    match pending.stage {
        Stage::Sending => ("sending".into(), Some(pending.seed.planned_at)),
        Stage::Deferred { retry_at } => {
            let why = pending.attempt.as_ref().and_then(|attempt| attempt.handoff.reply()).map(|reply| reply.code);
            let why = why.map(|code| format!(" with {code}")).unwrap_or_default();
            (format!("deferred{why}, tried again at {}", retry_at.strftime("%H:%M:%S UTC")), None)
        }
        Stage::Awaited { since } => match pending.attempt.as_ref().map(|attempt| &attempt.handoff) {
            Some(Handoff::Ambiguous { .. }) => ("connection lost after DATA, awaited".into(), Some(since)),
            _ => ("accepted, awaited".into(), Some(since)),
        },
    }
}
