//! The lease row of a lane: who consumes, and how far it came. Each lane has one.
//!
//! Invariant: it moves by compare-and-set as the first statement of the transaction that writes the lane's rows. A consumer
//! that was overtaken changes nothing; one whose commit is still under way elsewhere is waited for. The row stays locked
//! until that transaction ends, so what takes longer than its lease is still nobody else's; and it ends with the lease moved on
//! by what it took, so that whoever waited at the row finds one that holds.

use std::time::Duration;

use model::{LogId, Seq, Timestamp};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

use crate::error::StoreError;
use crate::events::{Claim, Lease};
use crate::postgres::failure::failure;
use crate::postgres::rows;

/// The lane of the events.
pub(crate) const EVENTS_LEASE: LeaseRow = LeaseRow { table: "eyas.lease" };
/// The lane of the batches.
pub(crate) const BATCHES_LEASE: LeaseRow = LeaseRow { table: "eyas.batches_lease" };

/// A lease holds much longer than a transaction that is shorter than this.
const LONG: Duration = Duration::from_secs(1);

/// One lane's row.
pub(crate) struct LeaseRow {
    table: &'static str,
}

impl LeaseRow {
    /// Whether its table is there.
    pub(crate) async fn exists(&self, client: &Client) -> Result<bool, StoreError> {
        let sql = format!("SELECT to_regclass('{}') IS NOT NULL", self.table);
        let row = client.query_typed_one(&sql, &[]).await.map_err(failure)?;
        row.try_get(0).map_err(failure)
    }

    /// Reads the row.
    pub(crate) async fn read(&self, client: &Client) -> Result<Lease, StoreError> {
        self.select(client, "").await
    }

    async fn select(&self, client: &Client, locking: &str) -> Result<Lease, StoreError> {
        let table = self.table;
        let select =
            format!("SELECT log_id, applied, holder, until_us FROM {table} WHERE id = 1 {locking}");
        let row = client.query_typed_one(&select, &[]).await.map_err(failure)?;
        let read = || Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?));
        let (log, applied, holder, until_us): (Option<String>, i64, _, Option<i64>) =
            read().map_err(failure)?;
        let damaged = |_| StoreError::Unusable(format!("the row of {table} is damaged"));
        let log = log.map(|text| text.parse::<LogId>()).transpose().map_err(damaged)?;
        let until = until_us.map(Timestamp::from_micros);
        Ok(Lease { log, applied: rows::position(applied)?, holder, until })
    }

    /// Makes the claimant the consumer, or says why it is not.
    pub(crate) async fn claim(
        &self,
        tx: Transaction<'_>,
        claim: Claim,
    ) -> Result<Lease, StoreError> {
        let before = self.select(tx.client(), "FOR UPDATE").await?;
        claim.check(&before)?;
        let (table, log, until_us) = (self.table, claim.log.to_string(), claim.until.micros());
        tx.execute_typed(
            &format!("UPDATE {table} SET log_id = $1, holder = $2, until_us = $3 WHERE id = 1"),
            &[(&log, Type::TEXT), (&claim.holder, Type::TEXT), (&until_us, Type::INT8)],
        )
        .await
        .map_err(failure)?;
        tx.commit().await.map_err(failure)?;
        Ok(claim.granted(before.applied))
    }

    /// Binds the database to another log.
    pub(crate) async fn bind(&self, tx: Transaction<'_>, log: LogId) -> Result<Lease, StoreError> {
        let table = self.table;
        let update =
            format!("UPDATE {table} SET log_id = $1, holder = NULL, until_us = NULL WHERE id = 1");
        tx.execute_typed(&update, &[(&log.to_string(), Type::TEXT)]).await.map_err(failure)?;
        let bound = self.read(tx.client()).await?;
        tx.commit().await.map_err(failure)?;
        Ok(bound)
    }

    /// The compare-and-set, as the first statement of a transaction that applies: moves the position of the holder.
    pub(crate) async fn step(
        &self,
        client: &Client,
        holder: &str,
        expected: Seq,
        applied: Seq,
    ) -> Result<(), StoreError> {
        let table = self.table;
        let update = format!(
            "UPDATE {table} SET applied = $1 WHERE id = 1 AND holder = $2 AND applied = $3"
        );
        let (to, from) = (applied.get() as i64, expected.get() as i64);
        let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
            [(&to, Type::INT8), (&holder, Type::TEXT), (&from, Type::INT8)];
        let n_rows = client.execute_typed(&update, &values).await.map_err(failure)?;
        if n_rows == 0 { Err(StoreError::Fenced { expected }) } else { Ok(()) }
    }

    /// Near the end of a transaction that applies: its time does not count against the lease. No clock is compared with another.
    pub(crate) async fn move_on(&self, client: &Client, taken: Duration) -> Result<(), StoreError> {
        if taken < LONG {
            return Ok(());
        }
        let (table, taken_us) = (self.table, i64::try_from(taken.as_micros()).unwrap_or(i64::MAX));
        let update = format!("UPDATE {table} SET until_us = until_us + $1 WHERE id = 1");
        client.execute_typed(&update, &[(&taken_us, Type::INT8)]).await.map(drop).map_err(failure)
    }
}

/// Whether what this transaction sees has everything up to a position. One that was restored, or that took over from
/// another server, may not have it yet.
pub(crate) async fn expect_applied(tx: &Transaction<'_>, applied: Seq) -> Result<(), StoreError> {
    let found = EVENTS_LEASE.read(tx.client()).await?.applied;
    if found < applied {
        return Err(StoreError::Unavailable(format!(
            "the database went back from {applied} to {found}: what it lost is applied again from the log"
        )));
    }
    Ok(())
}
