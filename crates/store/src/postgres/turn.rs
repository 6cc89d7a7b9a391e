//! One writer of events and dead letters at a time, as there is on SQLite.

use tokio_postgres::Transaction;

use crate::error::StoreError;
use crate::postgres::failure::failure;

/// Whoever changes trust or sign-ins begins with this: they are counted and changed by one at a time.
pub(crate) const TRUST_TURN: &str = "SELECT FROM eyas.trust WHERE id = 1 FOR UPDATE";

/// Waits until nobody else changes events or dead letters, the consumer included, and keeps others from it until the end of
/// the transaction. The consumer's own first statement, the compare-and-set of the lease row, does the same.
pub(crate) async fn take_turn(tx: &Transaction<'_>) -> Result<(), StoreError> {
    let sql = "SELECT FROM eyas.lease WHERE id = 1 FOR UPDATE";
    tx.query_typed(sql, &[]).await.map(drop).map_err(failure)
}
