//! Small settled things about this installation. Applications, tokens and schemas will stand here.

use async_trait::async_trait;

use crate::error::StoreError;

/// What is not an event.
#[async_trait]
pub trait ControlStore: Send + Sync {
    /// The random name of this data directory, made once and stable over restarts.
    async fn instance(&self) -> Result<String, StoreError>;
}
