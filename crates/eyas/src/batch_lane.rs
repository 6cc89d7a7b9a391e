//! The batches lane of one server: its own log, its desk, and the task that carries decisions out.
//!
//! It exists where a table is configured, and where its log is there already: what was accepted is applied, also after the
//! last table has gone from the configuration.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pipeline::{Batches, Compiled, Lane, LaneOptions, StartError, TableRules};
use queue::{Queue, QueueError};
use store::{Stores, Table};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::config::Config;
use crate::exit::CommandError;
use crate::log_lane::LogLane;
use crate::refusals::{poison, refused_log, refused_pair};
use crate::tables_config::ConfiguredTable;
use crate::{tenancy, wiring};

/// PostgreSQL may lose commits in a fail-over: for so long they can be made again from the log.
const KEEP: Duration = Duration::from_hours(24);
/// So long somebody may have rows that the database refused checked and applied again, on either database.
const KEEP_REFUSED: Duration = Duration::from_hours(24);
/// Of the room of the log, so much may be kept for either.
const KEEP_OF_LOG: u64 = 2;
/// An upload without a byte for so long is cancelled.
const IDLE_MAX: Duration = Duration::from_hours(24);
/// One that is paused for so long gives its room up where the log has little left. A client that sends part after part
/// pauses for much less.
const PAUSE_FREE: Duration = Duration::from_secs(30);
/// After it was told to stop, a transaction gives up within one block of rows.
const GIVE_UP_MAX: Duration = Duration::from_secs(10);

/// Opened and checked, not yet running.
pub(crate) struct BatchLane {
    queue: Arc<dyn Queue>,
    batches: Batches,
    lane: Lane,
}

/// It runs.
pub(crate) struct RunningLane {
    queue: Arc<dyn Queue>,
    batches: Batches,
    task: JoinHandle<Result<(), StartError>>,
    shutdown: CancellationToken,
    stop: CancellationToken,
}

impl BatchLane {
    /// Opens the lane, where there is to be one.
    pub(crate) async fn open(
        config: &Config,
        holder: &str,
        stores: &Stores,
        tables: Vec<(ConfiguredTable, Table)>,
    ) -> Result<Option<Self>, CommandError> {
        if tables.is_empty() && !has_log(&config.data_dir) {
            return Ok(None);
        }
        let applied = stores.batches.lane().await.map_err(anyhow::Error::from)?.applied;
        let settings = config.clone();
        let queue = spawn_blocking(move || wiring::open_batches_queue(&settings, applied))
            .await
            .context("opening the log of the batches panicked")?
            .map_err(|error| refused_log(&config.data_dir, LogLane::Batches, error))?;
        let rules = tables.into_iter().map(rules).collect::<anyhow::Result<_>>()?;
        let tenancy = tenancy::terms(config, holder);
        let keep = if tenancy.is_shared { KEEP } else { Duration::ZERO };
        let options = LaneOptions {
            tenancy,
            log_bytes_max: config.batches_log_bytes_max,
            keep,
            keep_refused: KEEP_REFUSED,
            keep_bytes_max: config.batches_log_bytes_max / KEEP_OF_LOG,
            idle_max: IDLE_MAX,
            pause_free: PAUSE_FREE,
        };
        let store = Arc::clone(&stores.batches);
        let opened = Lane::open(Arc::clone(&queue), store, rules, options).await;
        let (batches, lane) =
            opened.map_err(|error| refused_pair(&config.data_dir, LogLane::Batches, error))?;
        Ok(Some(Self { queue, batches, lane }))
    }

    /// Begins to carry decisions out.
    pub(crate) fn start(self, tasks: &TaskTracker) -> RunningLane {
        let Self { queue, batches, lane } = self;
        let (shutdown, stop) = (CancellationToken::new(), CancellationToken::new());
        let task = tasks.spawn(lane.run(shutdown.clone(), stop.clone()));
        RunningLane { queue, batches, task, shutdown, stop }
    }
}

impl RunningLane {
    /// Its desk.
    pub(crate) fn batches(&self) -> Batches {
        self.batches.clone()
    }

    /// Waits until its log takes nothing any more, or its task ends by itself, which neither should.
    pub(crate) async fn broken(&mut self, data_dir: &Path) -> CommandError {
        let mut poisoned = self.queue.poisoned();
        tokio::select! {
            _ = poisoned.wait_for(|is_poisoned| *is_poisoned) => poison(),
            ended = &mut self.task => match ended {
                Ok(Err(error)) => refused_pair(data_dir, LogLane::Batches, error),
                ended => anyhow::anyhow!("the lane of batches ended by itself: {ended:?}").into(),
            },
        }
    }

    /// Nobody uploads any more: the batch that is being applied gets `apply_max`, the rest waits in the log for the next start.
    pub(crate) async fn finish(mut self, apply_max: Duration) -> Result<(), QueueError> {
        self.shutdown.cancel();
        if time::timeout(apply_max, &mut self.task).await.is_err() {
            info!("a batch is given up; it is applied after the next start");
            self.stop.cancel();
            let _ = time::timeout(GIVE_UP_MAX, &mut self.task).await;
        }
        self.batches.close().await;
        self.queue.close().await
    }
}

/// Whether batches were accepted here before.
fn has_log(data_dir: &Path) -> bool {
    LogLane::Batches.dir(data_dir).is_dir()
}

fn rules((configured, table): (ConfiguredTable, Table)) -> anyhow::Result<TableRules> {
    let compile = |text: &str| Compiled::compile(text.trim());
    let schema = configured.schema.map(|schema| compile(&schema.text)).transpose();
    let schema =
        schema.map_err(|error| anyhow::anyhow!("the schema of {}: {error}", table.name))?;
    let schema = schema.map(|accepted| Arc::new(accepted.compiled));
    Ok(TableRules { table, mode: configured.mode, schema })
}
