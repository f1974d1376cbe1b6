//! The metric families: name, kind, labels, meaning. The order here is the order of the exposition and of the reference.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Unit;

/// What can be done with a family's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process starts again: take `rate()` or `increase()` of it.
    Counter,
    /// A value that is so now.
    Gauge,
    /// Counts of observations by size.
    Histogram,
}

impl Kind {
    /// The word for it in `# TYPE` lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The name to ask PromQL for: with the unit, and with `_total` where it is a counter. (A histogram's series add `_bucket`, `_sum` and
    /// `_count`.)
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels, in order. The `le` of a histogram is not among them.
    pub labels: &'static [&'static str],
    /// What it says, a sentence without its full stop.
    pub help: &'static str,
    /// When there is no series.
    pub absent: &'static str,
}

static SECONDS: Unit = Unit::Seconds;
static BYTES: Unit = Unit::Bytes;

impl Descriptor {
    /// The unit of its values, where they have one: the word its name ends in, as Prometheus wants it.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        self.parts().1.map(Unit::as_str)
    }

    /// The name without `_total` and unit, and the unit: the encoder puts both back.
    fn parts(&self) -> (&'static str, Option<&'static Unit>) {
        let family = self.name.strip_suffix("_total").unwrap_or(self.name);
        for unit in [&SECONDS, &BYTES] {
            let base = family.strip_suffix(unit.as_str()).and_then(|base| base.strip_suffix('_'));
            if let Some(base) = base {
                return (base, Some(unit));
            }
        }
        (family, None)
    }

    /// Writes the family's HELP, TYPE and UNIT lines, and gives what writes its samples.
    pub(crate) fn open<'e>(&self, encoder: &'e mut DescriptorEncoder<'_>) -> Result<MetricEncoder<'e>, fmt::Error> {
        let (base, unit) = self.parts();
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        encoder.encode_descriptor(base, &format!("{}.", self.help), unit, kind)
    }

    /// Writes a family of gauges; nothing at all where there is no sample.
    pub(crate) fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        samples: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut family = self.open(encoder)?;
        for (labels, value) in samples {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// Writes one gauge without labels; nothing where it is not known.
    pub(crate) fn gauge(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        value: Option<impl EncodeGaugeValue>,
    ) -> fmt::Result {
        match value {
            Some(value) => self.open(encoder)?.encode_gauge(&value),
            None => Ok(()),
        }
    }

    /// Writes one counter without labels; nothing where it is not known.
    pub(crate) fn counter(&self, encoder: &mut DescriptorEncoder<'_>, value: Option<f64>) -> fmt::Result {
        const NONE: Option<&Exemplar<[(&str, &str); 0], f64>> = None;
        match value {
            Some(value) => self.open(encoder)?.encode_counter(&value, NONE),
            None => Ok(()),
        }
    }
}

macro_rules! families {
    ($($(#[$doc:meta])* $id:ident: $kind:ident $name:literal [$($label:literal)*] $help:literal; $absent:literal;)*) => {
        $(pub(crate) static $id: Descriptor =
            Descriptor { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help, absent: $absent };)*

        /// Every family, in the order of the exposition.
        pub fn families() -> impl Iterator<Item = &'static Descriptor> {
            [$(&$id),*].into_iter()
        }
    };
}

families! {
    SEEDS_SETTLED: Counter "landfall_seeds_settled_total" ["probe" "route" "mailbox" "provider" "outcome"]
        "Seeds that have ended, by how they ended"; "Never for a configured lane: starts at 0 for every outcome.";
    SEEDS_UNEXPECTED: Counter "landfall_seeds_unexpected_total" ["probe" "route" "mailbox" "provider"]
        "Seeds that ended otherwise than their probe expects; unobserved ones are not among them";
        "Never for a configured lane: starts at 0.";
    SEEDS_LATE: Counter "landfall_seeds_late_total" ["probe" "route" "mailbox" "provider"]
        "Copies found after their seed had ended without one"; "Never for a configured lane: starts at 0.";
    SEEDS_DUPLICATE: Counter "landfall_seeds_duplicate_total" ["probe" "route" "mailbox" "provider"]
        "Further copies of a seed, delivered again"; "Never for a configured lane: starts at 0.";
    DELIVERY_DURATION: Histogram "landfall_delivery_duration_seconds" ["route" "mailbox" "provider"]
        "Time from the end of the handoff to the arrival of the seed in its mailbox";
        "Until the first seed has arrived on this way.";
    AUTH_RESULTS: Counter "landfall_auth_results_total" ["route" "mailbox" "provider" "method" "result" "judge"]
        "Results of spf, dkim, dmarc and arc for received seeds, by who judged; a result that no RFC registers counts as other";
        "Until the first such result; pass and fail of spf, dkim and dmarc start at 0.";
    HANDOFFS: Counter "landfall_handoffs_total" ["route" "result"]
        "Attempts to hand a seed to its route, by what came of them";
        "Never for a configured route: starts at 0 for every result.";
    HANDOFF_DURATION: Histogram "landfall_handoff_duration_seconds" ["route" "phase"]
        "Time that a phase of the handoff took: connect, tls, auth, envelope, data";
        "Until the route was first seen in this phase.";
    MAILBOX_ERRORS: Counter "landfall_mailbox_errors_total" ["mailbox" "reason"]
        "Failures to read a mailbox, by reason"; "Never for a configured mailbox: starts at 0 for every reason.";
    STORE_ERRORS: Counter "landfall_store_errors_total" ["operation"]
        "Failures of the store, by what was wanted of it"; "Never: starts at 0 for every operation.";

    SEEDS_PENDING: Gauge "landfall_seeds_pending" ["probe" "route" "mailbox" "provider"]
        "Seeds that have not ended"; "For a lane that is neither configured nor has a seed under way.";
    LAST_OUTCOME: Gauge "landfall_last_outcome" ["probe" "route" "mailbox" "provider" "outcome"]
        "1 for how the last settled seed of the lane ended, 0 for the other ends"; "Until the lane's first seed has ended.";
    LAST_SETTLED: Gauge "landfall_last_settled_timestamp_seconds" ["probe" "route" "mailbox" "provider"]
        "When the last seed of the lane ended, as Unix time"; "Until the lane's first seed has ended.";
    FINDING: Gauge "landfall_finding" ["probe" "route" "mailbox" "rule" "severity"]
        "1 for each rule that found something wrong with the last settled seed of the lane"; "While the rule finds nothing.";
    MAILBOX_UP: Gauge "landfall_mailbox_up" ["mailbox"]
        "Whether the mailbox can be read"; "Until the first try to read it has ended.";
    MAILBOX_LAST_READ: Gauge "landfall_mailbox_last_read_timestamp_seconds" ["mailbox"]
        "When the inbox was last read to its end, as Unix time"; "Until it was read once.";
    ROUTE_UP: Gauge "landfall_route_up" ["route"]
        "Whether the last handoff reached the route; a refusal is an answer too"; "Until the first handoff.";
    STORE_WRITABLE: Gauge "landfall_store_writable" []
        "Whether the last write to the store succeeded; nothing is sent while it is 0"; "Until the first write.";
    RELOAD_SUCCESSFUL: Gauge "landfall_config_last_reload_successful" []
        "Whether the last reading of the configuration was taken"; "Until it was read once.";
    RELOAD_SUCCEEDED: Gauge "landfall_config_last_reload_success_timestamp_seconds" []
        "When a configuration was last taken, as Unix time"; "Until one was taken.";
    BUILD_INFO: Gauge "landfall_build_info" ["version" "revision"]
        "1, with the program's version and source revision"; "Never.";

    PROCESS_CPU: Counter "process_cpu_seconds_total" []
        "User and system CPU time spent"; "Where /proc does not tell.";
    PROCESS_RESIDENT: Gauge "process_resident_memory_bytes" []
        "Resident memory size"; "Where /proc does not tell.";
    PROCESS_VIRTUAL: Gauge "process_virtual_memory_bytes" []
        "Virtual memory size"; "Where /proc does not tell.";
    PROCESS_OPEN_FDS: Gauge "process_open_fds" []
        "Open file descriptors"; "Where /proc does not tell.";
    PROCESS_MAX_FDS: Gauge "process_max_fds" []
        "How many file descriptors may be open"; "Where /proc does not tell, or there is no limit.";
    PROCESS_START: Gauge "process_start_time_seconds" []
        "When the process started, as Unix time"; "Never.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        let mut seen = BTreeSet::new();
        for family in families() {
            assert!(seen.insert(family.name), "{} twice", family.name);
            assert!(family.name.starts_with("landfall_") || family.name.starts_with("process_"), "{}", family.name);
            assert_eq!(family.name.ends_with("_total"), family.kind == Kind::Counter, "{}", family.name);
            assert!(!family.help.ends_with('.') && !family.help.contains(['\n', '\\']), "{}", family.name);
            assert!(family.absent.ends_with('.'), "{}", family.name);
            assert!(!family.labels.contains(&"le"), "{}", family.name);
        }
    }

    #[test]
    fn the_unit_is_the_end_of_the_name() {
        assert_eq!((PROCESS_CPU.parts().0, PROCESS_CPU.unit()), ("process_cpu", Some("seconds")));
        assert_eq!(PROCESS_RESIDENT.unit(), Some("bytes"));
        assert_eq!((SEEDS_SETTLED.parts().0, SEEDS_SETTLED.unit()), ("landfall_seeds_settled", None));
    }
}
