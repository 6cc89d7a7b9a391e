//! What a walk over many events adds up, and how long its slices are, for every driver.

use std::time::{Duration, Instant};

use model::{Clock, Timestamp};

use crate::explore::{Effort, Examined, Facets, Moment};
use crate::label_counts::Label;

/// Rows of the first slice, and most of any.
const SLICE_ROWS: (usize, usize) = (2_000, 20_000);
/// A slice that took less may be followed by one twice as long.
const SLICE_TIME: Duration = Duration::from_millis(25);

/// A row of some driver; its columns are counted from 0.
pub(crate) trait Columns {
    type Error;

    fn time(&self, at: usize) -> Result<Timestamp, Self::Error>;
    fn truth(&self, at: usize) -> Result<bool, Self::Error>;
    fn label(&self, at: usize) -> Result<Option<&str>, Self::Error>;
}

/// What a walk adds up.
pub(crate) trait Tally: Send + 'static {
    /// What is read of each row. Column 0 is for the walk.
    fn columns(&self) -> &'static str;

    fn take<C: Columns>(&mut self, row: &C) -> Result<(), C::Error>;
}

/// How many there are.
#[derive(Default)]
pub(crate) struct Count(pub(crate) u64);

impl Tally for Count {
    fn columns(&self) -> &'static str {
        "seq"
    }

    fn take<C: Columns>(&mut self, _row: &C) -> Result<(), C::Error> {
        self.0 += 1;
        Ok(())
    }
}

/// When they were.
pub(crate) struct Moments {
    pub(crate) clock: Clock,
    pub(crate) all: Vec<Moment>,
}

impl Tally for Moments {
    fn columns(&self) -> &'static str {
        match self.clock {
            Clock::Received => "seq, received_at_us, valid",
            Clock::Event => "seq, coalesce(timestamp_us, received_at_us), valid",
        }
    }

    fn take<C: Columns>(&mut self, row: &C) -> Result<(), C::Error> {
        self.all.push(Moment { at: row.time(1)?, is_valid: row.truth(2)? });
        Ok(())
    }
}

/// Which labels they have.
#[derive(Default)]
pub(crate) struct Sums {
    labels: [Label; 4],
    n_valid: u64,
    n_invalid: u64,
}

impl Tally for Sums {
    fn columns(&self) -> &'static str {
        "seq, application, category, name, stream, valid"
    }

    fn take<C: Columns>(&mut self, row: &C) -> Result<(), C::Error> {
        for (at, label) in self.labels.iter_mut().enumerate() {
            label.add(row.label(at + 1)?);
        }
        if row.truth(5)? {
            self.n_valid += 1;
        } else {
            self.n_invalid += 1;
        }
        Ok(())
    }
}

impl Sums {
    /// The most frequent ones. Where there were more values than are counted, not everything was examined.
    pub(crate) fn top(self, examined: Examined) -> (Facets, Examined) {
        let is_complete = examined.is_complete && !self.labels.iter().any(|label| label.is_cut);
        let [application, category, name, stream] = self.labels.map(Label::top);
        let Self { n_valid, n_invalid, .. } = self;
        let facets = Facets { application, category, name, stream, n_valid, n_invalid };
        (facets, Examined { is_complete, ..examined })
    }
}

/// The slices of a walk, each in a transaction of its own that should soon be over.
pub(crate) struct Pace {
    effort: Effort,
    begun: Instant,
    n_rows: u64,
    slice: usize,
}

impl Pace {
    pub(crate) fn begin(effort: Effort) -> Self {
        Self { effort, begun: Instant::now(), n_rows: 0, slice: SLICE_ROWS.0 }
    }

    /// Rows that the next slice tests at most.
    pub(crate) fn rows_max(&self) -> usize {
        let n_left = self.effort.rows_max - self.n_rows;
        usize::try_from(n_left).map_or(self.slice, |n_left| self.slice.min(n_left))
    }

    /// A slice is over, which tested so many rows in that time: what was examined, if it was the last one.
    pub(crate) fn note(&mut self, n_read: usize, is_end: bool, took: Duration) -> Option<Examined> {
        self.n_rows += n_read as u64;
        let is_quick = took < SLICE_TIME;
        self.slice = if is_quick { SLICE_ROWS.1.min(self.slice * 2) } else { SLICE_ROWS.0 };
        let Effort { rows_max, time_max } = self.effort;
        let is_over = is_end || self.n_rows >= rows_max || self.begun.elapsed() >= time_max;
        is_over.then_some(Examined { n_rows: self.n_rows, is_complete: is_end })
    }
}
