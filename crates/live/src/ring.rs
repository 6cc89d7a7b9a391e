//! The newest events, shared by all subscriptions that keep up.
//!
//! ```text
//!   evicted … | batch | batch | batch |  (not read yet)
//!             ^ from                  ^ to
//! ```
//!
//! Invariant: every event at or after `from` and before `to` is in the ring, except repetitions that the consumer
//! dropped. `to` is published only after the batch before it stands in the ring.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Seq;
use tokio::sync::watch;

use crate::error::LiveError;
use crate::frame::Batch;

/// Recent batches, at most `bytes_max` bytes of them (and always the newest one).
pub(crate) struct Ring {
    bytes_max: usize,
    /// Held for a search or a push, never across an await. A plain lock, because both take less than a wake-up.
    kept: Mutex<Kept>,
    /// `to` as it moves: one value that wakes any number of sleepers once. Only a hint: `kept` is the truth.
    head: watch::Sender<Seq>,
}

struct Kept {
    batches: VecDeque<Arc<Batch>>,
    n_bytes: usize,
    from: Seq,
    to: Seq,
    end: Option<LiveError>,
}

/// Where a wanted position stands.
pub(crate) enum Place {
    /// In here; the batch has it, or reaches past it.
    Here(Arc<Batch>),
    /// Before the ring: the database or the log has it.
    Before,
    /// At the ring's head or ahead of it.
    Ahead,
}

impl Ring {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let (from, to) = (Seq::ZERO, Seq::ZERO);
        let kept = Kept { batches: VecDeque::new(), n_bytes: 0, from, to, end: None };
        Self { bytes_max, kept: Mutex::new(kept), head: watch::Sender::new(to) }
    }

    /// Wakes whenever the ring has changed.
    pub(crate) fn head(&self) -> watch::Receiver<Seq> {
        self.head.subscribe()
    }

    /// Forgets everything; the next batch begins at `from` or later.
    pub(crate) fn restart(&self, from: Seq) {
        let mut kept = self.kept();
        kept.batches.clear();
        kept.n_bytes = 0;
        (kept.from, kept.to) = (from, from);
        drop(kept);
        self.head.send_replace(from);
    }

    /// Adds the batch that follows, and lets go of the oldest ones that are too many.
    pub(crate) fn push(&self, batch: Batch) {
        let to = batch.through.next();
        let mut kept = self.kept();
        assert!(to > kept.to, "a log is read in order");
        kept.to = to;
        kept.n_bytes += batch.size_bytes();
        kept.batches.push_back(Arc::new(batch));
        while kept.n_bytes > self.bytes_max && kept.batches.len() > 1 {
            let oldest = kept.batches.pop_front().expect("there are at least two");
            kept.n_bytes -= oldest.size_bytes();
            kept.from = oldest.through.next();
        }
        drop(kept);
        self.head.send_replace(to);
    }

    /// Nothing comes any more; whoever looks is told why. The first reason stays.
    pub(crate) fn end(&self, why: LiveError) {
        let mut kept = self.kept();
        kept.end.get_or_insert(why);
        let to = kept.to;
        drop(kept);
        self.head.send_replace(to);
    }

    /// Looks for the event at `wanted` or the first one after it.
    pub(crate) fn find(&self, wanted: Seq) -> Result<Place, LiveError> {
        let kept = self.kept();
        if wanted < kept.from {
            return kept.end.clone().map_or(Ok(Place::Before), Err);
        }
        let at = kept.batches.partition_point(|batch| batch.through < wanted);
        match (kept.batches.get(at), &kept.end) {
            (Some(batch), _) => Ok(Place::Here(Arc::clone(batch))),
            (None, Some(why)) => Err(why.clone()),
            (None, None) => Ok(Place::Ahead),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
