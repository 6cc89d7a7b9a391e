//! Floor 1: the database behind a few traits.
//!
//! [`events`] is the contract of the events lane, [`explore`] sums them up, [`retention`] deletes them, [`control`] is that of the small settled things,
//! [`audit`] that of the trail of who did what.
//! `sqlite/` is the driver; `tests/conformance/` is the suite that every driver passes.

mod audit;
mod control;
mod error;
mod events;
mod explore;
mod retention;
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
pub use explore::{Effort, Examined, ExploreStore, FACET_VALUES_MAX, FacetValue, Facets, Moment};
pub use retention::{Forget, Horizons, RetentionStore};
pub use sqlite::{SqliteOptions, SqliteStore};
pub use stores::Stores;
