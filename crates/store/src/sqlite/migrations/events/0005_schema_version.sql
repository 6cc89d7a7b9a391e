-- Which version of the schema for its key judged an event; NULL where none did.
ALTER TABLE events ADD COLUMN schema_version INTEGER;

DROP VIEW readable_events;
CREATE VIEW readable_events AS
SELECT seq, id, stream, application, session_id, category, name, data,
    strftime('%Y-%m-%dT%H:%M:%S', (timestamp_us - (timestamp_us % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (timestamp_us % 1000000 + 1000000) % 1000000) AS timestamp,
    strftime('%Y-%m-%dT%H:%M:%S', (received_at_us - (received_at_us % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (received_at_us % 1000000 + 1000000) % 1000000) AS received_at,
    valid, errors, schema_version
FROM events;
