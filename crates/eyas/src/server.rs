//! The server as one value: opened, wired and checked; run until it is told to end, or breaks; closed in order.
//!
//! Invariant: when the log is closed, no connection is left that could append.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use gateway::{
    Ending, Gateway, GatewayOptions, GatewayParts, Limits, Listeners, Queries, Registry, Sessions,
};
use live::{Live, LiveOptions, Tail};
use model::{LogId, Seq};
use pipeline::{
    Consumer, ConsumerOptions, Intake, IntakeOptions, JobRunner, Jobs, Meters, Redrive, Retention,
    Revalidate, Schemas, Work, begin_unasked,
};
use queue::{Queue, QueueError};
use store::Stores;
use tokio::net::{TcpListener, UnixListener};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin_socket::Name;
use crate::batch_lane::{BatchLane, RunningLane};
use crate::config::Config;
use crate::exit::CommandError;
use crate::log_lane::LogLane;
use crate::otlp::Exporter;
use crate::parts::{Parts, STOP_APPLY_MAX};
use crate::refusals::{no_token, not_sealed, poison, refused_log, refused_pair};
use crate::signals::Wanted;
use crate::snapshot::facts::Facts;
use crate::snapshot::file::Kept;
use crate::snapshot::keeper::Keeper;
use crate::{
    descriptors, otlp, place, queries_config, query_check, schema_files, tenancy, user_tables,
    wiring,
};

/// The same before a hand-over, where newcomers wait meanwhile, and the next program goes on with the rest.
const HANDOVER_APPLY_MAX: Duration = Duration::from_secs(1);
/// After a failed write nothing more can be saved: requests get just the time to be answered.
const POISONED_DRAIN_MAX: Duration = Duration::from_secs(2);

const INTAKE: IntakeOptions =
    IntakeOptions { lookup_wait_max: Duration::from_millis(20), recent_bytes_max: 64 << 20 };

const LIVE: LiveOptions = LiveOptions {
    ring_bytes_max: 16 << 20,
    batch_bytes_max: 256 << 10,
    history_page: 500,
    settle_wait: Duration::from_secs(2),
    read_wait: Duration::from_secs(30),
    shares_bytes_max: 128 << 20,
    n_reads_max: 4,
    warm_records: 10_000,
    progress_wait: Duration::from_secs(1),
    idle_progress_wait: Duration::from_secs(15),
};

/// What a database says that is not asked.
const UNASKED: &str =
    "it did not answer when the server started, which goes over to it as soon as it does";

/// What a server stands on.
pub(crate) enum Ground {
    /// Its database, which answers.
    Database(Stores),
    /// What it kept of it: intake and push go on, everything else waits.
    Snapshot(Kept),
}

/// Everything that runs, wired and checked, not yet listening.
pub(crate) struct Server {
    config: Config,
    instance: String,
    /// Under which name it holds the leases.
    holder: String,
    stores: Stores,
    registry: Registry,
    sessions: Sessions,
    queue: Arc<dyn Queue>,
    meters: Arc<Meters>,
    intake: Intake,
    /// `None`: the database has not been reached yet.
    consumer: Option<Consumer>,
    retention: Arc<Retention>,
    batch_lane: Option<BatchLane>,
    exporter: Option<Exporter>,
    tasks: TaskTracker,
}

impl Server {
    /// Opens what `config` names and checks that it belongs together. Nothing listens and nothing runs yet.
    ///
    /// # Errors
    /// [`CommandError::NoDatabase`] where a snapshot does not do.
    pub(crate) async fn open(
        config: Config,
        address: SocketAddr,
        ground: Ground,
    ) -> Result<Self, CommandError> {
        let (stores, facts, log) = stand_on(&config, ground).await?;
        let is_public = !address.ip().is_loopback();
        let trust_store = Arc::clone(&stores.trust);
        let registry = Registry::open(trust_store, facts.trust, is_public);
        let sessions = Sessions::open(Arc::clone(&stores.sessions), &facts.sign_ins);
        if registry.is_locked_out() {
            return Err(no_token(&config.data_dir, address));
        }
        let instance = facts.instance;
        let holder = place::holder(&instance, &config).context("reading the data directory")?;
        let is_asked = log.is_none();
        let (mut batch_lane, mut applied) = (None, None);
        if is_asked {
            batch_lane = look_around(&config, &holder, &stores).await?;
            applied = Some(stores.events.lease().await.map_err(anyhow::Error::from)?.applied);
        }
        let queue = open_log(&config, applied, log).await?;
        let (traces, exporter) = match &config.otlp {
            Some(options) => Some(Exporter::start(options, &instance)).unzip(),
            None => (None, None),
        };
        let meters = Arc::new(traces.map_or_else(Meters::new, Meters::with_traces));
        let tasks = TaskTracker::new();
        let intake = Intake::new(
            Arc::clone(&queue),
            Arc::clone(&stores.events),
            Arc::clone(&meters),
            tasks.clone(),
            &INTAKE,
        );
        let schemas = Schemas::open(Arc::clone(&stores.schemas), facts.schemas).await;
        let intake = intake.with_schemas(schemas.map_err(anyhow::Error::from)?);
        let consumer = if is_asked {
            let schemas = intake.schemas();
            let configured = schemas.configure(config.schemas.clone(), schema_files::BY).await;
            configured.map_err(anyhow::Error::from)?;
            let consumer = Consumer::start(&intake, consumer_options(&config, &holder)).await;
            Some(consumer.map_err(|error| refused_pair(&config.data_dir, LogLane::Events, error))?)
        } else {
            begin_unasked(&intake, UNASKED);
            None
        };
        let (store, rules) = (Arc::clone(&stores.retention), config.retention.clone());
        let retention = Retention::open(store, Arc::clone(&meters), rules, facts.horizons);
        Ok(Self {
            config,
            instance,
            holder,
            stores,
            registry,
            sessions,
            queue,
            meters,
            intake,
            consumer,
            retention,
            batch_lane,
            exporter,
            tasks,
        })
    }

    /// Serves for as long as `until` takes, or until it breaks. After a hand-over the listening socket comes back.
    pub(crate) async fn run(
        self,
        network: Option<TcpListener>,
        local: Option<(UnixListener, Name)>,
        until: impl AsyncFnOnce(Ready<'_>) -> Result<Wanted, CommandError>,
    ) -> Result<Option<TcpListener>, CommandError> {
        let url = url(&self.config, network.as_ref())?;
        let (local, name) = local.unzip();
        let ending = Ending { delay: self.config.drain_delay, ..Ending::default() };
        let stop_rest = CancellationToken::new();
        let (live, tail) = live(&self.queue, &self.stores, &self.meters, &self.retention);
        let (jobs, runner) = jobs(&self.stores, &self.intake, &self.meters, &live);
        let is_unasked = self.consumer.is_none();
        let mut lane = self.batch_lane.map(|lane| lane.start(&self.tasks));
        let gateway = Arc::new(Gateway::new(GatewayParts {
            intake: self.intake.clone(),
            live,
            stores: self.stores.clone(),
            registry: self.registry,
            sessions: self.sessions,
            jobs,
            batches: lane.as_ref().map(RunningLane::batches),
            is_unasked,
            meters: Arc::clone(&self.meters),
            retention: Arc::clone(&self.retention),
            queries: published(&self.config),
            options: edge_options(&self.config, &self.instance, self.holder.clone(), &url),
            data_dir: self.config.data_dir.clone(),
        }));
        let edge = gateway::run(Listeners { network, local }, Arc::clone(&gateway), ending.clone());
        let keeper = keeper(&self.config, &self.instance, &gateway, &self.intake, &self.retention);
        let retention = Arc::clone(&self.retention);
        let work = self.consumer.map(|consumer| (consumer, retention, runner, keeper));
        let mut parts = Parts::start(&self.tasks, &stop_rest, edge, tail, work);
        let ready = Ready {
            config: &self.config,
            instance: &self.instance,
            holder: &self.holder,
            is_unasked,
            queue: &*self.queue,
            stores: &self.stores,
            schemas: self.intake.schemas(),
            gateway: &gateway,
            url: &url,
        };
        let mut poisoned = self.queue.poisoned();
        let ended = tokio::select! {
            wanted = until(ready) => wanted,
            _ = poisoned.wait_for(|is_poisoned| *is_poisoned) => Err(poison()),
            broken = parts.broken(&self.config.data_dir) => Err(broken),
            error = lane_broken(lane.as_mut(), &self.config.data_dir) => Err(error),
        };
        // Order matters: without a name nobody new comes, and who has come already is answered.
        drop(name);
        let way = if let Ok(Wanted::HandOver) = ended { &ending.hand_over } else { &ending.stop };
        way.cancel();
        if *poisoned.borrow() || matches!(ended, Err(CommandError::Poisoned(_))) {
            let _ = time::timeout(POISONED_DRAIN_MAX, &mut parts.edge).await;
            return Err(poison());
        }
        // Where a part of us is broken: what was acknowledged is in the log; the next start does the rest.
        let apply_max =
            if ended? == Wanted::HandOver { HANDOVER_APPLY_MAX } else { STOP_APPLY_MAX };
        let kept = (&mut parts.edge).await.context("the HTTP edge panicked")?;
        stop_rest.cancel();
        let (lane_sealed, ()) = tokio::join!(finish_lane(lane, apply_max), parts.finish(apply_max));
        otlp::finish(self.exporter).await;
        let sealed = self.queue.close().await;
        self.stores.events.close().await.context("closing the database")?;
        sealed.and(lane_sealed).map_err(not_sealed)?;
        Ok(kept)
    }
}

async fn finish_lane(lane: Option<RunningLane>, apply_max: Duration) -> Result<(), QueueError> {
    match lane {
        Some(lane) => lane.finish(apply_max).await,
        None => Ok(()),
    }
}

/// The queries that the configuration publishes.
fn published(config: &Config) -> Queries {
    queries_config::published(config.store.dialect(), &config.queries, config.sql)
}

/// Waits until the lane of batches cannot go on, which it should; without one, for ever.
async fn lane_broken(lane: Option<&mut RunningLane>, data_dir: &Path) -> CommandError {
    match lane {
        Some(lane) => lane.broken(data_dir).await,
        None => std::future::pending().await,
    }
}

/// A server that can be asked.
pub(crate) struct Ready<'a> {
    /// Its settings.
    pub(crate) config: &'a Config,
    /// Its name.
    pub(crate) instance: &'a str,
    /// Under which name it holds the leases, or will.
    pub(crate) holder: &'a str,
    /// Its database has not been reached yet.
    pub(crate) is_unasked: bool,
    /// Its log.
    pub(crate) queue: &'a dyn Queue,
    /// Its database.
    pub(crate) stores: &'a Stores,
    /// What its events have to look like.
    pub(crate) schemas: &'a Arc<Schemas>,
    /// Its edge.
    pub(crate) gateway: &'a Arc<Gateway>,
    /// How clients reach it.
    pub(crate) url: &'a str,
}

/// The stores, what is known of the database, and, where that is from a snapshot, which log belongs to it.
async fn stand_on(
    config: &Config,
    ground: Ground,
) -> Result<(Stores, Facts, Option<LogId>), CommandError> {
    match ground {
        Ground::Database(stores) => {
            let facts = Facts::read(&stores).await.map_err(anyhow::Error::from)?;
            Ok((stores, facts, None))
        }
        Ground::Snapshot(kept) => {
            let stores = wiring::stores_out_of_reach(config, UNASKED);
            let stores = stores.map_err(anyhow::Error::from)?;
            let stores = stores.context("only a server's database can be out of reach")?;
            Ok((stores, kept.facts, Some(kept.log)))
        }
    }
}

/// What is looked at before the log is opened: nobody else feeds the database, its tables are there, the queries can run.
async fn look_around(
    config: &Config,
    holder: &str,
    stores: &Stores,
) -> Result<Option<BatchLane>, CommandError> {
    let dialect = config.store.dialect();
    tenancy::wait(stores, holder).await?;
    let tables = user_tables::prepare(&config.tables, dialect, stores).await?;
    let batch_lane = BatchLane::open(config, holder, stores, tables).await?;
    query_check::tell(&*stores.sql, dialect, &config.queries).await;
    Ok(batch_lane)
}

/// The log of the events, which must be `expected` where that is known.
async fn open_log(
    config: &Config,
    applied: Option<Seq>,
    expected: Option<LogId>,
) -> Result<Arc<dyn Queue>, CommandError> {
    let settings = config.clone();
    let queue = tokio::task::spawn_blocking(move || wiring::open_events_queue(&settings, applied))
        .await
        .context("opening the log panicked")?
        .map_err(|error| refused_log(&config.data_dir, LogLane::Events, error))?;
    if let Some(expected) = expected.filter(|expected| *expected != queue.log()) {
        queue.close().await.map_err(not_sealed)?;
        return Err(CommandError::NoDatabase(format!(
            "the snapshot is of the log {expected}, but the log is {} now",
            queue.log()
        )));
    }
    Ok(queue)
}

/// The desk of long work, and who does it.
fn jobs(stores: &Stores, intake: &Intake, meters: &Arc<Meters>, live: &Live) -> (Jobs, JobRunner) {
    let desk = Jobs::new(Arc::clone(&stores.jobs));
    let dead_letters = Arc::clone(&stores.dead_letters);
    let redrive = Redrive::new(dead_letters, Arc::clone(meters), live.changed());
    let (verdicts, schemas) = (Arc::clone(&stores.verdicts), Arc::clone(intake.schemas()));
    let revalidate = Revalidate::new(verdicts, schemas, live.changed());
    let works: Vec<Box<dyn Work>> = vec![Box::new(redrive), Box::new(revalidate)];
    let runner = JobRunner::new(desk.clone(), Arc::clone(&stores.jobs), works);
    (desk, runner)
}

/// Who writes the snapshot; nobody where the database stands in the data directory.
fn keeper(
    config: &Config,
    instance: &str,
    gateway: &Arc<Gateway>,
    intake: &Intake,
    retention: &Arc<Retention>,
) -> Option<Keeper> {
    Some(Keeper {
        data_dir: config.data_dir.clone(),
        database: config.store.place()?,
        log: intake.log().log,
        instance: instance.to_owned(),
        gateway: Arc::clone(gateway),
        schemas: Arc::clone(intake.schemas()),
        retention: Arc::clone(retention),
    })
}

/// The push, and who feeds it.
fn live(
    queue: &Arc<dyn Queue>,
    stores: &Stores,
    meters: &Meters,
    retention: &Retention,
) -> (Live, Tail) {
    let (queue, events) = (Arc::clone(queue), Arc::clone(&stores.events));
    Live::new(queue, events, meters.applied_changes(), retention.horizons(), LIVE)
}

/// How the log of the events is applied, by `holder`.
fn consumer_options(config: &Config, holder: &str) -> ConsumerOptions {
    ConsumerOptions {
        tenancy: tenancy::terms(config, holder),
        rows_max: 20_000,
        bytes_max: wiring::transaction_bytes_max(config, 8 << 20),
        yield_max: Duration::from_secs(1),
        keep: config.keep,
    }
}

/// How clients reach the server; without a socket, how they will.
fn url(config: &Config, network: Option<&TcpListener>) -> anyhow::Result<String> {
    let address = network.map(TcpListener::local_addr).transpose().context("no local address")?;
    let address = address.unwrap_or(config.listen);
    Ok(config.public_url.clone().unwrap_or_else(|| format!("http://{address}")))
}

fn edge_options(config: &Config, instance: &str, holder: String, url: &str) -> GatewayOptions {
    GatewayOptions {
        public_url: url.to_owned(),
        allowed_hosts: config.allowed_hosts.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instance: instance.to_owned(),
        holder,
        limits: Limits { rates: config.rates.clone(), ..descriptors::edge_limits() },
    }
}
