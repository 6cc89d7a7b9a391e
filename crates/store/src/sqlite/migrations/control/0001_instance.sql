-- The random name of this data directory, made once.
CREATE TABLE instance (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL
) STRICT;
INSERT INTO instance (id, name) VALUES (1, lower(hex(randomblob(16))));
