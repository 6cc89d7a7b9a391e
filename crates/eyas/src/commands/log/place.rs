//! The data directory that a `log` command works on.
//!
//! Invariant: whoever changes something holds the lock of the data directory, as a server does.

use std::path::PathBuf;

use model::LogId;
use queue::{Found, OpenError, Survey};
use store::Lease;

use crate::config::Config;
use crate::exit::CommandError;
use crate::lock::{self, Lock};
use crate::log_lane::LogLane;
use crate::refusals::refused_store;
use crate::wiring;

/// Log and database of one data directory.
pub(crate) struct Place {
    /// The settings, with an absolute `data_dir`.
    pub(crate) config: Config,
    /// Which of the two logs.
    pub(crate) lane: LogLane,
    /// The log's folder; it may be missing.
    pub(crate) log_dir: PathBuf,
    /// What the database says: which log feeds it, and how far it came. Without a database, as a new one would.
    pub(crate) lease: Lease,
    /// Whether there is a database.
    pub(crate) has_database: bool,
    /// A server has the data directory.
    pub(crate) is_served: bool,
    _lock: Option<Lock>,
}

impl Place {
    /// To look only: a server may run.
    pub(crate) async fn look(config: Config, lane: LogLane) -> Result<Self, CommandError> {
        let mut place = Self::open(config, lane).await?;
        place.is_served = lock::holder(&place.config.data_dir)?.is_some();
        Ok(place)
    }

    /// To change something: refuses while a server runs, and keeps one from starting.
    pub(crate) async fn take(config: Config, lane: LogLane) -> Result<Self, CommandError> {
        let place = Self::open(config, lane).await?;
        let lock = Lock::take(&place.config.data_dir).await?;
        // Read again: the server that has just ended may have gone on.
        Ok(Self { _lock: Some(lock), ..Self::open(place.config, lane).await? })
    }

    async fn open(config: Config, lane: LogLane) -> Result<Self, CommandError> {
        let data_dir = config.data_dir.canonicalize().map_err(|error| {
            CommandError::Failed(anyhow::anyhow!(
                "there is no data directory {}: {error}; name it with --data-dir, or the configuration with --config",
                config.data_dir.display()
            ))
        })?;
        let config = Config { data_dir, ..config };
        let lease = wiring::peek_lease(&config, lane).await.map_err(refused_store)?;
        let has_database = lease.is_some();
        let unborn = Lease { log: None, applied: model::Seq::ZERO, holder: None, until: None };
        Ok(Self {
            lane,
            log_dir: lane.dir(&config.data_dir),
            config,
            lease: lease.unwrap_or(unborn),
            has_database,
            is_served: false,
            _lock: None,
        })
    }

    /// Walks the whole log.
    pub(crate) fn survey(
        &self,
        visit: &mut dyn FnMut(Found<'_>) -> Result<(), OpenError>,
    ) -> Result<Survey, CommandError> {
        let applied = Some(self.lease.applied.get());
        queue::survey(&self.log_dir, applied, visit).map_err(refused)
    }

    /// What the database says by now. A running server applies and trims during a walk: whether the log begins too late
    /// is a matter of a lease that was read after it was listed, whether it ends too early of one read before.
    pub(crate) async fn lease_by_now(&self) -> Result<Lease, CommandError> {
        let lease = wiring::peek_lease(&self.config, self.lane).await.map_err(refused_store)?;
        Ok(lease.unwrap_or_else(|| self.lease.clone()))
    }

    /// How many segments there are to walk.
    pub(crate) fn n_segments(&self) -> usize {
        let entries = std::fs::read_dir(&self.log_dir).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "seg")).count()
    }
}

/// A log id as it stands in cursors.
pub(crate) fn log_id(id: u32) -> String {
    LogId::new(id).map_or_else(|| "-".to_owned(), |id| id.to_string())
}

/// What could not be read, or must not be.
pub(crate) fn refused(error: OpenError) -> CommandError {
    match error {
        OpenError::Corrupt { .. } => CommandError::Damaged(error.to_string()),
        OpenError::Io { .. } => CommandError::Failed(anyhow::anyhow!(
            "{error}; nothing was changed. If the disk itself fails, copy it first (ddrescue) and work on the copy"
        )),
        error => CommandError::Failed(error.into()),
    }
}
