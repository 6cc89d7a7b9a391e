-- Names of ours in this file begin with eyas_: all others are the user's.

-- The one row that says who applies the log of the batches, and how far it came.
CREATE TABLE eyas_lease (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    log_id   TEXT,                          -- 8 hex digits; NULL until the first claim
    applied  INTEGER NOT NULL,
    holder   TEXT,
    until_us INTEGER
) STRICT;
INSERT INTO eyas_lease (id, applied) VALUES (1, 0);

-- Batches that came to an end.
CREATE TABLE eyas_batches (
    id              TEXT    PRIMARY KEY,    -- UUIDv7: newer ones are greater
    table_name      TEXT    NOT NULL,
    mode            TEXT    NOT NULL,       -- 'append' or 'replace'
    application     TEXT,
    sent_by         TEXT    NOT NULL,
    label           TEXT,
    idempotency_key TEXT,
    state           TEXT    NOT NULL,       -- 'committed', 'rejected' or 'cancelled'
    n_rows          INTEGER NOT NULL,
    n_bytes         INTEGER NOT NULL,
    hash            BLOB    NOT NULL,       -- 16 bytes, big-endian
    created_at_us   INTEGER NOT NULL,       -- microseconds since 1970, as all times here
    received_at_us  INTEGER,
    started_at_us   INTEGER,
    ended_at_us     INTEGER,
    n_errors        INTEGER NOT NULL,
    detail          TEXT,
    same_as         TEXT  -- the batch that had the same key and rows before
) STRICT, WITHOUT ROWID;
CREATE INDEX eyas_batches_key ON eyas_batches (idempotency_key, table_name) WHERE idempotency_key IS NOT NULL;
CREATE INDEX eyas_batches_table ON eyas_batches (table_name, id);

-- What is wrong with the rows of those that were rejected.
CREATE TABLE eyas_batch_errors (
    batch_id TEXT    NOT NULL,
    nth      INTEGER NOT NULL,              -- from 1, in the order of the rows
    row      INTEGER NOT NULL,              -- from 1; 0: no row of its own
    line     INTEGER NOT NULL,
    pointer  TEXT    NOT NULL,
    rule     TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    PRIMARY KEY (batch_id, nth)
) STRICT, WITHOUT ROWID;

-- The files of the user's migrations that ran, in that order.
CREATE TABLE eyas_user_migrations (
    nth      INTEGER PRIMARY KEY,
    folder   TEXT NOT NULL,
    name     TEXT NOT NULL,
    checksum TEXT NOT NULL,
    UNIQUE (folder, name)
) STRICT;
