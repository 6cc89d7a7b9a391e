//! When requests are due: at fixed times, whatever becomes of those before.
//!
//! ```text
//!   due(n) = start + n * interval     a thread releases what is due; free senders take the next number
//! ```
//!
//! Invariant: a request's latency counts from when it was due. If all senders are busy, it grows while the
//! request waits for one, so a stall of the server shows in every request that it held up.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// How long the releasing thread sleeps at most, so that it hears of the end.
const NAP_MAX: Duration = Duration::from_millis(50);

/// How long after its end a run may still send what was due before.
const LATE_MAX: Duration = Duration::from_secs(2);

/// The times of a run.
#[derive(Debug)]
pub(crate) struct Pace {
    start: Instant,
    interval_s: f64,
    /// How many requests the run has.
    n_requests: u64,
    n_senders: usize,
    released: Semaphore,
    n_taken: AtomicU64,
    is_over: AtomicBool,
}

impl Pace {
    /// `n_requests` requests, one every `interval_s` seconds from now on, for so many senders.
    pub(crate) fn new(n_requests: u64, interval_s: f64, n_senders: usize) -> Self {
        let start = Instant::now();
        let (released, n_taken, is_over) =
            (Semaphore::new(0), AtomicU64::new(0), AtomicBool::new(false));
        Self { start, interval_s, n_requests, n_senders, released, n_taken, is_over }
    }

    /// When request `number` is due.
    pub(crate) fn due(&self, number: u64) -> Instant {
        self.start + Duration::from_secs_f64(number as f64 * self.interval_s)
    }

    /// How many requests are due by now.
    fn n_due(&self) -> u64 {
        let passed = self.start.elapsed().as_secs_f64() / self.interval_s;
        (passed as u64 + 1).min(self.n_requests)
    }

    /// Releases requests as they become due, until the last one or the end. On a thread of its own: the runtime's
    /// timers are a millisecond coarse, which is longer than many an answer takes.
    pub(crate) fn release(&self) {
        let mut n_released = 0;
        while n_released < self.n_requests && !self.is_over.load(Relaxed) {
            let n_due = self.n_due();
            self.released.add_permits((n_due - n_released) as usize);
            n_released = n_due;
            let wait = self.due(n_released).saturating_duration_since(Instant::now());
            std::thread::park_timeout(wait.min(NAP_MAX));
        }
        // What is not sent some time after the last one was due is given up: the server is too slow for this rate.
        let last = self.due(self.n_requests) + LATE_MAX;
        let is_sent = || self.n_taken.load(Relaxed) >= self.n_requests;
        while Instant::now() < last && !is_sent() && !self.is_over.load(Relaxed) {
            std::thread::park_timeout(last.saturating_duration_since(Instant::now()).min(NAP_MAX));
        }
        self.end();
    }

    /// The number of the next request, once it is due; `None` after the end.
    pub(crate) async fn next(&self) -> Option<u64> {
        let released = self.released.acquire().await.expect("the semaphore is never closed");
        released.forget();
        if self.is_over.load(Relaxed) {
            return None;
        }
        Some(self.n_taken.fetch_add(1, Relaxed)).filter(|number| *number < self.n_requests)
    }

    /// Nothing more is handed out.
    pub(crate) fn end(&self) {
        if !self.is_over.swap(true, Relaxed) {
            self.released.add_permits(self.n_senders);
        }
    }

    /// The requests that were due by `now` and never sent.
    pub(crate) fn unsent(&self) -> std::ops::Range<u64> {
        let n_due = self.n_due();
        self.n_taken.load(Relaxed).min(n_due)..n_due
    }

    /// Since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
