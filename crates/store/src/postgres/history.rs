//! A page of history, as [`crate::history`] has it.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use crate::error::StoreError;
use crate::events::{Extent, Page, PageQuery, Stored};
use crate::history::Dead;
use crate::postgres::failure::failure;
use crate::postgres::filter::Value;
use crate::postgres::page::read_page;
use crate::postgres::rows;

const DEAD: &str = "SELECT seq, record FROM eyas.dead_letters WHERE seq > $1 AND seq <= $2 \
    AND state <> 'replayed' ORDER BY seq LIMIT $3";

/// One page, oldest first.
pub(crate) async fn history(
    tx: &Transaction<'_>,
    query: &PageQuery,
    bytes_max: usize,
) -> Result<Page<Stored>, StoreError> {
    let page = read_page(tx, query, Extent { bytes_max, data_bytes_max: None }).await?;
    let mut dead = Dead::beside(&page, query, bytes_max);
    let bounds = dead.bounds();
    let values: Vec<Value<'_>> = bounds.iter().map(|bound| (bound as _, Type::INT8)).collect();
    let mut found = pin!(tx.query_typed_raw(DEAD, values).await.map_err(failure)?);
    while let Some(row) = found.try_next().await.map_err(failure)? {
        if !dead.take(rows::seq(&row, 0)?, row.try_get(1).map_err(failure)?)? {
            break;
        }
    }
    Ok(dead.join(page))
}
