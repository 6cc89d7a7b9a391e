//! The audit trail.

use async_trait::async_trait;
use model::Timestamp;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row, Transaction};

use crate::audit::{AuditEntry, AuditStore, Audited};
use crate::error::StoreError;
use crate::postgres::call::{select, write};
use crate::postgres::failure::failure;
use crate::postgres::nul::without_nul;
use crate::postgres::store::PostgresStore;

#[async_trait]
impl AuditStore for PostgresStore {
    async fn audit(&self, entry: AuditEntry) -> Result<(), StoreError> {
        write(&self.pool, async |tx| add(tx, &entry).await.map_err(failure)).await
    }

    async fn audited(&self, before: Option<u64>, limit: usize) -> Result<Vec<Audited>, StoreError> {
        let before = before.map_or(i64::MAX, |id| i64::try_from(id).unwrap_or(i64::MAX));
        let sql = "SELECT id, at_us, actor, act, object, detail FROM eyas.audit WHERE id < $1 \
            ORDER BY id DESC LIMIT $2";
        let values = [(&before as _, Type::INT8), (&(limit as i64) as _, Type::INT8)];
        let rows = select(&self.pool, sql, &values).await?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(failure)
    }
}

/// Adds a line, inside the transaction of the act itself where there is one.
pub(crate) async fn add(tx: &Transaction<'_>, entry: &AuditEntry) -> Result<(), Error> {
    let AuditEntry { at, actor, act, object, detail } = entry;
    let sql =
        "INSERT INTO eyas.audit (at_us, actor, act, object, detail) VALUES ($1, $2, $3, $4, $5)";
    let values = [
        (&at.micros() as _, Type::INT8),
        (&without_nul(actor) as _, Type::TEXT),
        (&without_nul(act) as _, Type::TEXT),
        (&without_nul(object) as _, Type::TEXT),
        (&without_nul(detail) as _, Type::TEXT),
    ];
    tx.execute_typed(sql, &values).await.map(drop)
}

fn read(row: &Row) -> Result<Audited, Error> {
    Ok(Audited {
        id: row.try_get::<_, i64>(0)? as u64,
        entry: AuditEntry {
            at: Timestamp::from_micros(row.try_get(1)?),
            actor: row.try_get(2)?,
            act: row.try_get(3)?,
            object: row.try_get(4)?,
            detail: row.try_get(5)?,
        },
    })
}
