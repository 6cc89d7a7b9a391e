//! How much of the log is kept behind what the database has.
//!
//! A database that replicates can lose commits: the standby that takes over may not have them. The log then has to be
//! there to apply them again. So it is trimmed only [`Keep`] behind, by whole segments; a disk that gets full goes first.
//!
//! Invariant: nothing is remembered. The segments say how large they are, and the first record of each when it came.

use std::sync::Arc;
use std::time::Duration;

use model::{Event, Seq, Timestamp};
use queue::{Queue, QueueError};

/// What is kept, whichever is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Records that came within so long.
    pub time: Duration,
    /// So many bytes of log.
    pub bytes: u64,
}

/// With less room than this on the disk, applied records are not worth keeping.
const ROOM_BYTES_MIN: u64 = 256 << 20;

/// Trims one log.
pub(crate) struct Keeper {
    queue: Arc<dyn Queue>,
    /// Without, everything goes that the database has.
    keep: Option<Keep>,
    /// The last record that was asked when it came.
    seen: Option<(Seq, Timestamp)>,
    /// The last that went was still young enough.
    is_short: bool,
}

impl Keeper {
    pub(crate) fn new(queue: Arc<dyn Queue>, keep: Option<Keep>) -> Self {
        Self { queue, keep, seen: None, is_short: false }
    }

    /// Whether less is kept than the time asks for, because of the bytes or the disk.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short
    }

    /// Forgets what need not be kept of the records that the database has.
    pub(crate) async fn trim(&mut self, applied: Seq, now: Timestamp) -> Result<(), QueueError> {
        let before = applied.next();
        let Some(keep) = self.keep else { return self.queue.trim(before).await };
        self.queue.note_applied(before);
        let oldest_us = now.micros() - i64::try_from(keep.time.as_micros()).unwrap_or(i64::MAX);
        loop {
            let segments = self.queue.segments();
            // The oldest one goes when the one behind it, and so all of it, need not be kept.
            let Some(&(next, _)) = segments.get(1).filter(|(next, _)| *next <= before) else {
                return Ok(());
            };
            let n_bytes: u64 = segments.iter().map(|(_, size_bytes)| size_bytes).sum();
            let is_tight = self.queue.left_bytes().is_some_and(|left| left < ROOM_BYTES_MIN);
            // A log that was opened again goes on in an empty segment: nothing has come there yet, and may not for long.
            let is_young = next > applied || self.came(next).await?.micros() > oldest_us;
            if n_bytes <= keep.bytes && !is_tight && is_young {
                return Ok(());
            }
            self.is_short = is_young;
            self.queue.trim(next).await?;
            if self.queue.segments().first().is_none_or(|(first, _)| *first < next) {
                return Ok(());
            }
        }
    }

    /// When the first record at or behind a position came in. It must have been applied.
    async fn came(&mut self, from: Seq) -> Result<Timestamp, QueueError> {
        if let Some((_, at)) = self.seen.filter(|(seq, _)| *seq == from) {
            return Ok(at);
        }
        // What was applied is there: this does not wait.
        let records = self.queue.reader(from).next(1).await?;
        let event = records.into_iter().next().map(|record| Event::decode(record.bytes));
        // The consumer has applied it, so it can be read; if not, it is not worth keeping.
        let at = event
            .and_then(Result::ok)
            .map_or(Timestamp::from_micros(0), |event| event.received_at());
        self.seen = Some((from, at));
        Ok(at)
    }
}
