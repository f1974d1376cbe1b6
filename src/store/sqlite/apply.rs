//! Changes into rows. Each function tells whether its change took effect.
//!
//! Whether it does is decided by the statement itself (`ON CONFLICT DO NOTHING`, `WHERE stage <> 'settled'`), never by reading
//! first: so it holds with a second process too.

use jiff::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteQueryResult;

use crate::model::{Attempt, Bounce, Cursor, Finding, Handoff, Phase, Seed, SeedId, Settled, Sighting, Stage};
use crate::store::sqlite::encode;
use crate::store::{Change, CopyRole, StoreError};

/// How many messages, and how many seeds, one [`Change::Prune`] forgets at most. To forget 200 messages of 1 MiB, the largest there are,
/// took 0.9 s on two busy cores, most of it for finding their pages: with half of them the write lock is held for half a second at worst.
pub(super) const PRUNE_LIMIT: u32 = 100;

/// Applies one change.
pub(super) async fn change(conn: &mut SqliteConnection, change: &Change) -> Result<bool, StoreError> {
    match change {
        Change::Plan(seed) => plan(conn, seed).await,
        Change::Attempt { id, attempt, attempts, stage } => attempted(conn, *id, attempt, *attempts, *stage).await,
        Change::Resend(id) => resend(conn, *id).await,
        Change::Copy { id, sighting, role } => copy(conn, *id, sighting, *role).await,
        Change::Settle(settled) => settle(conn, settled).await,
        Change::Bounced { id, bounce, finding } => bounced(conn, *id, bounce, finding).await,
        Change::Cursor(cursor) => read_up_to(conn, cursor).await,
        Change::Deleted { id, digest } => deleted(conn, *id, digest).await,
        Change::Prune { messages, results } => prune(conn, *messages, *results).await,
    }
}

async fn plan(conn: &mut SqliteConnection, seed: &Seed) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO seeds (
             id, token, probe, route, mailbox, provider, expect, planned_at, deadline_ms, patience_ms, stage, attempts
         )
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'sending', 0)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(seed.id.to_string())
    .bind(seed.token.to_string())
    .bind(seed.lane.probe.as_str())
    .bind(seed.lane.route.as_str())
    .bind(seed.lane.mailbox.as_str())
    .bind(seed.provider.as_str())
    .bind(encode::json(&seed.expect)?)
    .bind(encode::time(seed.planned_at))
    .bind(encode::span(seed.deadline))
    .bind(encode::span(seed.patience))
    .execute(conn)
    .await?;
    Ok(any(&done))
}

async fn attempted(
    conn: &mut SqliteConnection,
    id: SeedId,
    attempt: &Attempt,
    attempts: u32,
    stage: Stage,
) -> Result<bool, StoreError> {
    let (stage, stage_at) = encode::stage(stage);
    let done = sqlx::query(
        "UPDATE seeds
         SET stage = ?2, stage_at = ?3, attempts = ?4
         WHERE id = ?1 AND stage <> 'settled'",
    )
    .bind(id.to_string())
    .bind(stage)
    .bind(stage_at)
    .bind(attempts)
    .execute(&mut *conn)
    .await?;
    if any(&done) {
        last_attempt(conn, id, attempt).await?;
    }
    Ok(any(&done))
}

async fn last_attempt(conn: &mut SqliteConnection, id: SeedId, attempt: &Attempt) -> Result<(), StoreError> {
    let handoff = &attempt.handoff;
    let reply = handoff.reply();
    let (command, queue_id, cause, detail) = match handoff {
        Handoff::Accepted { queue_id, .. } => (None, queue_id.as_deref(), None, None),
        Handoff::Refused { command, .. } | Handoff::Deferred { command, .. } => (Some(command), None, None, None),
        Handoff::Unreachable { cause, detail, .. } => (None, None, Some(cause.as_str()), Some(detail.as_str())),
        Handoff::Ambiguous { detail } => (None, None, None, Some(detail.as_str())),
    };
    sqlx::query(
        "INSERT OR REPLACE INTO attempts (
             seed, began_at, ended_at, result, phase, command, code, enhanced, text, queue_id, cause, detail,
             connect_ms, tls_ms, auth_ms, envelope_ms, data_ms
         )
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )
    .bind(id.to_string())
    .bind(encode::time(attempt.began_at))
    .bind(encode::time(attempt.ended_at))
    .bind(handoff.result().as_str())
    .bind(handoff.phase().as_str())
    .bind(command.map(encode::word).transpose()?)
    .bind(reply.map(|reply| reply.code))
    .bind(reply.and_then(|reply| reply.enhanced.as_deref()))
    .bind(reply.map(|reply| reply.text.as_str()))
    .bind(queue_id)
    .bind(cause)
    .bind(detail)
    .bind(encode::phase(attempt, Phase::Connect))
    .bind(encode::phase(attempt, Phase::Tls))
    .bind(encode::phase(attempt, Phase::Auth))
    .bind(encode::phase(attempt, Phase::Envelope))
    .bind(encode::phase(attempt, Phase::Data))
    .execute(conn)
    .await?;
    Ok(())
}

async fn resend(conn: &mut SqliteConnection, id: SeedId) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE seeds
         SET stage = 'sending', stage_at = NULL
         WHERE id = ?1 AND stage = 'deferred'",
    )
    .bind(id.to_string())
    .execute(conn)
    .await?;
    Ok(any(&done))
}

async fn copy(
    conn: &mut SqliteConnection,
    id: SeedId,
    sighting: &Sighting,
    role: CopyRole,
) -> Result<bool, StoreError> {
    let (headers, body) = encode::split(&sighting.message, sighting.headers());
    let done = sqlx::query(
        "INSERT INTO copies (
             seed, digest, role, mailbox, folder, kind, uid_validity, uid, arrived_at, seen_at, headers, body, truncated, deleted
         )
         SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0
         FROM seeds
         WHERE id = ?1
         ON CONFLICT (seed, digest) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(encode::hex(&sighting.digest()))
    .bind(role.as_str())
    .bind(sighting.mailbox.as_str())
    .bind(sighting.folder.as_str())
    .bind(sighting.kind.as_str())
    .bind(sighting.uid_validity)
    .bind(sighting.uid)
    .bind(sighting.arrived_at.map(encode::time))
    .bind(encode::time(sighting.seen_at))
    .bind(headers)
    .bind(body)
    .bind(sighting.truncated)
    .execute(conn)
    .await?;
    Ok(any(&done))
}

async fn settle(conn: &mut SqliteConnection, settled: &Settled) -> Result<bool, StoreError> {
    let id = settled.seed.id;
    let done = sqlx::query(
        "UPDATE seeds
         SET stage = 'settled', stage_at = NULL, outcome = ?2, settled_at = ?3, attempts = max(attempts, ?4)
         WHERE id = ?1 AND stage <> 'settled'",
    )
    .bind(id.to_string())
    .bind(settled.outcome.as_str())
    .bind(encode::time(settled.settled_at))
    .bind(i64::from(settled.attempt.is_some()))
    .execute(&mut *conn)
    .await?;
    if !any(&done) {
        return Ok(false);
    }
    if let Some(attempt) = &settled.attempt {
        last_attempt(conn, id, attempt).await?;
    }
    sqlx::query(
        "INSERT INTO results (seed, folder, delivery_ms, late, reading, bounce, findings)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(id.to_string())
    .bind(settled.folder.as_deref())
    .bind(settled.delivery.map(encode::span))
    .bind(settled.late)
    .bind(encode::json(&settled.reading)?)
    .bind(settled.bounce.as_ref().map(encode::json).transpose()?)
    .bind(encode::json(&settled.findings)?)
    .execute(conn)
    .await?;
    Ok(true)
}

async fn bounced(
    conn: &mut SqliteConnection,
    id: SeedId,
    bounce: &Bounce,
    finding: &Finding,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE results
         SET bounce = ?2, findings = json_insert(findings, '$[#]', json(?3))
         WHERE seed = ?1 AND bounce IS NULL",
    )
    .bind(id.to_string())
    .bind(encode::json(bounce)?)
    .bind(encode::json(finding)?)
    .execute(conn)
    .await?;
    Ok(any(&done))
}

async fn read_up_to(conn: &mut SqliteConnection, cursor: &Cursor) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO cursors (mailbox, folder, uid_validity, uid_next)
         VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (mailbox, folder) DO UPDATE
         SET uid_validity = excluded.uid_validity, uid_next = excluded.uid_next",
    )
    .bind(cursor.mailbox.as_str())
    .bind(cursor.folder.as_str())
    .bind(cursor.uid_validity)
    .bind(cursor.uid_next)
    .execute(conn)
    .await?;
    Ok(any(&done))
}

async fn deleted(conn: &mut SqliteConnection, id: SeedId, digest: &[u8; 32]) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE copies
         SET deleted = 1
         WHERE seed = ?1 AND digest = ?2 AND deleted = 0",
    )
    .bind(id.to_string())
    .bind(encode::hex(digest))
    .execute(conn)
    .await?;
    Ok(any(&done))
}

async fn prune(conn: &mut SqliteConnection, messages: Timestamp, results: Timestamp) -> Result<bool, StoreError> {
    let bodies = sqlx::query(
        "UPDATE copies
         SET body = NULL
         WHERE rowid IN (
             SELECT rowid
             FROM copies
             WHERE body IS NOT NULL AND seen_at < ?1
             ORDER BY seen_at
             LIMIT ?2
         )",
    )
    .bind(encode::time(messages))
    .bind(PRUNE_LIMIT)
    .execute(&mut *conn)
    .await?;
    let seeds = sqlx::query(
        "DELETE FROM seeds
         WHERE rowid IN (
             SELECT rowid
             FROM seeds
             WHERE stage = 'settled' AND planned_at < ?1
             ORDER BY planned_at
             LIMIT ?2
         )",
    )
    .bind(encode::time(results))
    .bind(PRUNE_LIMIT)
    .execute(conn)
    .await?;
    let full = u64::from(PRUNE_LIMIT);
    Ok(bodies.rows_affected() >= full || seeds.rows_affected() >= full)
}

/// Whether the statement changed a row.
fn any(done: &SqliteQueryResult) -> bool {
    done.rows_affected() > 0
}
