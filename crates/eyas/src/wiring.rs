//! Names the concrete drivers, and nothing else does.
//!
//! Order matters: the database is asked how far it came before the log is opened, because a log that would
//! have to cut its tail must know whether the cut loses anything that the database has.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Seq;
use queue::{EmbeddedOptions, EmbeddedQueue, Queue, QueueError};
use store::{Lease, SqlReader, SqliteOptions, SqliteSql, SqliteStore, StoreError, Stores};

use crate::config::Config;
use crate::dialect::Dialect;

/// Read-only connections to the database: two for each core would only wait for the disk.
const N_READERS: usize = 4;

/// SQLite's log and one transaction may each take a part of the reserve, so that both fit into it on a small disk.
const WAL_OF_RESERVE: u64 = 4;
const TRANSACTION_OF_RESERVE: u64 = 8;

/// Opens the configured database in `data_dir`.
pub(crate) fn open_stores(config: &Config) -> Result<Stores, StoreError> {
    let store = SqliteStore::open(SqliteOptions {
        dir: config.data_dir.clone(),
        events_file: config.events_file.clone(),
        n_readers: N_READERS,
        wal_bytes_max: reserve_bytes(config) / WAL_OF_RESERVE,
    })?;
    Ok(Stores::of(&store))
}

/// The configured database for reading by SQL alone, also while a server runs on it. Nothing is opened yet.
pub(crate) fn open_sql(config: &Config) -> Result<Arc<dyn SqlReader>, StoreError> {
    Ok(Arc::new(SqliteSql::new(&config.data_dir, &config.events_file)))
}

/// The SQL that the configured database speaks.
pub(crate) fn dialect(_config: &Config) -> Dialect {
    Dialect::Sqlite
}

/// Where the log of the events lane stands.
pub(crate) fn events_log_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("log").join("events")
}

/// Where the log of the batches lane stands.
pub(crate) fn batches_log_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("log").join("batches")
}

/// What is kept free on the disk of the data directory; without a reserve, as if it were as large as it can be.
fn reserve_bytes(config: &Config) -> u64 {
    match config.disk_reserve_bytes {
        0 => u64::MAX,
        bytes_max => EmbeddedQueue::reserve_bytes(&config.data_dir, bytes_max),
    }
}

/// Bytes of records that one transaction of the consumer may hold on this disk, of those it would like to.
pub(crate) fn transaction_bytes_max(config: &Config, wanted: usize) -> usize {
    let share = reserve_bytes(config) / TRANSACTION_OF_RESERVE;
    wanted.min(usize::try_from(share).unwrap_or(usize::MAX)).max(1)
}

/// On a disk that is full to the last byte: gives up the ballast, so that database and log can be opened.
pub(crate) fn make_room(data_dir: &Path) {
    EmbeddedQueue::make_room(events_log_dir(data_dir));
    EmbeddedQueue::make_room(batches_log_dir(data_dir));
}

/// Opens the log of the events lane. `applied` is how far the database came.
pub(crate) fn open_events_queue(
    config: &Config,
    applied: Seq,
) -> Result<Arc<dyn Queue>, QueueError> {
    let dir = events_log_dir(&config.data_dir);
    let reserve_bytes_max = config.disk_reserve_bytes;
    Ok(Arc::new(EmbeddedQueue::open(EmbeddedOptions { dir, applied, reserve_bytes_max })?))
}

/// Opens the log of the batches lane, in the same way.
pub(crate) fn open_batches_queue(
    config: &Config,
    applied: Seq,
) -> Result<Arc<dyn Queue>, QueueError> {
    let dir = batches_log_dir(&config.data_dir);
    let reserve_bytes_max = config.disk_reserve_bytes;
    Ok(Arc::new(EmbeddedQueue::open(EmbeddedOptions { dir, applied, reserve_bytes_max })?))
}

/// How far the configured database came and which log feeds it, without opening it for writing. `None`: there is no
/// database.
pub(crate) fn peek_lease(config: &Config) -> Result<Option<Lease>, StoreError> {
    SqliteStore::peek(&config.data_dir, &config.events_file)
}
