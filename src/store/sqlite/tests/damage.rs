//! Cells that Landfall cannot have written.

use std::sync::Arc;

use sqlx::AssertSqlSafe;

use super::*;
use crate::model::Stage;
use crate::store::contract::{accepted, at, seed, settled, sighting};
use crate::store::{Change, CopyRole, Store as _, StoreError};

/// A store with a pending seed that has an attempt and a copy, or a settled one.
async fn filled(end: bool) -> SqliteStore {
    let store = SqliteStore::in_memory().await.unwrap();
    let seed = seed("a", 0);
    let stage = Stage::Awaited { since: at(2) };
    let sighting = sighting("a", "x", at(5));
    let mut changes = vec![
        Change::Plan(Arc::clone(&seed)),
        Change::Attempt { id: seed.id, attempt: accepted(), attempts: 1, stage },
        Change::Copy { id: seed.id, sighting, role: CopyRole::First },
    ];
    changes.extend(end.then(|| Change::Settle(settled(&seed, at(9)))));
    store.apply(&changes).await.unwrap();
    store
}

async fn spoil(store: &SqliteStore, table: &str, column: &str, value: &str) {
    let mut conn = store.writer.acquire().await.unwrap();
    sqlx::query("PRAGMA ignore_check_constraints = ON").execute(&mut *conn).await.unwrap();
    let sql = format!("UPDATE {table} SET {column} = {value}");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut *conn).await.unwrap();
}

#[track_caller]
fn names_the_cell<T: std::fmt::Debug>(result: Result<T, StoreError>, cell: (&str, &str), value: &str) {
    let row = seed("a", 0).id.to_string();
    match result {
        Err(StoreError::Inconsistent { table, column, row: at, .. }) => {
            assert_eq!((table, column, at), (cell.0, cell.1, row));
        }
        other => panic!("{cell:?} = {value}: {other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_cell_of_a_pending_seed_is_named() {
    for (table, column, value) in [
        ("seeds", "token", "'xyz'"),
        ("seeds", "expect", "'[\"heaven\"]'"),
        ("seeds", "expect", "'{'"),
        ("seeds", "planned_at", "9223372036854775807"),
        ("seeds", "deadline_ms", "-1"),
        ("seeds", "patience_ms", "-1"),
        ("seeds", "stage", "'lost'"),
        ("seeds", "stage_at", "NULL"),
        ("seeds", "attempts", "4294967296"),
        ("attempts", "began_at", "9223372036854775807"),
        ("attempts", "result", "'maybe'"),
        ("attempts", "code", "70000"),
        ("attempts", "code", "NULL"),
        ("attempts", "text", "NULL"),
        ("attempts", "tls_ms", "-5"),
        ("copies", "kind", "'attic'"),
        ("copies", "uid", "-1"),
        ("copies", "uid_validity", "4294967296"),
        ("copies", "arrived_at", "9223372036854775807"),
    ] {
        let store = filled(false).await;
        spoil(&store, table, column, value).await;
        names_the_cell(store.unsettled().await, (table, column), value);
    }
}

#[tokio::test]
async fn a_wrong_cell_of_a_settled_seed_is_named() {
    for (table, column, value) in [
        ("seeds", "outcome", "'heaven'"),
        ("seeds", "settled_at", "9223372036854775807"),
        ("results", "reading", "'{}'"),
        ("results", "findings", "'nothing'"),
        ("results", "delivery_ms", "-1"),
    ] {
        let store = filled(true).await;
        spoil(&store, table, column, value).await;
        names_the_cell(store.last_settled().await, (table, column), value);
    }
}

#[tokio::test]
async fn a_wrong_cell_of_a_refusal_is_named() {
    let store = filled(false).await;
    spoil(&store, "attempts", "result", "'refused'").await;
    names_the_cell(store.unsettled().await, ("attempts", "command"), "NULL");
    spoil(&store, "attempts", "command", "'HELLO'").await;
    names_the_cell(store.unsettled().await, ("attempts", "command"), "HELLO");
    spoil(&store, "attempts", "result", "'unreachable'").await;
    names_the_cell(store.unsettled().await, ("attempts", "cause"), "NULL");
}

#[tokio::test]
async fn a_wrong_cell_is_named_when_a_token_is_looked_up_and_when_copies_are_listed() {
    let store = filled(true).await;
    let token = seed("a", 0).token;
    spoil(&store, "seeds", "outcome", "'heaven'").await;
    names_the_cell(store.find(token).await, ("seeds", "outcome"), "heaven");
    spoil(&store, "seeds", "outcome", "'inbox'").await;
    spoil(&store, "copies", "digest", "'+' || substr(digest, 2)").await;
    names_the_cell(store.find(token).await, ("copies", "digest"), "+");
    names_the_cell(store.kept(&"a".into(), at(99), 9).await, ("copies", "digest"), "+");
    spoil(&store, "seeds", "token", "'?'").await;
    names_the_cell(store.kept(&"a".into(), at(99), 9).await, ("seeds", "token"), "?");
}

#[tokio::test]
async fn a_settled_seed_without_its_result_is_named() {
    let store = filled(true).await;
    sqlx::query("DELETE FROM results").execute(&store.writer).await.unwrap();
    names_the_cell(store.last_settled().await, ("seeds", "stage"), "settled");
}

#[tokio::test]
async fn the_schema_refuses_words_that_are_not_ours() {
    let store = filled(true).await;
    for sql in [
        "UPDATE seeds SET outcome = 'heaven'",
        "UPDATE seeds SET stage = 'sending'",
        "UPDATE attempts SET phase = 'later'",
        "UPDATE attempts SET command = 'RCPT'",
        "UPDATE copies SET role = 'third'",
        "UPDATE seeds SET planned_at = 'noon'",
        "UPDATE results SET seed = 'nobody'",
    ] {
        let error = sqlx::query(sql).execute(&store.writer).await.unwrap_err().to_string();
        assert!(error.contains("constraint failed") || error.contains("cannot store TEXT"), "{sql}: {error}");
    }
}
