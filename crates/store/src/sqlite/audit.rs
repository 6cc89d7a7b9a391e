//! The audit trail in `control.db`.

use async_trait::async_trait;
use model::Timestamp;
use rusqlite::{Connection, params};

use crate::audit::{AuditEntry, AuditStore, Audited};
use crate::error::StoreError;
use crate::sqlite::failure::failure;
use crate::sqlite::store::SqliteStore;

#[async_trait]
impl AuditStore for SqliteStore {
    async fn audit(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.control.run(move |conn| add(conn, &entry).map_err(failure)).await
    }

    async fn audited(&self, before: Option<u64>, limit: usize) -> Result<Vec<Audited>, StoreError> {
        self.control.run(move |conn| page(conn, before, limit).map_err(failure)).await
    }
}

/// Adds a line; also inside the transaction of the act itself.
pub(crate) fn add(conn: &Connection, entry: &AuditEntry) -> rusqlite::Result<()> {
    let AuditEntry { at, actor, act, object, detail } = entry;
    let mut insert = conn.prepare_cached(
        "INSERT INTO audit (at_us, actor, act, object, detail) VALUES (?, ?, ?, ?, ?)",
    )?;
    insert.execute(params![at.micros(), actor, act, object, detail])?;
    Ok(())
}

fn page(conn: &Connection, before: Option<u64>, limit: usize) -> rusqlite::Result<Vec<Audited>> {
    let mut select = conn.prepare_cached(
        "SELECT id, at_us, actor, act, object, detail FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
    )?;
    let before = before.map_or(i64::MAX, |id| i64::try_from(id).unwrap_or(i64::MAX));
    let rows = select.query_map(params![before, limit as i64], |row| {
        Ok(Audited {
            id: row.get::<_, i64>(0)? as u64,
            entry: AuditEntry {
                at: Timestamp::from_micros(row.get(1)?),
                actor: row.get(2)?,
                act: row.get(3)?,
                object: row.get(4)?,
                detail: row.get(5)?,
            },
        })
    })?;
    rows.collect()
}
