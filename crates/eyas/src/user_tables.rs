//! The user's tables at a start: their migrations run, then the database says what their columns take.

use anyhow::Context as _;
use store::{Dialect, Stores, Table};
use tracing::info;

use crate::tables_config::{ConfiguredTable, TablesConfig};

/// Runs the migrations that have not run yet, a line of the log for each, and describes the configured tables, in their
/// order. Nothing is asked of the database where no table is configured.
pub(crate) async fn prepare(
    configured: &TablesConfig,
    dialect: Dialect,
    stores: &Stores,
) -> anyhow::Result<Vec<(ConfiguredTable, Table)>> {
    if configured.tables.is_empty() {
        return Ok(Vec::new());
    }
    let ran = stores.tables.migrate_tables(configured.migrations(dialect)).await;
    for migration in ran.context("cannot bring the tables up to date")? {
        info!(migration, "a migration of the tables ran");
    }
    let names = configured.tables.iter().map(|table| table.name.clone()).collect();
    let described = stores.tables.describe_tables(names).await;
    let described = described.context("cannot use the tables of the configuration")?;
    Ok(configured.tables.iter().cloned().zip(described).collect())
}
