//! Pages in `Seq` order. They go by key, never by offset.
//!
//! ```text
//!   range of time -> windows of positions -> candidates of one index, or the table itself -> test each row
//! ```
//!
//! Invariant: one call reads a bounded number of rows and bytes, whatever the filter. Where
//! [`ROWS_READ_MAX`] rows have been tested, the page ends, and says so with `next`. All statements of a
//! page see one state of the database, else rows could come between them unseen.

use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params, params_from_iter};

use crate::error::StoreError;
use crate::events::{Extent, Listed, Order, Page, PageQuery};
use crate::sqlite::candidates::{Candidates, choose};
use crate::sqlite::direction::{furthest, is_beyond, origin, signs};
use crate::sqlite::failure::failure;
use crate::sqlite::filter::{Condition, condition};
use crate::sqlite::rows;
use crate::sqlite::windows::{Window, next_window};

/// Most rows that one page tests against its filter.
pub(crate) const ROWS_READ_MAX: usize = 20_000;
/// Most bytes of `data` that previews may make the database read for one page.
const PREVIEWED_BYTES_MAX: u64 = 64 << 20;
/// Most events of one page, whatever its limit.
const PAGE_EVENTS_MAX: usize = 10_000;

/// One page.
pub(crate) fn page(
    conn: &Connection,
    query: &PageQuery,
    extent: Extent,
) -> Result<Page, StoreError> {
    // Dropped at the end, which only ends the snapshot: nothing was written.
    let _snapshot = conn.unchecked_transaction().map_err(failure)?;
    read_page(conn, query, extent).map_err(failure)
}

/// One page, inside the caller's transaction.
pub(crate) fn read_page(
    conn: &Connection,
    query: &PageQuery,
    extent: Extent,
) -> rusqlite::Result<Page> {
    let order = query.order;
    let mut position = query.after.map_or(origin(order), |seq| seq.get() as i64);
    let mut reading = Reading {
        conn,
        order,
        condition: condition(&query.filter),
        extent,
        limit: query.limit.clamp(1, PAGE_EVENTS_MAX),
        events: Vec::new(),
        n_bytes: 0,
        n_previewed: 0,
        n_left: ROWS_READ_MAX,
    };
    let mut candidates = choose(conn, &query.filter, order, position)?;
    loop {
        let (beyond, end) = match next_window(conn, &query.filter, order, position)? {
            Window::Over => return reading.page(None),
            Window::LookedTo(position) => return reading.page(Some(position)),
            Window::Seqs { beyond, end } => (beyond, end),
        };
        let stop = match &mut candidates {
            Some(candidates) => reading.read_candidates(candidates, beyond, end)?,
            None => reading.read_table(beyond, end)?,
        };
        match stop {
            Stop::Full => {
                let last = reading.events.last().map(|listed| listed.seq.get() as i64);
                return reading.page(last);
            }
            Stop::Spent(position) => return reading.page(Some(position)),
            Stop::End if end == furthest(order) => return reading.page(None),
            Stop::End => position = end,
        }
    }
}

/// Why reading a window ended.
enum Stop {
    /// There is another wanted row, and no room for it.
    Full,
    /// Enough rows were tested; there are more behind this position.
    Spent(i64),
    /// Nothing more in the window.
    End,
}

/// A page under way.
struct Reading<'c> {
    conn: &'c Connection,
    order: Order,
    condition: Condition,
    extent: Extent,
    limit: usize,
    events: Vec<Listed>,
    n_bytes: usize,
    /// Bytes that were read for the sake of their beginnings.
    n_previewed: u64,
    /// Rows that may still be tested.
    n_left: usize,
}

impl Reading<'_> {
    fn page(self, next: Option<i64>) -> rusqlite::Result<Page> {
        let next = next.map(|position| {
            let seq = u64::try_from(position).ok().and_then(model::Seq::new);
            seq.ok_or(rusqlite::Error::IntegralValueOutOfRange(0, position))
        });
        Ok(Page { events: self.events, next: next.transpose()? })
    }

    /// Walks the rows themselves. Positions are at least as many as rows, so a run of them bounds both. What
    /// a run has no rows for at its end (the log jumps after a repair) does not count.
    fn read_table(&mut self, mut beyond: i64, end: i64) -> rusqlite::Result<Stop> {
        let order = self.order;
        loop {
            let Some(first) = self.first_row(order, beyond, end)? else { return Ok(Stop::End) };
            if self.n_left == 0 {
                return Ok(Stop::Spent(beyond));
            }
            let n_positions = self.n_left as i64;
            let part_end = match self.order {
                Order::Asc => end.min(first.saturating_add(n_positions - 1)),
                Order::Desc => end.max(first - (n_positions - 1)),
            };
            let mut values = vec![Value::Integer(beyond), Value::Integer(part_end)];
            values.extend(self.condition.values.iter().cloned());
            let n_wanted = self.limit - self.events.len();
            // One more than wanted tells a full page from the last one.
            values.push(Value::Integer(n_wanted as i64 + 1));
            let sql = page_sql(self.extent, &self.condition.sql, self.order);
            let mut select = self.conn.prepare_cached(&sql)?;
            if self.take(&mut select, values)? {
                return Ok(Stop::Full);
            }
            let (back, behind) = match order {
                Order::Asc => (Order::Desc, part_end.saturating_add(1)),
                Order::Desc => (Order::Asc, part_end - 1),
            };
            let last = self.first_row(back, behind, first)?.unwrap_or(first);
            self.n_left -= first.abs_diff(last) as usize + 1;
            beyond = part_end;
        }
    }

    /// The first row of a walk from beyond one position up to another.
    fn first_row(&self, order: Order, beyond: i64, end: i64) -> rusqlite::Result<Option<i64>> {
        let (sign, within, direction) = signs(order);
        let sql = format!(
            "SELECT seq FROM events NOT INDEXED WHERE seq {sign} ? AND seq {within} ? \
             ORDER BY seq {direction} LIMIT 1"
        );
        let mut select = self.conn.prepare_cached(&sql)?;
        select.query_row(params![beyond, end], |row| row.get(0)).optional()
    }

    /// Adds rows until the page is full; whether there was one more.
    fn take(
        &mut self,
        select: &mut CachedStatement<'_>,
        values: Vec<Value>,
    ) -> rusqlite::Result<bool> {
        let mut found = select.query(params_from_iter(values))?;
        while let Some(row) = found.next()? {
            if self.is_full() {
                return Ok(true);
            }
            let listed = rows::listed(row, self.extent)?;
            self.add(listed);
        }
        Ok(false)
    }

    /// Reads the rows that an index offers, one by one.
    fn read_candidates(
        &mut self,
        candidates: &mut Candidates<'_>,
        beyond: i64,
        end: i64,
    ) -> rusqlite::Result<Stop> {
        candidates.skip_to(beyond)?;
        let mut select = self.conn.prepare_cached(&row_sql(self.extent, &self.condition.sql))?;
        for (at, value) in self.condition.values.iter().enumerate() {
            select.raw_bind_parameter(at + 2, value)?;
        }
        let mut tested = beyond;
        while let Some(seq) = candidates.next()? {
            if is_beyond(self.order, seq, end) {
                candidates.take_back(seq);
                return Ok(Stop::End);
            }
            if self.n_left == 0 {
                return Ok(Stop::Spent(tested));
            }
            select.raw_bind_parameter(1, seq)?;
            let mut found = select.raw_query();
            if let Some(row) = found.next()? {
                if self.is_full() {
                    return Ok(Stop::Full);
                }
                let listed = rows::listed(row, self.extent)?;
                self.add(listed);
            }
            self.n_left -= 1;
            tested = seq;
        }
        Ok(Stop::End)
    }

    fn is_full(&self) -> bool {
        self.events.len() == self.limit
            || self.n_bytes >= self.extent.bytes_max
            || self.n_previewed >= PREVIEWED_BYTES_MAX
    }

    fn add(&mut self, listed: Listed) {
        self.n_bytes += listed.event.record().len();
        if self.extent.data_bytes_max.is_some() {
            self.n_previewed += listed.data_bytes;
        }
        self.events.push(listed);
    }
}

/// A walk through the table. Values: beyond, end, those of the condition, limit.
pub(crate) fn page_sql(extent: Extent, condition: &str, order: Order) -> String {
    let (columns, (beyond, within, direction)) = (rows::columns(extent), signs(order));
    format!(
        "SELECT {columns} FROM events NOT INDEXED WHERE seq {beyond} ? AND seq {within} ? \
         AND {condition} ORDER BY seq {direction} LIMIT ?"
    )
}

/// One candidate. Values: its position, those of the condition.
pub(crate) fn row_sql(extent: Extent, condition: &str) -> String {
    let columns = rows::columns(extent);
    format!("SELECT {columns} FROM events NOT INDEXED WHERE seq = ? AND {condition}")
}
