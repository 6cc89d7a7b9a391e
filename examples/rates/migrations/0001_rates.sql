-- Ports, the regions that they lie in, and prices between them: the same SQL for SQLite and PostgreSQL.
-- A batch may name a row before the row that it refers to, so references are checked when it commits.

CREATE TABLE regions (
    slug        text NOT NULL PRIMARY KEY,
    name        text NOT NULL,
    parent_slug text REFERENCES regions (slug) DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE ports (
    code        text NOT NULL PRIMARY KEY,
    name        text NOT NULL,
    parent_slug text NOT NULL REFERENCES regions (slug) DEFERRABLE INITIALLY DEFERRED
);

-- There may be several prices for a day: one for each offer.
CREATE TABLE prices (
    orig_code text    NOT NULL REFERENCES ports (code) DEFERRABLE INITIALLY DEFERRED,
    dest_code text    NOT NULL REFERENCES ports (code) DEFERRABLE INITIALLY DEFERRED,
    day       date    NOT NULL,
    price     integer NOT NULL
);

-- Holds all that the query wants of a price, so the table itself is not read.
CREATE INDEX prices_between ON prices (orig_code, dest_code, day, price);

CREATE INDEX regions_of ON regions (parent_slug);
CREATE INDEX ports_of ON ports (parent_slug);
