-- The settled things, who may do what, who did it, and the notes of long work. Texts that are ordered or compared by
-- their beginnings are so by bytes, whatever the database's own language is: COLLATE "C".

-- The random name of this installation, made once.
CREATE TABLE eyas.instance (
    id   integer PRIMARY KEY CHECK (id = 1),
    name text NOT NULL
);
INSERT INTO eyas.instance (id, name) VALUES (1, replace(gen_random_uuid()::text, '-', ''));

-- What /status/history answers: one row for each step of each ring. `point` is a JSON object; a name that it
-- lacks was not measured.
CREATE TABLE eyas.status_history (
    step_s bigint NOT NULL,
    at_s   bigint NOT NULL,
    point  text   NOT NULL,
    PRIMARY KEY (step_s, at_s)
);

-- When the server started and stopped.
CREATE TABLE eyas.status_marks (
    at_us bigint PRIMARY KEY,               -- microseconds since 1970, as every at_us
    what  text NOT NULL
);

-- Who did what, and when. Only ever added to.
CREATE TABLE eyas.audit (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_us  bigint NOT NULL,
    actor  text   NOT NULL,
    act    text   NOT NULL,                 -- noun.verb
    object text   NOT NULL,
    detail text   NOT NULL                  -- a JSON object
);

-- Who may send and read. Both tables are small and read as a whole.
CREATE TABLE eyas.applications (
    name            text COLLATE "C" PRIMARY KEY,   -- what events.application says
    created_at_us   bigint  NOT NULL,
    allowed_origins text    NOT NULL,       -- with one space between two
    events_per_s    bigint,                 -- NULL, as burst is: no limit of its own
    burst           bigint,
    is_disabled     boolean NOT NULL
);

CREATE TABLE eyas.tokens (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- in the order of their making
    id            text COLLATE "C" NOT NULL UNIQUE,
    application   text COLLATE "C" NOT NULL REFERENCES eyas.applications (name),
    hash          bytea  NOT NULL UNIQUE,   -- SHA-256 of the token's text, which is kept nowhere
    prefix        text   NOT NULL,
    label         text   NOT NULL,
    kind          text   NOT NULL,          -- 'server' or 'browser'
    scopes        text   NOT NULL,          -- with one space between two
    created_at_us bigint NOT NULL,
    created_by    text   NOT NULL,
    expires_at_us bigint,
    revoked_at_us bigint,
    last_used_us  bigint
);

-- Rises with every act. Each act locks the row first, and so does whatever counts sign-ins.
CREATE TABLE eyas.trust (
    id      integer PRIMARY KEY CHECK (id = 1),
    version bigint NOT NULL
);
INSERT INTO eyas.trust (id, version) VALUES (1, 0);

-- What events have to look like, for each key (stream, category, name). '' stands for "any", which no label can be.
CREATE TABLE eyas.schemas (
    stream        text COLLATE "C" NOT NULL,
    category      text COLLATE "C" NOT NULL,
    name          text COLLATE "C" NOT NULL,
    mode          text   NOT NULL,          -- 'off', 'keep' or 'reject'
    active        bigint,                   -- the version in force; NULL where none is
    source        text   NOT NULL,          -- 'config' or 'api'
    changed_at_us bigint NOT NULL,
    changed_by    text   NOT NULL,
    PRIMARY KEY (stream, category, name)
);

-- Every text that a key ever had, as it was given. Only ever added to.
CREATE TABLE eyas.schema_versions (
    stream        text COLLATE "C" NOT NULL,
    category      text COLLATE "C" NOT NULL,
    name          text COLLATE "C" NOT NULL,
    version       bigint NOT NULL,          -- from 1 on, for each key
    text          text   NOT NULL,          -- a JSON value
    digest        bytea  NOT NULL,          -- 16 bytes: of the value, however it is written
    created_at_us bigint NOT NULL,
    created_by    text   NOT NULL,
    PRIMARY KEY (stream, category, name, version)
);

-- Rises with every change, so that whoever holds a copy knows which of two is newer. Each change locks the row first.
CREATE TABLE eyas.schema_changes (
    id     integer PRIMARY KEY CHECK (id = 1),
    number bigint NOT NULL
);
INSERT INTO eyas.schema_changes (id, number) VALUES (1, 0);

-- Long work over many events: how far it came, so that it goes on after any crash.
CREATE TABLE eyas.jobs (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- in the order of their making
    id            text COLLATE "C" NOT NULL UNIQUE,
    kind          text   NOT NULL,          -- 'replay', 'revalidate'
    spec          text   NOT NULL,          -- a JSON object: what is to be done
    state         text   NOT NULL,          -- 'running', 'paused', 'done', 'stopped', 'cancelled', 'failed'
    created_at_us bigint NOT NULL,
    created_by    text   NOT NULL,
    ended_at_us   bigint,
    total         bigint NOT NULL,
    position      bigint NOT NULL,          -- everything up to this seq is done
    ok            bigint NOT NULL,
    failed        bigint NOT NULL,
    skipped       bigint NOT NULL,
    rate          bigint NOT NULL,          -- events a second, at most
    stop_after    bigint NOT NULL,          -- failures
    detail        text
);

-- One unfinished job of a kind, however many servers ask at once.
CREATE UNIQUE INDEX jobs_unfinished ON eyas.jobs (kind) WHERE state IN ('running', 'paused');

-- Who has signed in to the console. Small, and read as a whole.
CREATE TABLE eyas.sign_ins (
    hash          bytea  PRIMARY KEY,       -- SHA-256 of the secret in the cookie, which is kept nowhere
    token_id      text,                     -- NULL: came with a code of the machine itself
    actor         text   NOT NULL,
    created_at_us bigint NOT NULL,
    expires_at_us bigint NOT NULL
);
