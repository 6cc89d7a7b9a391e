//! Who is let in: a connection gets a place, or is told why there is none and closed.
//!
//! Invariant: turning away holds nobody up. The accept loop never waits for it, and what lingers so that the client can
//! read its answer is bounded in number, bytes and time.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::addresses::{Addresses, Share};
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;

/// Connections that were turned away and may still read why. Further ones are closed at once.
const LINGERING_MAX: usize = 256;
/// How long one of them may take.
const LINGER_MAX: Duration = Duration::from_secs(1);
/// What is read and forgotten of its request.
const LINGER_BYTES_MAX: usize = 64 * 1024;

/// Connections over the local socket, which have places of their own: administration must work when strangers have taken
/// all others.
pub(crate) const LOCAL_CONNECTIONS_MAX: usize = 64;

/// The places there are.
pub(crate) struct Door {
    local: Arc<Semaphore>,
    n_max: usize,
    places: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    lingering: Arc<Semaphore>,
}

/// One connection's place among all, and among those of its address.
pub(crate) struct Place {
    _of_all: OwnedSemaphorePermit,
    of_address: Share,
}

impl Place {
    /// The address, or network of addresses, that holds it.
    pub(crate) fn client(&self) -> IpAddr {
        self.of_address.client()
    }
}

impl Door {
    /// With the bounds of the edge.
    pub(crate) fn new(edge: &Edge) -> Self {
        let limits = &edge.options.limits;
        Self {
            local: Arc::new(Semaphore::new(LOCAL_CONNECTIONS_MAX)),
            n_max: limits.connections_max,
            places: Arc::new(Semaphore::new(limits.connections_max)),
            addresses: Arc::new(Addresses::new(limits)),
            lingering: Arc::new(Semaphore::new(LINGERING_MAX)),
        }
    }

    /// A place for a connection from `peer`.
    pub(crate) fn enter(&self, peer: IpAddr) -> Result<Place, Problem> {
        let full = |detail| Kind::TooManyConnections.problem(detail);
        let of_all = Arc::clone(&self.places).try_acquire_owned();
        let of_all = of_all.map_err(|_| {
            full(format!("All {} connections of this server are taken.", self.n_max))
        })?;
        let of_address = self.addresses.enter(peer);
        let of_address = of_address
            .map_err(|n_max| full(format!("Your address has {n_max} connections already.")))?;
        Ok(Place { _of_all: of_all, of_address })
    }

    /// A place for a connection over the local socket, if there is one left.
    pub(crate) fn enter_local(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.local).try_acquire_owned().ok()
    }

    /// Answers before anything was read, and closes.
    pub(crate) fn turn_away(&self, edge: &Edge, stream: TcpStream, problem: &Problem) {
        tracing::debug!("{}", problem.facts().detail);
        if let Ok(turn) = Arc::clone(&self.lingering).try_acquire_owned() {
            let request_id = edge.request_ids.of(&HeaderMap::new());
            let answer = problem.bytes(request_id.to_str().unwrap_or_default());
            edge.tasks.spawn(async move {
                // When the time is over it is closed all the same.
                let _ = timeout(LINGER_MAX, tell(stream, &answer)).await;
                drop(turn);
            });
        }
    }
}

/// To close with unread bytes would reset the connection, and the client might never see its answer: so what it
/// sends is read on until it closes as well.
async fn tell(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    let mut n_left = LINGER_BYTES_MAX;
    let mut sink = [0; 4096];
    while let n_read @ 1.. = stream.read(&mut sink).await?
        && n_read <= n_left
    {
        n_left -= n_read;
    }
    Ok(())
}
