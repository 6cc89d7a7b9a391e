//! Runs the server: opens the data directory, wires the rooms, waits for a signal, stops in order.
//!
//! ```text
//!   lock ─> listen ─> database ─> log ─> consumer's check ─> ready … signal or failed fsync
//!   not ready ─> requests in flight ─> rest of the log into the database ─> seal the log ─> 0
//! ```
//!
//! A hand-over ends the same way, but keeps the listening socket open and becomes the program on disk
//! ([`crate::handover`]). Invariant: when the log is closed, no connection is left that could append.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use gateway::{Ending, Gateway, GatewayOptions, GatewayParts, Limits, Registry, Sessions};
use live::{Live, LiveError, LiveOptions};
use pipeline::{
    Consumer, ConsumerOptions, Intake, IntakeOptions, JobRunner, Jobs, Meters, Redrive, Retention,
    Revalidate, Schemas, StartError, Work,
};
use queue::{Queue, QueueError};
use store::{StoreError, Stores};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::banner::Banner;
use crate::config::Config;
use crate::descriptors;
use crate::exit::CommandError;
use crate::handover::Program;
use crate::lock::{Lock, Note};
use crate::otlp::Exporter;
use crate::signals::{Signals, Wanted};
use crate::{listen, logging, notify, otlp, schema_files, wiring};

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

/// What stays the same when the server inside this process ends and begins anew.
struct Process {
    lock: Lock,
    signals: Signals,
    program: Program,
    json: bool,
}

/// Serves until SIGTERM or SIGINT, on the socket that was `inherited`, else on one of its own.
pub(crate) async fn run(
    config: Config,
    inherited: Option<std::net::TcpListener>,
    json: bool,
) -> Result<(), CommandError> {
    let signals = Signals::listen()?;
    logging::start(config.log_format);
    for warning in &config.warnings {
        warn!("{warning}");
    }
    raise_file_limit();
    let program = Program::current()?;
    let data_dir = open_data_dir(&config.data_dir)?;
    let lock = Lock::take(&data_dir).await?;
    let mut process = Process { lock, signals, program, json };
    let mut listener = listen::open(config.listen, inherited)?;
    let config = Config { data_dir, ..config };
    let address = listener.local_addr().context("no local address")?;
    loop {
        let server = tokio::select! {
            opened = Server::open(config.clone(), address) => opened?,
            // Nothing has begun yet that would have to be finished.
            name = process.signals.stop() => {
                info!(signal = name, "stopped at the start");
                return Ok(());
            }
        };
        let Some(kept) = server.run(listener, &mut process).await? else { return Ok(()) };
        if time::timeout(Duration::ZERO, process.signals.stop()).await.is_ok() {
            info!("stopped instead of handing over");
            return Ok(());
        }
        let error = process.program.take_over(&kept);
        error!(%error, "the program on disk could not take over; this one goes on");
        listener = kept;
    }
}

/// A socket is a file: the soft limit of 1024 that most systems set would be the first thing to run out.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        warn!(%error, "cannot raise the limit of open files");
    }
}

fn open_data_dir(path: &Path) -> Result<PathBuf, CommandError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let here = std::env::current_dir().context("no current folder")?;
    let path = here.join(path);
    let new = path.ancestors().take_while(|folder| !folder.exists()).count();
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.with_context(|| format!("cannot make the data directory {}", path.display()))?;
    // A power cut must not take the name of a folder that acknowledged events stand in. The nearest parent in any
    // case: a start that made the folder may have died before its fsync.
    for parent in path.ancestors().skip(1).take(new.max(1)) {
        match File::open(parent).and_then(|parent| parent.sync_all()) {
            Err(error) if error.kind() != std::io::ErrorKind::PermissionDenied => {
                return Err(error).with_context(|| format!("cannot fsync {}", parent.display()))?;
            }
            // In a parent that we may not even read we cannot have made a folder and lost it.
            Ok(()) | Err(_) => {}
        }
    }
    Ok(path.canonicalize().with_context(|| path.display().to_string())?)
}

/// Everything that runs, wired and checked, not yet listening.
struct Server {
    config: Config,
    instance: String,
    stores: Stores,
    registry: Registry,
    sessions: Sessions,
    queue: Arc<dyn Queue>,
    meters: Arc<Meters>,
    intake: Intake,
    consumer: Consumer,
    retention: Arc<Retention>,
    exporter: Option<Exporter>,
    tasks: TaskTracker,
}

impl Server {
    async fn open(config: Config, address: SocketAddr) -> Result<Self, CommandError> {
        wiring::make_room(&config.data_dir);
        let stores = wiring::open_stores(&config).map_err(anyhow::Error::from)?;
        let instance = stores.control.instance().await.map_err(anyhow::Error::from)?;
        let is_public = !address.ip().is_loopback();
        let registry = Registry::open(Arc::clone(&stores.trust), is_public).await;
        let registry = registry.map_err(anyhow::Error::from)?;
        let sessions = Sessions::open(Arc::clone(&stores.sessions)).await;
        let sessions = sessions.map_err(anyhow::Error::from)?;
        if registry.is_locked_out() {
            return Err(no_token(&config.data_dir, address));
        }
        let applied = stores.events.lease().await.map_err(anyhow::Error::from)?.applied;
        let settings = config.clone();
        let queue =
            tokio::task::spawn_blocking(move || wiring::open_events_queue(&settings, applied))
                .await
                .context("opening the log panicked")?
                .map_err(|error| refused_log(&config.data_dir, error))?;
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
        let options = ConsumerOptions {
            // The lock on the data directory proves that an earlier holder of this name is gone.
            holder: instance.clone(),
            rows_max: 20_000,
            bytes_max: wiring::transaction_bytes_max(&config, 8 << 20),
            yield_max: Duration::from_secs(1),
            lease: Duration::from_secs(30),
            retry_max: Duration::from_secs(5),
            refused_retry: config.refused_retry,
        };
        let consumer = Consumer::start(&intake, options).await;
        let consumer = consumer.map_err(|error| refused_pair(&config.data_dir, error))?;
        let (store, rules) = (Arc::clone(&stores.retention), config.retention.clone());
        let retention = Retention::open(store, Arc::clone(&meters), rules).await;
        let retention = retention.map_err(anyhow::Error::from)?;
        Ok(Self {
            config,
            instance,
            stores,
            registry,
            sessions,
            queue,
            meters,
            intake,
            consumer,
            retention,
            exporter,
            tasks,
        })
    }

    /// Serves until it is told to end. After a hand-over the listening socket comes back.
    async fn run(
        self,
        listener: TcpListener,
        process: &mut Process,
    ) -> Result<Option<TcpListener>, CommandError> {
        let address = listener.local_addr().context("no local address")?;
        let url = self.config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
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
        let gateway = Gateway::new(GatewayParts {
            intake: self.intake.clone(),
            live,
            stores: self.stores.clone(),
            registry: self.registry,
            sessions: self.sessions,
            jobs,
            meters: Arc::clone(&self.meters),
            retention: Arc::clone(&self.retention),
            options: edge_options(&self.config, &self.instance, &url),
            data_dir: self.config.data_dir.clone(),
        });
        let console = console(&gateway, &url);
        let mut parts = Parts {
            tail: self.tasks.spawn(tail.run(stop_rest.clone())),
            consumer: self.tasks.spawn(self.consumer.run(stop_rest.clone())),
            retention: self.tasks.spawn(self.retention.run(stop_rest.clone())),
            jobs: self.tasks.spawn(runner.run(stop_rest.clone())),
            edge: self.tasks.spawn(gateway::run(listener, gateway, ending.clone())),
        };
        announce(&self.config, &self.instance, &*self.queue, (&url, &console), process.json);
        notify::ready();
        let ready_at = pipeline::now().to_string();
        let pid = std::process::id() as i32;
        process.tell(&Note { pid, url, ready_at, ..Note::default() });
        let reload = reload(&self.config, &self.stores, self.intake.schemas());
        let mut poisoned = self.queue.poisoned();
        let ended = tokio::select! {
            wanted = process.wanted(&reload) => Ok(wanted),
            _ = poisoned.wait_for(|is_poisoned| *is_poisoned) => Err(poison()),
            broken = parts.broken() => Err(CommandError::Failed(broken)),
        };
        match ended {
            Ok(Wanted::HandOver) => ending.hand_over.cancel(),
            Ok(Wanted::Stop(_) | Wanted::Reload) | Err(_) => ending.stop.cancel(),
        }
        if *poisoned.borrow() {
            let _ = time::timeout(POISONED_DRAIN_MAX, &mut parts.edge).await;
            return Err(poison());
        }
        // Where a part of us is broken: what was acknowledged is in the log; the next start does the rest.
        let apply_max =
            if ended? == Wanted::HandOver { HANDOVER_APPLY_MAX } else { STOP_APPLY_MAX };
        let kept = parts.edge.await.context("the HTTP edge panicked")?;
        stop_rest.cancel();
        if time::timeout(apply_max, parts.consumer).await.is_err() {
            info!("the database is still behind; the rest is applied after the next start");
        }
        // A slice under way is committed or it is not: the next start goes on from there.
        let _ = time::timeout(STOP_APPLY_MAX, parts.jobs).await;
        finish_readers(parts.retention, parts.tail).await;
        otlp::finish(self.exporter).await;
        let sealed = self.queue.close().await;
        self.stores.events.close().await.context("closing the database")?;
        match sealed {
            Ok(()) => Ok(kept),
            Err(QueueError::Poisoned(_)) => Err(poison()),
            Err(error) => Err(CommandError::Failed(error.into())),
        }
    }
}

/// The schemas that the store holds, after the configuration has had its say.
async fn open_schemas(config: &Config, stores: &Stores) -> anyhow::Result<Arc<Schemas>> {
    let schemas = Schemas::open(Arc::clone(&stores.schemas)).await?;
    schemas.configure(config.schemas.clone(), schema_files::BY).await?;
    Ok(schemas)
}

/// What SIGHUP does.
fn reload(config: &Config, stores: &Stores, schemas: &Arc<Schemas>) -> impl AsyncFn() + 'static {
    let (file, audit) = (config.file.clone(), Arc::clone(&stores.audit));
    let schemas = Arc::clone(schemas);
    async move || schema_files::reload(file.as_deref(), &schemas, &*audit).await
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
    consumer: JoinHandle<()>,
    retention: JoinHandle<()>,
    jobs: JoinHandle<()>,
    tail: JoinHandle<Result<(), LiveError>>,
}

impl Parts {
    /// Waits until one of them ends by itself, which none should.
    async fn broken(&mut self) -> anyhow::Error {
        tokio::select! {
            ended = &mut self.edge => anyhow::anyhow!("the HTTP edge ended by itself: {ended:?}"),
            ended = &mut self.consumer => anyhow::anyhow!("the consumer ended by itself: {ended:?}"),
            ended = &mut self.retention => anyhow::anyhow!("retention ended by itself: {ended:?}"),
            ended = &mut self.jobs => anyhow::anyhow!("the jobs ended by themselves: {ended:?}"),
            // Where it cannot read the log it has told its subscribers; only a panic is our own bug.
            Err(panic) = &mut self.tail => anyhow::anyhow!("the live tail broke: {panic}"),
        }
    }
}

/// Waits for those that only read the log, or only delete: a slice under way is finished by the database.
async fn finish_readers(retention: JoinHandle<()>, tail: JoinHandle<Result<(), LiveError>>) {
    let _ = time::timeout(STOP_APPLY_MAX, retention).await;
    if !tail.is_finished() {
        let _ = time::timeout(STOP_APPLY_MAX, tail).await;
    }
}

impl Process {
    /// Waits for a signal that is to be obeyed: a hand-over only to a program that is fit for it.
    async fn wanted(&mut self, reload: &impl AsyncFn()) -> Wanted {
        loop {
            match self.signals.next().await {
                Wanted::Stop(name) => {
                    info!(signal = name, "stopping");
                    notify::stopping();
                    return Wanted::Stop(name);
                }
                Wanted::Reload => reload().await,
                Wanted::HandOver => match self.program.check().await {
                    Ok(()) => {
                        info!("handing over to the program on disk");
                        notify::reloading();
                        return Wanted::HandOver;
                    }
                    Err(reason) => {
                        error!(%reason, "no hand-over, this program goes on");
                        let note = self.lock.note();
                        let n_refused = note.n_refused + 1;
                        self.tell(&Note { n_refused, refused: reason, ..note });
                    }
                },
            }
        }
    }

    fn tell(&self, note: &Note) {
        if let Err(error) = self.lock.tell(note) {
            warn!("{error:#}");
        }
    }
}

/// Whoever reaches a public address needs a token, and there is none.
fn no_token(data_dir: &Path, address: SocketAddr) -> CommandError {
    let data_dir = data_dir.display();
    CommandError::Config(format!(
        "{address} can be reached from other machines, and there is no token to protect it. Make one:\n  \
        `eyas app create NAME --data-dir {data_dir}`\n  \
        `eyas token create --app NAME --scope write --data-dir {data_dir}`\n  \
        then start again; or listen on 127.0.0.1 or [::1]"
    ))
}

/// Why the log was not opened, and the command that helps.
fn refused_log(data_dir: &Path, error: QueueError) -> CommandError {
    match error {
        QueueError::Corrupt(text) => CommandError::Damaged(advice(data_dir, &text, "repair")),
        QueueError::Behind(text) => CommandError::Damaged(advice(data_dir, &text, "adopt")),
        error => CommandError::Failed(error.into()),
    }
}

/// Why log and database do not work together, and the command that helps.
fn refused_pair(data_dir: &Path, error: StartError) -> CommandError {
    match error {
        StartError::Mismatch(text) => CommandError::Damaged(advice(data_dir, &text, "adopt")),
        StartError::Store(error @ StoreError::OtherLog { .. }) => {
            CommandError::Damaged(advice(data_dir, &error.to_string(), "adopt"))
        }
        error => CommandError::Failed(error.into()),
    }
}

/// A refusal, and what a person can do about it.
fn advice(data_dir: &Path, text: &str, command: &str) -> String {
    let data_dir = data_dir.display();
    let what = match command {
        "repair" => "lists what would be lost, and changes nothing until you accept it",
        _ => {
            "says what binding the two together would mean, and changes nothing until you accept it"
        }
    };
    format!(
        "{text}\n  nothing was changed. Restore log and database together from a backup; or, without one,\n  \
        `eyas log {command} --data-dir {data_dir}` {what}"
    )
}

fn poison() -> CommandError {
    CommandError::Poisoned(
        "a write or fsync of the log failed, so nothing can be promised any more; what was \
         acknowledged is on disk: check the disk, then start again"
            .to_owned(),
    )
}

fn edge_options(config: &Config, instance: &str, url: &str) -> GatewayOptions {
    GatewayOptions {
        public_url: url.to_owned(),
        allowed_hosts: config.allowed_hosts.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instance: instance.to_owned(),
        limits: Limits { rates: config.rates.clone(), ..descriptors::edge_limits() },
    }
}

/// Where the console is. A code to sign in with is for the eyes of a person: in a file or in a service's log it would be a
/// key that is left lying about.
fn console(gateway: &Gateway, url: &str) -> String {
    if std::io::stdout().is_terminal() && std::io::stderr().is_terminal() {
        gateway.console_for_a_person()
    } else {
        format!("{url}/ui/")
    }
}

/// Says where the server is: JSON on stdout for programs, a banner on stderr for people.
fn announce(
    config: &Config,
    instance: &str,
    queue: &dyn Queue,
    (url, console): (&str, &str),
    json: bool,
) {
    let data_dir = config.data_dir.display().to_string();
    let bounds = queue.bounds();
    // Nobody reads stdout or stderr any more? That is no reason to stop serving.
    if json {
        let line = serde_json::json!({ "url": url, "data_dir": data_dir, "instance": instance });
        let _ = writeln!(std::io::stdout(), "{line}");
        let _ = std::io::stdout().flush();
    } else {
        let durability = queue.durability().as_str();
        let log =
            format!("log {}, newest seq {}, durable on {durability}", queue.log(), bounds.last);
        let banner = Banner { url, console, data_dir: &data_dir, log };
        let _ = write!(std::io::stderr(), "{}", banner.text());
    }
}
