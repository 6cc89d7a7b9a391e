//! Rows to events. A row holds every field, so what comes back equals what went in; only `undecided`
//! is gone, because an event that stands in the database has been decided.

use model::{ContentHash, Draft, Event, Seq, Timestamp};
use rusqlite::Row;

use crate::events::{Extent, Listed, Stored};

/// The columns that [`stored`] reads, in its order.
pub(crate) const COLUMNS: &str = "seq, id, stream, application, session_id, category, name, data, \
    timestamp_us, received_at_us, valid, errors, content_hash, id_from_client, schema_version";

/// The columns that [`listed`] reads: [`COLUMNS`], `data` cut in the database where the extent says so, and
/// the length of all of it. SQLite counts in characters, which are no shorter than bytes.
pub(crate) fn columns(extent: Extent) -> String {
    let Some(n_max) = extent.data_bytes_max else { return COLUMNS.to_owned() };
    let cut = format!("substr(data, 1, {n_max})");
    format!("{}, octet_length(data)", COLUMNS.replace("data,", &format!("{cut},")))
}

/// Reads one row of [`columns`].
pub(crate) fn listed(row: &Row<'_>, extent: Extent) -> rusqlite::Result<Listed> {
    let Stored { seq, event } = read(row, extent.data_bytes_max)?;
    let data_bytes = match extent.data_bytes_max {
        Some(_) => row.get::<_, i64>(15)? as u64,
        None => event.data().len() as u64,
    };
    Ok(Listed { seq, event, data_bytes })
}

/// Reads one row of [`COLUMNS`].
pub(crate) fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    read(row, None)
}

fn read(row: &Row<'_>, data_bytes_max: Option<usize>) -> rusqlite::Result<Stored> {
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
        data: cut(text(7)?, data_bytes_max),
        timestamp: row.get::<_, Option<i64>>(8)?.map(Timestamp::from_micros),
        received_at: Timestamp::from_micros(row.get(9)?),
        valid: row.get(10)?,
        errors: text(11)?,
        hash: hash(row, 12)?,
        id_from_client: row.get(13)?,
        schema_version: row.get(14)?,
        undecided: false,
    };
    Ok(Stored { seq: seq(row, 0)?, event: Event::from_draft(&draft) })
}

fn cut(text: &str, bytes_max: Option<usize>) -> &str {
    bytes_max.map_or(text, |bytes_max| &text[..text.floor_char_boundary(bytes_max)])
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
