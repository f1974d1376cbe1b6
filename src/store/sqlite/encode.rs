//! Values into cells.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::error::Error as SqlError;

use crate::model::{Attempt, Phase, Stage};
use crate::store::StoreError;

/// The most of a header section that is stored apart from the body, in bytes. What is beyond goes with the body.
const HEADER_LIMIT: usize = 64 * 1024;

/// A time in milliseconds since the epoch.
pub(super) fn time(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A duration in milliseconds; the largest number where it is longer.
pub(super) fn span(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// JSON text.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Database(SqlError::Encode(Box::new(error))))
}

/// The word that an enum is in JSON.
pub(super) fn word<T: Serialize>(value: &T) -> Result<String, StoreError> {
    Ok(json(value)?.trim_matches('"').to_owned())
}

/// The columns `stage` and `stage_at`.
pub(super) fn stage(stage: Stage) -> (&'static str, Option<i64>) {
    match stage {
        Stage::Sending => ("sending", None),
        Stage::Deferred { retry_at } => ("deferred", Some(time(retry_at))),
        Stage::Awaited { since } => ("awaited", Some(time(since))),
    }
}

/// The time of one phase of an attempt.
pub(super) fn phase(attempt: &Attempt, phase: Phase) -> Option<i64> {
    attempt.timings.iter().find(|(known, _)| *known == phase).map(|(_, time)| span(time))
}

/// A message as the columns `headers` and `body`.
pub(super) fn split<'m>(message: &'m [u8], headers: &[u8]) -> (&'m [u8], &'m [u8]) {
    message.split_at_checked(headers.len().min(HEADER_LIMIT)).unwrap_or((&[], message))
}
