//! When so many records are refused that the fault must lie with the database and not with the records.
//!
//! One bad record is put aside as a dead letter. A database whose schema is wrong would put everything aside, so
//! more than half of the newest records stop the consumer instead (RELIABILITY P4).
//!
//! Invariant: the window is derived from the database and the transaction under way, never remembered: a restart
//! finds the same one, and dead letters that were replayed or discarded no longer count.

use std::collections::VecDeque;

/// How many of the newest records are looked at. Repetitions and id conflicts are not among them.
pub(crate) const WINDOW: usize = 1_000;
/// With fewer records than this nothing is concluded: a young database may well be sent a handful of bad ones.
pub(crate) const RECORDS_MIN: usize = 100;

/// The newest records, oldest first: was it refused?
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    window: VecDeque<bool>,
    n_refused: usize,
}

impl Breaker {
    /// Begins with what the database holds, oldest first.
    pub(crate) fn new(newest: impl IntoIterator<Item = bool>) -> Self {
        let mut breaker = Self::default();
        newest.into_iter().for_each(|is_refused| breaker.note(is_refused));
        breaker
    }

    /// A record was stored.
    pub(crate) fn stored(&mut self) {
        self.note(false);
    }

    /// A record was refused: whether that is one too many. Only a refusal opens the breaker, so a database that
    /// takes records again is never stopped by its past.
    #[must_use]
    pub(crate) fn refused(&mut self) -> bool {
        self.note(true);
        self.is_sure() && self.n_refused * 2 > self.window.len()
    }

    /// Whether it has seen enough records to conclude anything.
    pub(crate) fn is_sure(&self) -> bool {
        self.window.len() >= RECORDS_MIN
    }

    /// How many of the newest records were refused, and how many records those are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.n_refused, self.window.len())
    }

    fn note(&mut self, is_refused: bool) {
        if self.window.len() == WINDOW {
            self.n_refused -= usize::from(self.window.pop_front() == Some(true));
        }
        self.window.push_back(is_refused);
        self.n_refused += usize::from(is_refused);
    }
}
