//! The lease row: who consumes, and how far it came.
//!
//! Invariant: it moves by compare-and-set as the first statement of the transaction that writes the rows. A consumer that
//! was overtaken changes nothing; one whose commit is still under way elsewhere is waited for.

use model::{LogId, Seq, Timestamp};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

use crate::error::StoreError;
use crate::events::{Claim, Lease};
use crate::postgres::failure::failure;
use crate::postgres::rows;
use crate::postgres::turn::take_turn;

/// Reads the lease row.
pub(crate) async fn lease(client: &Client) -> Result<Lease, StoreError> {
    let select = "SELECT log_id, applied, holder, until_us FROM eyas.lease WHERE id = 1";
    let row = client.query_typed_one(select, &[]).await.map_err(failure)?;
    let read = || Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?));
    let (log, applied, holder, until_us): (Option<String>, i64, _, Option<i64>) =
        read().map_err(failure)?;
    let damaged = |_| StoreError::Unusable("the lease row of the database is damaged".to_owned());
    let log = log.map(|text| text.parse::<LogId>()).transpose().map_err(damaged)?;
    let until = until_us.map(Timestamp::from_micros);
    Ok(Lease { log, applied: rows::position(applied)?, holder, until })
}

/// Whether what this transaction sees has everything up to a position. One that was restored, or that took over from
/// another server, may not have it yet.
pub(crate) async fn expect_applied(tx: &Transaction<'_>, applied: Seq) -> Result<(), StoreError> {
    let found = lease(tx.client()).await?.applied;
    if found < applied {
        return Err(StoreError::Unavailable(format!(
            "the database went back from {applied} to {found}: what it lost is applied again from the log"
        )));
    }
    Ok(())
}

/// Makes the claimant the consumer, or says why it is not.
pub(crate) async fn claim(tx: Transaction<'_>, claim: Claim) -> Result<Lease, StoreError> {
    take_turn(&tx).await?;
    let before = lease(tx.client()).await?;
    if let Some(bound) = before.log.filter(|&bound| bound != claim.log) {
        return Err(StoreError::OtherLog { bound, log: claim.log });
    }
    let is_running = before.until.is_some_and(|until| until > claim.now);
    if let Some(holder) = before.holder.filter(|holder| is_running && *holder != claim.holder) {
        return Err(StoreError::Held { holder });
    }
    let (log, until_us) = (claim.log.to_string(), claim.until.micros());
    tx.execute_typed(
        "UPDATE eyas.lease SET log_id = $1, holder = $2, until_us = $3 WHERE id = 1",
        &[(&log, Type::TEXT), (&claim.holder, Type::TEXT), (&until_us, Type::INT8)],
    )
    .await
    .map_err(failure)?;
    tx.commit().await.map_err(failure)?;
    let (holder, until) = (Some(claim.holder), Some(claim.until));
    Ok(Lease { log: Some(claim.log), applied: before.applied, holder, until })
}

/// Binds the database to another log.
pub(crate) async fn bind(tx: Transaction<'_>, log: LogId) -> Result<Lease, StoreError> {
    let update = "UPDATE eyas.lease SET log_id = $1, holder = NULL, until_us = NULL WHERE id = 1";
    tx.execute_typed(update, &[(&log.to_string(), Type::TEXT)]).await.map_err(failure)?;
    let bound = lease(tx.client()).await?;
    tx.commit().await.map_err(failure)?;
    Ok(bound)
}

/// The compare-and-set, as the first statement of a transaction that applies.
pub(crate) async fn advance(
    tx: &Transaction<'_>,
    holder: &str,
    expected: Seq,
    through: Seq,
) -> Result<(), StoreError> {
    let update = "UPDATE eyas.lease SET applied = $1 WHERE id = 1 AND holder = $2 AND applied = $3";
    let (to, from) = (through.get() as i64, expected.get() as i64);
    let n_rows = tx
        .execute_typed(update, &[(&to, Type::INT8), (&holder, Type::TEXT), (&from, Type::INT8)])
        .await
        .map_err(failure)?;
    if n_rows == 0 { Err(StoreError::Fenced { expected }) } else { Ok(()) }
}
