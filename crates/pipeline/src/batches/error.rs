//! What can go wrong with a batch before it has an end of its own, by what the sender can do about it.

use queue::QueueError;
use store::{BatchState, StoreError};
use thiserror::Error;

/// Variants are decisions.
#[derive(Debug, Error)]
pub enum BatchError {
    /// No table of this name takes batches.
    #[error("no table of this name takes batches")]
    NoSuchTable,
    /// No batch has this id.
    #[error("no batch has this id")]
    NoSuchBatch,
    /// The key names a batch with other rows.
    #[error("the key names batch {id}, whose rows are others")]
    KeyConflict {
        /// The batch that has the key.
        id: String,
    },
    /// The batch that has the key is still uploading.
    #[error("batch {id}, which has the key, is still uploading")]
    KeyBusy {
        /// The batch that has the key.
        id: String,
    },
    /// The upload does not go on there.
    #[error("the upload goes on at byte {offset}")]
    WrongOffset {
        /// Where it goes on.
        offset: u64,
    },
    /// The batch takes no bytes: it never came in pieces, or its body is whole.
    #[error("the batch takes no more bytes: it is {}", state.as_str())]
    NotUploading {
        /// How it stands.
        state: BatchState,
    },
    /// Another request is sending the batch's bytes at this moment.
    #[error("another request is sending the bytes of this batch")]
    Busy,
    /// Somebody cancelled the batch while its bytes came.
    #[error("the batch was cancelled while its bytes came")]
    Cancelled,
    /// A column of the batch is no longer in its table: the upload has to begin anew.
    #[error("a column of the batch is no longer in its table")]
    TableChanged,
    /// Only what the database refused is checked again.
    #[error("the batch is {}", state.as_str())]
    NotRejected {
        /// How it stands.
        state: BatchState,
    },
    /// The rows of the batch are not in the log, which the words explain.
    #[error("{0}")]
    RowsNotKept(&'static str),
    /// It is too late to cancel.
    #[error("the batch is {}", state.as_str())]
    NotCancellable {
        /// How it stands.
        state: BatchState,
    },
    /// It was sent twice, and the first is over: ending the second changes nothing of that.
    #[error("the same rows came before, as batch {id}, which is over")]
    CameBefore {
        /// The first.
        id: String,
    },
    /// The lane's own room, in its log or among those who send, is taken: nothing is kept of what was sent; try again later.
    #[error("{0}")]
    Full(String),
    /// The log broke: what was sent may be kept or not.
    #[error("the log of batches stopped: {0}")]
    Unknown(String),
    /// One row has more than [`ROW_BYTES_MAX`](crate::batches::parse::rows::ROW_BYTES_MAX) bytes.
    #[error("the row in line {line} is longer than 1 MiB")]
    TooLong {
        /// Where it begins.
        line: u64,
    },
    /// The database was asked and has no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<QueueError> for BatchError {
    fn from(error: QueueError) -> Self {
        if error.is_rejected() {
            Self::Full(error.to_string())
        } else {
            Self::Unknown(error.to_string())
        }
    }
}
