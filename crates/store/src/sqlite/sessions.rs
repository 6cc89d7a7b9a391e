//! Sign-ins in `control.db`.

use async_trait::async_trait;
use model::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::sessions::{
    SIGN_INS_MAX, SIGN_INS_OF_MACHINE_MAX, SIGN_INS_OF_TOKEN_MAX, SecretHash, SessionStore, SignIn,
};
use crate::sqlite::audit;
use crate::sqlite::failure::failure;
use crate::sqlite::store::SqliteStore;

#[async_trait]
impl SessionStore for SqliteStore {
    async fn sign_ins(&self) -> Result<Vec<SignIn>, StoreError> {
        self.control.run(|conn| read(conn).map_err(failure)).await
    }

    async fn sign_in(&self, new: SignIn, audit: AuditEntry) -> Result<Vec<SecretHash>, StoreError> {
        self.control.run(move |conn| begin(conn, &new, &audit).map_err(failure)).await
    }

    async fn extend_sign_ins(&self, ends: Vec<(SecretHash, Timestamp)>) -> Result<(), StoreError> {
        self.control.run(move |conn| extend(conn, &ends).map_err(failure)).await
    }

    async fn sign_out_all(&self, audit: AuditEntry) -> Result<(), StoreError> {
        self.control.run(move |conn| end_all(conn, &audit).map_err(failure)).await
    }

    async fn sign_out(&self, hash: SecretHash, audit: AuditEntry) -> Result<(), StoreError> {
        self.control.run(move |conn| end(conn, &hash, &audit).map_err(failure)).await
    }
}

fn read(conn: &Connection) -> rusqlite::Result<Vec<SignIn>> {
    let mut select = conn.prepare_cached(
        "SELECT hash, token_id, actor, created_at_us, expires_at_us FROM sign_ins",
    )?;
    let rows = select.query_map([], |row| {
        Ok(SignIn {
            hash: row.get(0)?,
            token_id: row.get(1)?,
            actor: row.get(2)?,
            created_at: Timestamp::from_micros(row.get(3)?),
            expires_at: Timestamp::from_micros(row.get(4)?),
        })
    })?;
    rows.collect()
}

fn begin(
    conn: &mut Connection,
    new: &SignIn,
    entry: &AuditEntry,
) -> rusqlite::Result<Vec<SecretHash>> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let now_us = new.created_at.micros();
    // Order matters: room is made first, so that the new one is never the one that has to go.
    let forgotten = {
        let mut forget = tx.prepare_cached(
            "DELETE FROM sign_ins WHERE expires_at_us <= ?1 \
             OR hash IN (SELECT hash FROM sign_ins WHERE token_id IS ?2 ORDER BY expires_at_us DESC LIMIT -1 OFFSET ?3) \
             OR hash IN (SELECT hash FROM sign_ins WHERE token_id NOT NULL ORDER BY expires_at_us DESC LIMIT -1 OFFSET ?4) \
             RETURNING hash",
        )?;
        // One of the machine needs no room among those with tokens.
        let (own_max, all_max) = match new.token_id {
            Some(_) => (SIGN_INS_OF_TOKEN_MAX, SIGN_INS_MAX - 1),
            None => (SIGN_INS_OF_MACHINE_MAX, SIGN_INS_MAX),
        };
        let bounds = params![now_us, new.token_id, own_max as i64 - 1, all_max as i64];
        let rows = forget.query_map(bounds, |row| row.get(0))?;
        rows.collect::<Result<_, _>>()?
    };
    tx.execute(
        "INSERT INTO sign_ins (hash, token_id, actor, created_at_us, expires_at_us) VALUES (?, ?, ?, ?, ?)",
        params![new.hash, new.token_id, new.actor, now_us, new.expires_at.micros()],
    )?;
    audit::add(&tx, entry)?;
    tx.commit()?;
    Ok(forgotten)
}

fn extend(conn: &mut Connection, ends: &[(SecretHash, Timestamp)]) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut update = tx.prepare_cached(
            "UPDATE sign_ins SET expires_at_us = max(expires_at_us, ?) WHERE hash = ?",
        )?;
        for (hash, expires_at) in ends {
            update.execute(params![expires_at.micros(), hash])?;
        }
    }
    tx.commit()
}

fn end_all(conn: &mut Connection, entry: &AuditEntry) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute("DELETE FROM sign_ins", [])?;
    audit::add(&tx, entry)?;
    tx.commit()
}

fn end(conn: &mut Connection, hash: &SecretHash, entry: &AuditEntry) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if tx.execute("DELETE FROM sign_ins WHERE hash = ?", [hash])? > 0 {
        audit::add(&tx, entry)?;
    }
    tx.commit()
}
