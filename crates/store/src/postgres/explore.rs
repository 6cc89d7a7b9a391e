//! `ExploreStore` on PostgreSQL: a walk from the newest row down, slice by slice, each in a transaction of its own.
//!
//! Invariant: no slice holds its snapshot, or its connection, for longer than it takes to test [`SLICE_ROWS`]`.1` rows, so
//! a long answer keeps neither vacuum nor another reader waiting.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use model::{Clock, Filter, Timestamp};
use tokio_postgres::{Error, Row, Transaction};

use crate::error::StoreError;
use crate::events::{Extent, Listed, Order, PageQuery};
use crate::explore::{Effort, Examined, ExploreStore, Facets, Moment};
use crate::label_counts::Label;
use crate::postgres::call::read;
use crate::postgres::failure::failure;
use crate::postgres::page;
use crate::postgres::store::PostgresStore;
use crate::postgres::walk::{Walk, walk};

/// Rows of the first slice, and most of any.
const SLICE_ROWS: (usize, usize) = (2_000, 20_000);
/// A slice that took less may be followed by one twice as long.
const SLICE_TIME: Duration = Duration::from_millis(50);

/// What a walk adds up.
trait Tally: Send + 'static {
    /// After `seq`, in the order that [`Self::take`] reads.
    const COLUMNS: &'static str;

    fn take(&mut self, row: &Row) -> Result<(), Error>;
}

impl PostgresStore {
    async fn tally<T: Tally>(
        &self,
        filter: &Filter,
        effort: Effort,
        mut tally: T,
    ) -> Result<(T, Examined), StoreError> {
        let begun = Instant::now();
        let (mut after, mut n_rows, mut slice) = (None, 0, SLICE_ROWS.0);
        loop {
            let rows_max = slice.min(usize::try_from(effort.rows_max - n_rows).unwrap_or(slice));
            let wanted = Walk { filter, order: Order::Desc, after, columns: T::COLUMNS, rows_max };
            let mut take = |row: &Row| tally.take(row).map(|()| true).map_err(failure);
            let run = async |tx: &Transaction<'_>| {
                let begun = Instant::now();
                Ok((walk(tx, &wanted, &mut take).await?, begun.elapsed()))
            };
            let (walked, took) = read(&self.pool, run).await?;
            n_rows += walked.n_read as u64;
            let is_complete = walked.next.is_none();
            if is_complete || n_rows >= effort.rows_max || begun.elapsed() >= effort.time_max {
                return Ok((tally, Examined { n_rows, is_complete }));
            }
            after = walked.next;
            slice = if took < SLICE_TIME { SLICE_ROWS.1.min(slice * 2) } else { SLICE_ROWS.0 };
        }
    }
}

#[async_trait]
impl ExploreStore for PostgresStore {
    async fn count(&self, filter: Filter, effort: Effort) -> Result<(u64, Examined), StoreError> {
        let (Count(n), examined) = self.tally(&filter, effort, Count(0)).await?;
        Ok((n, examined))
    }

    async fn facets(
        &self,
        filter: Filter,
        effort: Effort,
    ) -> Result<(Facets, Examined), StoreError> {
        let (sums, examined) = self.tally(&filter, effort, Sums::default()).await?;
        let is_complete = examined.is_complete && !sums.labels.iter().any(|label| label.is_cut);
        let [application, category, name, stream] = sums.labels.map(Label::top);
        let Sums { n_valid, n_invalid, .. } = sums;
        let facets = Facets { application, category, name, stream, n_valid, n_invalid };
        Ok((facets, Examined { is_complete, ..examined }))
    }

    async fn moments(
        &self,
        filter: Filter,
        effort: Effort,
    ) -> Result<(Vec<Moment>, Examined), StoreError> {
        match filter.clock {
            Clock::Received => {
                let (moments, examined) = self.tally(&filter, effort, Received(Vec::new())).await?;
                Ok((moments.0, examined))
            }
            Clock::Event => {
                let (moments, examined) = self.tally(&filter, effort, Happened(Vec::new())).await?;
                Ok((moments.0, examined))
            }
        }
    }

    async fn named(&self, query: PageQuery, extent: Extent) -> Result<Vec<Listed>, StoreError> {
        read(&self.pool, async |tx| page::named(tx, &query, extent).await).await
    }
}

struct Count(u64);

impl Tally for Count {
    const COLUMNS: &'static str = "seq";

    fn take(&mut self, _row: &Row) -> Result<(), Error> {
        self.0 += 1;
        Ok(())
    }
}

struct Received(Vec<Moment>);

impl Tally for Received {
    const COLUMNS: &'static str = "seq, received_at_us, valid";

    fn take(&mut self, row: &Row) -> Result<(), Error> {
        self.0.push(moment(row)?);
        Ok(())
    }
}

struct Happened(Vec<Moment>);

impl Tally for Happened {
    const COLUMNS: &'static str = "seq, coalesce(timestamp_us, received_at_us), valid";

    fn take(&mut self, row: &Row) -> Result<(), Error> {
        self.0.push(moment(row)?);
        Ok(())
    }
}

fn moment(row: &Row) -> Result<Moment, Error> {
    Ok(Moment { at: Timestamp::from_micros(row.try_get(1)?), is_valid: row.try_get(2)? })
}

#[derive(Default)]
struct Sums {
    labels: [Label; 4],
    n_valid: u64,
    n_invalid: u64,
}

impl Tally for Sums {
    const COLUMNS: &'static str = "seq, application, category, name, stream, valid";

    fn take(&mut self, row: &Row) -> Result<(), Error> {
        for (at, label) in self.labels.iter_mut().enumerate() {
            label.add(row.try_get(at + 1)?);
        }
        if row.try_get(5)? {
            self.n_valid += 1;
        } else {
            self.n_invalid += 1;
        }
        Ok(())
    }
}
