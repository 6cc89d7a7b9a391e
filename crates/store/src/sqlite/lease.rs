//! The lease row of a lane: who applies its log, and how far it came. Each lane has one, in its own file.
//!
//! Invariant: [`LeaseRow::step`] is the first statement of every transaction that writes rows of the lane. A consumer that
//! was overtaken changes nothing.

use model::{LogId, Seq, Timestamp};
use rusqlite::{Connection, TransactionBehavior, params};

use crate::error::StoreError;
use crate::events::{Claim, Lease};
use crate::sqlite::failure::failure;

/// The lane of the events, in their file.
pub(crate) const EVENTS_LEASE: LeaseRow = LeaseRow {
    select: "SELECT log_id, applied, holder, until_us FROM lease WHERE id = 1",
    claim: "UPDATE lease SET log_id = ?, holder = ?, until_us = ? WHERE id = 1",
    bind: "UPDATE lease SET log_id = ?, holder = NULL, until_us = NULL WHERE id = 1",
    step: "UPDATE lease SET applied = ? WHERE id = 1 AND holder = ? AND applied = ?",
};

/// The lane of the batches, in `tables.db`.
pub(crate) const BATCHES_LEASE: LeaseRow = LeaseRow {
    select: "SELECT log_id, applied, holder, until_us FROM eyas_lease WHERE id = 1",
    claim: "UPDATE eyas_lease SET log_id = ?, holder = ?, until_us = ? WHERE id = 1",
    bind: "UPDATE eyas_lease SET log_id = ?, holder = NULL, until_us = NULL WHERE id = 1",
    step: "UPDATE eyas_lease SET applied = ? WHERE id = 1 AND holder = ? AND applied = ?",
};

/// The statements on one lane's row.
pub(crate) struct LeaseRow {
    select: &'static str,
    claim: &'static str,
    bind: &'static str,
    step: &'static str,
}

impl LeaseRow {
    /// Reads the row.
    pub(crate) fn read(&self, conn: &Connection) -> Result<Lease, StoreError> {
        let mut select = conn.prepare_cached(self.select).map_err(failure)?;
        let row = select.query_row([], |row| {
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, i64>(1)?, row.get(2)?, row.get(3)?))
        });
        let (log, applied, holder, until_us): (_, _, _, Option<i64>) = row.map_err(failure)?;
        let damaged =
            || StoreError::Unusable("the lease row of the database is damaged".to_owned());
        let log = log.map(|text| text.parse::<LogId>()).transpose().map_err(|_| damaged())?;
        let applied = u64::try_from(applied).ok().and_then(Seq::new).ok_or_else(damaged)?;
        Ok(Lease { log, applied, holder, until: until_us.map(Timestamp::from_micros) })
    }

    /// Makes the claimant the consumer, or says why it is not.
    pub(crate) fn claim(&self, conn: &mut Connection, claim: Claim) -> Result<Lease, StoreError> {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
        let before = self.read(&tx)?;
        claim.check(&before)?;
        let values = params![claim.log.to_string(), claim.holder, claim.until.micros()];
        tx.execute(self.claim, values).map_err(failure)?;
        tx.commit().map_err(failure)?;
        Ok(claim.granted(before.applied))
    }

    /// Binds the database to another log.
    pub(crate) fn bind(&self, conn: &Connection, log: LogId) -> Result<Lease, StoreError> {
        conn.execute(self.bind, [log.to_string()]).map_err(failure)?;
        self.read(conn)
    }

    /// The compare-and-set: moves the applied position of the holder from `expected` to `applied`.
    pub(crate) fn step(
        &self,
        conn: &Connection,
        holder: &str,
        expected: Seq,
        applied: Seq,
    ) -> Result<(), StoreError> {
        let mut update = conn.prepare_cached(self.step).map_err(failure)?;
        let values = params![applied.get() as i64, holder, expected.get() as i64];
        if update.execute(values).map_err(failure)? == 0 {
            return Err(StoreError::Fenced { expected });
        }
        Ok(())
    }
}
