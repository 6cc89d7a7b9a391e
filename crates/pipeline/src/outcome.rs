//! What becomes of a request.

use model::{ContentHash, Seq};
use queue::QueueError;
use thiserror::Error;

/// What a request does about an id that names another event already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// Nothing of the request is appended.
    RefuseAll,
    /// The others are appended.
    Skip,
}

/// What became of one pushed event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// New and durable.
    Appended {
        /// Its id.
        id: String,
        /// Its position.
        seq: Seq,
    },
    /// Same id, same content as one that is durable already: nothing was appended for it.
    Duplicate {
        /// Its id.
        id: String,
        /// Position of the first.
        seq: Seq,
    },
    /// Same id, other content: nothing was appended for it.
    Conflict {
        /// Its id.
        id: String,
        /// Position of the first, where it is known.
        seq: Option<Seq>,
    },
}

impl Item {
    /// Its position, if it is new.
    pub fn appended(&self) -> Option<Seq> {
        if let Self::Appended { seq, .. } = self { Some(*seq) } else { None }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        let (Self::Appended { id, .. } | Self::Duplicate { id, .. } | Self::Conflict { id, .. }) =
            self;
        id
    }

    /// Where the event stands that the id names, where that is known.
    pub fn seq(&self) -> Option<Seq> {
        match self {
            Self::Appended { seq, .. } | Self::Duplicate { seq, .. } => Some(*seq),
            Self::Conflict { seq, .. } => *seq,
        }
    }
}

/// A whole request, durable.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// One for each pushed event, in order.
    pub items: Vec<Item>,
    /// The content of each of them.
    pub(crate) hashes: Vec<ContentHash>,
    /// `disk` or `memory`.
    pub durability: &'static str,
}

impl Accepted {
    /// Leaves out what is not wanted.
    pub fn retain(&mut self, mut is_wanted: impl FnMut(&Item) -> bool) {
        let kept: Vec<bool> = self.items.iter().map(&mut is_wanted).collect();
        let (mut of_items, mut of_hashes) = (kept.iter(), kept.iter());
        self.items.retain(|_| of_items.next() == Some(&true));
        self.hashes.retain(|_| of_hashes.next() == Some(&true));
    }
}

/// Why a request is not (known to be) durable.
#[derive(Clone, Debug, Error)]
pub enum IntakeError {
    /// Too much waits for the disk: nothing was appended, try again in a second.
    #[error("too many events wait for the disk")]
    Full,
    /// The disk is full: nothing was appended.
    #[error("{0}")]
    NoRoom(String),
    /// More than the log takes in one piece: nothing was appended.
    #[error("{size_bytes} bytes are more than the {bytes_max} that one request may append")]
    TooLarge {
        /// Bytes asked for.
        size_bytes: usize,
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// An id names another event already: nothing was appended.
    #[error("the id {id:?} already names an event with other content")]
    Conflict {
        /// Which of the pushed events.
        index: usize,
        /// The id.
        id: String,
        /// Position of the first, where it is known.
        seq: Option<Seq>,
    },
    /// Shutting down: nothing was appended.
    #[error("the server is shutting down")]
    Closed,
    /// It may be durable or not: send it again with the same id.
    #[error("{0}")]
    Unknown(String),
}

impl From<QueueError> for IntakeError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Full { .. } => Self::Full,
            QueueError::NoRoom(why) => Self::NoRoom(why),
            QueueError::TooLarge { size_bytes, bytes_max } => {
                Self::TooLarge { size_bytes, bytes_max }
            }
            QueueError::Closed => Self::Closed,
            other => Self::Unknown(other.to_string()),
        }
    }
}
