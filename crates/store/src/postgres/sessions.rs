//! Sign-ins. What counts them, or changes several, happens one after another, under the lock of [`crate::postgres::trust`]'s row.

use async_trait::async_trait;
use model::Timestamp;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row, Transaction};

use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::postgres::audit;
use crate::postgres::call::{select, write};
use crate::postgres::failure::failure;
use crate::postgres::store::PostgresStore;
use crate::postgres::turn::TRUST_TURN;
use crate::sessions::{
    SIGN_INS_MAX, SIGN_INS_OF_MACHINE_MAX, SIGN_INS_OF_TOKEN_MAX, SecretHash, SessionStore, SignIn,
};

#[async_trait]
impl SessionStore for PostgresStore {
    async fn sign_ins(&self) -> Result<Vec<SignIn>, StoreError> {
        let sql = "SELECT hash, token_id, actor, created_at_us, expires_at_us FROM eyas.sign_ins \
            ORDER BY hash";
        let rows = select(&self.pool, sql, &[]).await?;
        rows.iter().map(read).collect()
    }

    async fn sign_in(&self, new: SignIn, audit: AuditEntry) -> Result<Vec<SecretHash>, StoreError> {
        let begin = async |tx: &Transaction<'_>| begin(tx, &new, &audit).await.map_err(failure);
        let forgotten = write(&self.pool, begin).await?;
        forgotten.iter().map(|row| hash(row, 0)).collect()
    }

    async fn extend_sign_ins(&self, ends: Vec<(SecretHash, Timestamp)>) -> Result<(), StoreError> {
        write(&self.pool, async |tx| extend(tx, &ends).await.map_err(failure)).await
    }

    async fn sign_out_all(&self, audit: AuditEntry) -> Result<(), StoreError> {
        write(&self.pool, async |tx| end_all(tx, &audit).await.map_err(failure)).await
    }

    async fn sign_out(&self, hash: SecretHash, audit: AuditEntry) -> Result<(), StoreError> {
        write(&self.pool, async |tx| end(tx, &hash, &audit).await.map_err(failure)).await
    }
}

fn read(row: &Row) -> Result<SignIn, StoreError> {
    let hash = hash(row, 0)?;
    let rest = || -> Result<SignIn, Error> {
        Ok(SignIn {
            hash,
            token_id: row.try_get(1)?,
            actor: row.try_get(2)?,
            created_at: Timestamp::from_micros(row.try_get(3)?),
            expires_at: Timestamp::from_micros(row.try_get(4)?),
        })
    };
    rest().map_err(failure)
}

/// A SHA-256 of a row.
pub(crate) fn hash(row: &Row, at: usize) -> Result<[u8; 32], StoreError> {
    let bytes: &[u8] = row.try_get(at).map_err(failure)?;
    let damaged =
        |_| StoreError::Unusable(format!("a hash of {} bytes is none of ours", bytes.len()));
    bytes.try_into().map_err(damaged)
}

/// The hashes of those that had to go.
async fn begin(tx: &Transaction<'_>, new: &SignIn, entry: &AuditEntry) -> Result<Vec<Row>, Error> {
    tx.query_typed(TRUST_TURN, &[]).await?;
    let now_us = new.created_at.micros();
    // One of the machine needs no room among those with tokens.
    let (own_max, all_max) = match new.token_id {
        Some(_) => (SIGN_INS_OF_TOKEN_MAX, SIGN_INS_MAX - 1),
        None => (SIGN_INS_OF_MACHINE_MAX, SIGN_INS_MAX),
    };
    // Order matters: room is made first, so that the new one is never the one that has to go.
    let sql = "DELETE FROM eyas.sign_ins WHERE expires_at_us <= $1 \
        OR hash IN (SELECT hash FROM eyas.sign_ins WHERE token_id IS NOT DISTINCT FROM $2 \
            ORDER BY expires_at_us DESC OFFSET $3) \
        OR hash IN (SELECT hash FROM eyas.sign_ins WHERE token_id IS NOT NULL \
            ORDER BY expires_at_us DESC OFFSET $4) RETURNING hash";
    let values = [
        (&now_us as _, Type::INT8),
        (&new.token_id as _, Type::TEXT),
        (&(own_max as i64 - 1) as _, Type::INT8),
        (&(all_max as i64) as _, Type::INT8),
    ];
    let forgotten = tx.query_typed(sql, &values).await?;
    let sql = "INSERT INTO eyas.sign_ins (hash, token_id, actor, created_at_us, expires_at_us) \
        VALUES ($1, $2, $3, $4, $5)";
    let values = [
        (&&new.hash[..] as _, Type::BYTEA),
        (&new.token_id as _, Type::TEXT),
        (&new.actor as _, Type::TEXT),
        (&now_us as _, Type::INT8),
        (&new.expires_at.micros() as _, Type::INT8),
    ];
    tx.execute_typed(sql, &values).await?;
    audit::add(tx, entry).await?;
    Ok(forgotten)
}

/// Takes the turn as well: two that change several rows at once could otherwise wait for each other.
async fn extend(tx: &Transaction<'_>, ends: &[(SecretHash, Timestamp)]) -> Result<(), Error> {
    tx.query_typed(TRUST_TURN, &[]).await?;
    let hashes: Vec<&[u8]> = ends.iter().map(|(hash, _)| &hash[..]).collect();
    let ends_us: Vec<i64> = ends.iter().map(|(_, end)| end.micros()).collect();
    let sql = "UPDATE eyas.sign_ins s SET expires_at_us = greatest(s.expires_at_us, e.end_us) \
        FROM (SELECT hash, max(end_us) AS end_us FROM unnest($1, $2) AS given (hash, end_us) GROUP BY hash) AS e \
        WHERE s.hash = e.hash";
    let values = [(&hashes as _, Type::BYTEA_ARRAY), (&ends_us as _, Type::INT8_ARRAY)];
    tx.execute_typed(sql, &values).await.map(drop)
}

async fn end_all(tx: &Transaction<'_>, entry: &AuditEntry) -> Result<(), Error> {
    // Nobody signs in between, and is left out.
    tx.query_typed(TRUST_TURN, &[]).await?;
    tx.execute_typed("DELETE FROM eyas.sign_ins", &[]).await?;
    audit::add(tx, entry).await
}

async fn end(tx: &Transaction<'_>, hash: &SecretHash, entry: &AuditEntry) -> Result<(), Error> {
    let sql = "DELETE FROM eyas.sign_ins WHERE hash = $1";
    if tx.execute_typed(sql, &[(&&hash[..], Type::BYTEA)]).await? > 0 {
        audit::add(tx, entry).await?;
    }
    Ok(())
}
