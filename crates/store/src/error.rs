//! What can go wrong with a store, by what the caller can do about it.

use model::{LogId, Seq, Timestamp};
use thiserror::Error;

/// Variants are decisions.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Somebody else is the consumer now, or the database went back in time: roll back, elect again, read again.
    #[error("the lease moved on: expected applied {expected}")]
    Fenced {
        /// The applied position that the caller expected.
        expected: Seq,
    },
    /// Another process holds the lease.
    #[error("the lease is held by {holder} until {until}")]
    Held {
        /// Who holds it.
        holder: String,
        /// Until when, unless it claims again.
        until: Timestamp,
    },
    /// The database belongs to another log.
    #[error("the database was fed by log {bound}, not by log {log}")]
    OtherLog {
        /// The log that the database is bound to.
        bound: LogId,
        /// The log that asked.
        log: LogId,
    },
    /// A record that the database refuses for good, and its words.
    #[error("the database refuses record {seq}: {reason}")]
    Refused {
        /// Which record.
        seq: Seq,
        /// The database's words.
        reason: String,
    },
    /// More than half of the newest records were refused: the fault lies with the database. Nothing was applied; the
    /// same call may succeed once it has been mended.
    #[error(
        "the database refuses {n_refused} of the newest {n_records} records, the last one at {seq}: {reason}"
    )]
    TooManyRefused {
        /// The record at which that was noticed.
        seq: Seq,
        /// The database's words about it.
        reason: String,
        /// How many were refused.
        n_refused: usize,
        /// Of so many.
        n_records: usize,
    },
    /// The database cannot answer now (busy, full, gone). The same call may succeed later.
    #[error("the database cannot answer: {0}")]
    Unavailable(String),
    /// The database is of a newer version, damaged, or not ours.
    #[error("{0}")]
    Unusable(String),
}

impl StoreError {
    /// The same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Held { .. })
    }
}
