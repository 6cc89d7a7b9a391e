-- A conflict that was sent again is the same dead letter. Bytes 20 to 35 of a record are the event's content hash.
CREATE INDEX dead_letters_content
    ON dead_letters (id, stream, coalesce(application, ''), substr(record, 21, 16));
