//! Which segments there are and how far each is safe. The committer writes it after its fsync,
//! readers look things up in it.
//!
//! Invariant: everything below a segment's `end`, and every Seq below `next`, is on stable storage.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::segment::BLOCK_BYTES;

/// A reader that seeks scans at most about this many bytes.
const INDEX_STEP_BYTES: u64 = 256 * 1024;

/// What is known of one segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) base: u64,
    pub(crate) salt: u64,
    pub(crate) size_bytes: u64,
    /// Offset behind the last frame that is safe.
    pub(crate) end: u64,
    /// (Seq, offset) of some frames, rising: a place to start from for every Seq.
    index: Vec<(u64, u64)>,
}

impl Segment {
    pub(crate) fn new(base: u64, salt: u64, size_bytes: u64) -> Self {
        Self { base, salt, size_bytes, end: BLOCK_BYTES, index: vec![(base, BLOCK_BYTES)] }
    }

    /// Notes that a frame whose first Seq is `seq` stands at `offset`, if the last note is far
    /// enough behind.
    pub(crate) fn note(&mut self, seq: u64, offset: u64) {
        let (_, last) = self.index[self.index.len() - 1];
        if offset >= last + INDEX_STEP_BYTES {
            self.index.push((seq, offset));
        }
    }

    fn start_for(&self, seq: u64) -> (u64, u64) {
        let n_before = self.index.partition_point(|&(first, _)| first <= seq);
        self.index[n_before.saturating_sub(1)]
    }
}

/// Where to read a Seq from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) base: u64,
    pub(crate) salt: u64,
    /// Offset of a frame at or before the wanted one, and its first Seq.
    pub(crate) offset: u64,
    pub(crate) seq: u64,
    /// End of what is safe in this segment.
    pub(crate) end: u64,
    /// Base of the segment after this one.
    pub(crate) next_base: Option<u64>,
}

/// All segments, oldest first; there is always at least one.
#[derive(Debug)]
pub(crate) struct Catalog {
    // A mutex: held for a few look-ups, by the committer once a commit and by a reader once a read.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    segments: Vec<Segment>,
    next: u64,
}

impl Catalog {
    pub(crate) fn new(segments: Vec<Segment>, next: u64) -> Self {
        assert!(!segments.is_empty(), "a log has a segment from its birth");
        Self { state: Mutex::new(State { segments, next }) }
    }

    /// First Seq that may be kept, and the Seq of the next record.
    pub(crate) fn bounds(&self) -> (u64, u64) {
        let state = self.lock();
        (state.segments[0].base, state.next)
    }

    /// The first Seq that each segment may hold, and its bytes; oldest first.
    pub(crate) fn segments(&self) -> Vec<(u64, u64)> {
        self.lock().segments.iter().map(|segment| (segment.base, segment.size_bytes)).collect()
    }

    /// Bytes of all segments on disk, the part that is still empty included.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.lock().segments.iter().map(|segment| segment.size_bytes).sum()
    }

    /// About how many bytes of the log hold records from `seq` on: at most one step of the index too many.
    pub(crate) fn bytes_from(&self, seq: u64) -> u64 {
        let state = self.lock();
        let n_before = state.segments.partition_point(|segment| segment.base <= seq);
        let segments = &state.segments[n_before.saturating_sub(1)..];
        if seq >= state.next {
            return 0;
        }
        segments.iter().map(|segment| segment.end.saturating_sub(segment.start_for(seq).1)).sum()
    }

    /// A commit is safe: its first Seq and offset, and what comes behind it.
    pub(crate) fn publish(&self, seq: u64, offset: u64, end: u64, next: u64) {
        let mut state = self.lock();
        let last = state.segments.len() - 1;
        state.segments[last].note(seq, offset);
        state.segments[last].end = end;
        state.next = next;
    }

    /// A new last segment. One of the same base holds no record and has been replaced on disk.
    pub(crate) fn push(&self, segment: Segment) {
        let mut state = self.lock();
        if state.segments.last().is_some_and(|last| last.base == segment.base) {
            state.segments.pop();
        }
        state.segments.push(segment);
    }

    /// Takes out the oldest segment if all its records are below `before`. Never the last one.
    pub(crate) fn pop_before(&self, before: u64) -> Option<Segment> {
        let mut state = self.lock();
        let is_over = state.segments.get(1).is_some_and(|second| second.base <= before);
        is_over.then(|| state.segments.remove(0))
    }

    /// Undoes `pop_before`: the file is still there.
    pub(crate) fn push_front(&self, segment: Segment) {
        self.lock().segments.insert(0, segment);
    }

    /// Where `seq` stands. `Err`: it is no longer kept, with the first Seq that is. `Ok(None)`: not
    /// there yet.
    pub(crate) fn find(&self, seq: u64) -> Result<Option<Place>, u64> {
        let state = self.lock();
        if seq < state.segments[0].base {
            return Err(state.segments[0].base);
        }
        if seq >= state.next {
            return Ok(None);
        }
        let at = state.segments.partition_point(|segment| segment.base <= seq) - 1;
        let segment = &state.segments[at];
        let (first, offset) = segment.start_for(seq);
        Ok(Some(Place {
            base: segment.base,
            salt: segment.salt,
            offset,
            seq: first,
            end: segment.end,
            next_base: state.segments.get(at + 1).map(|next| next.base),
        }))
    }

    /// Whether the segment is still part of the log (its file may be overwritten once it is not).
    pub(crate) fn holds(&self, salt: u64) -> bool {
        self.lock().segments.iter().any(|segment| segment.salt == salt)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
