//! Positions that an index offers for a filter, several ranges of it merged in the order of the walk.
//!
//! Every such index ends with the row's position, so all rows of one stream, or of one category and name, stand there
//! in order; the server merges the ranges of several labels. Invariant: whatever is offered, nothing that the filter
//! wants is left out; rows that it does not want are dropped when they are read.

use std::collections::VecDeque;

use model::{Filter, Pattern};
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use crate::direction::{is_beyond, signs};
use crate::error::StoreError;
use crate::events::Order;
use crate::postgres::failure::failure;
use crate::postgres::filter::Value;
use crate::postgres::labels::{Labels, Of};

/// Most ranges that one page merges.
const RUNS_MAX: usize = 256;
/// Most rows of all wanted sessions together that a page puts in order; an index has them by time.
const SESSION_ROWS_SORTED_MAX: usize = 20_000;
/// So many candidates ahead of the cursor show how dense an index is there.
const PROBE: usize = 100;
/// An index is worth its detour when its candidates stand further apart than this on average.
const STRIDE_MIN: u64 = 4;
/// Positions that are read at once: least, most, and most over all ranges.
const CHUNK: (usize, usize, usize) = (128, 1024, 20_000);

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

/// What the rows of one range have in common: one label, or a category and a name.
type Key = (String, String);

/// The merged ranges.
pub(crate) struct Candidates<'c> {
    tx: &'c Transaction<'c>,
    order: Order,
    sql: String,
    /// Both halves of the keys.
    keys: (Vec<String>, Vec<String>),
    /// Read and not yet offered.
    ahead: VecDeque<i64>,
    /// Read up to here.
    beyond: i64,
    is_over: bool,
}

/// The index whose candidates ahead of `beyond` are fewest; `None` if the table itself is as good.
pub(crate) async fn choose<'c>(
    tx: &'c Transaction<'c>,
    filter: &Filter,
    order: Order,
    beyond: i64,
) -> Result<Option<Candidates<'c>>, StoreError> {
    let (mut best, mut best_reach) = (None, PROBE as u64 * STRIDE_MIN);
    for index in ALL {
        let Some(mut candidates) = Candidates::of(tx, filter, index, order, beyond).await? else {
            continue;
        };
        let reach = candidates.reach().await?;
        if reach > best_reach {
            (best, best_reach) = (Some(candidates), reach);
        }
    }
    Ok(best)
}

impl<'c> Candidates<'c> {
    /// `None` if the index cannot answer, or not within bounds.
    async fn of(
        tx: &'c Transaction<'c>,
        filter: &Filter,
        index: Index,
        order: Order,
        beyond: i64,
    ) -> Result<Option<Self>, StoreError> {
        let mut labels = Labels::new(tx);
        let keys = match index {
            Index::Session => return Self::sessions(tx, filter, order, beyond).await,
            Index::Invalid => (filter.valid == Some(false)).then(|| vec![Key::default()]),
            Index::Name => names(&mut labels, tx, filter).await?,
            Index::Application => one(&mut labels, Of::Application, &filter.application).await?,
            Index::Stream => one(&mut labels, Of::Stream, &filter.stream).await?,
        };
        let Some(keys) = keys.filter(|keys| keys.len() <= RUNS_MAX) else { return Ok(None) };
        let (sql, keys, ahead) = (run_sql(index, order), keys.into_iter().unzip(), VecDeque::new());
        Ok(Some(Self { tx, order, sql, keys, ahead, beyond, is_over: false }))
    }

    /// All rows of a few small sessions, put in order.
    async fn sessions(
        tx: &'c Transaction<'c>,
        filter: &Filter,
        order: Order,
        beyond: i64,
    ) -> Result<Option<Self>, StoreError> {
        if filter.session_id.is_empty() {
            return Ok(None);
        }
        let sessions = Labels::new(tx).matching(Of::Session, &filter.session_id).await?;
        let Some(sessions) = sessions else { return Ok(None) };
        let sessions: Vec<String> = sessions.into_iter().collect();
        let limit = SESSION_ROWS_SORTED_MAX as i64 + 1;
        let values: [Value<'_>; 2] = [(&sessions, Type::TEXT_ARRAY), (&limit, Type::INT8)];
        let rows = tx.query_typed(SESSION_SQL, &values).await.map_err(failure)?;
        if rows.len() > SESSION_ROWS_SORTED_MAX {
            return Ok(None);
        }
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let seq = row.try_get(0).map_err(failure)?;
            if is_beyond(order, seq, beyond) {
                found.push(seq);
            }
        }
        found.sort_unstable();
        if order == Order::Desc {
            found.reverse();
        }
        let (sql, keys, ahead) = (String::new(), Default::default(), VecDeque::from(found));
        Ok(Some(Self { tx, order, sql, keys, ahead, beyond, is_over: true }))
    }

    /// The next positions of the walk, at most `n_max`, none beyond `end`. They stay offered until they are passed.
    pub(crate) async fn peek(
        &mut self,
        beyond: i64,
        end: i64,
        n_max: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let order = self.order;
        while self.ahead.front().is_some_and(|&seq| !is_beyond(order, seq, beyond)) {
            self.ahead.pop_front();
        }
        if self.ahead.is_empty() {
            if is_beyond(order, beyond, self.beyond) {
                self.beyond = beyond;
            }
            self.fill().await?;
        }
        let wanted = self.ahead.iter().copied().take_while(|&seq| !is_beyond(order, seq, end));
        Ok(wanted.take(n_max).collect())
    }

    async fn fill(&mut self) -> Result<(), StoreError> {
        if self.is_over {
            return Ok(());
        }
        let n_max = (CHUNK.2 / self.keys.0.len().max(1)).clamp(CHUNK.0, CHUNK.1);
        let limit = n_max as i64;
        let values: [Value<'_>; 4] = [
            (&self.keys.0, Type::TEXT_ARRAY),
            (&self.keys.1, Type::TEXT_ARRAY),
            (&self.beyond, Type::INT8),
            (&limit, Type::INT8),
        ];
        let rows = self.tx.query_typed(&self.sql, &values).await.map_err(failure)?;
        self.is_over = rows.len() < n_max;
        for row in rows {
            self.beyond = row.try_get(0).map_err(failure)?;
            self.ahead.push_back(self.beyond);
        }
        Ok(())
    }

    /// How far ahead the [`PROBE`]-th candidate stands.
    async fn reach(&mut self) -> Result<u64, StoreError> {
        let beyond = self.beyond;
        if self.ahead.is_empty() {
            self.fill().await?;
        }
        // A walk down begins far above the newest row.
        let begin = self.ahead.front().map_or(beyond, |&first| beyond.min(first.saturating_add(1)));
        Ok(self.ahead.get(PROBE - 1).map_or(u64::MAX, |&last| begin.abs_diff(last)))
    }
}

/// One key for each label that matches.
async fn one(
    labels: &mut Labels<'_>,
    of: Of<'_>,
    patterns: &[Pattern],
) -> Result<Option<Vec<Key>>, StoreError> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let found = labels.matching(of, patterns).await?;
    Ok(found.map(|found| found.into_iter().map(|label| (label, String::new())).collect()))
}

/// One key for each pair of category and name that matches.
async fn names(
    labels: &mut Labels<'_>,
    tx: &Transaction<'_>,
    filter: &Filter,
) -> Result<Option<Vec<Key>>, StoreError> {
    if filter.category.is_empty() && filter.name.is_empty() {
        return Ok(None);
    }
    if filter.category.is_empty() {
        let row = tx.query_typed_one(NAME_ALONE_SQL, &[]).await.map_err(failure)?;
        if row.try_get(0).map_err(failure)? {
            return Ok(None);
        }
    }
    let every = [Pattern::Prefix(String::new())];
    let or_every = |patterns: &[Pattern]| {
        if patterns.is_empty() { every.to_vec() } else { patterns.to_vec() }
    };
    let categories = labels.matching(Of::Category, &or_every(&filter.category)).await?;
    let Some(categories) = categories else { return Ok(None) };
    let mut keys = Vec::new();
    for category in categories {
        let names = labels.matching(Of::NameIn(&category), &or_every(&filter.name)).await?;
        let Some(names) = names else { return Ok(None) };
        keys.extend(names.into_iter().map(|name| (category.clone(), name)));
        if keys.len() > RUNS_MAX {
            return Ok(None);
        }
    }
    Ok(Some(keys))
}

const NAME_ALONE_SQL: &str =
    "SELECT EXISTS (SELECT FROM eyas.events WHERE category IS NULL AND name IS NOT NULL)";

/// Values: sessions, limit. Not by position: the index has a session by time.
const SESSION_SQL: &str = "SELECT seq FROM eyas.events WHERE session_id = ANY ($1) LIMIT $2";

/// Values: both halves of the keys, the position to go beyond, limit. Comparing whole rows of the index, and ordering by
/// them, leaves the planner no other way in: it would walk the table where it believes that a label is frequent.
pub(crate) fn run_sql(index: Index, order: Order) -> String {
    let (columns, key, with) = match index {
        Index::Session => return SESSION_SQL.to_owned(),
        Index::Invalid => (["valid", ""], "false", "NOT valid"),
        Index::Name => (["category", "coalesce(name, '')"], "k.a, k.b", "category IS NOT NULL"),
        Index::Application => (["application", ""], "k.a", "application IS NOT NULL"),
        Index::Stream => (["stream", ""], "k.a", "true"),
    };
    let (beyond, _, direction) = signs(order);
    let (back, furthest) = match order {
        Order::Asc => ("<", i64::MAX),
        Order::Desc => (">", -1),
    };
    let columns: Vec<&str> = columns.into_iter().filter(|column| !column.is_empty()).collect();
    let row = columns.join(", ");
    let sorted: Vec<String> =
        columns.iter().map(|column| format!("{column} {direction}")).collect();
    let sorted = sorted.join(", ");
    format!(
        "SELECT c.seq FROM unnest($1::text[], $2::text[]) AS k (a, b) CROSS JOIN LATERAL ( \
             SELECT seq FROM eyas.events WHERE {with} AND ({row}, seq) {beyond} ({key}, $3) \
             AND ({row}, seq) {back} ({key}, {furthest}) \
             ORDER BY {sorted}, seq {direction} LIMIT $4) AS c \
         ORDER BY c.seq {direction} LIMIT $4"
    )
}
