-- What /status/history answers: one row for each step of each ring. `point` is a JSON object; a name that it
-- lacks was not measured.
CREATE TABLE status_history (
    step_s INTEGER NOT NULL,
    at_s   INTEGER NOT NULL,
    point  TEXT NOT NULL,
    PRIMARY KEY (step_s, at_s)
) STRICT, WITHOUT ROWID;

-- When the server started and stopped.
CREATE TABLE status_marks (
    at_us INTEGER PRIMARY KEY,
    what  TEXT NOT NULL
) STRICT;
