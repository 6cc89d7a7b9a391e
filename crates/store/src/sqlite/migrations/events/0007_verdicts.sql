-- The slice of events that a job judged anew last. It goes with the change itself: events that turned valid are not found
-- by "all invalid ones" any more, and a job that was killed has to find its slice again.
CREATE TABLE rejudged (
    seq   INTEGER PRIMARY KEY,
    job   TEXT NOT NULL,
    valid INTEGER                           -- 1 or 0 where the verdict changed, else NULL
) STRICT;
