//! History as subscribers see it: events, and dead letters in their places. One that was replayed is a row at the
//! same position, or a repetition of another one, and shown as that. Its state says so, not the row: retention may
//! delete the row first.
//!
//! Invariant: both tables are read in one transaction, so no row can come between them that one of them has
//! not seen. Dead letters are few; no more of them than fit into the page are read, whatever the filter.

use model::{Event, Filter, Seq};
use rusqlite::{Connection, params};

use crate::error::StoreError;
use crate::events::{Extent, Order, Page, PageQuery, Stored};
use crate::sqlite::failure::failure;
use crate::sqlite::page::read_page;
use crate::sqlite::rows;

/// One page, oldest first.
pub(crate) fn history(
    conn: &Connection,
    query: &PageQuery,
    bytes_max: usize,
) -> Result<Page<Stored>, StoreError> {
    debug_assert_eq!(query.order, Order::Asc, "history goes forward");
    // Dropped at the end, which only ends the snapshot: nothing was written.
    let _snapshot = conn.unchecked_transaction().map_err(failure)?;
    let extent = Extent { bytes_max, data_bytes_max: None };
    let Page { events, mut next } = read_page(conn, query, extent).map_err(failure)?;
    let mut events: Vec<Stored> =
        events.into_iter().map(|listed| Stored { seq: listed.seq, event: listed.event }).collect();
    let after = query.after.unwrap_or(Seq::ZERO);
    let end = next.unwrap_or(Seq::MAX);
    let bounds = (query.limit, bytes_max);
    let (dead, dead_next) = read_dead(conn, &query.filter, after, end, bounds)?;
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
fn read_dead(
    conn: &Connection,
    filter: &Filter,
    after: Seq,
    end: Seq,
    (limit, bytes_max): (usize, usize),
) -> Result<(Vec<Stored>, Option<Seq>), StoreError> {
    let mut select = conn
        .prepare_cached(
            "SELECT seq, record FROM dead_letters WHERE seq > ? AND seq <= ? \
             AND state <> 'replayed' ORDER BY seq LIMIT ?",
        )
        .map_err(failure)?;
    let values = params![after.get() as i64, end.get() as i64, limit as i64];
    let mut found = select.query(values).map_err(failure)?;
    let (mut wanted, mut n_read, mut n_bytes) = (Vec::new(), 0, 0);
    while let Some(row) = found.next().map_err(failure)? {
        let seq = rows::seq(row, 0).map_err(failure)?;
        let record: Vec<u8> = row.get(1).map_err(failure)?;
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
