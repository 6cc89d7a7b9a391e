//! Runs the server: takes the data directory, opens the sockets, waits for a signal, stops in order.
//!
//! ```text
//!   lock ─> listen ─> database (or snapshot) ─> log ─> consumer's check ─> ready … signal or failed fsync
//!   not ready ─> requests in flight ─> rest of the log into the database ─> seal the log ─> 0
//! ```
//!
//! A hand-over ends the same way, but keeps the listening socket open and becomes the program on disk
//! ([`crate::handover`]). A server that began without its database ends so, too, once that answers, and begins again on it in
//! this process ([`crate::opening`]). Invariant: when the log is closed, no connection is left that could append.

use std::io::{IsTerminal as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use gateway::Gateway;
use pipeline::Schemas;
use queue::Queue;
use store::Stores;
use tokio::net::{UnixListener, UnixStream};
use tokio::time;
use tracing::{error, info, warn};

use crate::admin_socket::{self, Name};
use crate::banner::Banner;
use crate::client::Client;
use crate::config::Config;
use crate::exit::CommandError;
use crate::handover::Program;
use crate::lock::{Lock, Note};
use crate::refusals::refused_store;
use crate::server::{Ground, Ready, Server};
use crate::signals::{Signals, Wanted};
use crate::{data_dir, listen, logging, notify, opening, schema_files, wiring};

/// What stays the same when the server inside this process ends and begins anew.
struct Process {
    lock: Lock,
    signals: Signals,
    program: Program,
    json: bool,
    /// The database, which a server that began without it has found.
    back: Option<Stores>,
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
    let data_dir = data_dir::open(&config.data_dir)?;
    let lock = Lock::take(&data_dir).await?;
    let mut process = Process { lock, signals, program, json, back: None };
    let mut listener = listen::open(config.listen, inherited)?;
    let config = Config { data_dir, ..config };
    let address = listener.local_addr().context("no local address")?;
    loop {
        let local = listen_locally(&config.data_dir);
        let back = process.back.take();
        let server = tokio::select! {
            opened = opening::open(config.clone(), address, back) => opened?,
            // Nothing has begun yet that would have to be finished.
            name = process.signals.stop() => {
                info!(signal = name, "stopped at the start");
                return Ok(());
            }
        };
        let until = async |ready: Ready<'_>| process.serve(ready).await;
        let Some(kept) = server.run(Some(listener), local, until).await? else { return Ok(()) };
        if time::timeout(Duration::ZERO, process.signals.stop()).await.is_ok() {
            info!("stopped instead of handing over");
            return Ok(());
        }
        if process.back.is_none() {
            let error = process.program.take_over(&kept);
            error!(%error, "the program on disk could not take over; this one goes on");
        }
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

/// Serves nobody but `command`, on a data directory whose lock the caller holds: the same server, wired and closed in
/// the same order, that listens nowhere. `command` gets a client of it, and how others would reach it.
pub(crate) async fn briefly(
    config: Config,
    command: impl AsyncFnOnce(Client, &str) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let config = Config { otlp: None, drain_delay: Duration::ZERO, ..config };
    // Whom a public address would lock out is here to make a token.
    wiring::make_room(&config.data_dir);
    let stores = wiring::open_stores(&config, Some(config.waits.connect_wait)).await;
    let ground = Ground::Database(stores.map_err(refused_store)?);
    let server = Server::open(config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ground).await?;
    let mut outcome = Ok(());
    let until = async |ready: Ready<'_>| {
        let gateway = Arc::clone(ready.gateway);
        let client = Client::local("the data directory", move || {
            let connected = UnixStream::pair().map(|(ours, theirs)| {
                gateway::converse(&gateway, theirs);
                ours
            });
            Box::pin(std::future::ready(connected))
        });
        outcome = command(client, ready.url).await;
        Ok(Wanted::Stop("done"))
    };
    server.run(None, None, until).await?;
    outcome
}

/// The socket of administration. A server without one is better than none.
fn listen_locally(data_dir: &Path) -> Option<(UnixListener, Name)> {
    let listening = admin_socket::listen(data_dir);
    let warn = |error: &std::io::Error| {
        warn!(%error, "{} cannot be made: administration needs --url and a token", admin_socket::NAME);
    };
    listening.inspect_err(warn).ok()
}

/// What SIGHUP does.
fn reload(config: &Config, stores: &Stores, schemas: &Arc<Schemas>) -> impl AsyncFn() + 'static {
    let (file, audit) = (config.file.clone(), Arc::clone(&stores.audit));
    let schemas = Arc::clone(schemas);
    async move || schema_files::reload(file.as_deref(), &schemas, &*audit).await
}

impl Process {
    /// Tells everybody that the server is ready, and waits for a signal.
    async fn serve(&mut self, ready: Ready<'_>) -> Result<Wanted, CommandError> {
        let Ready { config, instance, holder, is_unasked, queue, stores, schemas, gateway, url } =
            ready;
        announce(config, instance, queue, (url, &console(gateway, url)), self.json);
        notify::ready();
        let ready_at = pipeline::now().to_string();
        let (pid, url) = (std::process::id() as i32, url.to_owned());
        self.tell(&Note { pid, url, ready_at, ..Note::default() });
        let reload = reload(config, stores, schemas);
        if !is_unasked {
            return Ok(self.wanted(&reload).await);
        }
        let found = tokio::select! {
            wanted = self.wanted(&reload) => return Ok(wanted),
            found = opening::found_again(config, holder) => found?,
        };
        info!("the database answers: the server goes over to it");
        notify::status("going over to the database");
        self.back = Some(found);
        Ok(Wanted::HandOver)
    }

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
        let database = config.store.shown();
        let banner = Banner { url, console, data_dir: &data_dir, log, database: &database };
        let _ = write!(std::io::stderr(), "{}", banner.text());
    }
}
