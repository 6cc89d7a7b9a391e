//! The contract: an append-only sequence of records, each at a `Seq`.
//!
//! ```text
//!        bounds().first                bounds().next
//!              v                             v
//!   trimmed …  | 17 | 18 | 19 | 25 | 26 | 27 |  (not there yet)
//!                             ^ Seq may be sparse: after a cut the log jumps ahead
//! ```
//!
//! Invariant: nobody reads a record before the append that wrote it has succeeded or could have.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use meter::Commits;
use model::{LogId, Seq, SeqRange};
use tokio::sync::watch;

use crate::error::QueueError;

/// One record and where it stands.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its position.
    pub seq: Seq,
    /// Its bytes, as appended.
    pub bytes: Bytes,
}

/// What is kept: every record at or after `first` and before `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// No kept record stands before this position.
    pub first: Seq,
    /// The newest record stands here; with no record at all, just before `first`.
    pub last: Seq,
    /// The next append goes here. More than `last + 1` only after the log has jumped ahead.
    pub next: Seq,
}

/// What a successful append means for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Gone with the process.
    Memory,
    /// `fdatasync` has returned: survives kill -9, a crash of the system, a power cut.
    Disk,
}

impl Durability {
    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }
}

/// The durable ordered log.
#[async_trait]
pub trait Queue: Send + Sync {
    /// The random name that this log was born with.
    fn log(&self) -> LogId;

    /// What `append` promises.
    fn durability(&self) -> Durability;

    /// Appends all records or none, next to each other and in this order. Resolves only after every one is
    /// on stable storage. If the future is dropped, or the answer is an error that is not
    /// [`QueueError::is_rejected`], the records may or may not be there: callers retry by id.
    async fn append(&self, records: Vec<Bytes>) -> Result<SeqRange, QueueError>;

    /// What is kept now.
    fn bounds(&self) -> Bounds;

    /// What its writer has done since the start. Where nothing has to be written, it stays at zero.
    fn commits(&self) -> Arc<Commits>;

    /// Room before appends are refused for want of it; `None` where nobody knows.
    fn left_bytes(&self) -> Option<u64>;

    /// Bytes that the kept records take.
    fn size_bytes(&self) -> u64;

    /// Turns true when the log can take nothing any more (a failed write or fsync) and the process should end.
    fn poisoned(&self) -> watch::Receiver<bool>;

    /// A reader whose first record is the one at `from`, or the first after it. Where `from` stands before
    /// `bounds().first`, its first `next` answers [`QueueError::Trimmed`].
    fn reader(&self, from: Seq) -> Box<dyn QueueReader>;

    /// Where each part begins that [`trim`](Self::trim) can forget as a whole, and its bytes; oldest first, the newest of
    /// them never goes. Empty where it forgets record by record.
    fn segments(&self) -> Vec<(Seq, u64)> {
        Vec::new()
    }

    /// What stands before `before` is in the database, though it is kept: it needs no more room there.
    fn note_applied(&self, _before: Seq) {}

    /// Forgets records before `before`, as many as is convenient and never more.
    async fn trim(&self, before: Seq) -> Result<(), QueueError>;

    /// Finishes what waits, seals the log and lets go of it. Appends after this fail.
    async fn close(&self) -> Result<(), QueueError>;
}

/// Reads a log in order. Dropping a waiting `next` loses nothing.
#[async_trait]
pub trait QueueReader: Send {
    /// The next records in `Seq` order, at least one: waits for it. Stops adding at `bytes_max` bytes.
    ///
    /// # Errors
    /// [`QueueError::Trimmed`] when the next record is no longer kept, [`QueueError::Corrupt`] when the
    /// log is damaged there.
    async fn next(&mut self, bytes_max: usize) -> Result<Vec<Record>, QueueError>;

    /// Position of the next record that `next` may return.
    fn position(&self) -> Seq;
}
