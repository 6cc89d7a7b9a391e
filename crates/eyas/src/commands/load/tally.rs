//! The counts of a run, shared by its senders.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest latency that is told apart from longer ones.
const LATENCY_US_MAX: u64 = 3_600_000_000;
/// Most kinds of failures that are told apart.
const KINDS_MAX: usize = 100;

/// The counts of a run. Events are counted once, by their last outcome; failures by attempt.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Requests sent, repetitions not counted.
    pub(crate) n_requests: AtomicU64,
    /// Attempts after the first.
    pub(crate) n_retries: AtomicU64,
    /// Events acknowledged.
    pub(crate) n_accepted: AtomicU64,
    /// Events refused, for certain not stored.
    pub(crate) n_refused: AtomicU64,
    /// Events of which nobody knows.
    pub(crate) n_unknown: AtomicU64,
    /// The highest position of an acknowledged event.
    pub(crate) last_seq: AtomicU64,
    failures: Mutex<BTreeMap<String, u64>>,
    latency: Mutex<Histogram<u64>>,
}

impl Tally {
    /// Nothing has happened yet.
    pub(crate) fn new() -> Self {
        let latency = Histogram::new_with_bounds(1, LATENCY_US_MAX, 3);
        let zero = || AtomicU64::new(0);
        Self {
            n_requests: zero(),
            n_retries: zero(),
            n_accepted: zero(),
            n_refused: zero(),
            n_unknown: zero(),
            last_seq: zero(),
            failures: Mutex::new(BTreeMap::new()),
            latency: Mutex::new(latency.expect("the bounds are in order")),
        }
    }

    /// A request was answered with success, so long after it was due.
    pub(crate) fn took(&self, latency: Duration) {
        let latency_us = (latency.as_micros() as u64).max(1);
        self.latency.lock().expect("nobody panics with it").saturating_record(latency_us);
    }

    /// An attempt failed.
    pub(crate) fn failed(&self, kind: String) {
        let mut failures = self.failures.lock().expect("nobody panics with it");
        let is_full = failures.len() >= KINDS_MAX && !failures.contains_key(&kind);
        let kind = if is_full { "other".to_owned() } else { kind };
        *failures.entry(kind).or_default() += 1;
    }

    /// Failed attempts by kind.
    pub(crate) fn failures(&self) -> BTreeMap<String, u64> {
        self.failures.lock().expect("nobody panics with it").clone()
    }

    /// The latency in microseconds that `percent` of the requests did not exceed.
    pub(crate) fn latency_us(&self, percent: f64) -> u64 {
        self.latency.lock().expect("nobody panics with it").value_at_percentile(percent)
    }

    /// Adds to a count.
    pub(crate) fn add(count: &AtomicU64, n: u64) {
        count.fetch_add(n, Relaxed);
    }
}
