//! History as subscribers see it: events, and dead letters in their places. One that was replayed is a row at the
//! same position, and shown as that.
//!
//! Invariant: both tables are read in one transaction, so no row can come between them that one of them has
//! not seen. Dead letters are few; no more of them than fit into the page are read, whatever the filter.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use model::{Event, Filter, Seq};
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use crate::error::StoreError;
use crate::events::{Extent, Order, Page, PageQuery, Stored};
use crate::postgres::failure::failure;
use crate::postgres::filter::Value;
use crate::postgres::page::read_page;
use crate::postgres::rows;

/// One page, oldest first.
pub(crate) async fn history(
    tx: &Transaction<'_>,
    query: &PageQuery,
    bytes_max: usize,
) -> Result<Page<Stored>, StoreError> {
    debug_assert_eq!(query.order, Order::Asc, "history goes forward");
    let extent = Extent { bytes_max, data_bytes_max: None };
    let Page { events, mut next } = read_page(tx, query, extent).await?;
    let mut events: Vec<Stored> =
        events.into_iter().map(|listed| Stored { seq: listed.seq, event: listed.event }).collect();
    let after = query.after.unwrap_or(Seq::ZERO);
    let end = next.unwrap_or(Seq::MAX);
    let bounds = (query.limit, bytes_max);
    let (dead, dead_next) = read_dead(tx, &query.filter, after, end, bounds).await?;
    if let Some(end) = dead_next {
        events.retain(|stored| stored.seq <= end);
        next = Some(end);
    }
    if !dead.is_empty() {
        events.extend(dead);
        events.sort_by_key(|stored| stored.seq);
        if events.len() > query.limit {
            events.truncate(query.limit);
            next = events.last().map(|stored| stored.seq);
        }
    }
    Ok(Page { events, next })
}

/// Wanted dead letters above `after` and up to `end`, and the last one looked at if there may be more.
async fn read_dead(
    tx: &Transaction<'_>,
    filter: &Filter,
    after: Seq,
    end: Seq,
    (limit, bytes_max): (usize, usize),
) -> Result<(Vec<Stored>, Option<Seq>), StoreError> {
    let sql = "SELECT seq, record FROM eyas.dead_letters WHERE seq > $1 AND seq <= $2 \
         AND state <> 'replayed' ORDER BY seq LIMIT $3";
    let bounds = [after.get() as i64, end.get() as i64, limit as i64];
    let values: Vec<Value<'_>> = bounds.iter().map(|bound| (bound as _, Type::INT8)).collect();
    let found = tx.query_typed_raw(sql, values).await.map_err(failure)?;
    let (mut found, mut wanted, mut n_read, mut n_bytes) = (pin!(found), Vec::new(), 0, 0);
    while let Some(row) = found.try_next().await.map_err(failure)? {
        let seq = rows::seq(&row, 0)?;
        let record: Vec<u8> = row.try_get(1).map_err(failure)?;
        n_read += 1;
        n_bytes += record.len();
        let event = Event::decode(record.into())
            .map_err(|error| StoreError::Unusable(format!("dead letter {seq}: {error}")))?;
        if filter.matches(&event) {
            wanted.push(Stored { seq, event });
        }
        if n_read == limit || n_bytes >= bytes_max {
            return Ok((wanted, Some(seq)));
        }
    }
    Ok((wanted, None))
}
