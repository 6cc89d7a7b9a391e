//! Counts of values in buckets whose width grows with the value: 8 to each doubling.
//!
//! ```text
//! value    0 1 2 … 7 | 8 9 … 15 | 16-17 … 30-31 | 32-35 … 60-63 | … | up to 2^36
//! bucket   0 1 2 … 7 | 8 …   15 | 16    …    23 | 24    …    31 | …
//! ```
//!
//! So a quantile is at most an eighth too large, never too small, and the sum is exact. A count below a power of
//! two is exact, too, which is what the buckets of the exposition are made of.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const STEPS: u64 = 8;
const STEPS_LOG2: u32 = 3;
/// Larger values count as this: 2^36 microseconds are 19 hours.
const VALUE_MAX: u64 = (1 << 36) - 1;
const N_BUCKETS: usize = bucket_of(VALUE_MAX) + 1;

const fn bucket_of(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let octave = value.ilog2();
    let step = (value >> (octave - STEPS_LOG2)) & (STEPS - 1);
    ((octave - STEPS_LOG2 + 1) as u64 * STEPS + step) as usize
}

/// The largest value of a bucket.
const fn last_of(bucket: usize) -> u64 {
    let (bucket, octave) = (bucket as u64, bucket as u64 / STEPS);
    if octave == 0 {
        return bucket;
    }
    let width = 1 << (octave - 1);
    (STEPS + bucket % STEPS) * width + width - 1
}

/// Many may record at once. The unit is the caller's, mostly microseconds.
#[derive(Debug)]
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: (0..N_BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Counts one value.
    pub fn record(&self, value: u64) {
        let value = value.min(VALUE_MAX);
        self.buckets[bucket_of(value)].fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    /// What has been counted so far.
    pub fn snapshot(&self) -> Snapshot {
        let mut counts: Vec<u64> = self.buckets.iter().map(|count| count.load(Relaxed)).collect();
        let n_used = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        counts.truncate(n_used);
        counts.shrink_to_fit();
        Snapshot { counts, sum: self.sum.load(Relaxed) }
    }
}

/// The counts of one moment, or what was added between two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// By bucket; what is missing at the end is zero.
    counts: Vec<u64>,
    /// Of all values, each at most 2^36.
    pub sum: u64,
}

impl Snapshot {
    /// What was counted after `earlier`, a snapshot of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = earlier.counts.iter().copied().chain(std::iter::repeat(0));
        let counts = self.counts.iter().zip(before).map(|(now, then)| now.saturating_sub(then));
        Self { counts: counts.collect(), sum: self.sum.saturating_sub(earlier.sum) }
    }

    /// Adds the counts of another histogram.
    pub fn add(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum += other.sum;
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many values lie below 2^`power`.
    pub fn count_below_power(&self, power: u32) -> u64 {
        let end = bucket_of((1 << power) - 1) + 1;
        self.counts.iter().take(end).sum()
    }

    /// The value that `share` (0 to 1) of all values do not exceed; `None` without values.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let count = self.count();
        let rank = ((count as f64 * share).ceil() as u64).clamp(1, count.max(1));
        let mut n_seen = 0;
        let reaches = |n: &u64| {
            n_seen += n;
            n_seen >= rank
        };
        self.counts.iter().position(reaches).map(last_of)
    }

    /// The average; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum as f64 / count as f64)
    }
}
