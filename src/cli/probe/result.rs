//! How it went: a table for people, JSON for programs, and the exit status.

use std::io;
use std::sync::Arc;

use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use crate::cli::{Format, Output, Verdict};
use crate::model::{Bounce, Finding, Handoff, Lane, Outcome, Settled};

/// The most findings of a seed that the table shows; JSON has all.
const SHOWN: usize = 3;

/// The JSON document: one object a seed that has ended, and the lanes of the others.
#[derive(Debug, Serialize)]
struct Document<'a> {
    seeds: Vec<Seed<'a>>,
    /// The lanes of the seeds that had not ended.
    interrupted: &'a [Lane],
}

#[derive(Debug, Serialize)]
struct Seed<'a> {
    id: String,
    probe: &'a str,
    route: &'a str,
    mailbox: &'a str,
    provider: &'a str,
    outcome: Outcome,
    /// Whether the probe wanted this; null where nobody could look.
    expected: Option<bool>,
    folder: Option<&'a str>,
    late: bool,
    delivery_seconds: Option<f64>,
    handoff: Option<HandoffJson<'a>>,
    auth: Auth<'a>,
    /// What the sender was told of it, where it was returned.
    bounce: Option<&'a Bounce>,
    findings: &'a [Finding],
}

#[derive(Debug, Serialize)]
struct HandoffJson<'a> {
    result: &'a str,
    phase: &'a str,
    command: Option<crate::model::Command>,
    cause: Option<&'a str>,
    code: Option<u16>,
    enhanced: Option<&'a str>,
    text: Option<&'a str>,
    queue_id: Option<&'a str>,
    seconds: f64,
}

/// The receiver's verdicts, from the headers that are believed to be its own.
#[derive(Debug, Serialize)]
struct Auth<'a> {
    spf: Option<&'a str>,
    dkim: Option<&'a str>,
    dmarc: Option<&'a str>,
}

/// Tells the results and gives the exit status: 0 where every seed met its expectation, 1 where one did not, 3 where nobody could tell.
/// A reader who has seen enough (`| head`) changes nothing about it.
///
/// # Errors
/// When the results could not be written.
pub(super) fn tell(
    settled: &[Arc<Settled>],
    interrupted: &[Lane],
    format: Format,
    out: &mut Output<'_>,
) -> io::Result<Verdict> {
    let told = match format {
        Format::Json => {
            let document = Document { seeds: settled.iter().map(|settled| seed(settled)).collect(), interrupted };
            out.json(&document)
        }
        Format::Text => out.say(&table(settled, interrupted.len())),
    };
    if let Err(error) = told
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(error);
    }
    let met = settled.iter().map(|settled| settled.expected());
    Ok(if met.clone().any(|met| met == Some(false)) {
        Verdict::Bad
    } else if !interrupted.is_empty() || met.clone().any(|met| met.is_none()) {
        Verdict::Unknown
    } else {
        Verdict::Good
    })
}

fn seed(settled: &Settled) -> Seed<'_> {
    let lane = &settled.seed.lane;
    Seed {
        id: settled.seed.id.to_string(),
        probe: lane.probe.as_str(),
        route: lane.route.as_str(),
        mailbox: lane.mailbox.as_str(),
        provider: settled.seed.provider.as_str(),
        outcome: settled.outcome,
        expected: settled.expected(),
        folder: settled.folder.as_deref(),
        late: settled.late,
        delivery_seconds: settled.delivery.map(|delivery| delivery.as_secs_f64()),
        handoff: handoff(settled),
        auth: auth(settled),
        bounce: settled.bounce.as_ref(),
        findings: &settled.findings,
    }
}

fn auth(settled: &Settled) -> Auth<'_> {
    let result = |method| settled.reading.result(method);
    Auth { spf: result("spf"), dkim: result("dkim"), dmarc: result("dmarc") }
}

fn handoff(settled: &Settled) -> Option<HandoffJson<'_>> {
    let attempt = settled.attempt.as_ref()?;
    let handoff = &attempt.handoff;
    let reply = handoff.reply();
    let (cause, detail, queue_id) = match handoff {
        Handoff::Accepted { queue_id, .. } => (None, None, queue_id.as_deref()),
        Handoff::Unreachable { cause, detail, .. } => (Some(cause.as_str()), Some(detail.as_str()), None),
        Handoff::Ambiguous { detail } => (None, Some(detail.as_str()), None),
        Handoff::Refused { .. } | Handoff::Deferred { .. } => (None, None, None),
    };
    Some(HandoffJson {
        result: handoff.result().as_str(),
        phase: handoff.phase().as_str(),
        command: handoff.command(),
        cause,
        code: reply.map(|reply| reply.code),
        enhanced: reply.and_then(|reply| reply.enhanced.as_deref()),
        text: detail.or(reply.map(|reply| reply.text.as_str())),
        queue_id,
        seconds: attempt.timings.total().as_secs_f64(),
    })
}

/// One line a seed, columns aligned, and the reason below where it is not what was wanted.
fn table(settled: &[Arc<Settled>], interrupted: usize) -> String {
    let mut rows = vec![
        ["", "PROBE", "ROUTE", "MAILBOX", "OUTCOME", "FOLDER", "SECONDS", "SPF", "DKIM", "DMARC"].map(String::from),
    ];
    rows.extend(settled.iter().map(|settled| row(settled)));
    let widths: Vec<usize> = (0..10)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        let cells =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell}{:1$}", "", width.saturating_sub(cell.width())));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
        text.extend(at.checked_sub(1).and_then(|at| settled.get(at)).into_iter().flat_map(|settled| reasons(settled)));
    }
    let good = settled.iter().filter(|settled| settled.expected() == Some(true)).count();
    let unseen = settled.iter().filter(|settled| settled.expected().is_none()).count();
    text.push_str(&format!("{good} of {} as expected", settled.len()));
    if unseen > 0 {
        text.push_str(&format!(", {unseen} could not be observed"));
    }
    if interrupted > 0 {
        text.push_str(&format!(", {interrupted} not ended when it was stopped"));
    }
    text
}

fn row(settled: &Settled) -> [String; 10] {
    let mark = match settled.expected() {
        Some(true) => "ok",
        Some(false) => "!!",
        None => "??",
    };
    let seconds = settled.delivery.map(|delivery| format!("{:.1}", delivery.as_secs_f64()));
    let Auth { spf, dkim, dmarc } = auth(settled);
    let lane = &settled.seed.lane;
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    [
        mark.into(),
        lane.probe.to_string(),
        lane.route.to_string(),
        lane.mailbox.to_string(),
        settled.outcome.as_str().into(),
        or_dash(settled.folder.as_deref()),
        or_dash(seconds.as_deref()),
        or_dash(spf),
        or_dash(dkim),
        or_dash(dmarc),
    ]
}

/// What is wrong, worst first, each with what to do.
fn reasons(settled: &Settled) -> impl Iterator<Item = String> {
    settled.findings.iter().take(SHOWN).map(|finding| {
        let Finding { title, evidence, remedy, .. } = finding;
        format!("    {title}: {evidence}\n      -> {remedy}\n")
    })
}

#[cfg(test)]
mod tests;
