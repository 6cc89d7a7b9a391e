//! Applications and tokens. Each act begins with the lock of the one row that counts the acts, so acts happen one after
//! another, whoever else serves the same database, and what one of them counts nobody changes.

use async_trait::async_trait;
use model::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row, Transaction};

use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::postgres::audit;
use crate::postgres::call;
use crate::postgres::failure::failure;
use crate::postgres::nul::without_nul;
use crate::postgres::sessions::hash;
use crate::postgres::store::PostgresStore;
use crate::postgres::turn::TRUST_TURN;
use crate::trust::{
    APPLICATIONS_MAX, Application, ApplicationChange, Rate, Scope, TOKENS_MAX, Token, TokenKind,
    Trust, TrustAct, TrustError, TrustStore,
};

#[async_trait]
impl TrustStore for PostgresStore {
    async fn trust(&self) -> Result<Trust, StoreError> {
        call::read(&self.pool, async |tx| read(tx).await).await
    }

    async fn change_trust(&self, act: TrustAct, audit: AuditEntry) -> Result<Trust, TrustError> {
        let change = async |tx: &Transaction<'_>| match change(tx, &act, &audit).await {
            Err(TrustError::Store(error)) => Err(error),
            other => Ok(other),
        };
        call::try_write(&self.pool, change).await?
    }

    async fn save_token_uses(&self, uses: Vec<(String, Timestamp)>) -> Result<(), StoreError> {
        call::write(&self.pool, async |tx| save_uses(tx, &uses).await.map_err(failure)).await
    }
}

/// One act, its line, and everything as it is then.
async fn change(
    tx: &Transaction<'_>,
    act: &TrustAct,
    audit: &AuditEntry,
) -> Result<Trust, TrustError> {
    tx.query_typed(TRUST_TURN, &[]).await.map_err(failure)?;
    if carry_out(tx, act, audit.at).await? {
        let sql = "UPDATE eyas.trust SET version = version + 1";
        tx.execute_typed(sql, &[]).await.map_err(failure)?;
        audit::add(tx, audit).await.map_err(failure)?;
    }
    Ok(read(tx).await?)
}

/// In a transaction that holds the turn, or whose statements all see one state.
async fn read(tx: &Transaction<'_>) -> Result<Trust, StoreError> {
    let select = async || -> Result<_, Error> {
        let version = tx.query_typed_one("SELECT version FROM eyas.trust", &[]).await?;
        let sql = "SELECT name, created_at_us, allowed_origins, events_per_s, burst, is_disabled \
            FROM eyas.applications ORDER BY name";
        let applications = tx.query_typed(sql, &[]).await?;
        let sql = "SELECT id, application, hash, prefix, label, kind, scopes, created_at_us, created_by, \
            expires_at_us, revoked_at_us, last_used_us FROM eyas.tokens ORDER BY number";
        let tokens = tx.query_typed(sql, &[]).await?;
        Ok((version.try_get::<_, i64>(0)?, applications, tokens))
    };
    let (version, applications, tokens) = select().await.map_err(failure)?;
    let applications = applications.iter().map(application).collect::<Result<_, _>>();
    Ok(Trust {
        version: version as u64,
        applications: applications.map_err(failure)?,
        tokens: tokens.iter().map(token).collect::<Result<_, _>>()?,
    })
}

fn application(row: &Row) -> Result<Application, Error> {
    let number = |at: usize| row.try_get::<_, Option<i64>>(at).map(|n| n.map(|n| n as u32));
    let rate = match (number(3)?, number(4)?) {
        (Some(events_per_s), Some(burst)) => Some(Rate { events_per_s, burst }),
        _ => None,
    };
    let origins: &str = row.try_get(2)?;
    Ok(Application {
        name: row.try_get(0)?,
        created_at: Timestamp::from_micros(row.try_get(1)?),
        allowed_origins: origins.split_whitespace().map(str::to_owned).collect(),
        rate,
        is_disabled: row.try_get(5)?,
    })
}

fn token(row: &Row) -> Result<Token, StoreError> {
    let hash = hash(row, 2)?;
    let time =
        |at: usize| row.try_get::<_, Option<i64>>(at).map(|us| us.map(Timestamp::from_micros));
    let rest = || -> Result<Token, Error> {
        let (kind, scopes): (&str, &str) = (row.try_get(5)?, row.try_get(6)?);
        Ok(Token {
            id: row.try_get(0)?,
            application: row.try_get(1)?,
            hash,
            prefix: row.try_get(3)?,
            label: row.try_get(4)?,
            // What cannot be understood grants less, never more.
            kind: TokenKind::parse(kind).unwrap_or(TokenKind::Browser),
            scopes: scopes.split_whitespace().filter_map(Scope::parse).collect(),
            created_at: Timestamp::from_micros(row.try_get(7)?),
            created_by: row.try_get(8)?,
            expires_at: time(9)?,
            revoked_at: time(10)?,
            last_used: time(11)?,
        })
    };
    rest().map_err(failure)
}

/// Whether anything changed.
async fn carry_out(
    tx: &Transaction<'_>,
    act: &TrustAct,
    now: Timestamp,
) -> Result<bool, TrustError> {
    match act {
        TrustAct::AddApplication(application) => add_application(tx, application).await,
        TrustAct::ChangeApplication { name, change } => change_application(tx, name, change).await,
        TrustAct::AddToken(token) => add_token(tx, token, now).await,
        TrustAct::Rotate { old, ends_at, token } => rotate(tx, old, *ends_at, token, now).await,
        TrustAct::Revoke { id, at } => revoke(tx, id, *at).await,
    }
}

async fn add_application(tx: &Transaction<'_>, new: &Application) -> Result<bool, TrustError> {
    let Application { name, created_at, allowed_origins, rate, is_disabled } = new;
    if has_application(tx, name).await? {
        return Err(TrustError::Exists);
    }
    if count(tx, "SELECT count(*) FROM eyas.applications").await? >= APPLICATIONS_MAX {
        return Err(TrustError::Full { n_max: APPLICATIONS_MAX });
    }
    let sql = "INSERT INTO eyas.applications (name, created_at_us, allowed_origins, events_per_s, burst, \
        is_disabled) VALUES ($1, $2, $3, $4, $5, $6)";
    let values = [
        (name as _, Type::TEXT),
        (&created_at.micros() as _, Type::INT8),
        (&allowed_origins.join(" ") as _, Type::TEXT),
        (&rate.map(|rate| i64::from(rate.events_per_s)) as _, Type::INT8),
        (&rate.map(|rate| i64::from(rate.burst)) as _, Type::INT8),
        (is_disabled as _, Type::BOOL),
    ];
    execute(tx, sql, &values).await?;
    Ok(true)
}

async fn change_application(
    tx: &Transaction<'_>,
    name: &str,
    change: &ApplicationChange,
) -> Result<bool, TrustError> {
    if !has_application(tx, name).await? {
        return Err(TrustError::Unknown);
    }
    if let Some(origins) = &change.allowed_origins {
        let sql = "UPDATE eyas.applications SET allowed_origins = $1 WHERE name = $2";
        let values = [(&origins.join(" ") as _, Type::TEXT), (&name as _, Type::TEXT)];
        execute(tx, sql, &values).await?;
    }
    if let Some(rate) = change.rate {
        let sql = "UPDATE eyas.applications SET events_per_s = $1, burst = $2 WHERE name = $3";
        let values = [
            (&rate.map(|rate| i64::from(rate.events_per_s)) as _, Type::INT8),
            (&rate.map(|rate| i64::from(rate.burst)) as _, Type::INT8),
            (&name as _, Type::TEXT),
        ];
        execute(tx, sql, &values).await?;
    }
    if let Some(is_disabled) = &change.is_disabled {
        let sql = "UPDATE eyas.applications SET is_disabled = $1 WHERE name = $2";
        execute(tx, sql, &[(is_disabled as _, Type::BOOL), (&name as _, Type::TEXT)]).await?;
    }
    Ok(true)
}

async fn add_token(tx: &Transaction<'_>, new: &Token, now: Timestamp) -> Result<bool, TrustError> {
    if !has_application(tx, &new.application).await? {
        return Err(TrustError::Unknown);
    }
    if count(tx, "SELECT count(*) FROM eyas.tokens").await? >= TOKENS_MAX {
        let sql = "DELETE FROM eyas.tokens WHERE number = (SELECT min(number) FROM eyas.tokens \
            WHERE revoked_at_us IS NOT NULL OR expires_at_us <= $1)";
        if execute(tx, sql, &[(&now.micros(), Type::INT8)]).await? == 0 {
            return Err(TrustError::Full { n_max: TOKENS_MAX });
        }
    }
    let scopes: Vec<String> = new.scopes.iter().map(ToString::to_string).collect();
    let sql = "INSERT INTO eyas.tokens (id, application, hash, prefix, label, kind, scopes, created_at_us, \
        created_by, expires_at_us, revoked_at_us, last_used_us) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let values = [
        (&new.id as _, Type::TEXT),
        (&new.application as _, Type::TEXT),
        (&&new.hash[..] as _, Type::BYTEA),
        (&new.prefix as _, Type::TEXT),
        (&new.label as _, Type::TEXT),
        (&new.kind.as_str() as _, Type::TEXT),
        (&scopes.join(" ") as _, Type::TEXT),
        (&new.created_at.micros() as _, Type::INT8),
        (&new.created_by as _, Type::TEXT),
        (&new.expires_at.map(Timestamp::micros) as _, Type::INT8),
        (&new.revoked_at.map(Timestamp::micros) as _, Type::INT8),
        (&new.last_used.map(Timestamp::micros) as _, Type::INT8),
    ];
    execute(tx, sql, &values).await?;
    Ok(true)
}

async fn rotate(
    tx: &Transaction<'_>,
    old: &str,
    ends_at: Timestamp,
    token: &Token,
    now: Timestamp,
) -> Result<bool, TrustError> {
    let sql = "UPDATE eyas.tokens SET expires_at_us = least($1, expires_at_us) \
        WHERE id = $2 AND revoked_at_us IS NULL AND (expires_at_us IS NULL OR expires_at_us > $3)";
    let values = [
        (&ends_at.micros() as _, Type::INT8),
        (&without_nul(old) as _, Type::TEXT),
        (&now.micros() as _, Type::INT8),
    ];
    if execute(tx, sql, &values).await? == 0 {
        return Err(TrustError::Unknown);
    }
    add_token(tx, token, now).await
}

async fn revoke(tx: &Transaction<'_>, id: &str, at: Timestamp) -> Result<bool, TrustError> {
    let sql = "UPDATE eyas.tokens SET revoked_at_us = $1 WHERE id = $2 AND revoked_at_us IS NULL";
    let values = [(&at.micros() as _, Type::INT8), (&without_nul(id) as _, Type::TEXT)];
    if execute(tx, sql, &values).await? > 0 {
        return Ok(true);
    }
    let sql = "SELECT FROM eyas.tokens WHERE id = $1";
    let known =
        tx.query_typed_opt(sql, &[(&without_nul(id), Type::TEXT)]).await.map_err(failure)?;
    if known.is_some() { Ok(false) } else { Err(TrustError::Unknown) }
}

/// Takes the turn, too: several rows change at once, and acts change them as well.
async fn save_uses(tx: &Transaction<'_>, uses: &[(String, Timestamp)]) -> Result<(), Error> {
    tx.query_typed(TRUST_TURN, &[]).await?;
    let ids: Vec<&str> = uses.iter().map(|(id, _)| id.as_str()).collect();
    let ats_us: Vec<i64> = uses.iter().map(|(_, at)| at.micros()).collect();
    let sql = "UPDATE eyas.tokens t SET last_used_us = greatest(t.last_used_us, u.at_us) \
        FROM (SELECT id, max(at_us) AS at_us FROM unnest($1, $2) AS given (id, at_us) GROUP BY id) AS u \
        WHERE t.id = u.id";
    let values = [(&ids as _, Type::TEXT_ARRAY), (&ats_us as _, Type::INT8_ARRAY)];
    tx.execute_typed(sql, &values).await.map(drop)
}

async fn has_application(tx: &Transaction<'_>, name: &str) -> Result<bool, StoreError> {
    let sql = "SELECT FROM eyas.applications WHERE name = $1";
    let found =
        tx.query_typed_opt(sql, &[(&without_nul(name), Type::TEXT)]).await.map_err(failure)?;
    Ok(found.is_some())
}

async fn count(tx: &Transaction<'_>, sql: &str) -> Result<usize, StoreError> {
    let row = tx.query_typed_one(sql, &[]).await.map_err(failure)?;
    row.try_get::<_, i64>(0).map(|n| n as usize).map_err(failure)
}

/// The number of rows.
async fn execute(
    tx: &Transaction<'_>,
    sql: &str,
    values: &[(&(dyn ToSql + Sync), Type)],
) -> Result<u64, StoreError> {
    tx.execute_typed(sql, values).await.map_err(failure)
}
