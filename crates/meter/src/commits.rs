//! What the writer of a log does.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::busy::Busy;
use crate::histogram::Histogram;

/// One writer records, everybody reads. All of it since the start.
#[derive(Debug, Default)]
pub struct Commits {
    /// The time spent writing and fsyncing.
    pub busy: Busy,
    /// Microseconds from the first byte written to the end of the fsync, for each commit.
    pub commit_us: Histogram,
    /// The part of it that was the fsync.
    pub fsync_us: Histogram,
    /// Records of each commit.
    pub records: Histogram,
    /// Bytes written, padding included.
    pub bytes: AtomicU64,
}

impl Commits {
    /// One commit is on stable storage.
    pub fn record(&self, n_records: u64, n_bytes: u64, commit_us: u64, fsync_us: u64) {
        self.commit_us.record(commit_us);
        self.fsync_us.record(fsync_us);
        self.records.record(n_records);
        self.bytes.fetch_add(n_bytes, Relaxed);
    }
}
