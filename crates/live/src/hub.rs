//! What the tail and all subscriptions share: the log, the database, the ring, and how many listen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use model::{Cursor, LogId, Seq};
use queue::Queue;
use store::EventStore;
use tokio::sync::watch;
use tokio::time::Instant;

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
    pub(crate) pushed_us: AtomicU64,
    pub(crate) n_pushed: AtomicU64,
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

    /// Measures one piece of pushing until it is dropped.
    pub(crate) fn pushing(&self) -> Pushing<'_> {
        Pushing { hub: self, begun: Instant::now(), n_events: 0 }
    }
}

/// One batch on its way into messages.
pub(crate) struct Pushing<'a> {
    hub: &'a Hub,
    begun: Instant,
    pub(crate) n_events: u64,
}

impl Drop for Pushing<'_> {
    fn drop(&mut self) {
        let took_us = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.hub.pushed_us.fetch_add(took_us, Relaxed);
        self.hub.n_pushed.fetch_add(self.n_events, Relaxed);
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
