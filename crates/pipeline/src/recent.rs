//! The ids that are on their way: sent by clients, not yet in the database.
//!
//! ```text
//!   begin(key) ── Fresh ──> append ──> settle(Seq) ──> forget_through(applied Seq)
//!       │                      └─────> abandon (refused or failed)
//!       ├── Known(Seq)     another request appended it
//!       └── Pending        another request is appending it now: wait for what becomes of it
//! ```
//!
//! Invariant: between `begin` and the commit of its row an id never leaves this table, so a repetition is
//! found here, or in the database, or (when the table was full) the consumer is told to decide.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry as Slot;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{ContentHash, Seq};
use store::IdKey;
use tokio::sync::watch;

/// Shards keep requests of different ids out of each other's way.
const N_SHARDS: usize = 16;
/// What an entry costs besides its texts: table slot, order slot, three string headers twice.
const ENTRY_BYTES: u64 = 256;

/// What became of an append that another request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Waiting,
    Appended(Seq),
    Failed,
}

/// What is known of an id when a request brings it.
#[derive(Debug)]
pub(crate) enum Begin {
    /// Nobody else has it: append it, then `settle` or `abandon`.
    Fresh,
    /// Nobody else has it as far as we know, but the table is full: append it undecided.
    Untracked,
    /// It is in the log.
    Known { seq: Seq, hash: ContentHash },
    /// Another request is appending it.
    Pending { outcome: watch::Receiver<Outcome>, is_same: bool },
}

enum Entry {
    Pending { hash: ContentHash, outcome: watch::Sender<Outcome> },
    Appended { hash: ContentHash, seq: Seq },
}

#[derive(Default)]
struct Shard {
    entries: HashMap<Arc<IdKey>, Entry>,
    /// In about the order of `Seq`; one that stands too early in it is forgotten a little later.
    order: VecDeque<(Seq, Arc<IdKey>)>,
}

/// The table. Its bound is `bytes_max`.
pub(crate) struct Recent {
    /// Each held for a look-up, never across an await.
    shards: [Mutex<Shard>; N_SHARDS],
    hasher: RandomState,
    n_bytes: AtomicU64,
    bytes_max: u64,
    /// Ids up to here may be missing from the table.
    incomplete_through: AtomicU64,
}

impl Recent {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            n_bytes: AtomicU64::new(0),
            bytes_max,
            incomplete_through: AtomicU64::new(0),
        }
    }

    fn shard(&self, key: &IdKey) -> MutexGuard<'_, Shard> {
        let at = self.hasher.hash_one(key) as usize % N_SHARDS;
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cost(key: &IdKey) -> u64 {
        let n_application = key.application.as_deref().map_or(0, str::len);
        ENTRY_BYTES + (key.id.len() + key.stream.len() + n_application) as u64
    }

    /// Takes an id, or says who has it.
    pub(crate) fn begin(&self, key: &Arc<IdKey>, hash: ContentHash) -> Begin {
        let mut shard = self.shard(key);
        match shard.entries.entry(Arc::clone(key)) {
            Slot::Occupied(slot) => match slot.get() {
                Entry::Pending { hash: other, outcome } => {
                    Begin::Pending { outcome: outcome.subscribe(), is_same: *other == hash }
                }
                Entry::Appended { hash, seq } => Begin::Known { seq: *seq, hash: *hash },
            },
            Slot::Vacant(slot) => {
                if !self.reserve(key) {
                    return Begin::Untracked;
                }
                slot.insert(Entry::Pending { hash, outcome: watch::Sender::new(Outcome::Waiting) });
                Begin::Fresh
            }
        }
    }

    /// The append of a fresh id has succeeded.
    pub(crate) fn settle(&self, key: &Arc<IdKey>, hash: ContentHash, seq: Seq) {
        let mut shard = self.shard(key);
        let before = shard.entries.insert(Arc::clone(key), Entry::Appended { hash, seq });
        shard.order.push_back((seq, Arc::clone(key)));
        if let Some(Entry::Pending { outcome, .. }) = before {
            outcome.send_replace(Outcome::Appended(seq));
        }
    }

    /// The append of a fresh id was not done, or failed; those who wait for it hear what is known.
    pub(crate) fn abandon(&self, key: &IdKey, outcome: Outcome) {
        let before = self.shard(key).entries.remove(key);
        self.release(key);
        if let Some(Entry::Pending { outcome: waiters, .. }) = before {
            waiters.send_replace(outcome);
        }
    }

    /// An id found in the log at start.
    pub(crate) fn recover(&self, key: IdKey, hash: ContentHash, seq: Seq) {
        if !self.reserve(&key) {
            return self.note_missing(seq);
        }
        let key = Arc::new(key);
        let mut shard = self.shard(&key);
        // The first one keeps the id: the consumer will see it first, too.
        match shard.entries.entry(Arc::clone(&key)) {
            Slot::Occupied(_) => self.release(&key),
            Slot::Vacant(slot) => {
                slot.insert(Entry::Appended { hash, seq });
                shard.order.push_back((seq, key));
            }
        }
    }

    /// An id at this position is not in the table.
    pub(crate) fn note_missing(&self, seq: Seq) {
        self.incomplete_through.fetch_max(seq.get(), Ordering::AcqRel);
    }

    /// Whether every id above `applied` is in the table.
    pub(crate) fn is_complete(&self, applied: Seq) -> bool {
        applied.get() >= self.incomplete_through.load(Ordering::Acquire)
    }

    /// The database knows everything up to here now.
    pub(crate) fn forget_through(&self, applied: Seq) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            while shard.order.front().is_some_and(|(seq, _)| *seq <= applied) {
                let (seq, key) = shard.order.pop_front().expect("the front was just there");
                let is_ours =
                    |entry: &Entry| matches!(entry, Entry::Appended { seq: at, .. } if *at == seq);
                if shard.entries.get(&key).is_some_and(is_ours) {
                    shard.entries.remove(&key);
                    self.release(&key);
                }
            }
        }
    }

    fn reserve(&self, key: &IdKey) -> bool {
        let cost = Self::cost(key);
        let before = self.n_bytes.fetch_add(cost, Ordering::AcqRel);
        let fits = before + cost <= self.bytes_max;
        if !fits {
            self.n_bytes.fetch_sub(cost, Ordering::AcqRel);
        }
        fits
    }

    fn release(&self, key: &IdKey) {
        self.n_bytes.fetch_sub(Self::cost(key), Ordering::AcqRel);
    }

    #[cfg(test)]
    pub(crate) fn n_bytes(&self) -> u64 {
        self.n_bytes.load(Ordering::Acquire)
    }
}
