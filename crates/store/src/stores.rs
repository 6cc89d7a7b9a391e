//! One database by all its contracts.

use std::sync::Arc;

use crate::audit::AuditStore;
use crate::control::ControlStore;
use crate::events::EventStore;
use crate::sessions::SessionStore;
use crate::trust::TrustStore;

/// What a driver offers, each contract by itself, so that a room names only what it uses. Cheap to clone.
#[derive(Clone)]
pub struct Stores {
    /// Events and their lease.
    pub events: Arc<dyn EventStore>,
    /// The settled things.
    pub control: Arc<dyn ControlStore>,
    /// Who did what.
    pub audit: Arc<dyn AuditStore>,
    /// Applications and tokens.
    pub trust: Arc<dyn TrustStore>,
    /// Who has signed in.
    pub sessions: Arc<dyn SessionStore>,
}

impl Stores {
    /// The contracts of one driver.
    pub fn of<S>(store: &Arc<S>) -> Self
    where
        S: EventStore + ControlStore + AuditStore + TrustStore + SessionStore + 'static,
    {
        Self {
            events: Arc::clone(store) as _,
            control: Arc::clone(store) as _,
            audit: Arc::clone(store) as _,
            trust: Arc::clone(store) as _,
            sessions: Arc::clone(store) as _,
        }
    }
}
