//! What is special about a file: restarts, other processes, versions.

use std::sync::Arc;

use sqlx::SqlitePool;

use super::*;
use crate::model::{Cursor, Stage};
use crate::store::contract::{accepted, at, one, seed, settled, sighting};
use crate::store::{Change, CopyRole, Store as _, StoreError};

/// SQL words separated by single spaces, comments gone, one string for each statement.
fn statements(sql: &str) -> Vec<String> {
    let code: Vec<_> = sql.lines().map(|line| line.split("--").next().unwrap()).collect();
    let words = code.join(" ").split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(").replace(" )", ")");
    let mut statements: Vec<_> =
        words.split(';').map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect();
    statements.sort();
    statements
}

#[tokio::test]
async fn the_documented_schema_is_the_migrated_one() {
    let store = SqliteStore::in_memory().await.unwrap();
    let real: Vec<String> = sqlx::query_scalar(
        "SELECT sql
         FROM sqlite_master
         WHERE sql IS NOT NULL AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .fetch_all(&store.reader)
    .await
    .unwrap();
    let documented = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schema.sql"));
    assert_eq!(statements(documented), statements(&real.join(";")));
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let directory = Directory::new();
    let store = open(&directory.file()).await;
    let (ended, pending) = (seed("a", 0), seed("b", 0));
    let copy = sighting("b", "x", at(5));
    let cursor = Cursor { mailbox: "a".into(), folder: "INBOX".into(), uid_validity: 3, uid_next: 4 };
    let stage = Stage::Awaited { since: at(2) };
    let changes = [
        Change::Plan(Arc::clone(&ended)),
        Change::Plan(Arc::clone(&pending)),
        Change::Attempt { id: pending.id, attempt: accepted(), attempts: 1, stage },
        Change::Copy { id: pending.id, sighting: copy, role: CopyRole::First },
        Change::Settle(settled(&ended, at(9))),
        Change::Cursor(cursor.clone()),
    ];
    assert_eq!(store.apply(&changes).await.unwrap(), [true; 6]);
    let (unsettled, last) = (store.unsettled().await.unwrap(), store.last_settled().await.unwrap());
    store.close().await;
    let store = open(&directory.file()).await;
    assert_eq!(store.unsettled().await.unwrap(), unsettled);
    assert_eq!(unsettled.len(), 1);
    assert_eq!(store.last_settled().await.unwrap(), last);
    assert_eq!(last.len(), 1);
    assert_eq!(store.cursors(&"a".into()).await.unwrap(), [cursor]);
    assert!(!one(&store, Change::Plan(ended)).await);
}

#[tokio::test]
async fn two_stores_on_one_file_lose_nothing_and_plan_nothing_twice() {
    let directory = Directory::new();
    let path = directory.file();
    // Both make the file at the same time.
    let (one_store, other) = tokio::join!(open(&path), open(&path));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16_i64 {
        let store = if task % 2 == 0 { one_store.clone() } else { other.clone() };
        tasks.spawn(async move {
            let mut planned = 0;
            for slot in 0..25 {
                // Neighbours, which use different stores, race for the same slots.
                let changes = [Change::Plan(seed(&format!("m{}", task / 2), slot))];
                planned += usize::from(store.apply(&changes).await.unwrap()[0]);
            }
            planned
        });
    }
    let planned: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(planned, 8 * 25);
    assert_eq!(one_store.unsettled().await.unwrap().len(), 8 * 25);
    assert_eq!(other.unsettled().await.unwrap(), one_store.unsettled().await.unwrap());
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let directory = Directory::new();
    open(&directory.file()).await.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.file());
    let pool = SqlitePool::connect_with(options).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (7, 'later', TRUE, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let error = SqliteStore::open(&directory.file()).await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 7, known: 1 }), "{error}");
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let directory = Directory::new();
    let missing = directory.0.join("none");
    let error = SqliteStore::open(&missing.join("x.db")).await.unwrap_err();
    assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");
    assert!(!missing.exists());
    std::fs::write(directory.file(), "this is a letter, and not a database".repeat(100)).unwrap();
    let error = SqliteStore::open(&directory.file()).await.unwrap_err();
    assert!(error.to_string().contains("not a database"), "{error}");
}

#[tokio::test]
async fn an_abandoned_apply_leaves_no_half_batch_and_no_lock() {
    let directory = Directory::new();
    let store = open(&directory.file()).await;
    let batch: Vec<_> = (0..500).map(|slot| Change::Plan(seed("a", slot))).collect();
    for polls in 0..40 {
        let mut apply = Box::pin(store.apply(&batch));
        for _ in 0..polls {
            if futures_poll(&mut apply).await {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(apply);
        let stored = store.unsettled().await.unwrap().len();
        assert!(stored == 0 || stored == 500, "{stored}");
    }
    assert_eq!(store.apply(&batch).await.unwrap().len(), 500);
    assert_eq!(store.unsettled().await.unwrap().len(), 500);
}

/// Polls once; whether it is done.
async fn futures_poll(future: &mut (impl Future + Unpin)) -> bool {
    std::future::poll_fn(|context| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_ready()))
        .await
}

#[tokio::test]
async fn the_newest_of_each_lane_is_found_by_whole_keys() {
    let store = SqliteStore::in_memory().await.unwrap();
    let plan: Vec<(i64, i64, i64, String)> =
        sqlx::query_as("EXPLAIN QUERY PLAN SELECT * FROM newest").fetch_all(&store.reader).await.unwrap();
    let steps: Vec<_> = plan.iter().filter_map(|(_, _, _, step)| step.strip_prefix("SEARCH lower USING ")).collect();
    let want = ["(probe=? AND route=? AND mailbox<?)", "(probe=? AND route<?)", "(probe<?)"];
    assert_eq!(steps.len(), want.len(), "{plan:?}");
    for (step, want) in steps.into_iter().zip(want) {
        assert!(step.ends_with(&format!("INDEX seeds_lane {want}")), "{step}");
    }
}

#[tokio::test]
async fn start_up_and_pruning_use_their_indexes() {
    let store = SqliteStore::in_memory().await.unwrap();
    for sql in [
        "EXPLAIN QUERY PLAN SELECT * FROM seeds WHERE stage <> 'settled' ORDER BY planned_at, id",
        "EXPLAIN QUERY PLAN SELECT seeds.* FROM newest JOIN seeds ON seeds.id = newest.seed",
        "EXPLAIN QUERY PLAN SELECT rowid FROM seeds WHERE stage = 'settled' AND planned_at < 1 ORDER BY planned_at",
        "EXPLAIN QUERY PLAN SELECT rowid FROM copies WHERE body IS NOT NULL AND seen_at < 1 ORDER BY seen_at",
        "EXPLAIN QUERY PLAN SELECT * FROM copies WHERE deleted = 0 AND mailbox = 'a' AND seen_at < 1 ORDER BY seen_at",
    ] {
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sql).fetch_all(&store.reader).await.unwrap();
        for (_, _, _, step) in plan {
            let scan = step.starts_with("SCAN seeds") || step.starts_with("SCAN copies");
            assert!(!scan || step.contains("USING"), "{sql}: {step}");
        }
    }
}
