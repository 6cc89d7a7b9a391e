//! A page of history, as [`crate::history`] has it.

use rusqlite::Connection;

use crate::error::StoreError;
use crate::events::{Extent, Page, PageQuery, Stored};
use crate::history::Dead;
use crate::sqlite::failure::failure;
use crate::sqlite::page::read_page;
use crate::sqlite::rows;

const DEAD: &str = "SELECT seq, record FROM dead_letters WHERE seq > ? AND seq <= ? \
    AND state <> 'replayed' ORDER BY seq LIMIT ?";

/// One page, oldest first.
pub(crate) fn history(
    conn: &Connection,
    query: &PageQuery,
    bytes_max: usize,
) -> Result<Page<Stored>, StoreError> {
    // Dropped at the end, which only ends the snapshot: nothing was written.
    let _snapshot = conn.unchecked_transaction().map_err(failure)?;
    let extent = Extent { bytes_max, data_bytes_max: None };
    let page = read_page(conn, query, extent).map_err(failure)?;
    let mut dead = Dead::beside(&page, query, bytes_max);
    let mut select = conn.prepare_cached(DEAD).map_err(failure)?;
    let mut found = select.query(dead.bounds()).map_err(failure)?;
    while let Some(row) = found.next().map_err(failure)? {
        let seq = rows::seq(row, 0).map_err(failure)?;
        if !dead.take(seq, row.get(1).map_err(failure)?)? {
            break;
        }
    }
    Ok(dead.join(page))
}
