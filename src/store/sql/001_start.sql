-- Schema 1. Keys are uuid_key(id): 48 bits of milliseconds and a counter, so they ascend and need
-- no index of their own; the whole id is kept beside them. Times are UTC milliseconds, 0 = never.
-- What is named in the code (roles, states) is stored by its name.

CREATE TABLE user (
    key           INTEGER PRIMARY KEY,
    id            BLOB NOT NULL,
    name          TEXT NOT NULL COLLATE NOCASE UNIQUE,
    role          TEXT NOT NULL,
    disabled      INTEGER NOT NULL,
    password_hash TEXT NOT NULL,
    language      TEXT NOT NULL,
    created_ms    INTEGER NOT NULL,
    last_login_ms INTEGER NOT NULL
) STRICT;

-- The core finds sessions in memory; pages list those of one person, and there are few.
CREATE TABLE session (
    key        INTEGER PRIMARY KEY,
    id         BLOB NOT NULL,
    hash       BLOB NOT NULL,
    user_key   INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    seen_ms    INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    address    TEXT NOT NULL,
    agent      TEXT NOT NULL
) STRICT;

CREATE TABLE space (
    key                 INTEGER PRIMARY KEY,
    id                  BLOB NOT NULL,
    name                TEXT NOT NULL,
    description         TEXT NOT NULL,
    cover               TEXT NOT NULL,
    cover_type          TEXT NOT NULL,
    inputs              INTEGER NOT NULL, -- bits: 1 prompt, 2 audio, 4 video, 8 file
    max_apps            INTEGER NOT NULL,
    rate_limit_s        INTEGER NOT NULL,
    queue_offline       INTEGER NOT NULL,
    legacy_registration INTEGER NOT NULL,
    created_ms          INTEGER NOT NULL,
    removed_ms          INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX space_name ON space (name) WHERE removed_ms = 0;

CREATE TABLE token (
    key        INTEGER PRIMARY KEY,
    id         BLOB NOT NULL,
    space_key  INTEGER NOT NULL,
    note       TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER NOT NULL,
    used_ms    INTEGER NOT NULL
) STRICT;

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What is small and changes. The large parts have tables of their own: a change of state would
-- write them anew, and lists would read past them.
CREATE TABLE request (
    key         INTEGER PRIMARY KEY,
    id          BLOB NOT NULL,
    space_key   INTEGER NOT NULL,
    user_key    INTEGER NOT NULL,
    username    TEXT NOT NULL,
    status      TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    lost        INTEGER NOT NULL,
    waived      INTEGER NOT NULL,
    turn        INTEGER NOT NULL,
    error_code  TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    started_ms  INTEGER NOT NULL,
    finished_ms INTEGER NOT NULL
) STRICT;
-- A person's requests, newest first (the row key is the index's last column).
CREATE INDEX request_user ON request (user_key);
-- The unfinished ones in the order of their keys, which the start reads: as small as they are few.
CREATE INDEX request_open ON request (key) WHERE status IN ('queued', 'processing');

-- Written once. prompt is the beginning of the payload's prompt, for lists.
CREATE TABLE payload (
    key    INTEGER PRIMARY KEY, -- of the request
    prompt TEXT NOT NULL,
    json   TEXT
) STRICT;

CREATE TABLE result (
    key           INTEGER PRIMARY KEY, -- of the request
    usage         TEXT,
    error_message TEXT,
    json          TEXT
) STRICT;

-- Streamed text in pieces. A piece replaces what reaches past its offset; what comes after a gap
-- does not count.
CREATE TABLE chunk (
    request_key INTEGER NOT NULL,
    offset      INTEGER NOT NULL, -- bytes of text before it
    text        BLOB NOT NULL,
    PRIMARY KEY (request_key, offset)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt (
    request_key INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    app         TEXT NOT NULL,
    started_ms  INTEGER NOT NULL,
    ended_ms    INTEGER NOT NULL,
    outcome     TEXT NOT NULL, -- '' while it runs
    PRIMARY KEY (request_key, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    key     INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    address TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL
) STRICT;
