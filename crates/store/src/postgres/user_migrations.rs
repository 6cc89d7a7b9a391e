//! The user's own SQL: each file once, in order, together with the note that it ran.
//!
//! Invariant: a file and its note commit in one transaction, which holds a lock that every instance asks for, so two that
//! start at once run a file once. A file cannot end that transaction: it runs inside a block of PL/pgSQL, where the
//! server refuses COMMIT and ROLLBACK.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

use crate::error::StoreError;
use crate::postgres::failure::{failure, refusal};
use crate::postgres::pool::{Pool, UNBOUNDED};
use crate::postgres::user_schema::SETTINGS;
use crate::tables::UserMigration;
use crate::user_migrations::{Ran, checksum, missing, title};

/// `EyTa`: held until the transaction ends. Another instance's files are waited for, however long they take; nothing else
/// is, unless a file says so.
const LOCK: &str = "SET LOCAL lock_timeout = 0; SELECT pg_catalog.pg_advisory_xact_lock(1165579361); \
    SET LOCAL lock_timeout = '30s'";

const NOTE: &str = "INSERT INTO eyas.user_migrations (folder, name, checksum) VALUES ($1, $2, $3)";

/// Runs what has not run yet; answers with the names, each with its folder.
pub(crate) async fn run(
    pool: &Pool,
    migrations: &[UserMigration],
) -> Result<Vec<String>, StoreError> {
    let mut ran = Vec::new();
    let mut client = pool.get().await?;
    // Ends: each turn runs one file, or finds that another instance has run it meanwhile.
    loop {
        let tx = client.begin().await?;
        tx.batch_execute(SETTINGS).await.map_err(failure)?;
        tx.batch_execute(UNBOUNDED).await.map_err(failure)?;
        tx.batch_execute(LOCK).await.map_err(failure)?;
        let past = past(tx.client()).await?;
        let Some(&next) = missing(&past, migrations)?.first() else { return Ok(ran) };
        let title = title(&next.folder, &next.name);
        run_one(tx, next).await.map_err(|error| match refusal(error) {
            Ok(words) => StoreError::Unusable(format!("the migration {title} fails: {words}")),
            Err(error) => error,
        })?;
        ran.push(title);
    }
}

async fn past(client: &Client) -> Result<Vec<Ran>, StoreError> {
    let sql = "SELECT folder, name, checksum FROM eyas.user_migrations ORDER BY nth";
    let rows = client.query_typed(sql, &[]).await.map_err(failure)?;
    let ran =
        rows.iter().map(|row| Ran { folder: row.get(0), name: row.get(1), checksum: row.get(2) });
    Ok(ran.collect())
}

async fn run_one(
    tx: Transaction<'_>,
    migration: &UserMigration,
) -> Result<(), tokio_postgres::Error> {
    let UserMigration { folder, name, sql } = migration;
    tx.batch_execute(&block(sql)).await?;
    // Whatever a file sets for its transaction, what it did is on the disk when its note is.
    tx.batch_execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL synchronous_commit = on").await?;
    let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(folder, Type::TEXT), (name, Type::TEXT), (&checksum(sql), Type::TEXT)];
    tx.execute_typed(NOTE, &values).await?;
    tx.commit().await
}

/// The statements inside a block that executes them, quoted by a mark that they do not have.
fn block(sql: &str) -> String {
    let mut mark = "eyas".to_owned();
    while sql.contains(&mark) {
        mark.push('_');
    }
    format!("DO ${mark}_block$ BEGIN EXECUTE ${mark}$\n{sql}\n${mark}$; END ${mark}_block$")
}
