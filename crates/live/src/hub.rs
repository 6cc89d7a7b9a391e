//! What the tail and all subscriptions share: the log, the database, the ring, and how many listen.

use std::sync::Arc;
use std::time::Duration;

use model::{Cursor, LogId, Seq};
use queue::Queue;
use store::EventStore;
use tokio::sync::watch;

use crate::ring::Ring;

/// The bounds of the push path.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Memory for recent events, shared by all subscriptions.
    pub ring_bytes_max: usize,
    /// One read of the log, and what one call of `Subscription::next` hands out.
    pub batch_bytes_max: usize,
    /// Most events in one page of history.
    pub history_page: usize,
    /// How long an event waits for the consumer to decide whether it is a repetition.
    pub settle_wait: Duration,
    /// How long a subscription waits for a database or a log that it needs and that gives no answer.
    pub read_wait: Duration,
}

/// One per process, shared by counting.
pub(crate) struct Hub {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) store: Arc<dyn EventStore>,
    /// Everything up to here is in the database. It may lag behind the database, never lead.
    pub(crate) applied: watch::Receiver<Seq>,
    pub(crate) options: LiveOptions,
    pub(crate) ring: Ring,
    /// A watch, because the tail sleeps until somebody listens.
    pub(crate) n_subscriptions: watch::Sender<usize>,
}

impl Hub {
    pub(crate) fn log(&self) -> LogId {
        self.queue.log()
    }

    pub(crate) fn cursor(&self, seq: Seq) -> Cursor {
        Cursor { log: self.log(), seq }
    }
}

/// Counts one subscription for as long as it lives.
pub(crate) struct Presence {
    hub: Arc<Hub>,
}

impl Presence {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        hub.n_subscriptions.send_modify(|n| *n += 1);
        Self { hub }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.hub.n_subscriptions.send_modify(|n| *n -= 1);
    }
}
