//! What happened: all that was tried, all that is kept, all that subscribers saw.

use crate::http::Row;
use crate::journal::{Attempt, fingerprint};

/// Everything about one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// What producers tried and were told, each journal in its order.
    pub(crate) attempts: Vec<Attempt>,
    /// What the export shows, in its order.
    pub(crate) events: Vec<Kept>,
    /// Dead letters, in the order of their `Seq`.
    pub(crate) dead: Vec<Kept>,
    /// What each subscriber saw, reconnects included.
    pub(crate) transcripts: Vec<Transcript>,
    /// Whether there were moments in which the database could not be asked whether an id is known.
    pub(crate) has_outages: bool,
}

/// One event that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) seq: u64,
    pub(crate) stream: String,
    pub(crate) id: String,
    pub(crate) category: Option<String>,
    /// Fingerprint of `data`.
    pub(crate) hash: u64,
}

impl Kept {
    /// From a line of an export.
    pub(crate) fn of(row: &Row) -> Self {
        Self {
            seq: row.seq,
            stream: row.stream.clone(),
            id: row.id.clone(),
            category: row.category.clone(),
            hash: fingerprint(row.data()),
        }
    }
}

/// One event that a subscriber was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) seq: u64,
    pub(crate) hash: u64,
}

/// What one subscriber saw from the beginning of the log to its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcript {
    /// For people.
    pub(crate) name: String,
    /// Its filter; `None` takes everything.
    pub(crate) category: Option<String>,
    /// In the order of arrival.
    pub(crate) shown: Vec<Shown>,
    /// Gap messages: there must be none.
    pub(crate) gaps: Vec<String>,
}

impl Transcript {
    /// Whether its filter takes this event.
    pub(crate) fn wants(&self, kept: &Kept) -> bool {
        self.category.is_none() || self.category == kept.category
    }
}
