//! History as subscribers see it, for every driver: events, and dead letters in their places. One that was replayed is a row
//! at the same position, or a repetition of another one, and shown as that. Its state says so, not the row: retention may
//! delete the row first.
//!
//! Invariant: dead letters are few; no more of them than fit into the page are read, whatever the filter. Both tables are read
//! in one transaction of the driver's, so no row can come between them that one of them has not seen.

use model::{Event, Filter, Seq};

use crate::error::StoreError;
use crate::events::{Order, Page, PageQuery, Stored};

/// The dead letters beside a page of events, read in the order of their positions.
pub(crate) struct Dead<'q> {
    filter: &'q Filter,
    /// Exclusive, and inclusive.
    between: (Seq, Seq),
    limit: usize,
    bytes_max: usize,
    n_read: usize,
    n_bytes: usize,
    wanted: Vec<Stored>,
    /// There may be more behind this one.
    full_at: Option<Seq>,
}

impl<'q> Dead<'q> {
    pub(crate) fn beside(events: &Page, query: &'q PageQuery, bytes_max: usize) -> Self {
        debug_assert_eq!(query.order, Order::Asc, "history goes forward");
        let between = (query.after.unwrap_or(Seq::ZERO), events.next.unwrap_or(Seq::MAX));
        let (filter, limit, wanted) = (&query.filter, query.limit, Vec::new());
        Self { filter, between, limit, bytes_max, n_read: 0, n_bytes: 0, wanted, full_at: None }
    }

    /// Above which position, up to which one, and how many are read.
    pub(crate) fn bounds(&self) -> [i64; 3] {
        let (after, through) = self.between;
        [after.get() as i64, through.get() as i64, self.limit as i64]
    }

    /// The next one; whether there is room behind it.
    pub(crate) fn take(&mut self, seq: Seq, record: Vec<u8>) -> Result<bool, StoreError> {
        self.n_read += 1;
        self.n_bytes += record.len();
        let event = Event::decode(record.into())
            .map_err(|error| StoreError::Unusable(format!("dead letter {seq}: {error}")))?;
        if self.filter.matches(&event) {
            self.wanted.push(Stored { seq, event });
        }
        let is_full = self.n_read == self.limit || self.n_bytes >= self.bytes_max;
        self.full_at = is_full.then_some(seq);
        Ok(!is_full)
    }

    /// Both in their places.
    pub(crate) fn join(self, Page { events, mut next }: Page) -> Page<Stored> {
        let events = events.into_iter();
        let mut events: Vec<Stored> =
            events.map(|listed| Stored { seq: listed.seq, event: listed.event }).collect();
        if let Some(end) = self.full_at {
            events.retain(|stored| stored.seq <= end);
            next = Some(end);
        }
        if !self.wanted.is_empty() {
            events.extend(self.wanted);
            events.sort_by_key(|stored| stored.seq);
            if events.len() > self.limit {
                events.truncate(self.limit);
                next = events.last().map(|stored| stored.seq);
            }
        }
        Page { events, next }
    }
}
