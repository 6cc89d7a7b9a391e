//! What the writer's thread, the readers and the handles of one open log have in common.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meter::Commits;
use tokio::sync::watch;

use crate::catalog::{Catalog, Segment};
use crate::folder::Folder;
use crate::options::Options;
use crate::poison::Poison;
use crate::queue::Queue;
use crate::room::Room;
use crate::spare::Spares;

/// The parts of an open log, each with its own lock.
pub(crate) struct Shared {
    pub(crate) folder: Folder,
    pub(crate) queue: Queue,
    pub(crate) catalog: Catalog,
    pub(crate) spares: Spares,
    pub(crate) poison: Poison,
    pub(crate) room: Arc<Room>,
    /// Everything below this Seq may be trimmed: what stands from here on still has to go into the database.
    pub(crate) unneeded_before: AtomicU64,
    /// Seq of the next record: everything below it is on stable storage.
    pub(crate) head: watch::Sender<u64>,
    /// What the writer measures of itself.
    pub(crate) commits: Arc<Commits>,
    /// True once the writer has ended and let go of the folder.
    pub(crate) ended: watch::Sender<bool>,
    /// Held for a whole trim, because segments must go one after the other, oldest first. False
    /// once the folder is let go.
    pub(crate) may_trim: Mutex<bool>,
}

impl Shared {
    /// Nothing waits yet, and everything below `next` in `segments` is safe.
    pub(crate) fn new(
        folder: Folder,
        options: &Options,
        segments: Vec<Segment>,
        next: u64,
    ) -> Self {
        Self {
            queue: Queue::new(options.queue_bytes_max, options.append_bytes_max),
            catalog: Catalog::new(segments, next),
            spares: Spares::new(folder.clone()),
            poison: Poison::new(),
            room: Arc::new(Room::new(folder.clone(), options.reserve_bytes_max)),
            unneeded_before: AtomicU64::new(options.applied.unwrap_or(0) + 1),
            head: watch::Sender::new(next),
            commits: Arc::default(),
            ended: watch::Sender::new(false),
            may_trim: Mutex::new(true),
            folder,
        }
    }

    /// About how many bytes of the log the database lacks.
    pub(crate) fn backlog_bytes(&self) -> u64 {
        self.catalog.bytes_from(self.unneeded_before.load(Ordering::Relaxed))
    }

    /// Waits for a trim that is under way, and keeps the next one out.
    pub(crate) fn lock_trim(&self) -> MutexGuard<'_, bool> {
        self.may_trim.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
