//! Reads by key: events by id, positions by id, whether a position is settled. Each is one statement for all its keys.

use std::borrow::Cow;

use model::{ContentHash, Seq};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

use crate::error::StoreError;
use crate::events::{Fate, GET_EVENTS_MAX, IdKey, Stored};
use crate::postgres::failure::failure;
use crate::postgres::filter::Value;
use crate::postgres::nul::without_nul;
use crate::postgres::rows;

/// Bytes 20 to 35 of a record are the content hash, little-endian. `OFFSET 0` and `|| ''` keep every index away but those of
/// ids, as in all statements by key: a planner without statistics walks a whole stream, or the whole table in the order of `seq`.
pub(crate) const FIND: &str = "SELECT k.nth, e.seq, e.content_hash, d.seq, d.hash \
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS k (id, stream, application, nth) \
    LEFT JOIN LATERAL (SELECT seq, content_hash FROM eyas.events WHERE id = k.id AND stream = k.stream \
        AND coalesce(application, '') = k.application OFFSET 0) AS e ON true \
    LEFT JOIN LATERAL (SELECT seq, hash FROM (SELECT seq, substr(record, 21, 16) AS hash \
        FROM eyas.dead_letters WHERE id = k.id AND stream || '' = k.stream \
        AND coalesce(application, '') = k.application AND reason = 'refused' AND state <> 'replayed' \
        AND e.seq IS NULL OFFSET 0) AS kept ORDER BY seq LIMIT 1) AS d ON true";

pub(crate) const OWNERS: &str = "SELECT k.nth, e.seq, e.content_hash \
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS k (id, stream, application, nth) \
    CROSS JOIN LATERAL (SELECT seq, content_hash FROM eyas.events WHERE id = k.id AND stream = k.stream \
        AND coalesce(application, '') = k.application OFFSET 0) AS e";

const FATES: &str = "SELECT k.nth, (SELECT valid FROM eyas.events e WHERE e.seq = k.seq), \
    EXISTS (SELECT FROM eyas.dead_letters d WHERE d.seq = k.seq AND state <> 'replayed') \
    FROM unnest($1::bigint[]) WITH ORDINALITY AS k (seq, nth)";

/// Values: id, application, stream.
pub(crate) fn get_sql() -> String {
    format!(
        "SELECT {} FROM (SELECT * FROM eyas.events WHERE id = $1 \
            AND ($2::text IS NULL OR coalesce(application, '') = $2) \
            AND ($3::text IS NULL OR stream = $3) OFFSET 0) AS e ORDER BY seq LIMIT {GET_EVENTS_MAX}",
        rows::COLUMNS
    )
}

/// All events with this id, oldest first.
pub(crate) async fn get(
    client: &Client,
    id: &str,
    application: Option<&str>,
    stream: Option<&str>,
) -> Result<Vec<Stored>, StoreError> {
    let sql = get_sql();
    let (id, application) = (without_nul(id), application.map(without_nul));
    let stream = stream.map(without_nul);
    let values: [Value<'_>; 3] =
        [(&id, Type::TEXT), (&application, Type::TEXT), (&stream, Type::TEXT)];
    let found = client.query_typed(&sql, &values).await.map_err(failure)?;
    found.iter().map(rows::stored).collect()
}

/// For each key, where its event stands and what it holds.
pub(crate) async fn find(
    client: &Client,
    keys: &[IdKey],
) -> Result<Vec<Option<(Seq, ContentHash)>>, StoreError> {
    let columns = columns(keys);
    let mut all = vec![None; keys.len()];
    for row in client.query_typed(FIND, &values(&columns)).await.map_err(failure)? {
        let read = || Ok((row.try_get(0)?, row.try_get(2)?, row.try_get(4)?));
        let (nth, hash, dead): (i64, Option<&[u8]>, Option<&[u8]>) = read().map_err(failure)?;
        all[nth as usize - 1] = match (hash, dead) {
            (Some(hash), _) => Some((rows::seq(&row, 1)?, rows::hash(hash)?)),
            (None, Some(hash)) => {
                let hash = ContentHash(rows::hash(hash)?.0.swap_bytes());
                Some((rows::seq(&row, 3)?, hash))
            }
            (None, None) => None,
        };
    }
    Ok(all)
}

/// The same, of rows alone.
pub(crate) async fn owners(
    tx: &Transaction<'_>,
    keys: &[IdKey],
) -> Result<Vec<Option<(Seq, ContentHash)>>, StoreError> {
    let columns = columns(keys);
    let mut all = vec![None; keys.len()];
    for row in tx.query_typed(OWNERS, &values(&columns)).await.map_err(failure)? {
        let read = || Ok((row.try_get::<_, i64>(0)?, row.try_get(2)?));
        let (nth, hash) = read().map_err(failure)?;
        all[nth as usize - 1] = Some((rows::seq(&row, 1)?, rows::hash(hash)?));
    }
    Ok(all)
}

/// Ids, streams and applications.
fn columns(keys: &[IdKey]) -> [Vec<Cow<'_, str>>; 3] {
    [
        keys.iter().map(|key| without_nul(&key.id)).collect(),
        keys.iter().map(|key| without_nul(&key.stream)).collect(),
        keys.iter().map(|key| without_nul(key.application.as_deref().unwrap_or(""))).collect(),
    ]
}

fn values<'v>(columns: &'v [Vec<Cow<'_, str>>; 3]) -> [Value<'v>; 3] {
    columns.each_ref().map(|column| (column as _, Type::TEXT_ARRAY))
}

/// Whether a row or a dead letter stands at this position.
pub(crate) async fn holds(client: &Client, seq: Seq) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT FROM eyas.events WHERE seq = $1) \
        OR EXISTS (SELECT FROM eyas.dead_letters WHERE seq = $1)";
    let seq = seq.get() as i64;
    let row = client.query_typed_one(sql, &[(&seq, Type::INT8)]).await.map_err(failure)?;
    row.try_get(0).map_err(failure)
}

/// What stands at each position.
pub(crate) async fn fates(client: &Client, seqs: &[Seq]) -> Result<Vec<Option<Fate>>, StoreError> {
    let wanted: Vec<i64> = seqs.iter().map(|seq| seq.get() as i64).collect();
    let mut all = vec![None; seqs.len()];
    let values: [Value<'_>; 1] = [(&wanted, Type::INT8_ARRAY)];
    for row in client.query_typed(FATES, &values).await.map_err(failure)? {
        let read = || Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        let (nth, valid, is_dead): (i64, Option<bool>, bool) = read().map_err(failure)?;
        all[nth as usize - 1] = match valid {
            Some(true) => Some(Fate::Stored),
            Some(false) => Some(Fate::Invalid),
            None => is_dead.then_some(Fate::Dead),
        };
    }
    Ok(all)
}
