//! The contract of the audit trail: who did what to what, and when. Lines are only ever added.

use async_trait::async_trait;
use model::Timestamp;

use crate::error::StoreError;

/// One act of administration that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: `local` for the machine itself, else a token's application, id and label.
    pub actor: String,
    /// What, as `noun.verb`: `token.create`, `dead_letter.discard`.
    pub act: String,
    /// To what: an id or a name; empty where the act has many objects.
    pub object: String,
    /// A JSON object with the rest. Never a secret.
    pub detail: String,
}

/// An entry in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// Rises with each entry.
    pub id: u64,
    /// The entry.
    pub entry: AuditEntry,
}

/// The audit trail.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds a line. If the future is dropped, it may or may not have happened.
    async fn audit(&self, entry: AuditEntry) -> Result<(), StoreError>;

    /// The newest lines below `before`, newest first, at most `limit`.
    async fn audited(&self, before: Option<u64>, limit: usize) -> Result<Vec<Audited>, StoreError>;
}
