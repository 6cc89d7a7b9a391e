//! Rows to events. A row holds every field, so what comes back equals what went in; only `undecided`
//! is gone, because an event that stands in the database has been decided.

use model::{ContentHash, Draft, Event, Seq, Timestamp};
use tokio_postgres::Row;

use crate::error::StoreError;
use crate::events::{Extent, Listed, Stored};
use crate::postgres::failure::failure;

/// The columns that [`stored`] reads, in its order. `data` comes as its UTF-8, whichever column has it.
pub(crate) const COLUMNS: &str = "seq, id, stream, application, session_id, category, name, \
    coalesce(convert_to(data::text, 'UTF8'), data_raw), timestamp_us, received_at_us, valid, errors, content_hash, \
    id_from_client, schema_version";

/// The columns that [`listed`] reads: [`COLUMNS`], `data` cut in the database where the extent says so, and
/// the length of all of it.
pub(crate) fn columns(extent: Extent) -> String {
    let Some(n_max) = extent.data_bytes_max else { return COLUMNS.to_owned() };
    let data = "coalesce(convert_to(data::text, 'UTF8'), data_raw)";
    let cut = format!("substr({data}, 1, {n_max})");
    format!("{}, octet_length({data})", COLUMNS.replace(data, &cut))
}

/// Reads one row of [`columns`].
pub(crate) fn listed(row: &Row, extent: Extent) -> Result<Listed, StoreError> {
    let Stored { seq, event } = stored(row)?;
    let data_bytes = match extent.data_bytes_max {
        Some(_) => row.try_get::<_, i32>(15).map_err(failure)? as u64,
        None => event.data().len() as u64,
    };
    Ok(Listed { seq, event, data_bytes })
}

/// Reads one row of [`COLUMNS`]. `data` that was cut ends at a character.
pub(crate) fn stored(row: &Row) -> Result<Stored, StoreError> {
    let draft = draft(row).map_err(failure)??;
    Ok(Stored { seq: seq(row, 0)?, event: Event::from_draft(&draft) })
}

fn draft(row: &Row) -> Result<Result<Draft<'_>, StoreError>, tokio_postgres::Error> {
    let data = match text(row.try_get(7)?) {
        Ok(data) => data,
        Err(error) => return Ok(Err(error)),
    };
    let hash = match hash(row.try_get(12)?) {
        Ok(hash) => hash,
        Err(error) => return Ok(Err(error)),
    };
    Ok(Ok(Draft {
        id: row.try_get(1)?,
        stream: row.try_get(2)?,
        application: row.try_get(3)?,
        session_id: row.try_get(4)?,
        category: row.try_get(5)?,
        name: row.try_get(6)?,
        data,
        timestamp: row.try_get::<_, Option<i64>>(8)?.map(Timestamp::from_micros),
        received_at: Timestamp::from_micros(row.try_get(9)?),
        valid: row.try_get(10)?,
        errors: row.try_get(11)?,
        hash,
        id_from_client: row.try_get(13)?,
        schema_version: row.try_get::<_, Option<i64>>(14)?.map(|version| version as u32),
        undecided: false,
    }))
}

/// A text that may have been cut in the middle of a character.
fn text(bytes: &[u8]) -> Result<&str, StoreError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) if error.error_len().is_none() => {
            Ok(std::str::from_utf8(&bytes[..error.valid_up_to()]).expect("valid up to there"))
        }
        Err(error) => Err(StoreError::Unusable(format!("data_raw is no UTF-8: {error}"))),
    }
}

/// Reads a position.
pub(crate) fn seq(row: &Row, at: usize) -> Result<Seq, StoreError> {
    position(row.try_get(at).map_err(failure)?)
}

/// A position out of the database.
pub(crate) fn position(value: i64) -> Result<Seq, StoreError> {
    let seq = u64::try_from(value).ok().and_then(Seq::new);
    seq.ok_or_else(|| StoreError::Unusable(format!("{value} is no position of the log")))
}

/// A content hash as a row has it.
pub(crate) fn hash(bytes: &[u8]) -> Result<ContentHash, StoreError> {
    let wrong = |_| StoreError::Unusable("a content hash has not 16 bytes".to_owned());
    bytes.try_into().map_err(wrong).map(|bytes| ContentHash(u128::from_be_bytes(bytes)))
}

/// Reads a dead letter's position and record.
pub(crate) fn letter(row: &Row) -> Result<Stored, StoreError> {
    let seq = seq(row, 0)?;
    let record: Vec<u8> = row.try_get(1).map_err(failure)?;
    let event = Event::decode(record.into())
        .map_err(|error| StoreError::Unusable(format!("dead letter {seq}: {error}")))?;
    Ok(Stored { seq, event })
}
