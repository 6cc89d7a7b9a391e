//! What the tail and all subscriptions share: the log, the database, the ring, and how many listen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use model::{Cursor, LogId, Seq};
use queue::Queue;
use store::{Changed, EventStore, Horizons};
use tokio::sync::{Semaphore, broadcast, watch};
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
    /// Memory for what all subscriptions together have been handed and not yet passed on. Each has an equal share of it,
    /// between [`SHARE_BYTES_MIN`] and `batch_bytes_max`.
    pub shares_bytes_max: usize,
    /// Reads of the database and the log at the same time, for all who are behind the ring. Who comes first is served first.
    pub n_reads_max: usize,
    /// With how many records before the head the tail begins: those who come back together find them in the ring and
    /// read nothing themselves.
    pub warm_records: u64,
    /// How often a scan that matches nothing says how far it has come.
    pub progress_wait: Duration,
    /// The same once it has caught up, where others' events go by.
    pub idle_progress_wait: Duration,
}

/// The smallest share: below it the system calls cost more than the memory.
pub const SHARE_BYTES_MIN: usize = 8 << 10;

/// Batches of changes that wait for the slowest subscriber. Whoever is further behind is told that it missed some.
pub(crate) const CHANGES_MAX: usize = 64;

/// One per process, shared by counting.
pub(crate) struct Hub {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) store: Arc<dyn EventStore>,
    /// Everything up to here is in the database. It may lag behind the database, never lead.
    pub(crate) applied: watch::Receiver<Seq>,
    /// What has been deleted by age, or is about to be: said before it is done.
    pub(crate) horizons: watch::Receiver<Horizons>,
    pub(crate) options: LiveOptions,
    pub(crate) ring: Ring,
    pub(crate) pushed_us: AtomicU64,
    pub(crate) n_pushed: AtomicU64,
    /// Places for reads that are not shared.
    pub(crate) reads: Semaphore,
    /// A broadcast, because a change is news to whoever listens now and to nobody else.
    pub(crate) changed: broadcast::Sender<Changed>,
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

    /// How many bytes one subscription may read, or be handed, at once.
    pub(crate) fn share_bytes(&self) -> usize {
        let LiveOptions { batch_bytes_max, shares_bytes_max, .. } = self.options;
        let share = shares_bytes_max / (*self.n_subscriptions.borrow()).max(1);
        share.clamp(SHARE_BYTES_MIN.min(batch_bytes_max), batch_bytes_max)
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
