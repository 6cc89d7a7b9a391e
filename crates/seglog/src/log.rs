//! The handle of an open log: append, read, trim, close. Cheap to clone; the last one dropped
//! closes the log.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use meter::Commits;
use tokio::sync::watch;

use crate::committer::Committer;
use crate::folder::Folder;
use crate::io::Io;
use crate::options::Options;
use crate::queue::AppendError;
use crate::reader::Reader;
use crate::recovery::{Recovered, recover};
use crate::room;
use crate::segment::BLOCK_BYTES;
use crate::shared::Shared;
use crate::trim::trim;
use crate::verdict::OpenError;

/// A disk has room for at least so many of the largest segments.
const SEGMENTS_OF_DISK_MIN: u64 = 64;

/// An open log. All clones are the same log.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    log_id: u32,
    segment_bytes_max: u64,
    writer: Option<JoinHandle<()>>,
}

impl Log {
    /// Opens the log in `options.dir`, or makes a new one, and answers what was found. Blocking.
    /// The log is held by this process until it is closed. Nothing is changed if the log is
    /// refused.
    ///
    /// # Panics
    /// If the segment sizes are not multiples of 4 KiB of at least 16 KiB, or the largest is below
    /// the smallest.
    pub fn open(io: Arc<dyn Io>, options: &Options) -> Result<(Self, Recovered), OpenError> {
        let (bytes_min, bytes_max) = (options.segment_bytes_min, options.segment_bytes_max);
        let is_sound = |bytes: u64| bytes.is_multiple_of(BLOCK_BYTES) && bytes >= 4 * BLOCK_BYTES;
        assert!(is_sound(bytes_min) && is_sound(bytes_max), "segments are whole blocks");
        assert!(bytes_min <= bytes_max, "segments do not shrink");
        let folder = Folder::new(io, options.dir.clone());
        folder.prepare().map_err(OpenError::io("make", &folder.dir))?;
        let Some(lock) = folder.lock().map_err(OpenError::io("lock", &folder.dir))? else {
            return Err(OpenError::Locked { dir: folder.dir });
        };
        let options =
            &Options { segment_bytes_max: segment_bytes_max(&folder, options), ..options.clone() };
        let ready = recover(&folder, options)?;
        let recovered = ready.recovered;
        let shared = Arc::new(Shared::new(folder, options, ready.segments, recovered.next));
        let watched = Arc::clone(&shared);
        shared.room.watch(move || watched.backlog_bytes());
        let committer = Committer::new(shared.clone(), ready.current, options, lock);
        let dir = &shared.folder.dir;
        let writer = committer.spawn().map_err(OpenError::io("start a thread for", dir))?;
        let inner = Inner {
            log_id: recovered.log_id,
            segment_bytes_max: options.segment_bytes_max,
            writer: Some(writer),
            shared,
        };
        Ok((Self { inner: Arc::new(inner) }, recovered))
    }

    /// Gives up the ballast of the log in `dir` if its disk has no room even for a start. For the moment before
    /// the database is opened; the caller knows that nobody has the log open.
    pub fn make_room(io: Arc<dyn Io>, dir: PathBuf) {
        room::make_room_for_start(&Folder::new(io, dir));
    }

    /// The random name that the log was born with, never 0.
    pub fn log_id(&self) -> u32 {
        self.inner.log_id
    }

    /// Appends records as one frame: all of them or none survive a crash. Answers the Seq of the
    /// first and of the last, once they are on stable storage. If the future is dropped, they may
    /// or may not have been appended.
    ///
    /// # Panics
    /// If there are no records.
    pub async fn append(&self, records: Vec<Bytes>) -> Result<(u64, u64), AppendError> {
        if let Some(reason) = self.poison_reason() {
            return Err(AppendError::Poisoned(reason));
        }
        if let Some(reason) = self.inner.shared.room.shortage() {
            return Err(AppendError::NoRoom(reason));
        }
        let answered = self.inner.shared.queue.push(records)?;
        match answered.await {
            Ok(answer) => answer,
            Err(_) => Err(AppendError::Poisoned("the log's writer has ended".into())),
        }
    }

    /// First Seq that may be kept, and Seq of the next record. Both only rise; Seqs may be sparse.
    pub fn bounds(&self) -> (u64, u64) {
        self.inner.shared.catalog.bounds()
    }

    /// Follows the Seq of the next record: everything below it is on stable storage and can be read.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.inner.shared.head.subscribe()
    }

    /// A reader whose first record is the first one with a Seq of at least `from`.
    pub fn reader(&self, from: u64) -> Reader {
        Reader::new(self.inner.shared.clone(), from)
    }

    /// What the writer has done since the start.
    pub fn commits(&self) -> Arc<Commits> {
        self.inner.shared.commits.clone()
    }

    /// Room on the disk before appends are refused; `None` where nobody watches it.
    pub fn left_bytes(&self) -> Option<u64> {
        self.inner.shared.room.left_bytes()
    }

    /// Bytes of the segments that are kept, spares not counted.
    pub fn size_bytes(&self) -> u64 {
        self.inner.shared.catalog.size_bytes()
    }

    /// Turns true when a write or fsync has failed. Then nothing is appended any more: end the process.
    pub fn poisoned(&self) -> watch::Receiver<bool> {
        self.inner.shared.poison.subscribe()
    }

    /// Why the log is poisoned, if it is.
    pub fn poison_reason(&self) -> Option<String> {
        self.inner.shared.poison.reason().map(str::to_owned)
    }

    /// Why the disk is too full for appends, if it is.
    #[cfg(test)]
    pub(crate) fn shortage(&self) -> Option<String> {
        self.inner.shared.room.shortage()
    }

    /// The first Seq that each segment may hold, and its bytes; oldest first.
    pub fn segments(&self) -> Vec<(u64, u64)> {
        self.inner.shared.catalog.segments()
    }

    /// What stands below `before` may be trimmed, and is only kept: the database needs no room for it any more.
    pub fn note_unneeded(&self, before: u64) {
        self.inner.shared.unneeded_before.fetch_max(before, std::sync::atomic::Ordering::Relaxed);
    }

    /// Removes whole segments whose records all have a Seq below `before`; the last segment always
    /// stays. Blocking. After an error the log is still whole and the same call may be tried again,
    /// unless the log is poisoned or closed.
    pub fn trim(&self, before: u64) -> io::Result<()> {
        trim(&self.inner.shared, self.inner.segment_bytes_max, before)
    }

    /// Refuses new appends, finishes those that wait, seals the log and lets go of the folder. May
    /// be called again and by any clone.
    pub async fn close(&self) {
        self.inner.shared.queue.close();
        let mut ended = self.inner.shared.ended.subscribe();
        // It cannot fail: the sender lives as long as this handle.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

/// Segments stay small on a small disk: one is always kept in advance, and the oldest goes only as a whole.
fn segment_bytes_max(folder: &Folder, options: &Options) -> u64 {
    let space = folder.io.space(&folder.dir).ok().flatten();
    let share = space.map_or(u64::MAX, |space| space.total_bytes / SEGMENTS_OF_DISK_MIN);
    let share = share - share % BLOCK_BYTES;
    options.segment_bytes_max.min(share.max(options.segment_bytes_min))
}

impl Drop for Inner {
    /// Waits for the writer, so that the folder is free once the last handle has gone.
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(writer) = self.writer.take() {
            // A panic of the writer has poisoned the log, and has been told to everyone who waited.
            let _ = writer.join();
        }
    }
}
