//! Positions that an index offers for a filter, several ranges of it merged in the order of the walk.
//!
//! Every index of SQLite ends with the row's position, so all rows of one stream, or of one category and
//! name, stand there in order; the rows of several labels are merged out of as many ranges. Invariant:
//! whatever is offered, nothing that the filter wants is left out; rows that it does not want are dropped
//! when they are read.

use std::collections::{BinaryHeap, VecDeque};

use model::{Filter, Pattern};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use crate::direction::{is_beyond, signs};
use crate::events::Order;
use crate::sqlite::labels::{Labels, Of};

/// Most ranges that one page merges.
const RUNS_MAX: usize = 256;
/// Most rows of all wanted sessions together that a page puts in order; an index has them by time.
pub(crate) const SESSION_ROWS_SORTED_MAX: usize = 20_000;
/// So many candidates ahead of the cursor show how dense an index is there.
const PROBE: usize = 100;
/// An index is worth its detour when its candidates stand further apart than this on average.
const STRIDE_MIN: u64 = 4;
/// Positions that a range reads first, and at most, at once.
const CHUNK: (usize, usize) = (64, 1024);

/// The ways into the table besides the table itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    Session,
    Invalid,
    Name,
    Application,
    Stream,
}

const ALL: [Index; 5] =
    [Index::Session, Index::Invalid, Index::Name, Index::Application, Index::Stream];

/// One range of an index.
#[derive(Debug)]
struct Run {
    /// What the range has in common.
    values: Vec<Value>,
    /// Read and not yet offered.
    ahead: VecDeque<i64>,
    /// Read up to here.
    beyond: i64,
    chunk: usize,
    is_over: bool,
}

/// The merged ranges.
pub(crate) struct Candidates<'c> {
    conn: &'c Connection,
    order: Order,
    sql: String,
    runs: Vec<Run>,
    /// The next position of each run that has one, first in the walk on top.
    heads: BinaryHeap<(i64, usize)>,
    /// Offered before and taken back.
    again: VecDeque<i64>,
}

/// The index whose candidates ahead of `beyond` are fewest; `None` if the table itself is as good.
pub(crate) fn choose<'c>(
    conn: &'c Connection,
    filter: &Filter,
    order: Order,
    beyond: i64,
) -> rusqlite::Result<Option<Candidates<'c>>> {
    let (mut best, mut best_reach) = (None, PROBE as u64 * STRIDE_MIN);
    for index in ALL {
        let Some(mut candidates) = Candidates::of(conn, filter, index, order, beyond)? else {
            continue;
        };
        let reach = candidates.reach(beyond)?;
        if reach > best_reach {
            (best, best_reach) = (Some(candidates), reach);
        }
    }
    Ok(best)
}

impl<'c> Candidates<'c> {
    /// `None` if the index cannot answer, or not within bounds.
    fn of(
        conn: &'c Connection,
        filter: &Filter,
        index: Index,
        order: Order,
        beyond: i64,
    ) -> rusqlite::Result<Option<Self>> {
        let mut labels = Labels::new(conn);
        let keys = match index {
            Index::Session => return Self::sessions(conn, filter, order, beyond),
            Index::Invalid => (filter.valid == Some(false)).then(|| vec![Vec::new()]),
            Index::Name => names(conn, &mut labels, filter)?,
            Index::Application => one(&mut labels, Of::Application, &filter.application)?,
            Index::Stream => one(&mut labels, Of::Stream, &filter.stream)?,
        };
        let Some(keys) = keys.filter(|keys| keys.len() <= RUNS_MAX) else { return Ok(None) };
        let run = |values| {
            let (ahead, chunk) = (VecDeque::new(), CHUNK.0);
            Run { values, ahead, beyond, chunk, is_over: false }
        };
        Self::merged(conn, index, order, keys.into_iter().map(run).collect()).map(Some)
    }

    /// All rows of a few small sessions, put in order.
    fn sessions(
        conn: &'c Connection,
        filter: &Filter,
        order: Order,
        beyond: i64,
    ) -> rusqlite::Result<Option<Self>> {
        if filter.session_id.is_empty() {
            return Ok(None);
        }
        let sessions = Labels::new(conn).matching(Of::Session, &filter.session_id)?;
        let Some(sessions) = sessions else { return Ok(None) };
        let mut select = conn.prepare_cached(SESSION_SQL)?;
        let (mut found, mut n_left) = (Vec::new(), SESSION_ROWS_SORTED_MAX);
        for session in sessions {
            let mut rows = select.query(params![session, n_left as i64 + 1])?;
            while let Some(row) = rows.next()? {
                if n_left == 0 {
                    return Ok(None);
                }
                n_left -= 1;
                let seq = row.get(0)?;
                if is_beyond(order, seq, beyond) {
                    found.push(seq);
                }
            }
        }
        found.sort_unstable();
        if order == Order::Desc {
            found.reverse();
        }
        let (ahead, values) = (VecDeque::from(found), Vec::new());
        let run = Run { values, ahead, beyond, chunk: 0, is_over: true };
        Self::merged(conn, Index::Session, order, vec![run]).map(Some)
    }

    fn merged(
        conn: &'c Connection,
        index: Index,
        order: Order,
        runs: Vec<Run>,
    ) -> rusqlite::Result<Self> {
        let (heads, again) = (BinaryHeap::new(), VecDeque::new());
        let sql = run_sql(index, order);
        let mut all = Self { conn, order, sql, runs, heads, again };
        for at in 0..all.runs.len() {
            all.advance(at)?;
        }
        Ok(all)
    }

    /// The next position of the walk.
    pub(crate) fn next(&mut self) -> rusqlite::Result<Option<i64>> {
        if let Some(seq) = self.again.pop_front() {
            return Ok(Some(seq));
        }
        let Some((rank, at)) = self.heads.pop() else { return Ok(None) };
        self.advance(at)?;
        Ok(Some(self.rank(rank)))
    }

    /// The statement behind each range.
    #[cfg(test)]
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// Offers the position again.
    pub(crate) fn take_back(&mut self, seq: i64) {
        self.again.push_front(seq);
    }

    /// Leaves out what does not stand beyond `beyond`.
    pub(crate) fn skip_to(&mut self, beyond: i64) -> rusqlite::Result<()> {
        let order = self.order;
        let is_left_out = |seq: i64| !is_beyond(order, seq, beyond);
        while self.again.front().is_some_and(|&seq| is_left_out(seq)) {
            self.again.pop_front();
        }
        while let Some(&(rank, at)) = self.heads.peek() {
            if !is_left_out(self.rank(rank)) {
                break;
            }
            self.heads.pop();
            let run = &mut self.runs[at];
            while run.ahead.front().is_some_and(|&seq| is_left_out(seq)) {
                run.ahead.pop_front();
            }
            if is_beyond(order, beyond, run.beyond) && run.ahead.is_empty() {
                run.beyond = beyond;
            }
            self.advance(at)?;
        }
        Ok(())
    }

    /// How far ahead the [`PROBE`]-th candidate stands.
    fn reach(&mut self, beyond: i64) -> rusqlite::Result<u64> {
        let mut seen = Vec::with_capacity(PROBE);
        while seen.len() < PROBE
            && let Some(seq) = self.next()?
        {
            seen.push(seq);
        }
        // A walk down begins far above the newest row.
        let begin = seen.first().map_or(beyond, |&first| beyond.min(first.saturating_add(1)));
        let last = seen.last().filter(|_| seen.len() == PROBE);
        let reach = last.map_or(u64::MAX, |&last| begin.abs_diff(last));
        for seq in seen.into_iter().rev() {
            self.take_back(seq);
        }
        Ok(reach)
    }

    /// A number that is greater the earlier a position comes in the walk; its own inverse.
    fn rank(&self, seq: i64) -> i64 {
        if self.order == Order::Asc { -seq } else { seq }
    }

    /// Puts the next position of a run among the heads.
    fn advance(&mut self, at: usize) -> rusqlite::Result<()> {
        let run = &mut self.runs[at];
        if run.ahead.is_empty() && !run.is_over {
            let mut values = run.values.clone();
            values.push(Value::Integer(run.beyond));
            values.push(Value::Integer(run.chunk as i64));
            let mut select = self.conn.prepare_cached(&self.sql)?;
            let mut rows = select.query(params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                run.ahead.push_back(row.get(0)?);
            }
            run.is_over = run.ahead.len() < run.chunk;
            run.beyond = run.ahead.back().copied().unwrap_or(run.beyond);
            run.chunk = (run.chunk * 4).min(CHUNK.1);
        }
        if let Some(seq) = run.ahead.pop_front() {
            let rank = self.rank(seq);
            self.heads.push((rank, at));
        }
        Ok(())
    }
}

/// One key for each label that matches.
fn one(
    labels: &mut Labels<'_>,
    of: Of<'_>,
    patterns: &[Pattern],
) -> rusqlite::Result<Option<Vec<Vec<Value>>>> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let found = labels.matching(of, patterns)?;
    Ok(found.map(|found| found.into_iter().map(|label| vec![Value::Text(label)]).collect()))
}

/// One key for each pair of category and name that matches.
fn names(
    conn: &Connection,
    labels: &mut Labels<'_>,
    filter: &Filter,
) -> rusqlite::Result<Option<Vec<Vec<Value>>>> {
    if filter.category.is_empty() && filter.name.is_empty() {
        return Ok(None);
    }
    let every = [Pattern::Prefix(String::new())];
    if filter.category.is_empty()
        && conn.prepare_cached(NAME_ALONE_SQL)?.query_row([], |row| row.get(0))?
    {
        return Ok(None);
    }
    let or_every = |patterns: &'_ [Pattern]| -> Vec<Pattern> {
        if patterns.is_empty() { every.to_vec() } else { patterns.to_vec() }
    };
    let categories = labels.matching(Of::Category, &or_every(&filter.category))?;
    let Some(categories) = categories else { return Ok(None) };
    let mut keys = Vec::new();
    for category in categories {
        let names = labels.matching(Of::NameIn(&category), &or_every(&filter.name))?;
        let Some(names) = names else { return Ok(None) };
        let names = names.into_iter().map(Value::Text);
        // A category may stand without a name; a filter on names does not want that.
        let without = filter.name.is_empty().then_some(Value::Null);
        for name in names.chain(without) {
            keys.push(vec![Value::Text(category.clone()), name]);
        }
        if keys.len() > RUNS_MAX {
            return Ok(None);
        }
    }
    Ok(Some(keys))
}

const NAME_ALONE_SQL: &str = "SELECT EXISTS (SELECT 1 FROM events INDEXED BY events_name_alone \
    WHERE category IS NULL AND name IS NOT NULL)";

/// Values: session, limit. Not by position: the index has a session by time.
const SESSION_SQL: &str =
    "SELECT seq FROM events INDEXED BY events_session WHERE session_id = ? LIMIT ?";

/// Values: those of the run, the position to go beyond, limit.
pub(crate) fn run_sql(index: Index, order: Order) -> String {
    let (name, key) = match index {
        Index::Session => return SESSION_SQL.to_owned(),
        Index::Invalid => ("events_invalid", "valid = 0"),
        Index::Name => ("events_name", "category = ? AND name IS ?"),
        Index::Application => ("events_application", "application = ?"),
        Index::Stream => ("events_stream", "stream = ?"),
    };
    let (beyond, _, direction) = signs(order);
    format!(
        "SELECT seq FROM events INDEXED BY {name} WHERE {key} AND seq {beyond} ? \
         ORDER BY seq {direction} LIMIT ?"
    )
}
