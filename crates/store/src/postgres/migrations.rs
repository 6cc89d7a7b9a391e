//! Brings the schema `eyas` of a database to what this program knows: numbered SQL files, each run once.
//!
//! Invariant: all missing steps and their notes commit in one transaction, under a lock that one program at a time can
//! hold. A step that ever shipped is never edited: the checksum tells.

use model::ContentHash;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Transaction};

use crate::error::StoreError;
use crate::postgres::failure::failure;
use crate::postgres::pool::{Pool, UNBOUNDED};

/// One step.
struct Migration {
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: [Migration; 4] = [
    Migration { name: "events", sql: include_str!("migrations/0001_events.sql") },
    Migration { name: "control", sql: include_str!("migrations/0002_control.sql") },
    Migration { name: "batches", sql: include_str!("migrations/0003_batches.sql") },
    Migration { name: "revalidates", sql: include_str!("migrations/0004_revalidates.sql") },
];

/// Held until the end of the transaction; the number spells `EyMi`. Another program's steps are waited for, however long
/// they take; nothing else is.
const LOCK: &str = "SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(1165839721); \
    SET LOCAL lock_timeout = '30s'";
/// Creating a schema that is there wants a right that a careful administrator has not given.
const PAST: &str = "DO $$ BEGIN \
    IF to_regnamespace('eyas') IS NULL THEN CREATE SCHEMA eyas; END IF; \
    IF to_regclass('eyas.migrations') IS NULL THEN \
        CREATE TABLE eyas.migrations (version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL); \
    END IF; END $$";

/// Runs the steps that the database lacks. Refuses one of a newer program, and one whose past differs.
pub(crate) async fn run(pool: &Pool) -> Result<(), StoreError> {
    let mut client = pool.get().await?;
    let tx = client.begin().await?;
    // A table of many millions of rows takes its time.
    tx.batch_execute("SET LOCAL statement_timeout = 0").await.map_err(failure)?;
    tx.batch_execute(UNBOUNDED).await.map_err(failure)?;
    let past = read_past(&tx).await.map_err(setting_up)?;
    check(&past)?;
    for (at, migration) in MIGRATIONS.iter().enumerate().skip(past.len()) {
        run_step(&tx, at as i32 + 1, migration).await.map_err(setting_up)?;
    }
    tx.commit().await.map_err(setting_up)
}

struct Step {
    version: i32,
    name: String,
    checksum: String,
}

impl Migration {
    fn checksum(&self) -> String {
        format!("{:032x}", ContentHash::of(&[Some(self.sql.as_bytes())]).0)
    }
}

async fn read_past(tx: &Transaction<'_>) -> Result<Vec<Step>, Error> {
    tx.batch_execute(LOCK).await?;
    tx.batch_execute(PAST).await?;
    let sql = "SELECT version, name, checksum FROM eyas.migrations ORDER BY version";
    let rows = tx.query_typed(sql, &[]).await?;
    let step = |row: &tokio_postgres::Row| {
        Ok(Step { version: row.try_get(0)?, name: row.try_get(1)?, checksum: row.try_get(2)? })
    };
    rows.iter().map(step).collect()
}

fn check(past: &[Step]) -> Result<(), StoreError> {
    if past.len() > MIGRATIONS.len() {
        let newest = past.last().map_or("", |step| step.name.as_str());
        return Err(StoreError::Unusable(format!(
            "the database was written by a newer eyas: it is at schema version {} ({newest}), this program knows {}; \
             start the newer program",
            past.len(),
            MIGRATIONS.len()
        )));
    }
    for (at, (step, known)) in past.iter().zip(&MIGRATIONS).enumerate() {
        if step.version != at as i32 + 1 || step.checksum != known.checksum() {
            return Err(StoreError::Unusable(format!(
                "schema version {} ({}) of the database is not the one that this program knows ({}); \
                 was it made by a development build?",
                step.version, step.name, known.name
            )));
        }
    }
    Ok(())
}

async fn run_step(tx: &Transaction<'_>, version: i32, migration: &Migration) -> Result<(), Error> {
    tx.batch_execute(migration.sql).await?;
    let sql = "INSERT INTO eyas.migrations (version, name, checksum) VALUES ($1, $2, $3)";
    let checksum = migration.checksum();
    let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&version, Type::INT4), (&migration.name, Type::TEXT), (&checksum, Type::TEXT)];
    tx.execute_typed(sql, &values).await.map(drop)
}

/// What the role may not do is the commonest reason, and has a simple remedy.
fn setting_up(error: Error) -> StoreError {
    match failure(error) {
        StoreError::Unusable(why) => StoreError::Unusable(format!(
            "the schema `eyas` cannot be set up: {why}; the role needs CREATE on the database, or a schema `eyas` that it owns"
        )),
        other => other,
    }
}
