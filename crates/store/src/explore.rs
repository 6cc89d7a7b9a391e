//! What a screen wants to know about many events at once: how many, of which kinds, and when.
//!
//! Invariant: every answer costs a bounded amount of work ([`Effort`]), newest events first, in slices, so that no read
//! holds up writers or other readers. Where the bound was met the numbers are lower bounds, and the answer says so.

use std::time::Duration;

use async_trait::async_trait;
use model::{Filter, Timestamp};

use crate::error::StoreError;
use crate::events::{Extent, Listed, PageQuery};

/// Values that a facet has at most: those that most events have.
pub const FACET_VALUES_MAX: usize = 20;

/// How much work an answer is worth. The first of the two that is met ends it, but some rows are always looked at.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rows that are tested against the filter.
    pub rows_max: u64,
    /// Time, waiting for a connection included.
    pub time_max: Duration,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// Rows that were tested; an upper bound where positions are sparse.
    pub n_rows: u64,
    /// Everything that the filter may want is among them.
    pub is_complete: bool,
}

/// One value of a label, and how many events have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetValue {
    /// `None`: the event has no such label.
    pub value: Option<String>,
    /// At least one.
    pub count: u64,
}

/// Most frequent first, then by value; at most [`FACET_VALUES_MAX`] each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// Applications.
    pub application: Vec<FacetValue>,
    /// Categories.
    pub category: Vec<FacetValue>,
    /// Names.
    pub name: Vec<FacetValue>,
    /// Streams.
    pub stream: Vec<FacetValue>,
    /// Events that are valid.
    pub n_valid: u64,
    /// Events that are not.
    pub n_invalid: u64,
}

/// When an event was, by the clock of the filter, and whether it is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// By the filter's clock.
    pub at: Timestamp,
    /// The verdict.
    pub is_valid: bool,
}

/// Summaries of what a filter wants.
#[async_trait]
pub trait ExploreStore: Send + Sync {
    /// How many events the filter wants.
    async fn count(&self, filter: Filter, effort: Effort) -> Result<(u64, Examined), StoreError>;

    /// Which labels the wanted events have, and how often.
    async fn facets(
        &self,
        filter: Filter,
        effort: Effort,
    ) -> Result<(Facets, Examined), StoreError>;

    /// The times of the wanted events, newest position first; as many as rows are examined at most.
    async fn moments(
        &self,
        filter: Filter,
        effort: Effort,
    ) -> Result<(Vec<Moment>, Examined), StoreError>;

    /// The wanted events whose id is exactly what the query's filter searches for, in the query's order, at most its
    /// limit; found through an index, wherever they stand. `after` does not matter.
    async fn named(&self, query: PageQuery, extent: Extent) -> Result<Vec<Listed>, StoreError>;
}
