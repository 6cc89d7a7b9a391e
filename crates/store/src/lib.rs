//! Floor 1: the database behind a few traits.
//!
//! [`events`] is the contract of the events lane, [`control`] that of the small settled things,
//! [`audit`] that of the trail of who did what, [`dead_letters`] that of what the database refused, [`jobs`] that of
//! long work. [`breaker`] tells a bad database from bad records.
//! `sqlite/` is the driver; `tests/conformance/` is the suite that every driver passes.

mod audit;
mod breaker;
mod control;
mod dead_letters;
mod error;
mod events;
mod jobs;
mod sqlite;
mod stores;

#[cfg(test)]
mod tests;

pub use audit::{AuditEntry, AuditStore, Audited};
pub use control::{ControlStore, History, HistoryMark, HistoryPoint, HistorySave};
pub use dead_letters::{
    Changed, DEAD_GROUPS_MAX, DeadAct, DeadCounts, DeadFilter, DeadGroup, DeadLetter,
    DeadLetterStore, DeadState, DeadSum, ID_CONFLICT, LabelIs, REFUSED, Replay, Replayed,
};
pub use error::StoreError;
pub use events::{
    Applied, Apply, Claim, EventStore, Extent, Fate, GET_EVENTS_MAX, IdKey, Lease, Listed, Order,
    Page, PageQuery, SessionPage, SessionPosition, SessionQuery, Stored,
};
pub use jobs::{Begun, JOBS_KEPT_MAX, Job, JobProgress, JobState, JobStore, JobTurn, NewJob};
pub use sqlite::{SqliteOptions, SqliteStore};
pub use stores::Stores;
