//! The complete exposition: events, state, the program, the process.

use std::fmt;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;

use crate::metrics::{Format, Metrics, Process, descriptor, format, state};
use crate::model::SharedSnapshot;

/// Which program this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// The version of the package.
    pub version: &'static str,
    /// The source revision it was built from, `unknown` where the build did not say (`LANDFALL_REVISION`).
    pub revision: &'static str,
}

impl Build {
    /// This program.
    #[must_use]
    pub fn current() -> Self {
        Self { version: env!("CARGO_PKG_VERSION"), revision: option_env!("LANDFALL_REVISION").unwrap_or("unknown") }
    }
}

/// Writes `/metrics`. Reads the snapshot, the counters and `/proc`, nothing else: no store, no network.
#[derive(Debug)]
pub struct Exposition(Registry);

/// All of it as one collector: the registry serves only to get at the encoder.
#[derive(Debug)]
struct All {
    snapshot: SharedSnapshot,
    metrics: Metrics,
    build: Build,
    started_at: Timestamp,
    process: fn() -> Process,
}

impl Exposition {
    /// An exposition of `snapshot` as it will be and of what `metrics` will have counted. `process` is asked at each scrape, [`Process::read`] but
    /// in tests.
    #[must_use]
    pub fn new(
        snapshot: SharedSnapshot,
        metrics: Metrics,
        build: Build,
        started_at: Timestamp,
        process: fn() -> Process,
    ) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(All { snapshot, metrics, build, started_at, process }));
        Self(registry)
    }

    /// The exposition at this moment.
    ///
    /// # Errors
    /// Never in practice: writing to memory does not fail.
    pub fn render(&self, wanted: Format) -> Result<String, fmt::Error> {
        let mut out = String::new();
        match wanted {
            Format::OpenMetrics => text::encode(&mut out, &self.0)?,
            Format::Text => {
                text::encode_registry(&mut out, &self.0)?;
                out = format::classic(&out);
            }
        }
        Ok(out)
    }
}

impl Collector for All {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.metrics.encode(&mut encoder)?;
        state::encode(&self.snapshot.load(), &mut encoder)?;
        let build = [("version", self.build.version), ("revision", self.build.revision)];
        descriptor::BUILD_INFO.gauges(&mut encoder, [(build, 1_u32)])?;
        (self.process)().encode(&mut encoder)?;
        descriptor::PROCESS_START.gauge(&mut encoder, Some(state::seconds(self.started_at)))
    }
}
