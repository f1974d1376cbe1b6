//! Figures of many measurements.

use std::time::Duration;

/// Durations, in the order of their length.
#[derive(Debug)]
pub struct Figures(Vec<Duration>);

impl Figures {
    pub fn new(durations: impl IntoIterator<Item = Duration>) -> Self {
        let mut durations: Vec<_> = durations.into_iter().collect();
        durations.sort_unstable();
        Self(durations)
    }

    /// The length that `percent` of the durations do not exceed (the nearest rank).
    fn percentile(&self, percent: usize) -> Duration {
        let rank = self.0.len().saturating_mul(percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let (p50, p90, p99) = (self.percentile(50), self.percentile(90), self.percentile(99));
        write!(
            f,
            "p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, longest {:.1} ms ({} measurements)",
            ms(p50),
            ms(p90),
            ms(p99),
            ms(self.percentile(100)),
            self.0.len()
        )
    }
}
