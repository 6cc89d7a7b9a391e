//! A walk over the events that a filter wants, in `Seq` order. It goes by key, never by offset.
//!
//! ```text
//!   range of time -> windows of positions -> candidates of one index, or the table itself -> test each row
//! ```
//!
//! Invariant: one walk tests at most as many rows as its caller allows, and says where it stopped. It runs inside the
//! caller's transaction.

use model::{Filter, Seq};
use rusqlite::types::Value;
use rusqlite::{
    CachedStatement, Connection, OptionalExtension as _, Row, params, params_from_iter,
};

use crate::direction::{furthest, is_beyond, origin, signs};
use crate::events::Order;
use crate::sqlite::candidates::{Candidates, choose};
use crate::sqlite::filter::{Condition, condition};
use crate::sqlite::windows::{Window, next_window};

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
pub(crate) type Take<'t> = dyn FnMut(&Row<'_>) -> rusqlite::Result<bool> + 't;

/// Hands each wanted row to `take`.
pub(crate) fn walk(
    conn: &Connection,
    wanted: &Walk<'_>,
    take: &mut Take<'_>,
) -> rusqlite::Result<Walked> {
    let order = wanted.order;
    let mut position = wanted.after.map_or(origin(order), |seq| seq.get() as i64);
    let mut walking = Walking {
        conn,
        order,
        condition: condition(wanted.filter),
        columns: wanted.columns,
        take,
        last: position,
        n_left: wanted.rows_max,
    };
    let mut candidates = choose(conn, wanted.filter, order, position)?;
    let next = loop {
        let (beyond, end) = match next_window(conn, wanted.filter, order, position)? {
            Window::Over => break None,
            Window::LookedTo(position) => break Some(position),
            Window::Seqs { beyond, end } => (beyond, end),
        };
        let stop = match &mut candidates {
            Some(candidates) => walking.read_candidates(candidates, beyond, end)?,
            None => walking.read_table(beyond, end)?,
        };
        match stop {
            Stop::Full => break Some(walking.last),
            Stop::Spent(position) => break Some(position),
            Stop::End if end == furthest(order) => break None,
            Stop::End => position = end,
        }
    };
    let next = next.map(|position| {
        let seq = u64::try_from(position).ok().and_then(Seq::new);
        seq.ok_or(rusqlite::Error::IntegralValueOutOfRange(0, position))
    });
    Ok(Walked { next: next.transpose()?, n_read: wanted.rows_max - walking.n_left })
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
    conn: &'c Connection,
    order: Order,
    condition: Condition,
    columns: &'c str,
    take: &'c mut Take<'t>,
    /// The last row that was taken.
    last: i64,
    /// Rows that may still be tested.
    n_left: usize,
}

impl Walking<'_, '_> {
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
            let sql = table_sql(self.columns, &self.condition.sql, self.order);
            let mut select = self.conn.prepare_cached(&sql)?;
            if !self.take_all(&mut select, values)? {
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

    /// Takes rows until one is not taken (then `false`) or there are no more.
    fn take_all(
        &mut self,
        select: &mut CachedStatement<'_>,
        values: Vec<Value>,
    ) -> rusqlite::Result<bool> {
        let mut found = select.query(params_from_iter(values))?;
        while let Some(row) = found.next()? {
            if !(self.take)(row)? {
                return Ok(false);
            }
            self.last = row.get(0)?;
        }
        Ok(true)
    }

    /// Reads the rows that an index offers, one by one.
    fn read_candidates(
        &mut self,
        candidates: &mut Candidates<'_>,
        beyond: i64,
        end: i64,
    ) -> rusqlite::Result<Stop> {
        candidates.skip_to(beyond)?;
        let mut select = self.conn.prepare_cached(&row_sql(self.columns, &self.condition.sql))?;
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
                if !(self.take)(row)? {
                    return Ok(Stop::Full);
                }
                self.last = seq;
            }
            self.n_left -= 1;
            tested = seq;
        }
        Ok(Stop::End)
    }
}

/// A walk through the table. Values: beyond, end, those of the condition.
pub(crate) fn table_sql(columns: &str, condition: &str, order: Order) -> String {
    let (beyond, within, direction) = signs(order);
    format!(
        "SELECT {columns} FROM events NOT INDEXED WHERE seq {beyond} ? AND seq {within} ? \
         AND {condition} ORDER BY seq {direction}"
    )
}

/// One candidate. Values: its position, those of the condition.
pub(crate) fn row_sql(columns: &str, condition: &str) -> String {
    format!("SELECT {columns} FROM events NOT INDEXED WHERE seq = ? AND {condition}")
}
