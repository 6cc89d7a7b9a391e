//! Connections: accept, watch, drain.
//!
//! Our own loop on hyper, because nothing may stand between a request and its answer that costs more than
//! the answer. Every connection is a tracked task; [`run`] returns when the last one has ended, or
//! [`DRAIN_WAIT_MAX`] after it has stopped accepting.

use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::auth::uses;
use crate::door::{Door, LOCAL_CONNECTIONS_MAX, Place};
use crate::edge::Edge;
use crate::ending::{Ending, Order};
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
/// How long requests in flight may take after the server has stopped accepting.
const DRAIN_WAIT_MAX: Duration = Duration::from_secs(10);
/// While the server ends: a connection that has been idle for so long is closed.
const IDLE_GRACE: Duration = Duration::from_secs(1);
/// Before a hand-over: how long new connections are still taken, so that nobody waits while connections in use
/// are told to close.
const LAME_DUCK: Duration = Duration::from_secs(1);
/// Pause after `accept` failed, mostly because the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where callers come from.
#[derive(Debug, Default)]
pub struct Listeners {
    /// Clients, on this machine or elsewhere.
    pub network: Option<TcpListener>,
    /// Who administers this machine. Whoever can connect here may everything and needs no token: its path must let in
    /// nobody else.
    pub local: Option<UnixListener>,
}

impl From<TcpListener> for Listeners {
    fn from(network: TcpListener) -> Self {
        Self { network: Some(network), local: None }
    }
}

/// Serves until it is told to end, then: asks connections to close, stops accepting, answers what is in flight,
/// says bye to live connections, and returns. After [`Ending::hand_over`] the network's socket comes back open,
/// with whoever waits in its backlog; after [`Ending::stop`] it is closed. Who waits at the local one is answered before
/// that is closed: take its name away before the end, and nobody is left waiting.
pub async fn run(
    listeners: impl Into<Listeners>,
    gateway: impl Into<Arc<Gateway>>,
    ending: impl Into<Ending>,
) -> Option<TcpListener> {
    let (listeners, gateway, ending) = (listeners.into(), gateway.into(), ending.into());
    let edge = Arc::clone(&gateway.edge);
    let door = Door::new(&edge);
    edge.tasks.spawn(monitor::sample(Arc::clone(&edge)));
    edge.tasks.spawn(monitor::keep(Arc::clone(&edge)));
    edge.tasks.spawn(uses::keep(Arc::clone(&edge)));
    let order = accept_until(&listeners, &gateway, &door, ending.order()).await;
    edge.is_stopping.store(order == Order::Stop, Ordering::Relaxed);
    edge.is_closing.store(true, Ordering::Relaxed);
    edge.closing.cancel();
    let lame_duck = if order == Order::Stop { ending.delay } else { LAME_DUCK };
    accept_until(&listeners, &gateway, &door, tokio::time::sleep(lame_duck)).await;
    for _ in 0..LOCAL_CONNECTIONS_MAX {
        let Some(Ok(stream)) = local_caller(&listeners).now_or_never() else { break };
        let_in(&gateway, &door, stream);
    }
    let kept = listeners.network.filter(|_| order == Order::HandOver);
    edge.drain.cancel();
    edge.tasks.close();
    let wait_max = DRAIN_WAIT_MAX + IDLE_GRACE;
    if timeout(wait_max, edge.tasks.wait()).await.is_err() {
        tracing::warn!(n_tasks = edge.tasks.len(), "connections did not end in time");
    }
    kept
}

/// Answers what comes over `stream`, whose other end is in this very process, until that closes it.
pub fn converse(gateway: &Arc<Gateway>, stream: UnixStream) {
    let gateway = Arc::clone(gateway);
    gateway.edge.tasks.clone().spawn(async move { talk(&gateway, stream, None).await });
}

/// Accepts connections until `end`, and hands back what that said.
async fn accept_until<T>(
    listeners: &Listeners,
    gateway: &Arc<Gateway>,
    door: &Door,
    end: impl Future<Output = T>,
) -> T {
    let edge = &gateway.edge;
    let mut end = pin!(end);
    loop {
        let accepted = tokio::select! {
            biased;
            ended = end.as_mut() => return ended,
            accepted = local_caller(listeners) => {
                accepted.map(|stream| let_in(gateway, door, stream))
            }
            accepted = network_caller(listeners) => {
                accepted.map(|(stream, peer)| match door.enter(peer.ip()) {
                    Ok(place) => {
                        edge.tasks.spawn(serve(Arc::clone(gateway), stream, place));
                    }
                    Err(problem) => door.turn_away(edge, stream, &problem),
                })
            }
        };
        if let Err(error) = accepted {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

async fn network_caller(listeners: &Listeners) -> io::Result<(TcpStream, SocketAddr)> {
    match &listeners.network {
        Some(listener) => listener.accept().await,
        None => pending().await,
    }
}

async fn local_caller(listeners: &Listeners) -> io::Result<UnixStream> {
    match &listeners.local {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => pending().await,
    }
}

/// One more caller over the local socket; closed at once where there are too many.
fn let_in(gateway: &Arc<Gateway>, door: &Door, stream: UnixStream) {
    let Some(place) = door.enter_local() else {
        tracing::warn!("more than {LOCAL_CONNECTIONS_MAX} connections to the local socket");
        return;
    };
    let gateway = Arc::clone(gateway);
    gateway.edge.tasks.clone().spawn(async move {
        talk(&gateway, stream, None).await;
        drop(place);
    });
}

/// One connection from the network, to its end.
async fn serve(gateway: Arc<Gateway>, stream: TcpStream, place: Place) {
    let client = place.client();
    let _present = Present::new(&gateway.edge, place);
    if prepare(&stream).is_ok() {
        talk(&gateway, stream, Some(client)).await;
    }
}

/// One connection, to its end. Without a `client` it is the machine itself.
async fn talk(
    gateway: &Gateway,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    client: Option<IpAddr>,
) {
    let watch = Arc::new(Watch::new());
    let io = TokioIo::new(Metered::new(stream, Arc::clone(&watch)));
    let service = service_fn(|request| service::answer(gateway, &watch, client, request));
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
    // Of their own, so that connections do not queue at one lock whenever they are polled.
    let (closing, drain) = (gateway.edge.closing.child_token(), gateway.edge.drain.child_token());
    let (mut closing, mut drain) = (pin!(closing.cancelled()), pin!(drain.cancelled()));
    let (mut is_closing, mut drained_for) = (false, None);
    let patience = gateway.edge.options.limits.patience;
    let mut watchdog = Watchdog::new(patience);
    let mut ticks = every(patience.tick);
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke");
                }
                return;
            }
            () = closing.as_mut(), if !is_closing => {
                is_closing = true;
                // From this look on, being idle counts.
                watchdog.is_still(&watch);
                ticks = every(IDLE_GRACE);
            }
            () = drain.as_mut(), if drained_for.is_none() => {
                drained_for = Some(Duration::ZERO);
                if watch.carries_live() {
                    // After its goodbye there is nothing more to ask on this connection.
                    connection.as_mut().graceful_shutdown();
                }
            }
            _ = ticks.tick() => {
                drained_for = drained_for.map(|time| time + IDLE_GRACE);
                let is_late = drained_for.is_some_and(|time| time >= DRAIN_WAIT_MAX);
                let is_over = match is_closing {
                    false => watchdog.is_stuck(&watch),
                    // A quiet subscription is not idle; it ends with its goodbye.
                    true if drained_for.is_none() && watch.carries_live() => false,
                    true => watchdog.is_still(&watch),
                };
                if is_over || is_late {
                    tracing::debug!(is_closing, is_late, "a connection was cut");
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

/// Ticks of which the first comes after one `period`.
fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    ticks
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
