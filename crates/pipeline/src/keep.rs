//! How much of the log is kept behind what the database has.
//!
//! A database that replicates can lose commits: the standby that takes over may not have them. The log then has to be
//! there to apply them again. So it is trimmed only [`Keep`] behind, by whole segments; a disk that gets full goes first.
//!
//! Invariant: a segment is young until `time` has gone since all of it was seen applied, by a clock that never leaps. When its
//! records came says nothing: a backlog of a week is applied within minutes, and lost with the primary a moment later.
//! After a start everything is as if applied just then.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Seq;
use queue::{Queue, QueueError};

/// What is kept, whichever is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// What was applied within so long.
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
    /// Where the segments end of which the database has everything, oldest first, and since when; no more than the log has.
    passed: VecDeque<(Seq, Instant)>,
    /// The last that went was still young enough.
    is_short: bool,
}

impl Keeper {
    pub(crate) fn new(queue: Arc<dyn Queue>, keep: Option<Keep>) -> Self {
        Self { queue, keep, passed: VecDeque::new(), is_short: false }
    }

    /// Whether less is kept than the time asks for, because of the bytes or the disk.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short
    }

    /// Forgets what need not be kept of the records that the database has.
    pub(crate) async fn trim(&mut self, applied: Seq, now: Instant) -> Result<(), QueueError> {
        let before = applied.next();
        let Some(keep) = self.keep else { return self.queue.trim(before).await };
        self.queue.note_applied(before);
        loop {
            let segments = self.queue.segments();
            self.note(&segments, before, now);
            // The oldest one goes when all of it need not be kept.
            let Some(&(next, since)) = self.passed.front() else { return Ok(()) };
            let n_bytes: u64 = segments.iter().map(|(_, size_bytes)| size_bytes).sum();
            let is_tight = self.queue.left_bytes().is_some_and(|left| left < ROOM_BYTES_MIN);
            let is_young = now.saturating_duration_since(since) < keep.time;
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

    /// Remembers the segments that the database has by now, and none that has gone, or that it has lost again.
    fn note(&mut self, segments: &[(Seq, u64)], before: Seq, now: Instant) {
        let first = segments.first().map_or(before, |(first, _)| *first);
        self.passed.retain(|(end, _)| *end > first && *end <= before);
        let noted = self.passed.back().map_or(first, |(end, _)| *end);
        // Each ends where the one behind it begins.
        let ends = segments.iter().skip(1).map(|(end, _)| *end);
        let new = ends.filter(|end| *end > noted && *end <= before);
        self.passed.extend(new.map(|end| (end, now)));
    }
}
