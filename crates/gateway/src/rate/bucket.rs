//! What is left of a quota, in one number: the moment at which the bucket is full again.
//!
//! ```text
//!            now      full_at            now + full_ns
//!   ──────────┼──────────┼───────────────────┼─────> time
//!             └─ missing ┘└── still there ───┘       an event moves full_at to the right by event_ns
//!                                                    beyond now + full_ns it is debt: everybody waits
//! ```
//!
//! The clock is the caller's, so that tests count and do not wait. Invariant: what is refused costs nothing.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::rate::quota::Quota;

/// Nanoseconds since the start of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) u64);

/// Full when new.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    full_at: AtomicU64,
}

/// Nothing is left for this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) ns: u64,
}

impl Wait {
    /// What `Retry-After` says: whole seconds, rounded up, so that who obeys is not refused again.
    pub(crate) fn seconds(self) -> u64 {
        self.ns.div_ceil(1_000_000_000).max(1)
    }
}

impl Bucket {
    /// Takes one event if it is there.
    pub(crate) fn take(&self, quota: Quota, now: Moment) -> Result<(), Wait> {
        let end = now.0.saturating_add(quota.full_ns());
        let taken = |full_at: u64| full_at.max(now.0).saturating_add(quota.event_ns());
        self.full_at
            .fetch_update(Relaxed, Relaxed, |full_at| Some(taken(full_at)).filter(|at| *at <= end))
            .map(|_| ())
            .map_err(|full_at| Wait { ns: taken(full_at) - end })
    }

    /// Takes events that are accepted already, also those that are not there.
    pub(crate) fn owe(&self, quota: Quota, n_events: usize, now: Moment) {
        let cost = quota.event_ns().saturating_mul(n_events as u64);
        let owed = |full_at: u64| Some(full_at.max(now.0).saturating_add(cost));
        // It never says no, so this cannot fail.
        let _ = self.full_at.fetch_update(Relaxed, Relaxed, owed);
    }
}
