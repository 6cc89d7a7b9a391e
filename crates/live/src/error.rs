//! Why a subscription ends.

use queue::QueueError;
use thiserror::Error;

/// The subscription cannot go on. Its cursor stays good: the client resumes with it elsewhere or later.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LiveError {
    /// The tail or the log has been closed: this process is about to end.
    #[error("the server is shutting down")]
    Closed,
    /// The log cannot be read at this place, and why.
    #[error("the log cannot be read: {0}")]
    Log(String),
    /// The next events are only in the database, and it gave no answer for as long as we wait.
    #[error("the history cannot be read: {0}")]
    Store(String),
}

impl From<QueueError> for LiveError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Closed => Self::Closed,
            error => Self::Log(error.to_string()),
        }
    }
}
