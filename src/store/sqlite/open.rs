//! Opening a database and bringing its schema up to date.
//!
//! A migration is a file in `migrations/`, embedded in the program and never changed once it was released: the database holds the
//! checksum of each that was applied. The number of the last one is the schema's version.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _, Sqlite, SqliteConnection};

use crate::store::{SqliteStore, StoreError};

/// How long a connection waits for a lock that another process holds. A batch takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many connections read at once.
const READERS: u32 = 4;

/// Every migration: version, name, SQL.
const MIGRATIONS: [(i64, &str, &str); 1] =
    [(1, "seeds", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/0001_seeds.sql")))];

/// Opens or makes a file.
pub(super) async fn file(path: &Path) -> Result<SqliteStore, StoreError> {
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.is_dir()) {
        return Err(StoreError::NoDirectory { directory: directory.to_owned() });
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT);
    let mut first = options.clone().create_if_missing(true).connect().await?;
    migrate(&mut first).await?;
    // The pools are filled before the first connection goes: the last one to leave a file would delete its log.
    let writer = pool(1).connect_with(options.clone()).await?;
    let reader = pool(READERS).connect_with(options.read_only(true)).await?;
    first.close().await?;
    Ok(SqliteStore { writer, reader, in_memory: false })
}

/// Makes a database in memory.
pub(super) async fn memory() -> Result<SqliteStore, StoreError> {
    let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
    let only = pool(1).connect_with(options).await?;
    migrate(&mut *only.acquire().await?).await?;
    Ok(SqliteStore { writer: only.clone(), reader: only, in_memory: true })
}

/// Connections that live as long as the store does. Without a minimum: with one the pool would replace a connection that failed at
/// once, while its fault lasts.
fn pool(size: u32) -> PoolOptions<Sqlite> {
    PoolOptions::new().max_connections(size).idle_timeout(None).max_lifetime(None).test_before_acquire(false)
}

/// Brings the schema up to date. A file that is up to date is not written to, so that a read-only one can be opened.
async fn migrate(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let known = MIGRATIONS.iter().map(|(version, _, _)| *version).max().unwrap_or_default();
    if version(conn, known).await? == known {
        return Ok(());
    }
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    // Two processes that start at once take turns: the second finds the work done.
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    version(&mut tx, known).await?;
    let migrator = Migrator::with_migrations(migrations.into());
    migrator.run_direct(None, &mut *tx, false).await.map_err(|error| StoreError::Migration(error.to_string()))?;
    tx.commit().await?;
    Ok(())
}

/// The schema's version; 0 in an empty database. One above `known` is an error.
async fn version(conn: &mut SqliteConnection, known: i64) -> Result<i64, StoreError> {
    let has_versions: i64 = sqlx::query_scalar(
        "SELECT count(*)
         FROM sqlite_master
         WHERE type = 'table' AND name = '_sqlx_migrations'",
    )
    .fetch_one(&mut *conn)
    .await?;
    if has_versions == 0 {
        return Ok(0);
    }
    let found: i64 = sqlx::query_scalar(
        "SELECT coalesce(max(version), 0)
         FROM _sqlx_migrations",
    )
    .fetch_one(conn)
    .await?;
    if found > known { Err(StoreError::Newer { found, known }) } else { Ok(found) }
}
