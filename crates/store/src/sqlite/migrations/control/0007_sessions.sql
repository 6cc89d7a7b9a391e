-- Who has signed in to the console. Small, and read as a whole.
CREATE TABLE sign_ins (
    hash          BLOB    PRIMARY KEY,      -- SHA-256 of the secret in the cookie, which is kept nowhere
    token_id      TEXT,                     -- NULL: came with a code of the machine itself
    actor         TEXT    NOT NULL,
    created_at_us INTEGER NOT NULL,         -- microseconds since 1970
    expires_at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
