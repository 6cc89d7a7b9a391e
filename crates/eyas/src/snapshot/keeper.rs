//! Writes the snapshot whenever something that stands in it has changed.
//!
//! Derived, not remembered: each turn looks at all there is and writes it where it differs from what was written last. A change
//! of tokens or schemas wakes it; sign-ins and what is deleted by age are looked at now and then.
//!
//! Invariant: a snapshot that could not be renewed does not stay: it would let in who has been put out since.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gateway::Gateway;
use model::LogId;
use pipeline::{Retention, Schemas};
use tokio::task::spawn_blocking;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::snapshot::facts::Facts;
use crate::snapshot::file;

/// How often it looks where nothing wakes it.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// See the module's page.
pub(crate) struct Keeper {
    pub(crate) data_dir: PathBuf,
    /// Host, port and name of the database.
    pub(crate) database: String,
    pub(crate) log: LogId,
    pub(crate) instance: String,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) retention: Arc<Retention>,
}

impl Keeper {
    /// Writes at once, after each change, and once more at `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut changes = self.schemas.changes();
        let mut written: Option<Facts> = None;
        loop {
            let is_last = shutdown.is_cancelled();
            // Order matters: first the wish to be woken, then the look. What changes between the two wakes us again.
            let changed = self.gateway.registry().changed();
            changes.borrow_and_update();
            let facts = self.look();
            if written.as_ref() != Some(&facts) {
                written = self.write(facts).await;
            }
            if is_last {
                return;
            }
            tokio::select! {
                () = changed => {}
                // The sender lives as long as the schemas, which we hold.
                _ = changes.changed() => {}
                () = time::sleep(LOOK_EVERY) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    fn look(&self) -> Facts {
        let Self { instance, gateway, schemas, retention, .. } = self;
        Facts::look(instance, gateway.registry(), gateway.sessions(), schemas, retention)
    }

    /// What stands in the file afterwards; `None` where there is none.
    async fn write(&self, facts: Facts) -> Option<Facts> {
        let (data_dir, database) = (self.data_dir.clone(), self.database.clone());
        let (log, now) = (self.log, pipeline::now());
        let written = spawn_blocking(move || {
            let written = file::write(&data_dir, &facts, &database, log, now);
            if let Err(error) = written {
                error!(%error, "the snapshot for a start without the database cannot be written; there is none until it can");
                if let Err(error) = file::forget(&data_dir) {
                    error!(%error, "the old snapshot cannot be removed: a start without the database would go by it");
                }
                return None;
            }
            Some(facts)
        });
        written.await.ok().flatten()
    }
}
