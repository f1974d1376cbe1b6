//! Rows into values. Each table is read by its own query, in one transaction, so that a wrong cell can be named.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::model::{
    Attempt, Cursor, Expectation, FolderKind, Handoff, HandoffResult, Lane, MailboxName, Outcome, Pending, Phase,
    Reply, Seed, SeedId, Settled, Sighting, Stage, Timings, Token,
};
use crate::store::sqlite::cells::Cells;
use crate::store::sqlite::encode;
use crate::store::{Found, Kept, StoreError};

/// See [`crate::store::Store::unsettled`].
pub(super) async fn unsettled(conn: &mut SqliteConnection) -> Result<Vec<Pending>, StoreError> {
    let seeds = sqlx::query(
        "SELECT *
         FROM seeds
         WHERE stage <> 'settled'
         ORDER BY planned_at, id",
    )
    .fetch_all(&mut *conn)
    .await?;
    let attempts = sqlx::query(
        "SELECT attempts.*
         FROM seeds
         JOIN attempts ON attempts.seed = seeds.id
         WHERE seeds.stage <> 'settled'",
    )
    .fetch_all(&mut *conn)
    .await?;
    let copies = sqlx::query(
        "SELECT copies.*
         FROM seeds
         JOIN copies ON copies.seed = seeds.id
         WHERE seeds.stage <> 'settled' AND copies.role = 'first'
         ORDER BY copies.rowid DESC",
    )
    .fetch_all(conn)
    .await?;
    let mut attempts = by_seed(&attempts, "attempts", attempt)?;
    let mut copies = by_seed(&copies, "copies", sighting)?;
    seeds
        .iter()
        .map(|row| {
            let cells = Cells::of(row, "seeds", "id")?;
            Ok(Pending {
                seed: Arc::new(seed(&cells)?),
                stage: stage(&cells)?,
                attempts: cells.number("attempts")?,
                attempt: attempts.remove(cells.key()),
                sighting: copies.remove(cells.key()).map(Arc::new),
            })
        })
        .collect()
}

/// See [`crate::store::Store::last_settled`].
pub(super) async fn last_settled(conn: &mut SqliteConnection) -> Result<Vec<Settled>, StoreError> {
    let seeds = sqlx::query(
        "SELECT seeds.*
         FROM newest
         JOIN seeds ON seeds.id = newest.seed
         ORDER BY seeds.probe, seeds.route, seeds.mailbox",
    )
    .fetch_all(&mut *conn)
    .await?;
    let attempts = sqlx::query(
        "SELECT attempts.*
         FROM newest
         JOIN attempts ON attempts.seed = newest.seed",
    )
    .fetch_all(&mut *conn)
    .await?;
    let results = sqlx::query(
        "SELECT results.*
         FROM newest
         JOIN results ON results.seed = newest.seed",
    )
    .fetch_all(conn)
    .await?;
    let mut attempts = by_seed(&attempts, "attempts", attempt)?;
    let results: BTreeMap<String, &SqliteRow> = results
        .iter()
        .map(|row| Ok((Cells::of(row, "results", "seed")?.key().to_owned(), row)))
        .collect::<Result<_, StoreError>>()?;
    seeds
        .iter()
        .map(|row| {
            let cells = Cells::of(row, "seeds", "id")?;
            let result = results.get(cells.key()).ok_or_else(|| cells.wrong("stage", "settled without a result"))?;
            settled(&cells, &Cells::of(result, "results", "seed")?, attempts.remove(cells.key()))
        })
        .collect()
}

/// See [`crate::store::Store::find`].
pub(super) async fn find(conn: &mut SqliteConnection, token: Token) -> Result<Option<Found>, StoreError> {
    let row = sqlx::query(
        "SELECT seeds.*, coalesce(results.bounce IS NOT NULL, 0) AS bounced
         FROM seeds
         LEFT JOIN results ON results.seed = seeds.id
         WHERE seeds.token = ?1",
    )
    .bind(token.to_string())
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let cells = Cells::of(&row, "seeds", "id")?;
    let digests = sqlx::query(
        "SELECT seed, digest
         FROM copies
         WHERE seed = ?1
         ORDER BY rowid",
    )
    .bind(cells.key())
    .fetch_all(conn)
    .await?;
    Ok(Some(Found {
        id: cells.parse("id", SeedId::parse)?,
        lane: lane(&cells)?,
        outcome: cells.maybe::<&str>("outcome")?.map(|_| cells.parse("outcome", Outcome::parse)).transpose()?,
        bounced: cells.get("bounced")?,
        digests: digests
            .iter()
            .map(|row| Cells::of(row, "copies", "seed")?.digest("digest"))
            .collect::<Result<_, _>>()?,
    }))
}

/// See [`crate::store::Store::cursors`].
pub(super) async fn cursors(conn: &mut SqliteConnection, mailbox: &MailboxName) -> Result<Vec<Cursor>, StoreError> {
    let rows = sqlx::query(
        "SELECT mailbox, folder, uid_validity, uid_next
         FROM cursors
         WHERE mailbox = ?1
         ORDER BY folder",
    )
    .bind(mailbox.as_str())
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let cells = Cells::of(row, "cursors", "folder")?;
            Ok(Cursor {
                mailbox: mailbox.clone(),
                folder: cells.key().to_owned(),
                uid_validity: cells.number("uid_validity")?,
                uid_next: cells.number("uid_next")?,
            })
        })
        .collect()
}

/// See [`crate::store::Store::kept`].
pub(super) async fn kept(
    conn: &mut SqliteConnection,
    mailbox: &MailboxName,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Kept>, StoreError> {
    let rows = sqlx::query(
        "SELECT copies.seed, seeds.token, copies.digest, copies.folder, copies.uid_validity, copies.uid
         FROM copies
         JOIN seeds ON seeds.id = copies.seed
         WHERE copies.deleted = 0 AND copies.mailbox = ?1 AND copies.seen_at < ?2 AND seeds.stage = 'settled'
         ORDER BY copies.seen_at
         LIMIT ?3",
    )
    .bind(mailbox.as_str())
    .bind(encode::time(before))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let cells = Cells::of(row, "copies", "seed")?;
            Ok(Kept {
                id: cells.parse("seed", SeedId::parse)?,
                token: Cells::of(row, "seeds", "seed")?.parse("token", Token::parse)?,
                digest: cells.digest("digest")?,
                folder: cells.get("folder")?,
                uid_validity: cells.number("uid_validity")?,
                uid: cells.number("uid")?,
            })
        })
        .collect()
}

/// What `read` makes of each row, by the row's seed. Of several rows of a seed the last counts.
fn by_seed<T>(
    rows: &[SqliteRow],
    table: &'static str,
    read: impl Fn(&Cells<'_>) -> Result<T, StoreError>,
) -> Result<BTreeMap<String, T>, StoreError> {
    rows.iter()
        .map(|row| {
            let cells = Cells::of(row, table, "seed")?;
            Ok((cells.key().to_owned(), read(&cells)?))
        })
        .collect()
}

fn lane(seeds: &Cells<'_>) -> Result<Lane, StoreError> {
    Ok(Lane {
        probe: seeds.get::<&str>("probe")?.into(),
        route: seeds.get::<&str>("route")?.into(),
        mailbox: seeds.get::<&str>("mailbox")?.into(),
    })
}

fn seed(seeds: &Cells<'_>) -> Result<Seed, StoreError> {
    let expect: Vec<String> = seeds.json("expect")?;
    let expect: Option<Vec<Outcome>> = expect.iter().map(|word| Outcome::parse(word)).collect();
    Ok(Seed {
        id: seeds.parse("id", SeedId::parse)?,
        token: seeds.parse("token", Token::parse)?,
        lane: lane(seeds)?,
        provider: seeds.get::<&str>("provider")?.into(),
        expect: Expectation::of(expect.ok_or_else(|| seeds.wrong("expect", "unknown outcome"))?),
        planned_at: seeds.time("planned_at")?,
        deadline: seeds.span("deadline_ms")?,
        patience: seeds.span("patience_ms")?,
    })
}

fn stage(seeds: &Cells<'_>) -> Result<Stage, StoreError> {
    match seeds.get("stage")? {
        "sending" => Ok(Stage::Sending),
        "deferred" => Ok(Stage::Deferred { retry_at: seeds.time("stage_at")? }),
        "awaited" => Ok(Stage::Awaited { since: seeds.time("stage_at")? }),
        other => Err(seeds.wrong("stage", format_args!("unknown value {other:?}"))),
    }
}

fn attempt(attempts: &Cells<'_>) -> Result<Attempt, StoreError> {
    let mut timings = Timings::default();
    for (phase, column) in Phase::ALL.into_iter().zip(["connect_ms", "tls_ms", "auth_ms", "envelope_ms", "data_ms"]) {
        if let Some(spent) = attempts.maybe_span(column)? {
            timings.add(phase, spent);
        }
    }
    Ok(Attempt {
        began_at: attempts.time("began_at")?,
        ended_at: attempts.time("ended_at")?,
        handoff: handoff(attempts)?,
        timings,
    })
}

fn handoff(attempts: &Cells<'_>) -> Result<Handoff, StoreError> {
    let result =
        attempts.parse("result", |text| HandoffResult::ALL.into_iter().find(|result| result.as_str() == text))?;
    Ok(match result {
        HandoffResult::Accepted => Handoff::Accepted { reply: reply(attempts)?, queue_id: attempts.maybe("queue_id")? },
        HandoffResult::Refused => Handoff::Refused { command: attempts.word("command")?, reply: reply(attempts)? },
        HandoffResult::Deferred => Handoff::Deferred { command: attempts.word("command")?, reply: reply(attempts)? },
        HandoffResult::Unreachable => Handoff::Unreachable {
            cause: attempts.word("cause")?,
            phase: attempts.word("phase")?,
            detail: attempts.get("detail")?,
            reply: attempts.maybe::<i64>("code")?.map(|_| reply(attempts)).transpose()?,
        },
        HandoffResult::Ambiguous => Handoff::Ambiguous { detail: attempts.get("detail")? },
    })
}

fn reply(attempts: &Cells<'_>) -> Result<Reply, StoreError> {
    Ok(Reply { code: attempts.number("code")?, enhanced: attempts.maybe("enhanced")?, text: attempts.get("text")? })
}

fn sighting(copies: &Cells<'_>) -> Result<Sighting, StoreError> {
    let headers: &[u8] = copies.get("headers")?;
    let body: Option<&[u8]> = copies.maybe("body")?;
    Ok(Sighting {
        mailbox: copies.get::<&str>("mailbox")?.into(),
        folder: copies.get("folder")?,
        kind: copies.parse("kind", FolderKind::parse)?,
        uid_validity: copies.number("uid_validity")?,
        uid: copies.number("uid")?,
        arrived_at: copies.maybe_time("arrived_at")?,
        seen_at: copies.time("seen_at")?,
        message: [headers, body.unwrap_or_default()].concat().into(),
        truncated: body.is_none() || copies.get("truncated")?,
        tab: None,
    })
}

fn settled(seeds: &Cells<'_>, results: &Cells<'_>, attempt: Option<Attempt>) -> Result<Settled, StoreError> {
    Ok(Settled {
        seed: Arc::new(seed(seeds)?),
        outcome: seeds.parse("outcome", Outcome::parse)?,
        settled_at: seeds.time("settled_at")?,
        attempt,
        folder: results.maybe("folder")?,
        delivery: results.maybe_span("delivery_ms")?,
        late: results.get("late")?,
        reading: results.json("reading")?,
        bounce: results.maybe::<&str>("bounce")?.map(|_| results.json("bounce")).transpose()?,
        findings: results.json("findings")?,
    })
}
