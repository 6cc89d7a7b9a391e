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
use live::{Live, LiveError, LiveOptions};
use pipeline::{
    Consumer, ConsumerOptions, Intake, IntakeOptions, JobRunner, Jobs, Meters, Redrive, Retention,
    Revalidate, Schemas, StartError, Work,
};
use queue::{Queue, QueueError};
use store::Stores;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::admin_socket::Name;
use crate::batch_lane::{BatchLane, RunningLane};
use crate::config::Config;
use crate::exit::CommandError;
use crate::log_lane::LogLane;
use crate::otlp::Exporter;
use crate::refusals::{no_token, not_sealed, poison, refused_log, refused_pair, refused_store};
use crate::signals::Wanted;
use crate::{
    descriptors, otlp, place, queries_config, query_check, schema_files, tenancy, user_tables,
    wiring,
};

/// How long the consumer may go on after the last request has been answered.
const STOP_APPLY_MAX: Duration = Duration::from_secs(10);
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
    consumer: Consumer,
    retention: Arc<Retention>,
    batch_lane: Option<BatchLane>,
    exporter: Option<Exporter>,
    tasks: TaskTracker,
}

impl Server {
    /// Opens what `config` names and checks that it belongs together. Nothing listens and nothing runs yet.
    pub(crate) async fn open(config: Config, address: SocketAddr) -> Result<Self, CommandError> {
        wiring::make_room(&config.data_dir);
        let stores = wiring::open_stores(&config).await.map_err(refused_store)?;
        let instance = stores.control.instance().await.map_err(anyhow::Error::from)?;
        let is_public = !address.ip().is_loopback();
        let registry = Registry::open(Arc::clone(&stores.trust), is_public).await;
        let registry = registry.map_err(anyhow::Error::from)?;
        let sessions = Sessions::open(Arc::clone(&stores.sessions)).await;
        let sessions = sessions.map_err(anyhow::Error::from)?;
        if registry.is_locked_out() {
            return Err(no_token(&config.data_dir, address));
        }
        let dialect = config.store.dialect();
        let holder = place::holder(&instance, &config).context("reading the data directory")?;
        tenancy::wait(&stores, &holder).await?;
        let tables = user_tables::prepare(&config.tables, dialect, &stores).await?;
        let batch_lane = BatchLane::open(&config, &holder, &stores, tables).await?;
        query_check::tell(&*stores.sql, dialect, &config.queries).await;
        let applied = stores.events.lease().await.map_err(anyhow::Error::from)?.applied;
        let settings = config.clone();
        let queue =
            tokio::task::spawn_blocking(move || wiring::open_events_queue(&settings, applied))
                .await
                .context("opening the log panicked")?
                .map_err(|error| refused_log(&config.data_dir, LogLane::Events, error))?;
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
        let intake = intake.with_schemas(open_schemas(&config, &stores).await?);
        let options = consumer_options(&config, &holder);
        let consumer = Consumer::start(&intake, options).await;
        let consumer =
            consumer.map_err(|error| refused_pair(&config.data_dir, LogLane::Events, error))?;
        let (store, rules) = (Arc::clone(&stores.retention), config.retention.clone());
        let retention = Retention::open(store, Arc::clone(&meters), rules).await;
        let retention = retention.map_err(anyhow::Error::from)?;
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
        until: impl AsyncFnOnce(Ready<'_>) -> Wanted,
    ) -> Result<Option<TcpListener>, CommandError> {
        let url = url(&self.config, network.as_ref())?;
        let (local, name) = local.unzip();
        let ending = Ending { delay: self.config.drain_delay, ..Ending::default() };
        let stop_rest = CancellationToken::new();
        let (live, tail) = Live::new(
            Arc::clone(&self.queue),
            Arc::clone(&self.stores.events),
            self.meters.applied_changes(),
            self.retention.horizons(),
            LIVE,
        );
        let (jobs, runner) = jobs(&self.stores, &self.intake, &self.meters, &live);
        let mut lane = self.batch_lane.map(|lane| lane.start(&self.tasks));
        let gateway = Arc::new(Gateway::new(GatewayParts {
            intake: self.intake.clone(),
            live,
            stores: self.stores.clone(),
            registry: self.registry,
            sessions: self.sessions,
            jobs,
            batches: lane.as_ref().map(RunningLane::batches),
            meters: Arc::clone(&self.meters),
            retention: Arc::clone(&self.retention),
            queries: published(&self.config),
            options: edge_options(&self.config, &self.instance, self.holder, &url),
            data_dir: self.config.data_dir.clone(),
        }));
        let edge = gateway::run(Listeners { network, local }, Arc::clone(&gateway), ending.clone());
        let give_up = CancellationToken::new();
        let mut parts = Parts {
            tail: self.tasks.spawn(tail.run(stop_rest.clone())),
            consumer: self.tasks.spawn(self.consumer.run(stop_rest.clone(), give_up.clone())),
            give_up,
            retention: self.tasks.spawn(self.retention.run(stop_rest.clone())),
            jobs: self.tasks.spawn(runner.run(stop_rest.clone())),
            edge: self.tasks.spawn(edge),
        };
        let ready = Ready {
            config: &self.config,
            instance: &self.instance,
            queue: &*self.queue,
            stores: &self.stores,
            schemas: self.intake.schemas(),
            gateway: &gateway,
            url: &url,
        };
        let mut poisoned = self.queue.poisoned();
        let ended = tokio::select! {
            wanted = until(ready) => Ok(wanted),
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

/// The schemas that the store holds, after the configuration has had its say.
async fn open_schemas(config: &Config, stores: &Stores) -> anyhow::Result<Arc<Schemas>> {
    let schemas = Schemas::open(Arc::clone(&stores.schemas)).await?;
    schemas.configure(config.schemas.clone(), schema_files::BY).await?;
    Ok(schemas)
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

/// The tasks of a running server.
struct Parts {
    edge: JoinHandle<Option<TcpListener>>,
    consumer: JoinHandle<Result<(), StartError>>,
    /// Has the consumer leave the rest in the log.
    give_up: CancellationToken,
    retention: JoinHandle<()>,
    jobs: JoinHandle<()>,
    tail: JoinHandle<Result<(), LiveError>>,
}

impl Parts {
    /// Waits until one of them ends by itself, which none should.
    async fn broken(&mut self, data_dir: &Path) -> CommandError {
        let error = tokio::select! {
            ended = &mut self.consumer => match ended {
                Ok(Err(error)) => return refused_pair(data_dir, LogLane::Events, error),
                ended => anyhow::anyhow!("the consumer ended by itself: {ended:?}"),
            },
            ended = &mut self.edge => anyhow::anyhow!("the HTTP edge ended by itself: {ended:?}"),
            ended = &mut self.retention => anyhow::anyhow!("retention ended by itself: {ended:?}"),
            ended = &mut self.jobs => anyhow::anyhow!("the jobs ended by themselves: {ended:?}"),
            // Where it cannot read the log it has told its subscribers; only a panic is our own bug.
            Err(panic) = &mut self.tail => anyhow::anyhow!("the live tail broke: {panic}"),
        };
        error.into()
    }

    /// Waits for all but the edge, which have been told to end. A slice under way is committed or it is not: the next start
    /// goes on from there.
    async fn finish(mut self, apply_max: Duration) {
        if time::timeout(apply_max, &mut self.consumer).await.is_err() {
            info!("the database is still behind; the rest is applied after the next start");
            self.give_up.cancel();
            let _ = time::timeout(STOP_APPLY_MAX, self.consumer).await;
        }
        let _ = time::timeout(STOP_APPLY_MAX, self.jobs).await;
        let _ = time::timeout(STOP_APPLY_MAX, self.retention).await;
        if !self.tail.is_finished() {
            let _ = time::timeout(STOP_APPLY_MAX, self.tail).await;
        }
    }
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
