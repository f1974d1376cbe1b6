//! The page at `/`: every lane and how its last seed ended, the bad ones first.

use std::fmt::{self, Write as _};

use jiff::Timestamp;

use crate::clock::elapsed;
use crate::metrics::Build;
use crate::model::{Lane, LaneState, Snapshot};
use crate::web::Readiness;

/// Rows shown. A page of ten thousand helps nobody; what is bad comes first.
const ROWS: usize = 1000;

/// Writes what is displayed as text of HTML or as the value of a quoted attribute.
struct Escaped<'a, T>(&'a T);

impl<T: fmt::Display> fmt::Display for Escaped<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.write_str("&amp;")?,
                '<' => self.0.write_str("&lt;")?,
                '>' => self.0.write_str("&gt;")?,
                '"' => self.0.write_str("&quot;")?,
                '\'' => self.0.write_str("&#39;")?,
                c => self.0.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The page.
///
/// # Errors
/// Never in practice: writing to memory does not fail.
pub(crate) fn index(
    snapshot: &Snapshot,
    readiness: Readiness,
    build: Build,
    now: Timestamp,
) -> Result<String, fmt::Error> {
    let mut out = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Landfall</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"stylesheet\" href=\"style.css\"></head>\n\
         <body><h1>Landfall</h1>\n",
    );
    writeln!(
        out,
        "<p>{} Version {}, revision {}.</p>",
        readiness.as_str(),
        Escaped(&build.version),
        Escaped(&build.revision)
    )?;
    out.push_str(
        "<p><a href=\"metrics\">Metrics</a> · <a href=\"-/healthy\">Health</a> · <a href=\"-/ready\">Readiness</a></p>\n",
    );
    if snapshot.store_writable == Some(false) {
        out.push_str("<p class=\"bad\">The store cannot be written: nothing is sent.</p>\n");
    }
    lanes(&mut out, snapshot, now)?;
    mailboxes(&mut out, snapshot)?;
    out.push_str("</body></html>\n");
    Ok(out)
}

fn lanes(out: &mut String, snapshot: &Snapshot, now: Timestamp) -> fmt::Result {
    let mut lanes: Vec<(&Lane, &LaneState)> = snapshot.lanes.iter().map(|(lane, state)| (lane, &**state)).collect();
    lanes.sort_by_key(|(_, state)| order(expected(state)));
    out.push_str(
        "<table><thead><tr><th>Probe</th><th>Route</th><th>Mailbox</th><th>Provider</th><th>Last outcome</th><th>Settled</th></tr></thead><tbody>\n",
    );
    for (lane, state) in lanes.iter().take(ROWS) {
        row(out, lane, state, now)?;
    }
    out.push_str("</tbody></table>\n");
    let more = lanes.len().saturating_sub(ROWS);
    if more > 0 {
        writeln!(out, "<p>{more} more are in the metrics.</p>")?;
    }
    Ok(())
}

fn expected(state: &LaneState) -> Option<bool> {
    state.last.as_ref().and_then(|last| last.expected())
}

/// The bad first, then what is not known.
fn order(expected: Option<bool>) -> u8 {
    match expected {
        Some(false) => 0,
        None => 1,
        Some(true) => 2,
    }
}

fn row(out: &mut String, lane: &Lane, state: &LaneState, now: Timestamp) -> fmt::Result {
    let class = match expected(state) {
        Some(true) => "good",
        Some(false) => "bad",
        None => "unknown",
    };
    write!(
        out,
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td>",
        Escaped(&lane.probe),
        Escaped(&lane.route),
        Escaped(&lane.mailbox),
        Escaped(&state.provider)
    )?;
    match &state.last {
        Some(last) => {
            let ago = elapsed(last.settled_at, now).as_secs();
            writeln!(out, "<td class=\"{class}\">{}</td><td>{} ago</td></tr>", last.outcome.as_str(), Age(ago))
        }
        None => writeln!(out, "<td class=\"{class}\">none yet</td><td></td></tr>"),
    }
}

/// Only those that cannot be read: the others show in their lanes.
fn mailboxes(out: &mut String, snapshot: &Snapshot) -> fmt::Result {
    for (name, state) in snapshot.mailboxes.iter() {
        if let (Some(false), Some((fault, words))) = (state.up, &state.fault) {
            writeln!(
                out,
                "<p class=\"bad\">Mailbox {} cannot be read ({}): {}</p>",
                Escaped(name),
                fault.as_str(),
                Escaped(words)
            )?;
        }
    }
    Ok(())
}

/// A span of so many seconds, in its largest unit.
struct Age(u64);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s @ 0..60 => write!(f, "{s} s"),
            s @ 60..3600 => write!(f, "{} min", s / 60),
            s @ 3600..172_800 => write!(f, "{} h", s / 3600),
            s => write!(f, "{} d", s / 86_400),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_written_can_become_markup() {
        let hostile = "<script>alert(\"1\")</script>'&amp;";
        let text = Escaped(&hostile).to_string();
        assert_eq!(text, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;amp;");
    }

    #[test]
    fn ages_are_in_their_largest_unit() {
        let ages: Vec<_> = [0, 59, 60, 3599, 3600, 172_799, 172_800].into_iter().map(|s| Age(s).to_string()).collect();
        assert_eq!(ages, ["0 s", "59 s", "1 min", "59 min", "1 h", "47 h", "2 d"]);
    }
}
