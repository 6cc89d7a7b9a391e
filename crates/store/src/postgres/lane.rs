//! The lease row of the batches lane: who applies its log, and how far it came.
//!
//! Invariant: [`step`] is the first statement of every transaction that writes rows of the lane. The row stays locked until
//! that transaction ends, so a batch that takes longer than its lease is still nobody else's.

use model::{LogId, Seq, Timestamp};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

use crate::batches::LaneStep;
use crate::error::StoreError;
use crate::events::{Claim, Lease};
use crate::postgres::failure::failure;

const READ: &str = "SELECT log_id, applied, holder, until_us FROM eyas.batches_lease WHERE id = 1";
const LOCKED: &str =
    "SELECT log_id, applied, holder, until_us FROM eyas.batches_lease WHERE id = 1 FOR UPDATE";
const CLAIM: &str =
    "UPDATE eyas.batches_lease SET log_id = $1, holder = $2, until_us = $3 WHERE id = 1";
const BIND: &str =
    "UPDATE eyas.batches_lease SET log_id = $1, holder = NULL, until_us = NULL WHERE id = 1";
const STEP: &str =
    "UPDATE eyas.batches_lease SET applied = $1 WHERE id = 1 AND holder = $2 AND applied = $3";

/// Reads the row.
pub(crate) async fn read(client: &Client) -> Result<Lease, StoreError> {
    query(client, READ).await
}

async fn query(client: &Client, sql: &str) -> Result<Lease, StoreError> {
    let damaged = || StoreError::Unusable("the lease row of the batches is damaged".to_owned());
    let rows = client.query_typed(sql, &[]).await.map_err(failure)?;
    let row = rows.first().ok_or_else(damaged)?;
    let log: Option<&str> = row.get(0);
    let log = log.map(str::parse::<LogId>).transpose().map_err(|_| damaged())?;
    let applied = u64::try_from(row.get::<_, i64>(1)).ok().and_then(Seq::new);
    let applied = applied.ok_or_else(damaged)?;
    let until = row.get::<_, Option<i64>>(3).map(Timestamp::from_micros);
    Ok(Lease { log, applied, holder: row.get(2), until })
}

/// Makes the claimant the consumer, or says why it is not.
pub(crate) async fn claim(tx: Transaction<'_>, claim: Claim) -> Result<Lease, StoreError> {
    let before = query(tx.client(), LOCKED).await?;
    if let Some(bound) = before.log.filter(|&bound| bound != claim.log) {
        return Err(StoreError::OtherLog { bound, log: claim.log });
    }
    let is_running = before.until.is_some_and(|until| until > claim.now);
    if let Some(holder) = before.holder.filter(|holder| is_running && *holder != claim.holder) {
        return Err(StoreError::Held { holder });
    }
    let (log, until_us) = (claim.log.to_string(), claim.until.micros());
    tx.execute_typed(
        CLAIM,
        &[(&log, Type::TEXT), (&claim.holder, Type::TEXT), (&until_us, Type::INT8)],
    )
    .await
    .map_err(failure)?;
    tx.commit().await.map_err(failure)?;
    Ok(Lease {
        log: Some(claim.log),
        applied: before.applied,
        holder: Some(claim.holder),
        until: Some(claim.until),
    })
}

/// Binds the database to another log.
pub(crate) async fn bind(tx: Transaction<'_>, log: LogId) -> Result<Lease, StoreError> {
    tx.execute_typed(BIND, &[(&log.to_string(), Type::TEXT)]).await.map_err(failure)?;
    let lease = read(tx.client()).await?;
    tx.commit().await.map_err(failure)?;
    Ok(lease)
}

/// The compare-and-set: moves the applied position of the holder.
pub(crate) async fn step(client: &Client, step: &LaneStep) -> Result<(), StoreError> {
    let (applied, expected) = (step.applied.get() as i64, step.expected.get() as i64);
    let n_moved = client
        .execute_typed(
            STEP,
            &[(&applied, Type::INT8), (&step.holder, Type::TEXT), (&expected, Type::INT8)],
        )
        .await
        .map_err(failure)?;
    if n_moved == 0 { Err(StoreError::Fenced { expected: step.expected }) } else { Ok(()) }
}
