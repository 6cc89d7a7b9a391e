//! Pages in `Seq` order. They go by key, never by offset.
//!
//! Invariant: one call reads a bounded number of rows and bytes, whatever the filter. Where [`ROWS_READ_MAX`] rows have
//! been tested, the page ends, and says so with `next`. All statements of a page see one state of the database, else
//! rows could come between them unseen.

use rusqlite::{Connection, params_from_iter};

use crate::error::StoreError;
use crate::events::{Extent, GET_EVENTS_MAX, Listed, Order, Page, PageQuery};
use crate::filling::Filling;
use crate::sqlite::failure::failure;
use crate::sqlite::filter::condition;
use crate::sqlite::rows;
use crate::sqlite::walk::{Walk, walk};

/// Most rows that one page tests against its filter.
pub(crate) const ROWS_READ_MAX: usize = 20_000;
/// Most events of one page, whatever its limit.
const PAGE_EVENTS_MAX: usize = 10_000;

/// One page.
pub(crate) fn page(
    conn: &Connection,
    query: &PageQuery,
    extent: Extent,
) -> Result<Page, StoreError> {
    // Dropped at the end, which only ends the snapshot: nothing was written.
    let _snapshot = conn.unchecked_transaction().map_err(failure)?;
    read_page(conn, query, extent).map_err(failure)
}

/// One page, inside the caller's transaction.
pub(crate) fn read_page(
    conn: &Connection,
    query: &PageQuery,
    extent: Extent,
) -> rusqlite::Result<Page> {
    let columns = rows::columns(extent);
    let wanted = Walk {
        filter: &query.filter,
        order: query.order,
        after: query.after,
        columns: &columns,
        rows_max: ROWS_READ_MAX,
    };
    let limit = query.limit.clamp(1, PAGE_EVENTS_MAX);
    let mut filling = Filling { extent, limit, events: Vec::new(), n_bytes: 0, n_previewed: 0 };
    let walked = walk(conn, &wanted, &mut |row| {
        let has_room = !filling.is_full();
        if has_room {
            filling.add(rows::listed(row, extent)?);
        }
        Ok(has_room)
    })?;
    Ok(Page { events: filling.events, next: walked.next })
}

/// The wanted events whose id is exactly what the filter searches for, in the order of the walk.
pub(crate) fn named(
    conn: &Connection,
    query: &PageQuery,
    extent: Extent,
) -> Result<Vec<Listed>, StoreError> {
    let Some(search) = &query.filter.search else { return Ok(Vec::new()) };
    let condition = condition(&query.filter);
    let direction = if query.order == Order::Asc { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {} FROM events INDEXED BY events_id WHERE id = ? AND {} ORDER BY seq {direction} LIMIT {}",
        rows::columns(extent),
        condition.sql,
        query.limit.min(GET_EVENTS_MAX)
    );
    let values = std::iter::once(search.given().to_owned().into()).chain(condition.values);
    let read = || -> rusqlite::Result<Vec<Listed>> {
        let mut select = conn.prepare_cached(&sql)?;
        let mut found = select.query(params_from_iter(values))?;
        let (mut events, mut n_bytes) = (Vec::new(), 0);
        while let Some(row) = found.next()?
            && n_bytes < extent.bytes_max
        {
            let listed = rows::listed(row, extent)?;
            n_bytes += listed.event.record().len();
            events.push(listed);
        }
        Ok(events)
    };
    read().map_err(failure)
}
