//! Names the concrete drivers, and nothing else does.
//!
//! Order matters: the database is asked how far it came before the log is opened, because a log that would
//! have to cut its tail must know whether the cut loses anything that the database has.

use std::path::Path;
use std::sync::Arc;

use model::Seq;
use queue::{EmbeddedOptions, EmbeddedQueue, Queue, QueueError};
use store::{ControlStore, EventStore, SqliteOptions, SqliteStore, StoreError};

use crate::config::Config;

/// Read-only connections to the database: two for each core would only wait for the disk.
const N_READERS: usize = 4;

/// The database, by its contracts.
pub(crate) struct Stores {
    /// Events and their lease.
    pub(crate) events: Arc<dyn EventStore>,
    /// The settled things.
    pub(crate) control: Arc<dyn ControlStore>,
}

/// Opens the configured database in `data_dir`.
pub(crate) fn open_stores(config: &Config) -> Result<Stores, StoreError> {
    let store = SqliteStore::open(SqliteOptions {
        dir: config.data_dir.clone(),
        events_file: config.events_file.clone(),
        n_readers: N_READERS,
    })?;
    Ok(Stores { events: Arc::clone(&store) as Arc<dyn EventStore>, control: store })
}

/// Opens the log of the events lane. `applied` is how far the database came.
pub(crate) fn open_events_queue(
    data_dir: &Path,
    applied: Seq,
) -> Result<Arc<dyn Queue>, QueueError> {
    let dir = data_dir.join("log").join("events");
    Ok(Arc::new(EmbeddedQueue::open(EmbeddedOptions { dir, applied })?))
}
