CREATE TABLE seeds (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 32 AND id NOT GLOB '*[^0-9a-f]*'),
    token TEXT NOT NULL UNIQUE CHECK (length(token) = 32 AND token NOT GLOB '*[^0-9a-f]*'),
    probe TEXT NOT NULL,
    route TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    provider TEXT NOT NULL,
    expect TEXT NOT NULL CHECK (json_valid(expect)),
    planned_at INTEGER NOT NULL,
    deadline_ms INTEGER NOT NULL CHECK (deadline_ms >= 0),
    patience_ms INTEGER NOT NULL CHECK (patience_ms >= 0),
    stage TEXT NOT NULL CHECK (stage IN ('sending', 'deferred', 'awaited', 'settled')),
    stage_at INTEGER,
    attempts INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND 4294967295),
    outcome TEXT CHECK (outcome IN (
        'inbox', 'category', 'spam', 'other', 'missing', 'bounced', 'refused', 'unsent', 'unobserved'
    )),
    settled_at INTEGER,
    CHECK ((stage IN ('deferred', 'awaited')) = (stage_at IS NOT NULL)),
    CHECK ((stage = 'settled') = (outcome IS NOT NULL)),
    CHECK ((stage = 'settled') = (settled_at IS NOT NULL))
) STRICT;

CREATE INDEX seeds_unsettled ON seeds (planned_at) WHERE stage <> 'settled';

CREATE INDEX seeds_settled ON seeds (planned_at) WHERE stage = 'settled';

CREATE INDEX seeds_lane ON seeds (probe, route, mailbox, settled_at) WHERE stage = 'settled';

CREATE TABLE attempts (
    seed TEXT NOT NULL PRIMARY KEY REFERENCES seeds (id) ON DELETE CASCADE,
    began_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    result TEXT NOT NULL CHECK (result IN ('accepted', 'refused', 'deferred', 'unreachable', 'ambiguous')),
    phase TEXT NOT NULL CHECK (phase IN ('connect', 'tls', 'auth', 'envelope', 'data')),
    command TEXT CHECK (command IN ('greeting', 'EHLO', 'STARTTLS', 'AUTH', 'MAIL', 'RCPT', 'DATA', 'message')),
    code INTEGER CHECK (code BETWEEN 0 AND 65535),
    enhanced TEXT,
    text TEXT,
    queue_id TEXT,
    cause TEXT CHECK (cause IN ('dns', 'tcp', 'tls', 'auth', 'protocol', 'timeout', 'local')),
    detail TEXT,
    connect_ms INTEGER CHECK (connect_ms >= 0),
    tls_ms INTEGER CHECK (tls_ms >= 0),
    auth_ms INTEGER CHECK (auth_ms >= 0),
    envelope_ms INTEGER CHECK (envelope_ms >= 0),
    data_ms INTEGER CHECK (data_ms >= 0),
    CHECK ((code IS NULL) = (text IS NULL)),
    CHECK ((result IN ('refused', 'deferred')) = (command IS NOT NULL)),
    CHECK (result NOT IN ('accepted', 'refused', 'deferred') OR code IS NOT NULL),
    CHECK ((result = 'unreachable') = (cause IS NOT NULL)),
    CHECK ((result IN ('unreachable', 'ambiguous')) = (detail IS NOT NULL))
) STRICT;

CREATE TABLE copies (
    seed TEXT NOT NULL REFERENCES seeds (id) ON DELETE CASCADE,
    digest TEXT NOT NULL CHECK (length(digest) = 64 AND digest NOT GLOB '*[^0-9a-f]*'),
    role TEXT NOT NULL CHECK (role IN ('first', 'late', 'duplicate')),
    mailbox TEXT NOT NULL,
    folder TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('inbox', 'category', 'spam', 'other', 'view', 'own')),
    uid_validity INTEGER NOT NULL CHECK (uid_validity BETWEEN 0 AND 4294967295),
    uid INTEGER NOT NULL CHECK (uid BETWEEN 0 AND 4294967295),
    arrived_at INTEGER,
    seen_at INTEGER NOT NULL,
    headers BLOB NOT NULL CHECK (length(headers) <= 65536),
    body BLOB,
    truncated INTEGER NOT NULL CHECK (truncated IN (0, 1)),
    deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
    PRIMARY KEY (seed, digest)
) STRICT;

CREATE INDEX copies_kept ON copies (mailbox, seen_at) WHERE deleted = 0;

CREATE INDEX copies_messages ON copies (seen_at) WHERE body IS NOT NULL;

CREATE TABLE results (
    seed TEXT NOT NULL PRIMARY KEY REFERENCES seeds (id) ON DELETE CASCADE,
    folder TEXT,
    delivery_ms INTEGER CHECK (delivery_ms >= 0),
    late INTEGER NOT NULL CHECK (late IN (0, 1)),
    reading TEXT NOT NULL CHECK (json_valid(reading)),
    bounce TEXT CHECK (json_valid(bounce)),
    findings TEXT NOT NULL CHECK (json_valid(findings))
) STRICT;

CREATE TABLE cursors (
    mailbox TEXT NOT NULL,
    folder TEXT NOT NULL,
    uid_validity INTEGER NOT NULL CHECK (uid_validity BETWEEN 0 AND 4294967295),
    uid_next INTEGER NOT NULL CHECK (uid_next BETWEEN 0 AND 4294967295),
    PRIMARY KEY (mailbox, folder)
) STRICT, WITHOUT ROWID;

CREATE VIEW newest (seed, probe, route, mailbox) AS
WITH RECURSIVE lane (seed, probe, route, mailbox) AS (
    SELECT seed, probe, route, mailbox
    FROM (
        SELECT id AS seed, probe, route, mailbox
        FROM seeds
        WHERE stage = 'settled'
        ORDER BY probe DESC, route DESC, mailbox DESC, settled_at DESC
        LIMIT 1
    )
    UNION ALL
    SELECT seeds.id, seeds.probe, seeds.route, seeds.mailbox
    FROM lane
    JOIN seeds ON seeds.rowid = coalesce(
        (
            SELECT lower.rowid
            FROM seeds AS lower
            WHERE lower.stage = 'settled'
                AND lower.probe = lane.probe
                AND lower.route = lane.route
                AND lower.mailbox < lane.mailbox
            ORDER BY lower.mailbox DESC, lower.settled_at DESC
            LIMIT 1
        ),
        (
            SELECT lower.rowid
            FROM seeds AS lower
            WHERE lower.stage = 'settled'
                AND lower.probe = lane.probe
                AND lower.route < lane.route
            ORDER BY lower.route DESC, lower.mailbox DESC, lower.settled_at DESC
            LIMIT 1
        ),
        (
            SELECT lower.rowid
            FROM seeds AS lower
            WHERE lower.stage = 'settled'
                AND lower.probe < lane.probe
            ORDER BY lower.probe DESC, lower.route DESC, lower.mailbox DESC, lower.settled_at DESC
            LIMIT 1
        )
    )
)
SELECT seed, probe, route, mailbox
FROM lane;
