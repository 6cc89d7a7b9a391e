-- Who may send and read. Both tables are small and read as a whole.
CREATE TABLE applications (
    name            TEXT    PRIMARY KEY,    -- what events.application says
    created_at_us   INTEGER NOT NULL,       -- microseconds since 1970
    allowed_origins TEXT    NOT NULL,       -- with one space between two
    events_per_s    INTEGER,                -- NULL, as burst is: no limit of its own
    burst           INTEGER,
    is_disabled     INTEGER NOT NULL        -- 1 or 0
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    number        INTEGER PRIMARY KEY,      -- in the order of their making
    id            TEXT    NOT NULL UNIQUE,
    application   TEXT    NOT NULL REFERENCES applications (name),
    hash          BLOB    NOT NULL UNIQUE,  -- SHA-256 of the token's text, which is kept nowhere
    prefix        TEXT    NOT NULL,
    label         TEXT    NOT NULL,
    kind          TEXT    NOT NULL,         -- 'server' or 'browser'
    scopes        TEXT    NOT NULL,         -- with one space between two
    created_at_us INTEGER NOT NULL,
    created_by    TEXT    NOT NULL,
    expires_at_us INTEGER,
    revoked_at_us INTEGER,
    last_used_us  INTEGER
) STRICT;

-- Rises with every act.
CREATE TABLE trust (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO trust (id, version) VALUES (1, 0);
