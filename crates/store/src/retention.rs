//! Deleting events by age, and how far that has gone.
//!
//! A stream loses its oldest events first, in `Seq` order, so one position says what is gone: the stream's horizon, the
//! highest position that was ever deleted. Invariant: a horizon is stored in the transaction that deletes, and never moves
//! back; what stands above it is whole.

use std::collections::BTreeMap;

use async_trait::async_trait;
use model::{Filter, Seq, Timestamp};

use crate::error::StoreError;

/// How far each stream has been deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Horizons {
    by_stream: BTreeMap<String, Seq>,
    highest: Seq,
}

impl Horizons {
    /// Of one stream; `Seq` 0 where nothing was deleted.
    pub fn of_stream(&self, stream: &str) -> Seq {
        self.by_stream.get(stream).copied().unwrap_or(Seq::ZERO)
    }

    /// The highest of the streams that the filter wants.
    pub fn of(&self, filter: &Filter) -> Seq {
        if filter.stream.is_empty() {
            return self.highest;
        }
        let is_wanted = |stream: &str| filter.stream.iter().any(|pattern| pattern.matches(stream));
        let wanted = self.by_stream.iter().filter(|(stream, _)| is_wanted(stream));
        wanted.map(|(_, horizon)| *horizon).max().unwrap_or(Seq::ZERO)
    }

    /// A horizon never moves back.
    pub fn raise(&mut self, stream: &str, horizon: Seq) {
        let known = self.by_stream.entry(stream.to_owned()).or_insert(Seq::ZERO);
        *known = horizon.max(*known);
        self.highest = horizon.max(self.highest);
    }

    /// All of them, by stream.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Seq)> {
        self.by_stream.iter().map(|(stream, horizon)| (stream.as_str(), *horizon))
    }
}

/// What is to be deleted of one stream.
#[derive(Clone, Debug)]
pub struct Forget {
    /// Its name.
    pub stream: String,
    /// Only what came in before this; dead letters by when they died, so that people have had the whole time.
    pub before: Timestamp,
    /// Most rows at once.
    pub rows_max: usize,
}

/// Deletes by age. Nothing else does.
#[async_trait]
pub trait RetentionStore: Send + Sync {
    /// The horizons of all streams.
    async fn horizons(&self) -> Result<Horizons, StoreError>;

    /// Names of streams that hold something, in order, after the given one.
    async fn streams(&self, after: &str, limit: usize) -> Result<Vec<String>, StoreError>;

    /// Up to where the next call of [`Self::forget`] may delete; `None` when nothing is old enough. Reads only the oldest
    /// rows of the stream. A row that came in later by its clock than `now` holds up none behind it.
    async fn due(&self, forget: Forget, now: Timestamp) -> Result<Option<Seq>, StoreError>;

    /// ONE transaction: deletes the stream's events up to `through` and its old dead letters up to there, at most `rows_max`
    /// of each, and raises the stream's horizon to `through`. The number of rows that are gone. Repeating it does nothing.
    async fn forget(&self, forget: Forget, through: Seq) -> Result<u64, StoreError>;
}
