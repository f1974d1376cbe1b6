//! SQLite.

/// placeholder until the store lands
#[derive(Debug)]
pub struct SqliteStore;
