//! How a server is told to end.
//!
//! ```text
//!   stop       answers say `Connection: close`, /readyz is red ─ delay ─> listener closed ─┐
//!   hand over  answers say `Connection: close`       ─ LAME_DUCK ─> listener kept open    ─┴─> bye to live
//!              connections, requests in flight are finished, idle connections closed
//! ```
//!
//! Invariant: a connection in steady use is never closed under a request. Its client has read `Connection: close`
//! with the answer before, or has sent nothing for [`IDLE_GRACE`](crate::server) since the end began.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Orders to the server. Neither can be taken back.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// End, and refuse new connections.
    pub stop: CancellationToken,
    /// End, but keep the listening socket: newcomers wait in its backlog for whoever gets it next.
    pub hand_over: CancellationToken,
    /// After `stop`: how long new connections are still taken while `/readyz` is red already.
    pub delay: Duration,
}

/// Which order was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Stop,
    HandOver,
}

impl Ending {
    /// Waits for the first order.
    pub(crate) async fn order(&self) -> Order {
        tokio::select! {
            () = self.stop.cancelled() => Order::Stop,
            () = self.hand_over.cancelled() => Order::HandOver,
        }
    }
}

impl From<CancellationToken> for Ending {
    fn from(stop: CancellationToken) -> Self {
        Self { stop, ..Self::default() }
    }
}
