//! All counters at one moment. Two of them make a sample or a point of the history.

use std::time::{Duration, Instant};

use meter::Snapshot;
use pipeline::Counts;

use crate::health::machine::CoreTicks;
use crate::health::requests::N_STATUS_CLASSES;

/// Everything since the start of the process.
#[derive(Clone, Debug)]
pub(crate) struct Totals {
    pub(crate) at: Instant,
    pub(crate) counts: Counts,
    pub(crate) by_status: [u64; N_STATUS_CLASSES],
    pub(crate) request_us: Snapshot,
    pub(crate) commit_us: Snapshot,
    pub(crate) commit_records: Snapshot,
    pub(crate) commit_bytes: u64,
    pub(crate) apply_us: Snapshot,
    pub(crate) fsync_busy: Duration,
    pub(crate) apply_busy: Duration,
    pub(crate) push_busy: Duration,
    pub(crate) process_cpu: Duration,
    pub(crate) cores: Option<CoreTicks>,
}

impl Totals {
    /// Seconds from `earlier` to this; never 0.
    pub(crate) fn seconds_since(&self, earlier: &Self) -> f64 {
        self.at.duration_since(earlier.at).as_secs_f64().max(0.001)
    }
}

/// What stands at one moment and does not add up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) lag_records: u64,
    pub(crate) lag_s: f64,
    pub(crate) log_bytes: u64,
    /// Room before events are refused, which is less than what is free.
    pub(crate) disk_left_bytes: Option<u64>,
    pub(crate) disk_free_bytes: Option<u64>,
    pub(crate) n_subscribers: usize,
}
