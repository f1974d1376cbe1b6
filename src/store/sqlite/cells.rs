//! Cells into values, with nothing taken on trust.

use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as WordError, StrDeserializer};
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row as _, Sqlite, Type};

use crate::store::StoreError;

/// A row of a table, with what is needed to name a cell that is wrong.
pub(super) struct Cells<'r> {
    row: &'r SqliteRow,
    table: &'static str,
    key: String,
}

impl<'r> Cells<'r> {
    /// The cells of `row`, which comes from `table` and is named by what stands in `key`.
    pub(super) fn of(row: &'r SqliteRow, table: &'static str, key: &'static str) -> Result<Self, StoreError> {
        let mut cells = Self { row, table, key: "?".to_owned() };
        cells.key = cells.get(key)?;
        Ok(cells)
    }

    /// What stands in the row's key.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The error that `column` holds what was never written there.
    pub(super) fn wrong(&self, column: &'static str, reason: impl Display) -> StoreError {
        StoreError::Inconsistent { table: self.table, column, row: self.key.clone(), reason: reason.to_string() }
    }

    /// A cell that may be NULL: `i64`, `bool`, `&str`, `String`, `&[u8]`.
    pub(super) fn maybe<T: Decode<'r, Sqlite> + Type<Sqlite>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.row.try_get(column).map_err(|error| match error {
            sqlx::Error::ColumnDecode { source, .. } => self.wrong(column, source),
            other => StoreError::Database(other),
        })
    }

    /// A cell that is not NULL. Where it is, sqlx itself would give a zero for a number.
    pub(super) fn get<T: Decode<'r, Sqlite> + Type<Sqlite>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.maybe(column)?.ok_or_else(|| self.wrong(column, "it is empty"))
    }

    /// A cell that `read` understands.
    pub(super) fn parse<T>(&self, column: &'static str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        let text: &str = self.get(column)?;
        read(text).ok_or_else(|| self.wrong(column, format_args!("unknown value {text:?}")))
    }

    /// The word of an enum.
    pub(super) fn word<T: for<'de> Deserialize<'de>>(&self, column: &'static str) -> Result<T, StoreError> {
        let text: &str = self.get(column)?;
        let word: StrDeserializer<'_, WordError> = text.into_deserializer();
        T::deserialize(word).map_err(|error| self.wrong(column, error))
    }

    /// JSON text.
    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(self.get(column)?).map_err(|error| self.wrong(column, error))
    }

    /// A time that may be absent.
    pub(super) fn maybe_time(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let millis: Option<i64> = self.maybe(column)?;
        millis.map(Timestamp::from_millisecond).transpose().map_err(|error| self.wrong(column, error))
    }

    /// A time.
    pub(super) fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.maybe_time(column)?.ok_or_else(|| self.wrong(column, "it is empty"))
    }

    /// A duration that may be absent.
    pub(super) fn maybe_span(&self, column: &'static str) -> Result<Option<Duration>, StoreError> {
        let millis: Option<i64> = self.maybe(column)?;
        let millis = millis.map(u64::try_from).transpose().map_err(|error| self.wrong(column, error))?;
        Ok(millis.map(Duration::from_millis))
    }

    /// A duration.
    pub(super) fn span(&self, column: &'static str) -> Result<Duration, StoreError> {
        self.maybe_span(column)?.ok_or_else(|| self.wrong(column, "it is empty"))
    }

    /// A number that fits its type; sqlx itself would cut it to size.
    pub(super) fn number<T: TryFrom<i64, Error: Display>>(&self, column: &'static str) -> Result<T, StoreError> {
        let number: i64 = self.get(column)?;
        T::try_from(number).map_err(|error| self.wrong(column, error))
    }

    /// 32 bytes in hexadecimal.
    pub(super) fn digest(&self, column: &'static str) -> Result<[u8; 32], StoreError> {
        self.parse(column, |text| {
            let (high, low) = text.split_at_checked(32)?;
            let bytes = half(high)?.into_iter().chain(half(low)?);
            let mut digest = [0; 32];
            for (to, from) in digest.iter_mut().zip(bytes) {
                *to = from;
            }
            Some(digest)
        })
    }
}

/// 16 bytes in hexadecimal.
fn half(text: &str) -> Option<[u8; 16]> {
    let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    digits.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(u128::to_be_bytes)
}
