//! Pages in `Seq` order. They go by key, never by offset.
//!
//! Invariant: one call reads a bounded number of rows and bytes, whatever the filter. Where [`ROWS_READ_MAX`] rows have
//! been tested, the page ends, and says so with `next`. All statements of a page see one state of the database, else
//! rows could come between them unseen.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use crate::error::StoreError;
use crate::events::{Extent, GET_EVENTS_MAX, Listed, Order, Page, PageQuery};
use crate::filling::Filling;
use crate::postgres::failure::failure;
use crate::postgres::filter::condition;
use crate::postgres::nul::without_nul;
use crate::postgres::rows;
use crate::postgres::walk::{Walk, walk};

/// Most rows that one page tests against its filter.
pub(crate) const ROWS_READ_MAX: usize = 20_000;
/// Most events of one page, whatever its limit.
const PAGE_EVENTS_MAX: usize = 10_000;

/// One page, inside the caller's transaction.
pub(crate) async fn read_page(
    tx: &Transaction<'_>,
    query: &PageQuery,
    extent: Extent,
) -> Result<Page, StoreError> {
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
    let mut take = |row: &tokio_postgres::Row| {
        let has_room = !filling.is_full();
        if has_room {
            filling.add(rows::listed(row, extent)?);
        }
        Ok(has_room)
    };
    let walked = walk(tx, &wanted, &mut take).await?;
    Ok(Page { events: filling.events, next: walked.next })
}

/// Values: id, those of the condition. Nothing but the id may choose the index.
pub(crate) fn named_sql(columns: &str, condition: &str, direction: &str, limit: usize) -> String {
    format!(
        "SELECT {columns} FROM (SELECT * FROM eyas.events WHERE id = $1 OFFSET 0) AS events \
         WHERE {condition} ORDER BY seq {direction} LIMIT {}",
        limit.min(GET_EVENTS_MAX)
    )
}

/// The wanted events whose id is exactly what the filter searches for, in the order of the walk.
pub(crate) async fn named(
    tx: &Transaction<'_>,
    query: &PageQuery,
    extent: Extent,
) -> Result<Vec<Listed>, StoreError> {
    let Some(search) = &query.filter.search else { return Ok(Vec::new()) };
    let condition = condition(&query.filter, 1);
    let direction = if query.order == Order::Asc { "ASC" } else { "DESC" };
    let sql = named_sql(&rows::columns(extent), &condition.sql, direction, query.limit);
    let id = without_nul(search.given());
    let values = condition.values_behind(&[(&id, Type::TEXT)]);
    let found = tx.query_typed_raw(&sql, values).await.map_err(failure)?;
    let (mut found, mut events, mut n_bytes) = (pin!(found), Vec::new(), 0);
    while n_bytes < extent.bytes_max
        && let Some(row) = found.try_next().await.map_err(failure)?
    {
        let listed = rows::listed(&row, extent)?;
        n_bytes += listed.event.record().len();
        events.push(listed);
    }
    Ok(events)
}
