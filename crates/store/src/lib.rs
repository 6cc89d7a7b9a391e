//! Floor 1: the database behind a few traits.
//!
//! [`events`] is the contract of the events lane, [`control`] that of the small settled things,
//! [`audit`] that of the trail of who did what, [`schemas`] that of what events have to look like.
//! [`invalid`] groups what broke a rule, for every driver.
//! `sqlite/` is the driver; `tests/conformance/` is the suite that every driver passes.

mod audit;
mod control;
mod error;
mod events;
mod invalid;
mod schemas;
mod sqlite;
mod stores;

#[cfg(test)]
mod tests;

pub use audit::{AuditEntry, AuditStore, Audited};
pub use control::{ControlStore, History, HistoryMark, HistoryPoint, HistorySave};
pub use error::StoreError;
pub use events::{
    Applied, Apply, Claim, EventStore, Extent, Fate, GET_EVENTS_MAX, IdKey, Lease, Listed, Order,
    Page, PageQuery, SessionPage, SessionPosition, SessionQuery, Stored,
};
pub use invalid::{InvalidGroup, InvalidGroups, InvalidSample, invalid_groups};
pub use schemas::{
    ConfiguredSchema, SCHEMA_VERSIONS_MAX, SCHEMAS_MAX, SchemaAct, SchemaChange, SchemaKey,
    SchemaMode, SchemaRefusal, SchemaSource, SchemaState, SchemaStates, SchemaStore, SchemaText,
    SchemaVersion, VERSIONS_BYTES_MAX,
};
pub use sqlite::{SqliteOptions, SqliteStore};
pub use stores::Stores;
