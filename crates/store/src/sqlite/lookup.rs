//! Reads by key: events by id, positions by id, whether a position is settled.

use model::{ContentHash, Seq};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::StoreError;
use crate::events::{Compared, Fate, GET_EVENTS_MAX, IdKey, Stored};
use crate::sqlite::burial::{FIND, FIND_DEAD};
use crate::sqlite::failure::failure;
use crate::sqlite::rows;

/// All events with this id, oldest first.
pub(crate) fn get(
    conn: &Connection,
    id: &str,
    application: Option<&str>,
    stream: Option<&str>,
) -> Result<Vec<Stored>, StoreError> {
    let sql = format!(
        "SELECT {} FROM events INDEXED BY events_id WHERE id = ?1 \
         AND (?2 IS NULL OR coalesce(application, '') = ?2) AND (?3 IS NULL OR stream = ?3) ORDER BY seq LIMIT ?4",
        rows::COLUMNS
    );
    let read = || -> rusqlite::Result<Vec<Stored>> {
        let mut select = conn.prepare_cached(&sql)?;
        let limit = GET_EVENTS_MAX as i64;
        select.query_map(params![id, application, stream, limit], rows::stored)?.collect()
    };
    read().map_err(failure)
}

/// For each key, where its event stands and what it holds.
pub(crate) fn find(
    conn: &Connection,
    keys: &[IdKey],
) -> Result<Vec<Option<(Seq, ContentHash)>>, StoreError> {
    let read = || -> rusqlite::Result<Vec<_>> {
        let mut select = conn.prepare_cached(FIND)?;
        let mut select_dead = conn.prepare_cached(FIND_DEAD)?;
        let mut find_one = |key: &IdKey| {
            let application = key.application.as_deref().unwrap_or_default();
            let values = params![key.id, key.stream, application];
            let found =
                select.query_row(values, |row| Ok((rows::seq(row, 0)?, rows::hash(row, 1)?)));
            if let Some(found) = found.optional()? {
                return Ok(Some(found));
            }
            let hash = |row: &Row<'_>| row.get(1).map(u128::from_le_bytes).map(ContentHash);
            let found = select_dead.query_row(values, |row| Ok((rows::seq(row, 0)?, hash(row)?)));
            found.optional()
        };
        keys.iter().map(&mut find_one).collect()
    };
    read().map_err(failure)
}

/// Whether a row or a dead letter stands at this position.
pub(crate) fn holds(conn: &Connection, seq: Seq) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM events WHERE seq = ?1) \
        OR EXISTS (SELECT 1 FROM dead_letters WHERE seq = ?1)";
    let read = || conn.prepare_cached(sql)?.query_row([seq.get() as i64], |row| row.get(0));
    read().map_err(failure)
}

/// What stands at each position.
pub(crate) fn fates(conn: &Connection, seqs: &[Seq]) -> Result<Vec<Option<Fate>>, StoreError> {
    let sql = "SELECT coalesce((SELECT valid FROM events WHERE seq = ?1), \
        (SELECT 2 FROM dead_letters WHERE seq = ?1 AND state <> 'replayed'))";
    let read = || -> rusqlite::Result<Vec<_>> {
        let mut select = conn.prepare_cached(sql)?;
        let mut fate = |seq: &Seq| {
            let found = select.query_row([seq.get() as i64], |row| row.get::<_, Option<i64>>(0))?;
            Ok(found.map(|found| match found {
                0 => Fate::Invalid,
                1 => Fate::Stored,
                _ => Fate::Dead,
            }))
        };
        seqs.iter().map(&mut fate).collect()
    };
    read().map_err(failure)
}

/// What stands at the position of each event, and where its key is.
pub(crate) fn compare(
    conn: &Connection,
    events: Vec<(Seq, IdKey)>,
) -> Result<Vec<Compared>, StoreError> {
    let (seqs, keys): (Vec<Seq>, Vec<IdKey>) = events.into_iter().unzip();
    let (fates, found) = (fates(conn, &seqs)?, find(conn, &keys)?);
    Ok(Compared::of(fates, found))
}
