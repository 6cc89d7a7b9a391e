//! How long one worker has worked, the piece of work under way included.
//!
//! That piece matters most when it does not end: a disk that has stopped answering shows as a writer that is busy all
//! the time, not as one that has done nothing.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// The clock of one worker: whoever starts it twice at once loses time of the first.
#[derive(Debug)]
pub struct Busy {
    origin: Instant,
    /// Of all pieces that have ended.
    total_us: AtomicU64,
    /// When the piece under way began, after `origin`; 0 while there is none.
    since_us: AtomicU64,
}

impl Default for Busy {
    fn default() -> Self {
        Self { origin: Instant::now(), total_us: AtomicU64::new(0), since_us: AtomicU64::new(0) }
    }
}

impl Busy {
    /// A piece of work begins; it ends when the guard is dropped.
    pub fn start(&self) -> Running<'_> {
        let since_us = self.now_us().max(1);
        self.since_us.store(since_us, SeqCst);
        Running { busy: self, since_us }
    }

    /// All the time worked so far.
    pub fn total(&self) -> Duration {
        loop {
            let (total_us, since_us) = (self.total_us.load(SeqCst), self.since_us.load(SeqCst));
            // A piece that ends between the two looks would count twice.
            if self.total_us.load(SeqCst) == total_us {
                let running_us =
                    if since_us == 0 { 0 } else { self.now_us().saturating_sub(since_us) };
                return Duration::from_micros(total_us + running_us);
            }
        }
    }

    /// How long the piece under way has been going on.
    pub fn running_for(&self) -> Option<Duration> {
        let since_us = self.since_us.load(SeqCst);
        (since_us != 0).then(|| Duration::from_micros(self.now_us().saturating_sub(since_us)))
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// One piece of work.
#[derive(Debug)]
#[must_use]
pub struct Running<'a> {
    busy: &'a Busy,
    since_us: u64,
}

impl Running<'_> {
    /// Microseconds so far.
    pub fn elapsed_us(&self) -> u64 {
        self.busy.now_us().saturating_sub(self.since_us)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Order matters: a reader between the two sees too little, never the same piece twice.
        self.busy.since_us.store(0, SeqCst);
        self.busy.total_us.fetch_add(self.elapsed_us(), SeqCst);
    }
}
