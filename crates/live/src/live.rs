//! The handle that the gateway holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use model::{Cursor, Filter, Seq};
use queue::Queue;
use store::{Changed, EventStore, Horizons};
use tokio::sync::{Semaphore, broadcast, watch};

use crate::hub::{CHANGES_MAX, Hub, LiveOptions};
use crate::message::Since;
use crate::ring::Ring;
use crate::subscription::Subscription;
use crate::tail::Tail;

/// Numbers of the push path, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Events handed out, once for each subscription that got them.
    pub n_events: u64,
    /// Time spent on filtering and encoding them, of all cores.
    pub busy: Duration,
}

/// Hands out subscriptions. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    pub(crate) hub: Arc<Hub>,
}

impl Live {
    /// The handle, and the service behind it, which the caller runs. `applied` says how far the database
    /// is; it is moved only after the commit. `horizons` say what has been deleted; they are moved before the deletion.
    pub fn new(
        queue: Arc<dyn Queue>,
        store: Arc<dyn EventStore>,
        applied: watch::Receiver<Seq>,
        horizons: watch::Receiver<Horizons>,
        options: LiveOptions,
    ) -> (Self, Tail) {
        let ring = Ring::new(options.ring_bytes_max);
        let n_subscriptions = watch::Sender::new(0);
        let (pushed_us, n_pushed) = (AtomicU64::new(0), AtomicU64::new(0));
        let reads = Semaphore::new(options.n_reads_max);
        let hub = Hub {
            queue,
            store,
            applied,
            horizons,
            options,
            ring,
            pushed_us,
            n_pushed,
            reads,
            changed: broadcast::Sender::new(CHANGES_MAX),
            n_subscriptions,
        };
        let hub = Arc::new(hub);
        (Self { hub: Arc::clone(&hub) }, Tail::new(hub))
    }

    /// Where to put events whose state has changed, after the commit: subscribers are told.
    pub fn changed(&self) -> broadcast::Sender<Changed> {
        self.hub.changed.clone()
    }

    /// Begins to listen. Nothing is read before the first [`Subscription::next`].
    pub fn subscribe(&self, since: Since, filter: Filter) -> Subscription {
        Subscription::new(Arc::clone(&self.hub), since, filter)
    }

    /// The newest durable event; `Seq` 0 when there is none.
    pub fn head(&self) -> Cursor {
        self.hub.cursor(self.hub.queue.bounds().last)
    }

    /// What has been handed to subscriptions since the start.
    pub fn pushed(&self) -> Pushed {
        Pushed {
            n_events: self.hub.n_pushed.load(Relaxed),
            busy: Duration::from_micros(self.hub.pushed_us.load(Relaxed)),
        }
    }

    /// How many subscriptions there are.
    pub fn n_subscriptions(&self) -> usize {
        *self.hub.n_subscriptions.borrow()
    }
}
