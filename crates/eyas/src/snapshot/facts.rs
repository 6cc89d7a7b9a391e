//! What the intake and the push have to know of the database before the first event.

use gateway::{Registry, Sessions};
use pipeline::{Retention, Schemas};
use store::{Horizons, SchemaStates, SignIn, StoreError, Stores, Trust};

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    /// The name of the installation.
    pub(crate) instance: String,
    /// Applications and tokens; without any token the server is open on this machine.
    pub(crate) trust: Trust,
    /// Who has signed in to the console.
    pub(crate) sign_ins: Vec<SignIn>,
    /// What events have to look like.
    pub(crate) schemas: SchemaStates,
    /// What has been deleted by age and may still stand in the log.
    pub(crate) horizons: Horizons,
}

impl Facts {
    /// Asks the database.
    pub(crate) async fn read(stores: &Stores) -> Result<Self, StoreError> {
        Ok(Self {
            instance: stores.control.instance().await?,
            trust: stores.trust.trust().await?,
            sign_ins: stores.sessions.sign_ins().await?,
            schemas: stores.schemas.schemas().await?,
            horizons: stores.retention.horizons().await?,
        })
    }

    /// As a running server has them.
    pub(crate) fn look(
        instance: &str,
        registry: &Registry,
        sessions: &Sessions,
        schemas: &Schemas,
        retention: &Retention,
    ) -> Self {
        Self {
            instance: instance.to_owned(),
            trust: registry.trust(),
            sign_ins: sessions.saved(),
            schemas: schemas.states(),
            horizons: retention.horizons().borrow().clone(),
        }
    }
}
