//! What can go wrong with a queue, by what the caller can do about it.

use model::Seq;
use thiserror::Error;

/// Variants are decisions.
#[derive(Debug, Clone, Error)]
pub enum QueueError {
    /// Too many bytes wait for the disk: nothing was appended, try again soon.
    #[error("{n_bytes} bytes already wait to be written")]
    Full {
        /// Bytes that wait.
        n_bytes: u64,
    },
    /// The disk has no room: nothing was appended.
    #[error("no room for the log: {0}")]
    NoRoom(String),
    /// Records that no frame can hold: nothing was appended, trying again will not help.
    #[error("{size_bytes} bytes in one append are more than {bytes_max}")]
    TooLarge {
        /// Bytes asked for.
        size_bytes: usize,
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// A write or an fsync failed: the records may be there or not; the process is about to end.
    #[error("the log stopped after a failed write: {0}")]
    Poisoned(String),
    /// The queue has been closed: nothing was appended.
    #[error("the log is closed")]
    Closed,
    /// The wanted record is no longer kept.
    #[error("the log begins at {first}")]
    Trimmed {
        /// First position that is kept.
        first: Seq,
    },
    /// The disk does not answer, or with an error: the same call may succeed later.
    #[error("{0}")]
    Unreadable(String),
    /// The log is damaged.
    #[error("{0}")]
    Corrupt(String),
    /// The database has applied what the log does not have: another log, an older copy, or lost writes.
    #[error("{0}")]
    Behind(String),
    /// What is to be done with the log depends on how far the database came, and that is not known.
    #[error("{0}")]
    NeedsDatabase(String),
    /// The log cannot be opened, and why.
    #[error("{0}")]
    Open(String),
}

impl QueueError {
    /// Nothing was appended, for certain.
    pub fn is_rejected(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::NoRoom(_) | Self::TooLarge { .. } | Self::Closed)
    }

    /// The same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::NoRoom(_) | Self::Unreadable(_))
    }
}
