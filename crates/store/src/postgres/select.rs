//! One question, in a transaction of its own that only reads.

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::error::StoreError;
use crate::postgres::failure::failure;
use crate::postgres::pool::Pool;

/// The rows. `values` are those of `$1`, `$2`, … with their types.
pub(crate) async fn select(
    pool: &Pool,
    sql: &str,
    values: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Row>, StoreError> {
    let mut client = pool.get().await?;
    let tx = client.snapshot().await?;
    let rows = tx.query_typed(sql, values).await.map_err(failure)?;
    Ok(rows)
}
