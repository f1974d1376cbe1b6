//! The two text formats that Prometheus reads, and which of them a scraper wants.
//!
//! [OpenMetrics 1.0](https://prometheus.io/docs/specs/om/open_metrics_spec/) names a counter's family without `_total`, adds `# UNIT` lines, and ends
//! with `# EOF`, without which the scrape counts as cut off. The
//! [older format](https://prometheus.io/docs/instrumenting/exposition_formats/), version 0.0.4, is what everything else reads: there the family has
//! its full name, and any other comment is only a comment. The samples are the same.

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Version 0.0.4 of the older text format.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The Content-Type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Which format `accept`, the value of an Accept header, asks for (RFC 9110 §12.5.1).
///
/// The format of higher weight wins; of equal weights the one that was asked for more exactly; and then the older, which everybody reads. It
/// is also what whoever accepts neither gets: a scraper that names only the binary format had better see text than an error.
#[must_use]
pub fn negotiate(accept: &str) -> Format {
    let open = preference(accept, "application", "openmetrics-text", "1.0.0");
    let text = preference(accept, "text", "plain", "0.0.4");
    if open > text { Format::OpenMetrics } else { Format::Text }
}

/// Weight in thousandths and exactness of the range that fits a media type best; `None` where none fits or the weight is 0.
fn preference(accept: &str, kind: &str, subtype: &str, version: &str) -> Option<(u16, u8)> {
    let fitting = accept.split(',').filter_map(|range| fit(range, kind, subtype, version));
    // The most exact range decides the weight, even where a wider one has a higher.
    let (exactness, weight) = fitting.max()?;
    (weight > 0).then_some((weight, exactness))
}

/// How exactly one range of an Accept header fits, and its weight.
fn fit(range: &str, kind: &str, subtype: &str, version: &str) -> Option<(u8, u16)> {
    let mut parameters = range.split(';').map(str::trim);
    let (of_kind, of_subtype) = parameters.next()?.split_once('/')?;
    let mut exactness = match (of_kind, of_subtype) {
        ("*", "*") => 0,
        (k, "*") if k.eq_ignore_ascii_case(kind) => 1,
        (k, s) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => 2,
        _ => return None,
    };
    let mut weight = 1000;
    for (name, value) in parameters.filter_map(|parameter| parameter.split_once('=')) {
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("q") {
            weight = thousandths(value)?;
        } else if name.trim().eq_ignore_ascii_case("version") {
            if value != version {
                return None;
            }
            exactness = 3;
        }
    }
    Some((exactness, weight))
}

/// A weight (RFC 9110 §12.4.2) such as `0.25` in thousandths. `None` for what is none.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{decimals:0<3}").parse::<u16>().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

/// The older format of an exposition that was written as OpenMetrics, without its end.
pub(crate) fn classic(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len().saturating_add(1024));
    let mut help = None;
    for line in open_metrics.split_inclusive('\n') {
        let Some(comment) = line.strip_prefix("# ") else {
            out.push_str(line);
            continue;
        };
        if let Some(text) = comment.strip_prefix("HELP ") {
            // Held back: only the TYPE line, which follows, tells whether it is a counter.
            help = text.split_once(' ');
        } else if let Some((name, kind)) = comment.strip_prefix("TYPE ").and_then(|text| text.split_once(' ')) {
            let suffix = if kind.trim_end() == "counter" { "_total" } else { "" };
            if let Some((name, text)) = help.take() {
                out.extend(["# HELP ", name, suffix, " ", text]);
            }
            out.extend(["# TYPE ", name, suffix, " ", kind]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_decides() {
        // What Prometheus 2.42 and 3 send.
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, format) in [
            (prometheus_2, Format::OpenMetrics),
            (prometheus_3, Format::OpenMetrics),
            (browser, Format::Text),
            ("", Format::Text),
            ("*/*", Format::Text),
            ("application/json", Format::Text),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=1.0.0", Format::OpenMetrics),
            ("application/openmetrics-text; version=0.0.1", Format::Text),
            ("application/openmetrics-text;q=0.4, text/plain;q=0.5", Format::Text),
            ("application/openmetrics-text;q=0.5, text/plain;q=0.4", Format::OpenMetrics),
            ("application/openmetrics-text;q=0, */*;q=0.1", Format::Text),
            ("text/plain;q=0, */*", Format::OpenMetrics),
            ("application/openmetrics-text;q=0.5, text/*;q=0.5", Format::OpenMetrics),
            ("application/openmetrics-text;q=0.5, text/plain;q=0.5", Format::Text),
            ("application/openmetrics-text;q=7, text/plain;q=0.1", Format::Text),
            ("application/*, text/plain;q=0.9", Format::OpenMetrics),
        ] {
            assert_eq!(negotiate(accept), format, "{accept}");
        }
    }

    #[test]
    fn a_weight_has_at_most_three_decimals_and_is_at_most_1() {
        for (text, weight) in
            [("1", Some(1000)), ("1.000", Some(1000)), ("0.5", Some(500)), ("0", Some(0)), ("0.", Some(0))]
        {
            assert_eq!(thousandths(text), weight, "{text}");
        }
        for text in ["", ".5", "1.001", "2", "-1", "0.1234", "0.+1", "nan", "1e3"] {
            assert_eq!(thousandths(text), None, "{text}");
        }
    }

    #[test]
    fn counters_get_their_full_name_back_and_the_rest_is_left_alone() {
        let open = "# HELP a Some # TYPE of help.\n# TYPE a counter\na_total{x=\"# HELP\\n\"} 1\n# HELP b_seconds B.\n# TYPE b_seconds gauge\n# UNIT b_seconds seconds\nb_seconds 2.0\n";
        let text = "# HELP a_total Some # TYPE of help.\n# TYPE a_total counter\na_total{x=\"# HELP\\n\"} 1\n# HELP b_seconds B.\n# TYPE b_seconds gauge\nb_seconds 2.0\n";
        assert_eq!(classic(open), text);
    }
}
