//! One call on a lent connection, most often one transaction, within a bound of our own: a server that takes statements and
//! never answers them is no reason to wait for ever, and the time-outs that it was told are its own to keep. What takes as
//! long as it takes, migrations and the rows of batches, lends a connection without it.
//!
//! Invariant: a connection whose call did not end well is not lent again.

use std::convert::Infallible;
use std::time::Duration;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, Transaction};

use crate::error::StoreError;
use crate::postgres::failure::failure;
use crate::postgres::pool::{Client, Pool};

/// Bound of a call that reads: somebody waits for it.
pub(crate) const READ_MAX: Duration = Duration::from_secs(15);
/// Bound of a call that writes; its statements have their own.
pub(crate) const WRITE_MAX: Duration = Duration::from_mins(2);

/// The answer of `work`, or `Unavailable` when `time_max` is over.
pub(crate) async fn call<T>(
    pool: &Pool,
    time_max: Duration,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut client = pool.get().await?;
    let res = tokio::time::timeout(time_max, work(&mut client)).await.unwrap_or_else(|_| {
        let seconds = time_max.as_secs();
        Err(StoreError::Unavailable(format!("the database took longer than {seconds} s")))
    });
    if matches!(res, Err(StoreError::Unavailable(_) | StoreError::Fenced { .. })) {
        client.discard();
    } else {
        client.give_back();
    }
    res
}

/// The answer of `work`, whose statements all see one moment.
pub(crate) async fn read<T>(
    pool: &Pool,
    work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    call(pool, READ_MAX, async |client| work(&client.snapshot().await?).await).await
}

/// The rows of one question. `values` are those of `$1`, `$2`, … with their types.
pub(crate) async fn select(
    pool: &Pool,
    sql: &str,
    values: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Row>, StoreError> {
    read(pool, async |tx| tx.query_typed(sql, values).await.map_err(failure)).await
}

/// The answer of `work`, what it wrote being durable then; nothing of it is left where it failed.
pub(crate) async fn write<T>(
    pool: &Pool,
    work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let Ok(answer) = try_write::<_, Infallible>(pool, async |tx| work(tx).await.map(Ok)).await?;
    Ok(answer)
}

/// The same where `work` may refuse, too, which leaves nothing either.
pub(crate) async fn try_write<T, R>(
    pool: &Pool,
    work: impl AsyncFnOnce(&Transaction<'_>) -> Result<Result<T, R>, StoreError>,
) -> Result<Result<T, R>, StoreError> {
    call(pool, WRITE_MAX, async |client| {
        let tx = client.begin().await?;
        let res = work(&tx).await?;
        if res.is_ok() {
            tx.commit().await.map_err(failure)?;
        }
        Ok(res)
    })
    .await
}
