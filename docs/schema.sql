-- The schema of Landfall's SQLite database, with what it means. A test compares it with what the migrations make.
--
-- Times (`..._at`) are milliseconds since 1970-01-01T00:00:00Z, durations (`..._ms`) are milliseconds. To read a time:
-- SELECT datetime(settled_at / 1000, 'unixepoch'), outcome FROM seeds WHERE stage = 'settled' ORDER BY settled_at DESC LIMIT 20
-- Deleting a seed deletes all that is known of it (with PRAGMA foreign_keys = ON). The table _sqlx_migrations holds the schema's version.

-- One row for each seed, from the moment it is planned (before its first byte leaves) until its result is pruned.
CREATE TABLE seeds (
    -- First half of a SHA-256 over lane and slot, in hexadecimal: the same slot is never planned twice.
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 32 AND id NOT GLOB '*[^0-9a-f]*'),
    -- The random token in the message by which its copy is recognised, in hexadecimal.
    token TEXT NOT NULL UNIQUE CHECK (length(token) = 32 AND token NOT GLOB '*[^0-9a-f]*'),
    -- The lane, by the names in the configuration.
    probe TEXT NOT NULL,
    route TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    -- The profile of the mailbox's receiver.
    provider TEXT NOT NULL,
    -- The outcomes that the probe accepts as good: a JSON array of the words of `outcome`.
    expect TEXT NOT NULL CHECK (json_valid(expect)),
    -- When its slot came due.
    planned_at INTEGER NOT NULL,
    -- How long after the handoff it is missing.
    deadline_ms INTEGER NOT NULL CHECK (deadline_ms >= 0),
    -- How long after the deadline an unreadable mailbox is waited for.
    patience_ms INTEGER NOT NULL CHECK (patience_ms >= 0),
    -- sending: stored, and being handed to its route. deferred: to be tried again at stage_at.
    -- awaited: handed off at stage_at, looked for in its mailbox. settled: it has ended.
    stage TEXT NOT NULL CHECK (stage IN ('sending', 'deferred', 'awaited', 'settled')),
    -- What `stage` says it is; NULL while sending and when settled.
    stage_at INTEGER,
    -- How often it was handed to its route.
    attempts INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND 4294967295),
    -- How it ended; NULL before.
    outcome TEXT CHECK (outcome IN (
        'inbox', 'category', 'spam', 'other', 'missing', 'bounced', 'refused', 'unsent', 'unobserved'
    )),
    -- When that was said; NULL before.
    settled_at INTEGER,
    CHECK ((stage IN ('deferred', 'awaited')) = (stage_at IS NOT NULL)),
    CHECK ((stage = 'settled') = (outcome IS NOT NULL)),
    CHECK ((stage = 'settled') = (settled_at IS NOT NULL))
) STRICT;

-- Start-up: what is still under way.
CREATE INDEX seeds_unsettled ON seeds (planned_at) WHERE stage <> 'settled';

-- Pruning of results, oldest first.
CREATE INDEX seeds_settled ON seeds (planned_at) WHERE stage = 'settled';

-- The view newest, and reports on one lane.
CREATE INDEX seeds_lane ON seeds (probe, route, mailbox, settled_at) WHERE stage = 'settled';

-- The last attempt to hand a seed to its route.
CREATE TABLE attempts (
    seed TEXT NOT NULL PRIMARY KEY REFERENCES seeds (id) ON DELETE CASCADE,
    -- From the first step (name resolution) to the last reply.
    began_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    -- accepted: the route took responsibility. refused: 5xx. deferred: 4xx. unreachable: the message never left.
    -- ambiguous: the connection was lost after the message and before its reply.
    result TEXT NOT NULL CHECK (result IN ('accepted', 'refused', 'deferred', 'unreachable', 'ambiguous')),
    -- The phase that decided it.
    phase TEXT NOT NULL CHECK (phase IN ('connect', 'tls', 'auth', 'envelope', 'data')),
    -- The command that was refused or deferred; NULL for other results.
    command TEXT CHECK (command IN ('greeting', 'EHLO', 'STARTTLS', 'AUTH', 'MAIL', 'RCPT', 'DATA', 'message')),
    -- The server's reply: code, enhanced code (RFC 3463) and text. NULL where there was none.
    code INTEGER CHECK (code BETWEEN 0 AND 65535),
    enhanced TEXT,
    text TEXT,
    -- The relay's queue id, where its reply told one.
    queue_id TEXT,
    -- Why it was unreachable; NULL for other results.
    cause TEXT CHECK (cause IN ('dns', 'tcp', 'tls', 'auth', 'protocol', 'timeout', 'local')),
    -- In words, how it was unreachable or ambiguous; NULL for other results.
    detail TEXT,
    -- How long each phase took; NULL where it was not reached.
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

-- The copies of a seed that were seen in mailboxes.
CREATE TABLE copies (
    seed TEXT NOT NULL REFERENCES seeds (id) ON DELETE CASCADE,
    -- SHA-256 of the header section, in hexadecimal: the same copy in another folder has the same.
    digest TEXT NOT NULL CHECK (length(digest) = 64 AND digest NOT GLOB '*[^0-9a-f]*'),
    -- first: settles the seed. late: seen after it had ended without one. duplicate: one more.
    role TEXT NOT NULL CHECK (role IN ('first', 'late', 'duplicate')),
    -- Where it was seen: mailbox, folder by its name for people, what that folder is, UIDVALIDITY and UID (RFC 3501).
    mailbox TEXT NOT NULL,
    folder TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('inbox', 'category', 'spam', 'other', 'view', 'own')),
    uid_validity INTEGER NOT NULL CHECK (uid_validity BETWEEN 0 AND 4294967295),
    uid INTEGER NOT NULL CHECK (uid BETWEEN 0 AND 4294967295),
    -- When the receiver says it arrived (INTERNALDATE, whole seconds of its clock); NULL where it does not say.
    arrived_at INTEGER,
    -- When Landfall saw it.
    seen_at INTEGER NOT NULL,
    -- The header section as received, up to 64 KiB, and the rest of the message. The rest is NULL once it was pruned.
    headers BLOB NOT NULL CHECK (length(headers) <= 65536),
    body BLOB,
    -- 1 where the message was larger than Landfall fetches.
    truncated INTEGER NOT NULL CHECK (truncated IN (0, 1)),
    -- 1 when it was deleted from its mailbox.
    deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
    PRIMARY KEY (seed, digest)
) STRICT;

-- What is due to be deleted from a mailbox.
CREATE INDEX copies_kept ON copies (mailbox, seen_at) WHERE deleted = 0;

-- Pruning of messages, oldest first.
CREATE INDEX copies_messages ON copies (seen_at) WHERE body IS NOT NULL;

-- What was learned of a seed that has ended. How it ended stands in seeds.
CREATE TABLE results (
    seed TEXT NOT NULL PRIMARY KEY REFERENCES seeds (id) ON DELETE CASCADE,
    -- The folder it was seen in, by its name for people; NULL where there was no copy.
    folder TEXT,
    -- From the end of the handoff to the arrival; NULL where there was no copy.
    delivery_ms INTEGER CHECK (delivery_ms >= 0),
    -- 1 where it arrived after its deadline.
    late INTEGER NOT NULL CHECK (late IN (0, 1)),
    -- What the receiver wrote on the copy (authentication, spam filter), a JSON object.
    reading TEXT NOT NULL CHECK (json_valid(reading)),
    -- What its sender was told of it (a delivery status notification), a JSON object; NULL where it was told nothing.
    bounce TEXT CHECK (json_valid(bounce)),
    -- What is wrong, worst first, a JSON array.
    findings TEXT NOT NULL CHECK (json_valid(findings))
) STRICT;

-- How far each folder was read.
CREATE TABLE cursors (
    -- The folder by its name on the wire (modified UTF-7).
    mailbox TEXT NOT NULL,
    folder TEXT NOT NULL,
    uid_validity INTEGER NOT NULL CHECK (uid_validity BETWEEN 0 AND 4294967295),
    -- The lowest UID that has not been looked at, valid while the folder keeps uid_validity.
    uid_next INTEGER NOT NULL CHECK (uid_next BETWEEN 0 AND 4294967295),
    PRIMARY KEY (mailbox, folder)
) STRICT, WITHOUT ROWID;

-- The seed that ended last in each lane. Begins at the highest lane and goes down: each step finds the next lower mailbox of the same
-- route, else the next lower route of the same probe, else the next lower probe, and reads one entry of seeds_lane for it, whatever the
-- number of seeds. (One comparison of all three columns would use only the first of them in the index, and scan.)
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
