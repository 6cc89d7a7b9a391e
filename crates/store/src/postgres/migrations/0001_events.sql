-- One row per event, in the order of the log. Labels compare by their bytes, as the program does, whatever the
-- collation of the database. Beside `data` stands data_raw: a text with \u0000 or a lone surrogate is JSON, but one such
-- row makes every data ->> 'x' over the table fail, so these rare texts stand there, and `data` is NULL.
CREATE TABLE eyas.events (
    seq            bigint  PRIMARY KEY,     -- position in the log; pages and resume use it
    id             text    COLLATE "C" NOT NULL,    -- unique per (application, stream)
    stream         text    COLLATE "C" NOT NULL,
    application    text    COLLATE "C",
    session_id     text    COLLATE "C",
    category       text    COLLATE "C",
    name           text    COLLATE "C",
    data           json,                    -- one JSON value, byte for byte as sent: data ->> 'x'
    data_raw       bytea,                   -- its UTF-8 where `data` cannot hold it
    timestamp_us   bigint,                  -- when it happened, microseconds since 1970
    received_at_us bigint  NOT NULL,        -- when it came in, microseconds since 1970
    valid          boolean NOT NULL,
    errors         text    NOT NULL,        -- JSON array, '[]' when valid
    content_hash   bytea   NOT NULL,        -- 16 bytes, big-endian
    id_from_client boolean NOT NULL,
    schema_version bigint,                  -- which version of the schema for its key judged it; NULL: none
    CONSTRAINT events_data CHECK ((data IS NULL) <> (data_raw IS NULL))
);

-- NULLs never collide in a unique index, but two ids without an application must: the key takes ''
-- for "no application", which no application can be called. The column itself stays NULL.
CREATE UNIQUE INDEX events_id ON eyas.events (id, stream, coalesce(application, ''));
-- Walks go through these in the order of seq, so each names it. No name is empty: '' stands for none.
CREATE INDEX events_stream ON eyas.events (stream, seq);
CREATE INDEX events_application ON eyas.events (application, seq) WHERE application IS NOT NULL;
CREATE INDEX events_name ON eyas.events (category, coalesce(name, ''), seq) WHERE category IS NOT NULL;
CREATE INDEX events_session ON eyas.events (session_id, coalesce(timestamp_us, received_at_us), seq)
    WHERE session_id IS NOT NULL;
CREATE INDEX events_invalid ON eyas.events (valid, seq) WHERE NOT valid;
-- No event that came over HTTP has a name and no category. Where such a row exists nevertheless,
-- events_name does not hold all names, and this index tells.
CREATE INDEX events_name_alone ON eyas.events (name) WHERE category IS NULL AND name IS NOT NULL;

-- The same rows with their times for people. Years that a timestamp cannot show are left empty.
CREATE VIEW eyas.readable_events AS
SELECT seq, id, stream, application, session_id, category, name, data,
    CASE WHEN timestamp_us BETWEEN -62135596800000000 AND 253402300799999999
        THEN timestamptz 'epoch' + timestamp_us * interval '1 microsecond' END AS "timestamp",
    CASE WHEN received_at_us BETWEEN -62135596800000000 AND 253402300799999999
        THEN timestamptz 'epoch' + received_at_us * interval '1 microsecond' END AS received_at,
    valid, errors, schema_version
FROM eyas.events;

-- For ranges of time: the earliest and latest times in each run of 4096 positions. Positions rise with
-- the time of receipt only nearly always (clocks step back), so a search by halves could miss rows; this
-- cannot.
CREATE TABLE eyas.time_blocks (
    block           bigint PRIMARY KEY,     -- seq / 4096
    received_min_us bigint NOT NULL,        -- of received_at_us
    received_max_us bigint NOT NULL,
    event_min_us    bigint NOT NULL,        -- of timestamp_us, or received_at_us where that is NULL
    event_max_us    bigint NOT NULL
);

-- Accepted events that the database cannot hold as rows. One that was stored after all stays here as 'replayed': its
-- row stands in events at the same seq, or the detail says which other event it repeats.
CREATE TABLE eyas.dead_letters (
    seq         bigint  PRIMARY KEY,
    reason      text    COLLATE "C" NOT NULL,       -- 'id_conflict', 'refused'
    detail      text    NOT NULL,
    id          text    COLLATE "C" NOT NULL,
    stream      text    COLLATE "C" NOT NULL,
    application text    COLLATE "C",
    session_id  text    COLLATE "C",
    category    text    COLLATE "C",
    name        text    COLLATE "C",
    record      bytea   NOT NULL,           -- the event's whole record, as in the log
    dead_at_us  bigint  NOT NULL,           -- microseconds since 1970
    state       text    COLLATE "C" NOT NULL DEFAULT 'open',    -- 'open', 'replayed', 'discarded'
    attempts    bigint  NOT NULL DEFAULT 1, -- how often the database refused it
    state_at_us bigint,                     -- when the state last changed
    acted_by    text,                       -- who changed it
    note        text,                       -- why it was discarded
    job         text                        -- the last job that tried it: once each
);
-- A conflict that was sent again is the same dead letter. Bytes 20 to 35 of a record are the event's content hash.
CREATE INDEX dead_letters_content
    ON eyas.dead_letters (id, coalesce(application, ''), substr(record, 21, 16), stream);
-- What was refused keeps its id.
CREATE INDEX dead_letters_keepers ON eyas.dead_letters (id, coalesce(application, ''), stream, seq)
    WHERE reason = 'refused' AND state <> 'replayed';
-- Groups and counts are answered from this alone: the records are large.
CREATE INDEX dead_letters_groups
    ON eyas.dead_letters (state, reason, stream, application, category, name, dead_at_us);
-- For deleting dead letters by age.
CREATE INDEX dead_letters_age ON eyas.dead_letters (stream, dead_at_us);

-- The one row that says who applies the log, and how far it came. Everything that writes events or dead letters locks
-- it first, so that there is one writer at a time.
CREATE TABLE eyas.lease (
    id       integer PRIMARY KEY CHECK (id = 1),
    log_id   text,                          -- 8 hex digits, as in cursors; NULL until the first claim
    applied  bigint NOT NULL,
    holder   text,
    until_us bigint
);
INSERT INTO eyas.lease (id, applied) VALUES (1, 0);

-- How far retention has deleted each stream: the highest position that is gone.
CREATE TABLE eyas.retention (
    stream  text   COLLATE "C" PRIMARY KEY,
    horizon bigint NOT NULL
);

-- The slice of events that a job judged anew last. It goes with the change itself: events that turned valid are not found
-- by "all invalid ones" any more, and a job that was killed has to find its slice again.
CREATE TABLE eyas.rejudged (
    seq   bigint PRIMARY KEY,
    job   text   NOT NULL,
    valid boolean                           -- where the verdict changed, else NULL
);
