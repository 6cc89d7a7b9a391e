//! Rows to events. A row holds every field, so what comes back equals what went in; only `undecided`
//! is gone, because an event that stands in the database has been decided.

use model::{ContentHash, Draft, Event, Seq, Timestamp};
use rusqlite::Row;

use crate::events::Stored;

/// The columns that [`stored`] reads, in its order.
pub(crate) const COLUMNS: &str = "seq, id, stream, application, session_id, category, name, data, \
    timestamp_us, received_at_us, valid, errors, content_hash, id_from_client";

/// Reads one row of [`COLUMNS`].
pub(crate) fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let text = |at: usize| row.get_ref(at)?.as_str().map_err(|error| wrong(at, row, error));
    let label =
        |at: usize| row.get_ref(at)?.as_str_or_null().map_err(|error| wrong(at, row, error));
    let draft = Draft {
        id: text(1)?,
        stream: text(2)?,
        application: label(3)?,
        session_id: label(4)?,
        category: label(5)?,
        name: label(6)?,
        data: text(7)?,
        timestamp: row.get::<_, Option<i64>>(8)?.map(Timestamp::from_micros),
        received_at: Timestamp::from_micros(row.get(9)?),
        valid: row.get(10)?,
        errors: text(11)?,
        hash: hash(row, 12)?,
        id_from_client: row.get(13)?,
        undecided: false,
    };
    Ok(Stored { seq: seq(row, 0)?, event: Event::from_draft(&draft) })
}

/// Reads a position.
pub(crate) fn seq(row: &Row<'_>, at: usize) -> rusqlite::Result<Seq> {
    let value: i64 = row.get(at)?;
    let seq = u64::try_from(value).ok().and_then(Seq::new);
    seq.ok_or(rusqlite::Error::IntegralValueOutOfRange(at, value))
}

/// Reads a content hash.
pub(crate) fn hash(row: &Row<'_>, at: usize) -> rusqlite::Result<ContentHash> {
    Ok(ContentHash(u128::from_be_bytes(row.get(at)?)))
}

fn wrong(at: usize, row: &Row<'_>, error: rusqlite::types::FromSqlError) -> rusqlite::Error {
    let kind = row.get_ref(at).map_or(rusqlite::types::Type::Null, |value| value.data_type());
    rusqlite::Error::FromSqlConversionFailure(at, kind, Box::new(error))
}
