//! One database by all its contracts.

use std::sync::Arc;

use crate::audit::AuditStore;
use crate::batches::BatchStore;
use crate::control::ControlStore;
use crate::database::DatabaseProbe;
use crate::dead_letters::DeadLetterStore;
use crate::events::EventStore;
use crate::explore::ExploreStore;
use crate::jobs::JobStore;
use crate::retention::RetentionStore;
use crate::schemas::SchemaStore;
use crate::sessions::SessionStore;
use crate::sql::SqlReader;
use crate::tables::TableStore;
use crate::trust::TrustStore;
use crate::verdicts::VerdictStore;

/// What a driver offers, each contract by itself, so that a room names only what it uses. Cheap to clone.
#[derive(Clone)]
pub struct Stores {
    /// Events and their lease.
    pub events: Arc<dyn EventStore>,
    /// Summaries of many events.
    pub explore: Arc<dyn ExploreStore>,
    /// Deleting by age.
    pub retention: Arc<dyn RetentionStore>,
    /// The settled things.
    pub control: Arc<dyn ControlStore>,
    /// Who did what.
    pub audit: Arc<dyn AuditStore>,
    /// Applications and tokens.
    pub trust: Arc<dyn TrustStore>,
    /// What the database refused.
    pub dead_letters: Arc<dyn DeadLetterStore>,
    /// Long work.
    pub jobs: Arc<dyn JobStore>,
    /// Who has signed in.
    pub sessions: Arc<dyn SessionStore>,
    /// What events have to look like.
    pub schemas: Arc<dyn SchemaStore>,
    /// Judging stored events again.
    pub verdicts: Arc<dyn VerdictStore>,
    /// The user's own tables.
    pub tables: Arc<dyn TableStore>,
    /// The rows that go into them.
    pub batches: Arc<dyn BatchStore>,
    /// Reading by SQL.
    pub sql: Arc<dyn SqlReader>,
    /// Whether the database answers.
    pub probe: Arc<dyn DatabaseProbe>,
}

impl Stores {
    /// The contracts of one driver.
    pub fn of<S>(store: &Arc<S>) -> Self
    where
        S: EventStore
            + ExploreStore
            + RetentionStore
            + ControlStore
            + AuditStore
            + SchemaStore
            + TrustStore
            + SchemaStore
            + SessionStore
            + DeadLetterStore
            + JobStore
            + VerdictStore
            + TableStore
            + BatchStore
            + SqlReader
            + DatabaseProbe
            + 'static,
    {
        Self {
            events: Arc::clone(store) as _,
            explore: Arc::clone(store) as _,
            retention: Arc::clone(store) as _,
            control: Arc::clone(store) as _,
            audit: Arc::clone(store) as _,
            trust: Arc::clone(store) as _,
            dead_letters: Arc::clone(store) as _,
            jobs: Arc::clone(store) as _,
            sessions: Arc::clone(store) as _,
            schemas: Arc::clone(store) as _,
            verdicts: Arc::clone(store) as _,
            tables: Arc::clone(store) as _,
            batches: Arc::clone(store) as _,
            sql: Arc::clone(store) as _,
            probe: Arc::clone(store) as _,
        }
    }
}
