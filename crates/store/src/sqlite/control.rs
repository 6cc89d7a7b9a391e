//! `control.db`: small settled things. Today that is the name of the data directory, read once.

use std::path::Path;

use async_trait::async_trait;

use crate::control::ControlStore;
use crate::error::StoreError;
use crate::sqlite::store::SqliteStore;
use crate::sqlite::{connection, migrations};

/// Opens or creates the file, and answers with the name that it keeps.
pub(crate) fn open(path: &Path) -> Result<String, StoreError> {
    let mut conn = connection::open_writer(path, migrations::CONTROL.application_id)?;
    migrations::run(&mut conn, path, &migrations::CONTROL)?;
    conn.query_row("SELECT name FROM instance WHERE id = 1", [], |row| row.get(0))
        .map_err(|error| connection::opening(path, error))
}

#[async_trait]
impl ControlStore for SqliteStore {
    async fn instance(&self) -> Result<String, StoreError> {
        Ok(self.instance.clone())
    }
}
