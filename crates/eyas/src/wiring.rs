//! Names the concrete drivers, and nothing else does.
//!
//! Order matters: the database is asked how far it came before the log is opened, because a log that would
//! have to cut its tail must know whether the cut loses anything that the database has.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Seq;
use queue::{EmbeddedOptions, EmbeddedQueue, Queue, QueueError};
use store::{
    Lease, PostgresSql, PostgresStore, SqlReader, SqliteOptions, SqliteSql, SqliteStore,
    StoreError, Stores,
};

use crate::config::Config;
use crate::log_lane::LogLane;
use crate::notify;
use crate::store_config::StoreConfig;

/// Read-only connections to the database: two for each core would only wait for the disk.
const N_READERS: usize = 4;

/// SQLite's log and one transaction may each take a part of the reserve, so that both fit into it on a small disk.
const WAL_OF_RESERVE: u64 = 4;
const TRANSACTION_OF_RESERVE: u64 = 8;

/// How often a start asks a database server that does not answer.
const SERVER_ASKED_EVERY: Duration = Duration::from_millis(500);

/// Longer than one attempt to reach it takes.
const ATTEMPT_MAX: Duration = Duration::from_secs(30);

/// Opens the configured database. A server that does not answer is waited for, up to `wait_max`, or for as long as it takes.
pub(crate) async fn open_stores(
    config: &Config,
    wait_max: Option<Duration>,
) -> Result<Stores, StoreError> {
    match &config.store {
        StoreConfig::Sqlite(file) => {
            let store = SqliteStore::open(SqliteOptions {
                dir: config.data_dir.clone(),
                events_file: file.clone(),
                n_readers: N_READERS,
                wal_bytes_max: reserve_bytes(config) / WAL_OF_RESERVE,
            })?;
            Ok(Stores::of(&store))
        }
        StoreConfig::Postgres(options) => {
            let store = PostgresStore::unopened(options)?;
            patiently(wait_max, || store.set_up()).await?;
            Ok(Stores::of(&store))
        }
    }
}

/// The stores of a server that began without its database: nobody is asked, and everything says `why`. `None`: this database
/// stands in the data directory.
pub(crate) fn stores_out_of_reach(
    config: &Config,
    why: &str,
) -> Result<Option<Stores>, StoreError> {
    match &config.store {
        StoreConfig::Sqlite(_) => Ok(None),
        StoreConfig::Postgres(options) => {
            Ok(Some(Stores::of(&PostgresStore::out_of_reach(options, why)?)))
        }
    }
}

/// The configured database for reading by SQL alone, also while a server runs on it. Nothing is opened yet.
pub(crate) fn open_sql(config: &Config) -> Result<Arc<dyn SqlReader>, StoreError> {
    Ok(match &config.store {
        StoreConfig::Sqlite(file) => Arc::new(SqliteSql::new(&config.data_dir, file)),
        StoreConfig::Postgres(options) => {
            Arc::new(PostgresSql::open(&options.url, options.password.as_deref())?)
        }
    })
}

/// Asks a database server until it answers, it refuses, or a start has waited long enough.
async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(
    wait_max: Option<Duration>,
    ask: impl Fn() -> F,
) -> Result<T, StoreError> {
    let end = wait_max.map(|wait_max| Instant::now() + wait_max);
    let mut is_told = false;
    loop {
        match ask().await {
            Err(error) if error.is_retryable() && end.is_none_or(|end| Instant::now() < end) => {
                if !is_told {
                    let wait = wait_max
                        .map_or_else(String::new, |wait| format!(" up to {} s", wait.as_secs()));
                    tracing::warn!(%error, "the database does not answer; waiting for it{wait}");
                    notify::status("waiting for the database");
                    is_told = true;
                }
                notify::extend_start(SERVER_ASKED_EVERY + ATTEMPT_MAX);
                tokio::time::sleep(SERVER_ASKED_EVERY).await;
            }
            res => return res,
        }
    }
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
    EmbeddedQueue::make_room(LogLane::Events.dir(data_dir));
    EmbeddedQueue::make_room(LogLane::Batches.dir(data_dir));
}

/// Opens the log of the events lane. `applied` is how far the database came; `None` while it cannot be asked.
pub(crate) fn open_events_queue(
    config: &Config,
    applied: Option<Seq>,
) -> Result<Arc<dyn Queue>, QueueError> {
    let dir = LogLane::Events.dir(&config.data_dir);
    let reserve_bytes_max = config.disk_reserve_bytes;
    Ok(Arc::new(EmbeddedQueue::open(EmbeddedOptions { dir, applied, reserve_bytes_max })?))
}

/// Opens the log of the batches lane, in the same way.
pub(crate) fn open_batches_queue(
    config: &Config,
    applied: Seq,
) -> Result<Arc<dyn Queue>, QueueError> {
    let (dir, applied) = (LogLane::Batches.dir(&config.data_dir), Some(applied));
    let reserve_bytes_max = config.disk_reserve_bytes;
    Ok(Arc::new(EmbeddedQueue::open(EmbeddedOptions { dir, applied, reserve_bytes_max })?))
}

/// How far the configured database came with a lane and which log feeds it, without opening it for writing. `None`: there
/// is no database.
pub(crate) async fn peek_lease(
    config: &Config,
    lane: LogLane,
) -> Result<Option<Lease>, StoreError> {
    match (&config.store, lane) {
        (StoreConfig::Sqlite(file), LogLane::Events) => SqliteStore::peek(&config.data_dir, file),
        (StoreConfig::Sqlite(_), LogLane::Batches) => SqliteStore::peek_lane(&config.data_dir),
        (StoreConfig::Postgres(options), LogLane::Events) => {
            PostgresStore::peek(options.clone()).await
        }
        (StoreConfig::Postgres(options), LogLane::Batches) => {
            PostgresStore::peek_lane(options.clone()).await
        }
    }
}
