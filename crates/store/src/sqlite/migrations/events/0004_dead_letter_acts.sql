-- What people did about a dead letter. One that was stored after all stays here as 'replayed': its row stands in
-- events at the same seq, or the detail says which other event it repeats.
ALTER TABLE dead_letters ADD COLUMN state TEXT NOT NULL DEFAULT 'open';   -- 'open', 'replayed', 'discarded'
ALTER TABLE dead_letters ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1;  -- how often the database refused it
ALTER TABLE dead_letters ADD COLUMN state_at_us INTEGER;                  -- when the state last changed
ALTER TABLE dead_letters ADD COLUMN acted_by TEXT;                        -- who changed it
ALTER TABLE dead_letters ADD COLUMN note TEXT;                            -- why it was discarded
ALTER TABLE dead_letters ADD COLUMN job TEXT;                             -- the last job that tried it: once each

-- Groups and counts are answered from this alone: the records are large.
CREATE INDEX dead_letters_groups
    ON dead_letters (state, reason, stream, application, category, name, dead_at_us);
