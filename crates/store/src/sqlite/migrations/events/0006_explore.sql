-- How far retention has deleted each stream: the highest position that is gone.
CREATE TABLE retention (
    stream  TEXT    PRIMARY KEY,
    horizon INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- For deleting dead letters by age.
CREATE INDEX dead_letters_age ON dead_letters (stream, dead_at_us);
