//! A walk over the events that a filter wants, in `Seq` order. It goes by key, never by offset.
//!
//! ```text
//!   range of time -> windows of positions -> candidates of one index, or the table itself -> test each row
//! ```
//!
//! Invariant: one walk tests at most as many rows as its caller allows, and says where it stopped. It runs inside the
//! caller's transaction, and holds a few rows at a time.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use model::{Filter, Seq};
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};

use crate::direction::{furthest, is_beyond, origin, signs};
use crate::error::StoreError;
use crate::events::Order;
use crate::postgres::candidates::{Candidates, choose};
use crate::postgres::chunk::Chunk;
use crate::postgres::failure::failure;
use crate::postgres::filter::{Condition, Value, condition};
use crate::postgres::rows;
use crate::postgres::windows::{Window, next_window};

/// What is walked.
pub(crate) struct Walk<'q> {
    pub(crate) filter: &'q Filter,
    pub(crate) order: Order,
    /// Exclusive; `None` begins at the end that `order` names.
    pub(crate) after: Option<Seq>,
    /// What is read of each wanted row; `seq` comes first.
    pub(crate) columns: &'q str,
    /// Most rows that are tested.
    pub(crate) rows_max: usize,
}

/// How a walk ended.
pub(crate) struct Walked {
    /// Where to go on; `None` at the end.
    pub(crate) next: Option<Seq>,
    /// Rows that were tested, and positions without one between them.
    pub(crate) n_read: usize,
}

/// Whether the row was taken; if not, the walk ends before it.
pub(crate) type Take<'t> = dyn FnMut(&Row) -> Result<bool, StoreError> + Send + 't;

/// Parameters of every statement that come before those of the condition.
const N_BEFORE: usize = 3;

/// Hands each wanted row to `take`.
pub(crate) async fn walk(
    tx: &Transaction<'_>,
    wanted: &Walk<'_>,
    take: &mut Take<'_>,
) -> Result<Walked, StoreError> {
    let order = wanted.order;
    let mut position = wanted.after.map_or(origin(order), |seq| seq.get() as i64);
    let mut walking = Walking {
        tx,
        order,
        condition: condition(wanted.filter, N_BEFORE),
        columns: wanted.columns,
        take,
        last: position,
        n_left: wanted.rows_max,
        chunk: Chunk::new(),
    };
    let mut candidates = choose(tx, wanted.filter, order, position).await?;
    let next = loop {
        let window = next_window(tx, wanted.filter, order, position).await.map_err(failure)?;
        let (beyond, end) = match window {
            Window::Over => break None,
            Window::LookedTo(position) => break Some(position),
            Window::Seqs { beyond, end } => (beyond, end),
        };
        let stop = match &mut candidates {
            Some(candidates) => walking.read_candidates(candidates, beyond, end).await?,
            None => walking.read_table(beyond, end).await?,
        };
        match stop {
            Stop::Full => break Some(walking.last),
            Stop::Spent(position) => break Some(position),
            Stop::End if end == furthest(order) => break None,
            Stop::End => position = end,
        }
    };
    let next = next.map(rows::position).transpose()?;
    Ok(Walked { next, n_read: wanted.rows_max - walking.n_left })
}

/// Why reading a window ended.
enum Stop {
    /// There is another wanted row, and it was not taken.
    Full,
    /// Enough rows were tested; there are more behind this position.
    Spent(i64),
    /// Nothing more in the window.
    End,
}

/// A walk under way.
struct Walking<'c, 't> {
    tx: &'c Transaction<'c>,
    order: Order,
    condition: Condition,
    columns: &'c str,
    take: &'c mut Take<'t>,
    /// The last row that was taken.
    last: i64,
    /// Rows that may still be tested.
    n_left: usize,
    chunk: Chunk,
}

impl Walking<'_, '_> {
    /// Walks the rows themselves. Positions are at least as many as rows, so a run of them bounds both. What
    /// a run has no rows for at its end (the log jumps after a repair) does not count.
    async fn read_table(&mut self, mut beyond: i64, end: i64) -> Result<Stop, StoreError> {
        let order = self.order;
        loop {
            let Some(first) = self.first_row(order, beyond, end).await? else {
                return Ok(Stop::End);
            };
            if self.n_left == 0 {
                return Ok(Stop::Spent(beyond));
            }
            let n_positions = self.n_left as i64;
            let part_end = match order {
                Order::Asc => end.min(first.saturating_add(n_positions - 1)),
                Order::Desc => end.max(first - (n_positions - 1)),
            };
            if !self.take_part(beyond, part_end).await? {
                return Ok(Stop::Full);
            }
            let (back, behind) = match order {
                Order::Asc => (Order::Desc, part_end.saturating_add(1)),
                Order::Desc => (Order::Asc, part_end - 1),
            };
            let last = self.first_row(back, behind, first).await?.unwrap_or(first);
            self.n_left -= first.abs_diff(last) as usize + 1;
            beyond = part_end;
        }
    }

    /// The first row of a walk from beyond one position up to another.
    async fn first_row(
        &mut self,
        order: Order,
        beyond: i64,
        end: i64,
    ) -> Result<Option<i64>, StoreError> {
        let (sign, within, direction) = signs(order);
        let sql = format!(
            "SELECT seq FROM eyas.events WHERE seq {sign} $1 AND seq {within} $2 \
             ORDER BY seq {direction} LIMIT 1"
        );
        let values: [Value<'_>; 2] = [(&beyond, Type::INT8), (&end, Type::INT8)];
        let row = self.tx.query_typed_opt(&sql, &values).await.map_err(failure)?;
        row.map(|row| row.try_get(0).map_err(failure)).transpose()
    }

    /// Takes the wanted rows of a range until one is not taken (then `false`) or there are no more.
    async fn take_part(&mut self, mut beyond: i64, end: i64) -> Result<bool, StoreError> {
        let sql = table_sql(self.columns, &self.condition.sql, self.order);
        loop {
            let limit = self.chunk.rows_max();
            let before: [Value<'_>; N_BEFORE] =
                [(&beyond, Type::INT8), (&end, Type::INT8), (&limit, Type::INT8)];
            let values = self.condition.values_behind(&before);
            let found = self.tx.query_typed_raw(&sql, values).await.map_err(failure)?;
            let (mut found, mut n_found, mut last) = (pin!(found), 0, beyond);
            while let Some(row) = found.try_next().await.map_err(failure)? {
                self.chunk.note(&row);
                if !(self.take)(&row)? {
                    return Ok(false);
                }
                last = row.try_get(0).map_err(failure)?;
                (self.last, n_found) = (last, n_found + 1);
            }
            if n_found < limit {
                return Ok(true);
            }
            beyond = last;
        }
    }

    /// Reads the rows that an index offers.
    async fn read_candidates(
        &mut self,
        candidates: &mut Candidates<'_>,
        mut beyond: i64,
        end: i64,
    ) -> Result<Stop, StoreError> {
        let sql = rows_sql(self.columns, &self.condition.sql, self.order);
        loop {
            let n_max = self.n_left.clamp(1, self.chunk.rows_max() as usize);
            let seqs = candidates.peek(beyond, end, n_max).await?;
            let Some(&last) = seqs.last() else { return Ok(Stop::End) };
            if self.n_left == 0 {
                return Ok(Stop::Spent(beyond));
            }
            // The other two are those of a walk through the table; a statement may leave values unused.
            let before: [Value<'_>; N_BEFORE] =
                [(&seqs, Type::INT8_ARRAY), (&beyond, Type::INT8), (&end, Type::INT8)];
            let values = self.condition.values_behind(&before);
            let found = self.tx.query_typed_raw(&sql, values).await.map_err(failure)?;
            let mut found = pin!(found);
            while let Some(row) = found.try_next().await.map_err(failure)? {
                self.chunk.note(&row);
                if !(self.take)(&row)? {
                    return Ok(Stop::Full);
                }
                self.last = row.try_get(0).map_err(failure)?;
            }
            debug_assert!(is_beyond(self.order, last, beyond), "a walk moves on");
            self.n_left -= seqs.len();
            beyond = last;
        }
    }
}

/// A walk through the table. Values: beyond, end, limit, those of the condition.
pub(crate) fn table_sql(columns: &str, condition: &str, order: Order) -> String {
    let (beyond, within, direction) = signs(order);
    format!(
        "SELECT {columns} FROM eyas.events WHERE seq {beyond} $1 AND seq {within} $2 \
         AND {condition} ORDER BY seq {direction} LIMIT $3"
    )
}

/// Some candidates. Values: their positions, two that are not used, those of the condition.
pub(crate) fn rows_sql(columns: &str, condition: &str, order: Order) -> String {
    let (_, _, direction) = signs(order);
    format!(
        "SELECT {columns} FROM eyas.events WHERE seq = ANY ($1) AND {condition} ORDER BY seq {direction}"
    )
}
