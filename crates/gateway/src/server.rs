//! Connections: accept, watch, drain.
//!
//! Our own loop on hyper, because nothing may stand between a request and its answer that costs more than
//! the answer. Every connection is a tracked task; [`run`] returns when the last one has ended, or
//! [`DRAIN_WAIT_MAX`] after it was told to stop.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::door::{Door, Place};
use crate::edge::Edge;
use crate::gateway::Gateway;
use crate::health::monitor;
use crate::service;
use crate::watch::{Metered, Watch, Watchdog};

/// Most headers of one request.
const HEADERS_MAX: usize = 100;
/// Most bytes of a request's head, and of one read.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// What the kernel holds of an answer that cannot be sent yet. Its own bound is 4 MiB, which a thousand clients that do
/// not read would turn into all the memory there is for sockets.
const UNSENT_BYTES_MAX: u32 = 256 * 1024;
/// How long requests in flight may take after the server was told to stop.
const DRAIN_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often a connection is looked at while the server drains.
const DRAIN_TICK: Duration = Duration::from_secs(1);
/// Pause after `accept` failed, mostly because the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown`, then: stops accepting, answers what is in flight, says bye to live
/// connections, and returns.
pub async fn run(listener: TcpListener, gateway: Gateway, shutdown: CancellationToken) {
    let gateway = Arc::new(gateway);
    let edge = Arc::clone(&gateway.edge);
    let door = Door::new(&edge);
    edge.tasks.spawn(monitor::sample(Arc::clone(&edge)));
    edge.tasks.spawn(monitor::keep(Arc::clone(&edge)));
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => match door.enter(peer.ip()) {
                Ok(place) => {
                    edge.tasks.spawn(serve(Arc::clone(&gateway), stream, place));
                }
                Err(problem) => door.turn_away(&edge, stream, &problem),
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    edge.drain.cancel();
    edge.tasks.close();
    if timeout(DRAIN_WAIT_MAX + edge.options.limits.patience.tick, edge.tasks.wait()).await.is_err()
    {
        tracing::warn!(n_tasks = edge.tasks.len(), "connections did not end in time");
    }
}

/// One connection, to its end.
async fn serve(gateway: Arc<Gateway>, stream: TcpStream, place: Place) {
    let _present = Present::new(&gateway.edge, place);
    if prepare(&stream).is_err() {
        return;
    }
    let watch = Arc::new(Watch::new());
    let io = TokioIo::new(Metered::new(stream, Arc::clone(&watch)));
    let service = service_fn(|request| service::answer(&gateway, &watch, request));
    // No `pipeline_flush`: it holds answers back while anything stands in the read buffer, so the answer before (and the 400
    // to) a malformed request would never go out.
    let connection = http1::Builder::new()
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        // Slow heads are the watchdog's business, see `watch`.
        .header_read_timeout(None)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = pin!(connection);
    // Of its own, so that connections do not queue at one lock whenever they are polled.
    let drain = gateway.edge.drain.child_token();
    let mut drained = pin!(drain.cancelled());
    let patience = gateway.edge.options.limits.patience;
    let mut watchdog = Watchdog::new(patience);
    let mut ticks = interval(patience.tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    let mut draining_for = None;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke");
                }
                return;
            }
            () = drained.as_mut(), if draining_for.is_none() => {
                connection.as_mut().graceful_shutdown();
                draining_for = Some(Duration::ZERO);
                ticks = interval(DRAIN_TICK);
                ticks.reset();
            }
            _ = ticks.tick() => {
                draining_for = draining_for.map(|time| time + DRAIN_TICK);
                let is_over = match draining_for {
                    Some(time) => time >= DRAIN_WAIT_MAX || watchdog.is_still(&watch),
                    None => watchdog.is_stuck(&watch),
                };
                if is_over {
                    tracing::debug!(is_draining = draining_for.is_some(), "a connection was cut");
                    return;
                }
            }
        }
    }
}

/// A small answer must not wait for more bytes to come, and a client that does not read must not fill the kernel's memory.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX)
}

/// Counts a connection while it lives.
struct Present<'a> {
    edge: &'a Edge,
    _place: Place,
}

impl<'a> Present<'a> {
    fn new(edge: &'a Edge, place: Place) -> Self {
        edge.n_connections.fetch_add(1, Ordering::Relaxed);
        Self { edge, _place: place }
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.edge.n_connections.fetch_sub(1, Ordering::Relaxed);
    }
}
