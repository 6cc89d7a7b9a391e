//! `TableStore`: what the user's tables are made of, as SQLite tells it.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _};

use crate::error::StoreError;
use crate::sqlite::failure::failure;
use crate::sqlite::store::SqliteStore;
use crate::sqlite::{declared, user_migrations};
use crate::tables::{Column, Table, TableStore, UserMigration};

/// `hidden` of `table_xinfo`: 0 ordinary, 1 a virtual table's own, 2 and 3 generated. A key of one column that has no index
/// of its own is another name of the rowid: SQLite fills it in.
const COLUMNS: &str = "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk > 0, hidden, \
        NOT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk') \
    FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid";

const REFERENCES: &str =
    "SELECT DISTINCT lower(\"table\") FROM pragma_foreign_key_list(?) ORDER BY 1";

#[async_trait]
impl TableStore for SqliteStore {
    async fn migrate_tables(
        &self,
        migrations: Vec<UserMigration>,
    ) -> Result<Vec<String>, StoreError> {
        self.tables.run(move |conn| user_migrations::run(conn, &migrations)).await
    }

    async fn describe_tables(&self, names: Vec<String>) -> Result<Vec<Table>, StoreError> {
        self.table_readers
            .run(move |conn| names.iter().map(|name| describe(conn, name)).collect())
            .await
    }
}

/// What the database says of one table.
pub(crate) fn describe(conn: &Connection, name: &str) -> Result<Table, StoreError> {
    let found = conn.query_row(
        "SELECT type FROM pragma_table_list(?) WHERE schema = 'main'",
        [name],
        |row| row.get::<_, String>(0),
    );
    match found.optional().map_err(failure)?.as_deref() {
        Some("table") => {}
        Some(other) => {
            return Err(StoreError::Unusable(format!("{name} is a {other}, not a table")));
        }
        None => {
            return Err(StoreError::Unusable(format!(
                "there is no table {name} in the database; do its migrations create it?"
            )));
        }
    }
    let columns = columns(conn, name).map_err(failure)?;
    let references = references(conn, name).map_err(failure)?;
    Ok(Table { name: name.to_owned(), columns, references })
}

/// The columns of a table; none where there is no such table.
pub(crate) fn columns(conn: &Connection, table: &str) -> rusqlite::Result<Vec<Column>> {
    let mut select = conn.prepare(COLUMNS)?;
    let columns = select.query_map([table], |row| {
        let declared: String = row.get(1)?;
        let is_rowid = row.get::<_, bool>(4)? && row.get(6)?;
        Ok(Column {
            name: row.get(0)?,
            kind: declared::kind(&declared),
            declared,
            is_nullable: !row.get::<_, bool>(2)?,
            has_default: row.get::<_, bool>(3)? || is_rowid,
            is_generated: row.get::<_, i64>(5)? > 1,
        })
    })?;
    columns.collect()
}

fn references(conn: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    conn.prepare(REFERENCES)?.query_map([table], |row| row.get(0))?.collect()
}

/// A name as SQL takes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
