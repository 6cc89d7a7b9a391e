-- Who did what, and when. Only ever added to.
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY,
    at_us  INTEGER NOT NULL,                -- microseconds since 1970
    actor  TEXT    NOT NULL,
    act    TEXT    NOT NULL,                -- noun.verb
    object TEXT    NOT NULL,
    detail TEXT    NOT NULL                 -- a JSON object
) STRICT;
