//! The ids that are on their way: sent by clients, not yet in the database.
//!
//! ```text
//!   begin(key) ── Fresh ──> append ──> settle(Seq) ──> forget_through(applied Seq)
//!       │                      └─────> abandon (refused, failed, or known to the database)
//!       ├── Known(Seq)     another request appended it
//!       ├── Pending        another request is appending it now: wait until that is over, then begin again
//!       └── Untracked      nobody can tell: append it undecided, then end_untracked
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

/// What is known of an id when a request brings it.
#[derive(Debug)]
pub(crate) enum Begin {
    /// Nobody else has it: append it, then `settle` or `abandon`.
    Fresh,
    /// Nobody can tell: the table is full, or the id stands in the log with other content that may yet turn
    /// out not to own it. Append it undecided, then `end_untracked`.
    Untracked,
    /// It is in the log, with this content.
    Known { seq: Seq, hash: ContentHash },
    /// Another request is appending it. The receiver sees its sender go when that is over.
    Pending { over: watch::Receiver<()> },
}

enum Entry {
    Pending { over: watch::Sender<()> },
    Appended { hash: ContentHash, seq: Seq, is_decided: bool },
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
    /// Appends on their way whose ids are not in the table.
    n_untracked: AtomicU64,
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
            n_untracked: AtomicU64::new(0),
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
                Entry::Pending { over } => Begin::Pending { over: over.subscribe() },
                Entry::Appended { hash: other, is_decided: false, .. } if *other != hash => {
                    self.n_untracked.fetch_add(1, Ordering::AcqRel);
                    Begin::Untracked
                }
                Entry::Appended { hash, seq, .. } => Begin::Known { seq: *seq, hash: *hash },
            },
            Slot::Vacant(slot) => {
                if !self.reserve(key) {
                    self.n_untracked.fetch_add(1, Ordering::AcqRel);
                    return Begin::Untracked;
                }
                slot.insert(Entry::Pending { over: watch::Sender::new(()) });
                Begin::Fresh
            }
        }
    }

    /// The append of a fresh id has succeeded. `is_decided`: it is certain that no other content owns the id.
    pub(crate) fn settle(&self, key: &Arc<IdKey>, hash: ContentHash, seq: Seq, is_decided: bool) {
        let mut shard = self.shard(key);
        shard.entries.insert(Arc::clone(key), Entry::Appended { hash, seq, is_decided });
        shard.order.push_back((seq, Arc::clone(key)));
    }

    /// The append of a fresh id was not done, or failed.
    pub(crate) fn abandon(&self, key: &IdKey) {
        self.shard(key).entries.remove(key);
        self.release(key);
    }

    /// The append of an untracked id is over; `seq` is where it stands, if it was done.
    pub(crate) fn end_untracked(&self, seq: Option<Seq>) {
        // Order matters: from its begin on, the table was incomplete for one reason or the other.
        if let Some(seq) = seq {
            self.incomplete_through.fetch_max(seq.get(), Ordering::AcqRel);
        }
        self.n_untracked.fetch_sub(1, Ordering::AcqRel);
    }

    /// The database does not have everything up to here any more, though it had: those ids left the table.
    pub(crate) fn lost_through(&self, seq: Seq) {
        self.incomplete_through.fetch_max(seq.get(), Ordering::AcqRel);
    }

    /// An id found in the log at start.
    pub(crate) fn recover(&self, key: IdKey, hash: ContentHash, seq: Seq, is_decided: bool) {
        if !self.reserve(&key) {
            self.incomplete_through.fetch_max(seq.get(), Ordering::AcqRel);
            return;
        }
        let key = Arc::new(key);
        let mut shard = self.shard(&key);
        // The first one keeps the id: the consumer will see it first, too.
        match shard.entries.entry(Arc::clone(&key)) {
            Slot::Occupied(_) => self.release(&key),
            Slot::Vacant(slot) => {
                slot.insert(Entry::Appended { hash, seq, is_decided });
                shard.order.push_back((seq, key));
            }
        }
    }

    /// Whether every id above `applied` is in the table.
    pub(crate) fn is_complete(&self, applied: Seq) -> bool {
        self.n_untracked.load(Ordering::Acquire) == 0
            && applied.get() >= self.incomplete_through.load(Ordering::Acquire)
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
