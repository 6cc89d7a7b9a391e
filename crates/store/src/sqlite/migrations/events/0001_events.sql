-- One row per event, in the order of the log.
CREATE TABLE events (
    seq            INTEGER PRIMARY KEY,     -- position in the log; pages and resume use it
    id             TEXT    NOT NULL,        -- unique per (application, stream)
    stream         TEXT    NOT NULL,
    application    TEXT,
    session_id     TEXT,
    category       TEXT,
    name           TEXT,
    data           TEXT    NOT NULL,        -- one JSON value, byte for byte as sent: data ->> '$.x'
    timestamp_us   INTEGER,                 -- when it happened, microseconds since 1970
    received_at_us INTEGER NOT NULL,        -- when it came in, microseconds since 1970
    valid          INTEGER NOT NULL,        -- 1 or 0
    errors         TEXT    NOT NULL,        -- JSON array, '[]' when valid
    content_hash   BLOB    NOT NULL,        -- 16 bytes, big-endian
    id_from_client INTEGER NOT NULL         -- 1 or 0
) STRICT;

-- Every index of SQLite ends with the row's seq by itself, so none names it.

-- NULLs never collide in a unique index, but two ids without an application must: the key takes ''
-- for "no application", which no application can be called. The column itself stays NULL.
CREATE UNIQUE INDEX events_id ON events (id, stream, coalesce(application, ''));
CREATE INDEX events_stream ON events (stream);
CREATE INDEX events_name ON events (category, name) WHERE category IS NOT NULL;
CREATE INDEX events_session ON events (session_id, coalesce(timestamp_us, received_at_us))
    WHERE session_id IS NOT NULL;
CREATE INDEX events_invalid ON events (valid) WHERE valid = 0;

-- The same rows with their times for people: RFC 3339 in UTC, six digits. A view, because generated
-- columns cost every insert a fifth of its time. The remainder is taken twice: SQLite's % keeps the
-- sign, and times before 1970 are negative.
CREATE VIEW readable_events AS
SELECT seq, id, stream, application, session_id, category, name, data,
    strftime('%Y-%m-%dT%H:%M:%S', (timestamp_us - (timestamp_us % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (timestamp_us % 1000000 + 1000000) % 1000000) AS timestamp,
    strftime('%Y-%m-%dT%H:%M:%S', (received_at_us - (received_at_us % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (received_at_us % 1000000 + 1000000) % 1000000) AS received_at,
    valid, errors
FROM events;

-- Accepted events that the database cannot hold as rows.
CREATE TABLE dead_letters (
    seq         INTEGER PRIMARY KEY,
    reason      TEXT    NOT NULL,           -- 'id_conflict'
    detail      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    stream      TEXT    NOT NULL,
    application TEXT,
    session_id  TEXT,
    category    TEXT,
    name        TEXT,
    record      BLOB    NOT NULL,           -- the event's whole record, as in the log
    dead_at_us  INTEGER NOT NULL            -- microseconds since 1970
) STRICT;

-- The one row that says who applies the log, and how far it came.
CREATE TABLE lease (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    log_id   TEXT,                          -- 8 hex digits, as in cursors; NULL until the first claim
    applied  INTEGER NOT NULL,
    holder   TEXT,
    until_us INTEGER
) STRICT;
INSERT INTO lease (id, applied) VALUES (1, 0);
