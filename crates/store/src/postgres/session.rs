//! Pages of one session, in the order in which things happened. They go by key, never by offset.
//!
//! Invariant: one call reads a bounded number of rows and bytes.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use crate::error::StoreError;
use crate::events::{Extent, SessionPage, SessionQuery};
use crate::postgres::chunk::Chunk;
use crate::postgres::failure::failure;
use crate::postgres::filter::Value;
use crate::postgres::nul::without_nul;
use crate::postgres::rows;

/// Most events of one page, whatever its limit.
const PAGE_EVENTS_MAX: usize = 10_000;

/// One page of a session.
pub(crate) async fn session(
    tx: &Transaction<'_>,
    query: &SessionQuery,
    extent: Extent,
) -> Result<SessionPage, StoreError> {
    let limit = query.limit.clamp(1, PAGE_EVENTS_MAX);
    let (sql, id) = (session_sql(extent), without_nul(&query.session_id));
    let (mut at_us, mut seq) =
        query.after.map_or((i64::MIN, 0), |after| (after.at.micros(), after.seq.get() as i64));
    let (mut events, mut n_bytes, mut chunk) = (Vec::new(), 0, Chunk::new());
    loop {
        // One more than wanted tells a full page from the last one.
        let rows_max = chunk.rows_max().min((limit - events.len()) as i64 + 1);
        let values: [Value<'_>; 4] =
            [(&id, Type::TEXT), (&at_us, Type::INT8), (&seq, Type::INT8), (&rows_max, Type::INT8)];
        let found = tx.query_typed_raw(&sql, values).await.map_err(failure)?;
        let (mut found, mut n_found) = (pin!(found), 0);
        let (mut last_at_us, mut last_seq) = (at_us, seq);
        while let Some(row) = found.try_next().await.map_err(failure)? {
            if events.len() == limit || n_bytes >= extent.bytes_max {
                return Ok(SessionPage { events, has_more: true });
            }
            chunk.note(&row);
            n_found += 1;
            let listed = rows::listed(&row, extent)?;
            let at = listed.event.timestamp().unwrap_or(listed.event.received_at());
            (last_at_us, last_seq) = (at.micros(), listed.seq.get() as i64);
            n_bytes += listed.event.record().len();
            events.push(listed);
        }
        if n_found < rows_max {
            return Ok(SessionPage { events, has_more: false });
        }
        (at_us, seq) = (last_at_us, last_seq);
    }
}

/// Values: session, time, seq, limit.
pub(crate) fn session_sql(extent: Extent) -> String {
    format!(
        "SELECT {} FROM eyas.events WHERE session_id = $1 \
         AND (coalesce(timestamp_us, received_at_us), seq) > ($2, $3) \
         ORDER BY coalesce(timestamp_us, received_at_us), seq LIMIT $4",
        rows::columns(extent)
    )
}
