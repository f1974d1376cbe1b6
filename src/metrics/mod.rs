//! What Prometheus reads: counters of what happened, gauges of what is.
//!
//! The two are kept apart. What *happened* is counted, once, by the single writer, through the typed methods of [`Metrics`]. What *is* is
//! never set anywhere: [`Exposition`] derives it at each scrape from the current snapshot, so that a target that was removed leaves no
//! series behind, and what was never known is absent instead of 0. Times are time stamps, not ages, so that a stopped writer shows.
//!
//! Every family has one [`Descriptor`]; the exposition, the reference in `docs/metrics.md` and the tests go by it.
//! [`negotiate`] tells from an `Accept` header which of the two text formats a scraper wants.

mod descriptor;
mod events;
mod exposition;
mod format;
mod labels;
mod process;
mod reference;
mod series;
mod state;

pub use descriptor::{Descriptor, Kind, families};
pub use events::{Metrics, StoreOperation};
pub use exposition::{Build, Exposition};
pub use format::{Format, negotiate};
pub use process::Process;
pub use reference::reference;
