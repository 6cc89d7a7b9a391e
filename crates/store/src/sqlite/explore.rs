//! `ExploreStore` on SQLite: a walk from the newest row down, slice by slice, each on a reader of its own.
//!
//! Invariant: no slice holds its snapshot for longer than a slice of [`Pace`] takes, so the write-ahead
//! log is never held back by a long answer.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use model::{Filter, Timestamp};
use rusqlite::Row;

use crate::error::StoreError;
use crate::events::{Extent, Listed, Order, PageQuery};
use crate::explore::{Effort, Examined, ExploreStore, Facets, Moment};
use crate::sqlite::failure::failure;
use crate::sqlite::page;
use crate::sqlite::store::SqliteStore;
use crate::sqlite::walk::{Walk, walk};
use crate::tallies::{Columns, Count, Moments, Pace, Sums, Tally};

impl SqliteStore {
    async fn tally<T: Tally>(
        &self,
        filter: Filter,
        effort: Effort,
        mut tally: T,
    ) -> Result<(T, Examined), StoreError> {
        let filter = Arc::new(filter);
        let (mut pace, mut after) = (Pace::begin(effort), None);
        loop {
            let (filter, rows_max) = (Arc::clone(&filter), pace.rows_max());
            let job = self.readers.run(move |conn| {
                let begun = Instant::now();
                // Dropped at the end, which only ends the snapshot: nothing was written.
                let _snapshot = conn.unchecked_transaction().map_err(failure)?;
                let columns = tally.columns();
                let wanted = Walk { filter: &filter, order: Order::Desc, after, columns, rows_max };
                let mut take = |row: &Row<'_>| tally.take(row).map(|()| true);
                let walked = walk(conn, &wanted, &mut take).map_err(failure)?;
                Ok((tally, walked, begun.elapsed()))
            });
            let (back, walked, took) = job.await?;
            tally = back;
            if let Some(examined) = pace.note(walked.n_read, walked.next.is_none(), took) {
                return Ok((tally, examined));
            }
            after = walked.next;
        }
    }
}

#[async_trait]
impl ExploreStore for SqliteStore {
    async fn count(&self, filter: Filter, effort: Effort) -> Result<(u64, Examined), StoreError> {
        let (Count(n), examined) = self.tally(filter, effort, Count::default()).await?;
        Ok((n, examined))
    }

    async fn facets(
        &self,
        filter: Filter,
        effort: Effort,
    ) -> Result<(Facets, Examined), StoreError> {
        let (sums, examined) = self.tally(filter, effort, Sums::default()).await?;
        Ok(sums.top(examined))
    }

    async fn moments(
        &self,
        filter: Filter,
        effort: Effort,
    ) -> Result<(Vec<Moment>, Examined), StoreError> {
        let moments = Moments { clock: filter.clock, all: Vec::new() };
        let (moments, examined) = self.tally(filter, effort, moments).await?;
        Ok((moments.all, examined))
    }

    async fn named(&self, query: PageQuery, extent: Extent) -> Result<Vec<Listed>, StoreError> {
        self.readers.run(move |conn| page::named(conn, &query, extent)).await
    }
}

impl Columns for Row<'_> {
    type Error = rusqlite::Error;

    fn time(&self, at: usize) -> rusqlite::Result<Timestamp> {
        self.get(at).map(Timestamp::from_micros)
    }

    fn truth(&self, at: usize) -> rusqlite::Result<bool> {
        self.get(at)
    }

    fn label(&self, at: usize) -> rusqlite::Result<Option<&str>> {
        Ok(self.get_ref(at)?.as_str_or_null()?)
    }
}
