//! `ExploreStore` on PostgreSQL: a walk from the newest row down, slice by slice, each in a transaction of its own.
//!
//! Invariant: no slice holds its snapshot, or its connection, for longer than a slice of [`Pace`] takes, so
//! a long answer keeps neither vacuum nor another reader waiting.

use std::time::Instant;

use async_trait::async_trait;
use model::{Filter, Timestamp};
use tokio_postgres::{Error, Row, Transaction};

use crate::error::StoreError;
use crate::events::{Extent, Listed, Order, PageQuery};
use crate::explore::{Effort, Examined, ExploreStore, Facets, Moment};
use crate::postgres::call::read;
use crate::postgres::failure::failure;
use crate::postgres::page;
use crate::postgres::store::PostgresStore;
use crate::postgres::walk::{Walk, walk};
use crate::tallies::{Columns, Count, Moments, Pace, Sums, Tally};

impl PostgresStore {
    async fn tally<T: Tally>(
        &self,
        filter: &Filter,
        effort: Effort,
        mut tally: T,
    ) -> Result<(T, Examined), StoreError> {
        let (mut pace, mut after) = (Pace::begin(effort), None);
        loop {
            let (columns, rows_max) = (tally.columns(), pace.rows_max());
            let wanted = Walk { filter, order: Order::Desc, after, columns, rows_max };
            let mut take = |row: &Row| tally.take(row).map(|()| true).map_err(failure);
            let run = async |tx: &Transaction<'_>| {
                let begun = Instant::now();
                Ok((walk(tx, &wanted, &mut take).await?, begun.elapsed()))
            };
            let (walked, took) = read(&self.pool, run).await?;
            if let Some(examined) = pace.note(walked.n_read, walked.next.is_none(), took) {
                return Ok((tally, examined));
            }
            after = walked.next;
        }
    }
}

#[async_trait]
impl ExploreStore for PostgresStore {
    async fn count(&self, filter: Filter, effort: Effort) -> Result<(u64, Examined), StoreError> {
        let (Count(n), examined) = self.tally(&filter, effort, Count::default()).await?;
        Ok((n, examined))
    }

    async fn facets(
        &self,
        filter: Filter,
        effort: Effort,
    ) -> Result<(Facets, Examined), StoreError> {
        let (sums, examined) = self.tally(&filter, effort, Sums::default()).await?;
        Ok(sums.top(examined))
    }

    async fn moments(
        &self,
        filter: Filter,
        effort: Effort,
    ) -> Result<(Vec<Moment>, Examined), StoreError> {
        let moments = Moments { clock: filter.clock, all: Vec::new() };
        let (moments, examined) = self.tally(&filter, effort, moments).await?;
        Ok((moments.all, examined))
    }

    async fn named(&self, query: PageQuery, extent: Extent) -> Result<Vec<Listed>, StoreError> {
        read(&self.pool, async |tx| page::named(tx, &query, extent).await).await
    }
}

impl Columns for Row {
    type Error = Error;

    fn time(&self, at: usize) -> Result<Timestamp, Error> {
        self.try_get(at).map(Timestamp::from_micros)
    }

    fn truth(&self, at: usize) -> Result<bool, Error> {
        self.try_get(at)
    }

    fn label(&self, at: usize) -> Result<Option<&str>, Error> {
        self.try_get(at)
    }
}
