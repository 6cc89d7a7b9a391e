//! Why a consumer does not start, or leaves its loop, and how soon it tries again. The same for events and for batches.

use std::time::Duration;

use queue::QueueError;
use store::StoreError;
use thiserror::Error;

use crate::clock;

/// Why there is no consumer.
#[derive(Debug, Error)]
pub enum StartError {
    /// The database does not answer, is held by another process, or belongs to another log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database and the log do not fit together, and what that means.
    #[error("{0}")]
    Mismatch(String),
    /// A copy of the log has fed the database.
    #[error("{0}")]
    Forked(String),
    /// The log cannot be read.
    #[error("the log cannot be read: {0}")]
    Log(String),
}

impl StartError {
    /// The database moved in the midst of the start: a transaction of the process before us has ended just then. The second try
    /// meets none.
    pub(crate) fn is_fenced(&self) -> bool {
        matches!(self, Self::Store(StoreError::Fenced { .. }))
    }
}

/// Why the loop was left.
pub(crate) enum Halt {
    Retry(String),
    /// The database has to be mended by a person; tried again slowly.
    Blocked(String),
    /// A person has to look, and a start decides.
    Alarm(String),
    /// Another copy of the data directory feeds the database: nothing more may be accepted here.
    Overtaken(StartError),
}

/// What the database's answer means.
pub(crate) fn halt(error: StoreError) -> Halt {
    match error {
        StoreError::Fenced { .. } | StoreError::Held { .. } | StoreError::Unavailable(_) => {
            Halt::Retry(error.to_string())
        }
        // A server's database can be mended while we run: a password, a right, a restore that is under way.
        StoreError::Refused { .. }
        | StoreError::TooManyRefused { .. }
        | StoreError::Unusable(_) => Halt::Blocked(error.to_string()),
        StoreError::OtherLog { .. } => Halt::Alarm(error.to_string()),
    }
}

/// What the log's answer means.
pub(crate) fn halt_log(error: QueueError) -> Halt {
    match error {
        QueueError::Closed | QueueError::Poisoned(_) | QueueError::Unreadable(_) => {
            Halt::Retry(error.to_string())
        }
        error => Halt::Alarm(error.to_string()),
    }
}

/// Between half the pause and the whole of it, so that nodes which failed together do not return together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let spread = clock::now().micros().rem_euclid(1000) as u32;
    pause / 2 + pause / 2 * spread / 1000
}
