-- What events have to look like, for each key (stream, category, name). '' stands for "any", which no label can be.
CREATE TABLE schemas (
    stream        TEXT    NOT NULL,
    category      TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    mode          TEXT    NOT NULL,         -- 'off', 'keep' or 'reject'
    active        INTEGER,                  -- the version in force; NULL where none is
    source        TEXT    NOT NULL,         -- 'config' or 'api'
    changed_at_us INTEGER NOT NULL,         -- microseconds since 1970
    changed_by    TEXT    NOT NULL,
    PRIMARY KEY (stream, category, name)
) STRICT, WITHOUT ROWID;

-- Every text that a key ever had, as it was given. Only ever added to.
CREATE TABLE schema_versions (
    stream        TEXT    NOT NULL,
    category      TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    version       INTEGER NOT NULL,         -- from 1 on, for each key
    text          TEXT    NOT NULL,         -- a JSON value
    digest        BLOB    NOT NULL,         -- 16 bytes: of the value, however it is written
    created_at_us INTEGER NOT NULL,
    created_by    TEXT    NOT NULL,
    PRIMARY KEY (stream, category, name, version)
) STRICT;

-- Rises with every change, so that whoever holds a copy knows which of two is newer.
CREATE TABLE schema_changes (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
) STRICT;
INSERT INTO schema_changes (id, number) VALUES (1, 0);
