//! `control.db`: small settled things. Today that is the name of the data directory, read once.

use async_trait::async_trait;

use crate::control::ControlStore;
use crate::error::StoreError;
use crate::sqlite::store::SqliteStore;

#[async_trait]
impl ControlStore for SqliteStore {
    async fn instance(&self) -> Result<String, StoreError> {
        Ok(self.instance.clone())
    }
}
