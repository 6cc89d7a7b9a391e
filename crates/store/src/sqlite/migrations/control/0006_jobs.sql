-- Long work over many events: how far it came, so that it goes on after any crash.
CREATE TABLE jobs (
    id            TEXT    PRIMARY KEY,
    kind          TEXT    NOT NULL,         -- 'replay', 'revalidate'
    spec          TEXT    NOT NULL,         -- a JSON object: what is to be done
    state         TEXT    NOT NULL,         -- 'running', 'paused', 'done', 'stopped', 'cancelled', 'failed'
    created_at_us INTEGER NOT NULL,         -- microseconds since 1970
    created_by    TEXT    NOT NULL,
    ended_at_us   INTEGER,
    total         INTEGER NOT NULL,
    position      INTEGER NOT NULL,         -- everything up to this seq is done
    ok            INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    skipped       INTEGER NOT NULL,
    rate          INTEGER NOT NULL,         -- events a second, at most
    stop_after    INTEGER NOT NULL,         -- failures
    detail        TEXT
) STRICT;

-- One unfinished job of a kind.
CREATE UNIQUE INDEX jobs_unfinished ON jobs (kind) WHERE state IN ('running', 'paused');
