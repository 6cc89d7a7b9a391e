-- For ranges of time: the earliest and latest times in each run of 4096 positions. Positions rise with
-- the time of receipt only nearly always (clocks step back), so a search by halves could miss rows; this
-- cannot. One row for 4096 events costs the writer nothing that shows.
CREATE TABLE time_blocks (
    block           INTEGER PRIMARY KEY,    -- seq / 4096
    received_min_us INTEGER NOT NULL,       -- of received_at_us
    received_max_us INTEGER NOT NULL,
    event_min_us    INTEGER NOT NULL,       -- of timestamp_us, or received_at_us where that is NULL
    event_max_us    INTEGER NOT NULL
) STRICT;
INSERT INTO time_blocks
SELECT seq >> 12, min(received_at_us), max(received_at_us),
    min(coalesce(timestamp_us, received_at_us)), max(coalesce(timestamp_us, received_at_us))
FROM events GROUP BY seq >> 12;

CREATE INDEX events_application ON events (application) WHERE application IS NOT NULL;

-- No event that came over HTTP has a name and no category. Where such a row exists nevertheless,
-- events_name does not hold all names, and this index tells.
CREATE INDEX events_name_alone ON events (name) WHERE category IS NULL AND name IS NOT NULL;
