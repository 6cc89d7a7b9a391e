-- The one row that says who applies the log of the batches, and how far it came.
CREATE TABLE eyas.batches_lease (
    id       smallint PRIMARY KEY CHECK (id = 1),
    log_id   text,                           -- 8 hex digits; NULL until the first claim
    applied  bigint   NOT NULL,
    holder   text,
    until_us bigint                          -- microseconds since 1970, as all times here
);
INSERT INTO eyas.batches_lease (id, applied) VALUES (1, 0);

-- Batches that came to an end.
CREATE TABLE eyas.batches (
    id              text COLLATE "C" PRIMARY KEY, -- UUIDv7: newer ones are greater
    table_name      text   NOT NULL,
    mode            text   NOT NULL,         -- 'append' or 'replace'
    application     text,
    sent_by         text   NOT NULL,
    label           text,
    idempotency_key text,
    state           text   NOT NULL,         -- 'committed', 'rejected' or 'cancelled'
    n_rows          bigint NOT NULL,
    n_bytes         bigint NOT NULL,
    hash            bytea  NOT NULL,         -- 16 bytes, big-endian
    created_at_us   bigint NOT NULL,
    received_at_us  bigint,
    started_at_us   bigint,
    ended_at_us     bigint,
    n_errors        bigint NOT NULL,
    detail          text,
    same_as         text COLLATE "C"  -- the batch that had the same key and rows before
);
CREATE INDEX batches_key ON eyas.batches (idempotency_key, table_name) WHERE idempotency_key IS NOT NULL;
CREATE INDEX batches_table ON eyas.batches (table_name, id);

-- What is wrong with the rows of those that were rejected.
CREATE TABLE eyas.batch_errors (
    batch_id text   COLLATE "C" NOT NULL,
    nth      bigint NOT NULL,                -- from 1, in the order of the rows
    "row"    bigint NOT NULL,                -- from 1; 0: no row of its own
    line     bigint NOT NULL,
    pointer  text   NOT NULL,
    rule     text   NOT NULL,
    detail   text   NOT NULL,
    PRIMARY KEY (batch_id, nth)
);

-- The files of the user's migrations that ran, in that order.
CREATE TABLE eyas.user_migrations (
    nth      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    folder   text NOT NULL,
    name     text NOT NULL,
    checksum text NOT NULL,
    UNIQUE (folder, name)
);
