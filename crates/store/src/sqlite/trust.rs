//! Applications and tokens in `control.db`.

use async_trait::async_trait;
use model::Timestamp;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::sqlite::audit;
use crate::sqlite::failure::failure;
use crate::sqlite::store::SqliteStore;
use crate::trust::{
    APPLICATIONS_MAX, Application, ApplicationChange, Rate, Scope, TOKENS_MAX, Token, TokenKind,
    Trust, TrustAct, TrustError, TrustStore,
};

#[async_trait]
impl TrustStore for SqliteStore {
    async fn trust(&self) -> Result<Trust, StoreError> {
        self.control.run(|conn| read(conn).map_err(failure)).await
    }

    async fn change_trust(&self, act: TrustAct, audit: AuditEntry) -> Result<Trust, TrustError> {
        // A refusal is an answer of the job, not a failure of the writer.
        let carry_out = move |conn: &mut Connection| match change(conn, &act, &audit) {
            Ok(trust) => Ok(Ok(trust)),
            Err(Refused::By(error)) => Ok(Err(error)),
            Err(Refused::Database(error)) => Err(failure(error)),
        };
        self.control.run(carry_out).await?
    }

    async fn save_token_uses(&self, uses: Vec<(String, Timestamp)>) -> Result<(), StoreError> {
        self.control.run(move |conn| save_uses(conn, &uses).map_err(failure)).await
    }
}

enum Refused {
    By(TrustError),
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<TrustError> for Refused {
    fn from(error: TrustError) -> Self {
        Self::By(error)
    }
}

fn read(conn: &Connection) -> rusqlite::Result<Trust> {
    let version = conn.query_row("SELECT version FROM trust", [], |row| row.get::<_, i64>(0))?;
    let mut applications = conn.prepare_cached(
        "SELECT name, created_at_us, allowed_origins, events_per_s, burst, is_disabled \
         FROM applications ORDER BY name",
    )?;
    let mut tokens = conn.prepare_cached(
        "SELECT id, application, hash, prefix, label, kind, scopes, created_at_us, created_by, \
         expires_at_us, revoked_at_us, last_used_us FROM tokens ORDER BY number",
    )?;
    Ok(Trust {
        version: version as u64,
        applications: applications.query_map([], application)?.collect::<Result<_, _>>()?,
        tokens: tokens.query_map([], token)?.collect::<Result<_, _>>()?,
    })
}

fn application(row: &Row<'_>) -> rusqlite::Result<Application> {
    let rate = match (row.get(3)?, row.get(4)?) {
        (Some(events_per_s), Some(burst)) => Some(Rate { events_per_s, burst }),
        _ => None,
    };
    let origins: String = row.get(2)?;
    Ok(Application {
        name: row.get(0)?,
        created_at: Timestamp::from_micros(row.get(1)?),
        allowed_origins: origins.split_whitespace().map(str::to_owned).collect(),
        rate,
        is_disabled: row.get(5)?,
    })
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    let (kind, scopes): (String, String) = (row.get(5)?, row.get(6)?);
    Ok(Token {
        id: row.get(0)?,
        application: row.get(1)?,
        hash: row.get(2)?,
        prefix: row.get(3)?,
        label: row.get(4)?,
        // What cannot be understood grants less, never more.
        kind: TokenKind::parse(&kind).unwrap_or(TokenKind::Browser),
        scopes: scopes.split_whitespace().filter_map(Scope::parse).collect(),
        created_at: Timestamp::from_micros(row.get(7)?),
        created_by: row.get(8)?,
        expires_at: time(row, 9)?,
        revoked_at: time(row, 10)?,
        last_used: time(row, 11)?,
    })
}

fn time(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(Timestamp::from_micros))
}

fn change(conn: &mut Connection, act: &TrustAct, entry: &AuditEntry) -> Result<Trust, Refused> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let has_changed = match act {
        TrustAct::AddApplication(application) => add_application(&tx, application)?,
        TrustAct::ChangeApplication { name, change } => change_application(&tx, name, change)?,
        TrustAct::AddToken(token) => add_token(&tx, token, entry.at)?,
        TrustAct::Rotate { old, ends_at, token } => rotate(&tx, old, *ends_at, token, entry.at)?,
        TrustAct::Revoke { id, at } => revoke(&tx, id, *at)?,
    };
    if has_changed {
        tx.execute("UPDATE trust SET version = version + 1", [])?;
        audit::add(&tx, entry)?;
    }
    let trust = read(&tx)?;
    tx.commit()?;
    Ok(trust)
}

fn add_application(tx: &Transaction<'_>, application: &Application) -> Result<bool, Refused> {
    let Application { name, created_at, allowed_origins, rate, is_disabled } = application;
    if has(tx, "SELECT 1 FROM applications WHERE name = ?", name)? {
        return Err(TrustError::Exists.into());
    }
    if count(tx, "SELECT count(*) FROM applications")? >= APPLICATIONS_MAX {
        return Err(TrustError::Full { n_max: APPLICATIONS_MAX }.into());
    }
    tx.execute(
        "INSERT INTO applications (name, created_at_us, allowed_origins, events_per_s, burst, is_disabled) \
         VALUES (?, ?, ?, ?, ?, ?)",
        params![
            name,
            created_at.micros(),
            allowed_origins.join(" "),
            rate.map(|rate| rate.events_per_s),
            rate.map(|rate| rate.burst),
            is_disabled
        ],
    )?;
    Ok(true)
}

fn change_application(
    tx: &Transaction<'_>,
    name: &str,
    change: &ApplicationChange,
) -> Result<bool, Refused> {
    if !has(tx, "SELECT 1 FROM applications WHERE name = ?", name)? {
        return Err(TrustError::Unknown.into());
    }
    if let Some(origins) = &change.allowed_origins {
        let set = "UPDATE applications SET allowed_origins = ? WHERE name = ?";
        tx.execute(set, params![origins.join(" "), name])?;
    }
    if let Some(rate) = change.rate {
        let (events_per_s, burst) =
            (rate.map(|rate| rate.events_per_s), rate.map(|rate| rate.burst));
        let set = "UPDATE applications SET events_per_s = ?, burst = ? WHERE name = ?";
        tx.execute(set, params![events_per_s, burst, name])?;
    }
    if let Some(is_disabled) = change.is_disabled {
        let set = "UPDATE applications SET is_disabled = ? WHERE name = ?";
        tx.execute(set, params![is_disabled, name])?;
    }
    Ok(true)
}

fn add_token(tx: &Transaction<'_>, token: &Token, now: Timestamp) -> Result<bool, Refused> {
    if !has(tx, "SELECT 1 FROM applications WHERE name = ?", &token.application)? {
        return Err(TrustError::Unknown.into());
    }
    if count(tx, "SELECT count(*) FROM tokens")? >= TOKENS_MAX {
        let n_forgotten = tx.execute(
            "DELETE FROM tokens WHERE number = (SELECT min(number) FROM tokens \
             WHERE revoked_at_us IS NOT NULL OR expires_at_us <= ?)",
            [now.micros()],
        )?;
        if n_forgotten == 0 {
            return Err(TrustError::Full { n_max: TOKENS_MAX }.into());
        }
    }
    let scopes: Vec<String> = token.scopes.iter().map(ToString::to_string).collect();
    tx.execute(
        "INSERT INTO tokens (id, application, hash, prefix, label, kind, scopes, created_at_us, created_by, \
         expires_at_us, revoked_at_us, last_used_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            token.id,
            token.application,
            token.hash,
            token.prefix,
            token.label,
            token.kind.as_str(),
            scopes.join(" "),
            token.created_at.micros(),
            token.created_by,
            token.expires_at.map(Timestamp::micros),
            token.revoked_at.map(Timestamp::micros),
            token.last_used.map(Timestamp::micros)
        ],
    )?;
    Ok(true)
}

fn rotate(
    tx: &Transaction<'_>,
    old: &str,
    ends_at: Timestamp,
    token: &Token,
    now: Timestamp,
) -> Result<bool, Refused> {
    let n_ended = tx.execute(
        "UPDATE tokens SET expires_at_us = min(?1, coalesce(expires_at_us, ?1)) \
         WHERE id = ?2 AND revoked_at_us IS NULL AND coalesce(expires_at_us > ?3, 1)",
        params![ends_at.micros(), old, now.micros()],
    )?;
    if n_ended == 0 {
        return Err(TrustError::Unknown.into());
    }
    add_token(tx, token, now)
}

fn revoke(tx: &Transaction<'_>, id: &str, at: Timestamp) -> Result<bool, Refused> {
    let set = "UPDATE tokens SET revoked_at_us = ? WHERE id = ? AND revoked_at_us IS NULL";
    if tx.execute(set, params![at.micros(), id])? > 0 {
        return Ok(true);
    }
    if has(tx, "SELECT 1 FROM tokens WHERE id = ?", id)? {
        Ok(false)
    } else {
        Err(TrustError::Unknown.into())
    }
}

fn save_uses(conn: &mut Connection, uses: &[(String, Timestamp)]) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut set = tx.prepare_cached(
            "UPDATE tokens SET last_used_us = max(?1, coalesce(last_used_us, ?1)) WHERE id = ?2",
        )?;
        for (id, at) in uses {
            set.execute(params![at.micros(), id])?;
        }
    }
    tx.commit()
}

fn has(tx: &Transaction<'_>, sql: &str, name: &str) -> rusqlite::Result<bool> {
    tx.prepare_cached(sql)?.exists([name])
}

fn count(tx: &Transaction<'_>, sql: &str) -> rusqlite::Result<usize> {
    tx.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|n| n as usize)
}
