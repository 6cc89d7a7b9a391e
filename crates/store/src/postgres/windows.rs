//! Ranges of time as ranges of positions, by the earliest and latest times of each block of positions.
//!
//! Positions rise with the time of receipt only nearly always, because clocks step back. So a time is
//! never searched by halves: a block whose times do not touch the range is left out, every other one is
//! read. Invariant: a block's times cover all its rows; they are written in the rows' own transaction.

use model::{Clock, Filter, Timestamp};
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Transaction};

use crate::direction::furthest;
use crate::events::{Order, Stored};
use crate::postgres::filter::Value;

/// `seq >> BLOCK_BITS` is the block of a position.
const BLOCK_BITS: u32 = 12;
/// Most blocks that one look for a window reads: 200 million positions.
const BLOCKS_READ_MAX: i64 = 50_000;
/// Most blocks of one window: more than a page reads.
const WINDOW_BLOCKS_MAX: i64 = 1_000;

/// Where to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// Beyond the one, up to the other.
    Seqs { beyond: i64, end: i64 },
    /// Nothing up to here; behind it nobody has looked yet.
    LookedTo(i64),
    /// Nothing any more.
    Over,
}

/// The next positions that may hold events of the filter's range of time.
pub(crate) async fn next_window(
    tx: &Transaction<'_>,
    filter: &Filter,
    order: Order,
    beyond: i64,
) -> Result<Window, Error> {
    if filter.from.is_none() && filter.to.is_none() {
        return Ok(Window::Seqs { beyond, end: furthest(order) });
    }
    let first = match order {
        Order::Asc => beyond.saturating_add(1),
        Order::Desc => beyond.saturating_sub(1),
    } >> BLOCK_BITS;
    let (low, high) = (|block: i64| block << BLOCK_BITS, |block: i64| (block + 1) << BLOCK_BITS);
    let [from, to] = [filter.from, filter.to].map(|time| time.map(Timestamp::micros));
    let look = |is_touched: bool, first: i64, n_max: i64| async move {
        let sql = window_sql(filter.clock, order);
        let values: [Value<'_>; 5] = [
            (&first, Type::INT8),
            (&from, Type::INT8),
            (&to, Type::INT8),
            (&is_touched, Type::BOOL),
            (&n_max, Type::INT8),
        ];
        let row = tx.query_typed_opt(&sql, &values).await?;
        row.map(|row| row.try_get::<_, i64>(0)).transpose()
    };
    let Some(begin) = look(true, first, BLOCKS_READ_MAX).await? else {
        let sql = last_sql(order);
        let values: [Value<'_>; 2] = [(&first, Type::INT8), (&(BLOCKS_READ_MAX - 1), Type::INT8)];
        let last = tx.query_typed_opt(&sql, &values).await?;
        let last = last.map(|row| row.try_get::<_, i64>(0)).transpose()?;
        return Ok(last.map_or(Window::Over, |last| match order {
            Order::Asc => Window::LookedTo(high(last) - 1),
            Order::Desc => Window::LookedTo(low(last)),
        }));
    };
    let untouched = look(false, begin, WINDOW_BLOCKS_MAX).await?;
    Ok(match order {
        Order::Asc => {
            // Between two blocks that have rows there may be some that have none: they are in nobody's way.
            let end = untouched.unwrap_or(begin + WINDOW_BLOCKS_MAX).min(begin + WINDOW_BLOCKS_MAX);
            Window::Seqs { beyond: beyond.max(low(begin) - 1), end: low(end) - 1 }
        }
        Order::Desc => {
            let end = untouched.unwrap_or(begin - WINDOW_BLOCKS_MAX).max(begin - WINDOW_BLOCKS_MAX);
            Window::Seqs { beyond: beyond.min(high(begin)), end: high(end).max(0) }
        }
    })
}

/// The first block that the range touches, or does not. Values: first block, from, to, which, most blocks to read.
pub(crate) fn window_sql(clock: Clock, order: Order) -> String {
    let clock = match clock {
        Clock::Received => "received",
        Clock::Event => "event",
    };
    let (sign, direction) = direction(order);
    format!(
        "SELECT block FROM (SELECT block, ($2::bigint IS NULL OR {clock}_max_us >= $2) \
             AND ($3::bigint IS NULL OR {clock}_min_us < $3) AS is_touched \
         FROM eyas.time_blocks WHERE block {sign} $1 ORDER BY block {direction} LIMIT $5) AS blocks \
         WHERE is_touched = $4 ORDER BY block {direction} LIMIT 1"
    )
}

/// The last of the blocks that a look has read, if it has read as many as it may. Values: first block, that number less one.
fn last_sql(order: Order) -> String {
    let (sign, direction) = direction(order);
    format!(
        "SELECT block FROM eyas.time_blocks WHERE block {sign} $1 ORDER BY block {direction} OFFSET $2 LIMIT 1"
    )
}

fn direction(order: Order) -> (&'static str, &'static str) {
    match order {
        Order::Asc => (">=", "ASC"),
        Order::Desc => ("<=", "DESC"),
    }
}

/// Widens the times of the blocks in which the events stand. Events in `Seq` order.
pub(crate) async fn note_times(tx: &Transaction<'_>, events: &[Stored]) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let block = |stored: &Stored| stored.seq.get() >> BLOCK_BITS;
    let mut columns: [Vec<i64>; 5] = Default::default();
    for events in events.chunk_by(|a, b| block(a) == block(b)) {
        let received = range(events.iter().map(|stored| stored.event.received_at().micros()));
        let happened =
            range(events.iter().map(|stored| {
                stored.event.timestamp().unwrap_or(stored.event.received_at()).micros()
            }));
        let row = [block(&events[0]) as i64, received.0, received.1, happened.0, happened.1];
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    let values = columns.each_ref().map(|column| (column as _, Type::INT8_ARRAY));
    tx.execute_typed(
        "INSERT INTO eyas.time_blocks AS t (block, received_min_us, received_max_us, event_min_us, event_max_us) \
         SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT (block) DO UPDATE SET \
         received_min_us = least(t.received_min_us, excluded.received_min_us), \
         received_max_us = greatest(t.received_max_us, excluded.received_max_us), \
         event_min_us = least(t.event_min_us, excluded.event_min_us), \
         event_max_us = greatest(t.event_max_us, excluded.event_max_us)",
        &values,
    )
    .await
    .map(drop)
}

/// Takes away the blocks that have no rows any more. The others may cover more time than their rows need, which is sound.
/// `seqs` are those of deleted rows, rising.
pub(crate) async fn forget_times(tx: &Transaction<'_>, seqs: &[i64]) -> Result<(), Error> {
    let mut blocks: Vec<i64> = seqs.iter().map(|seq| seq >> BLOCK_BITS).collect();
    blocks.dedup();
    let sql = format!(
        "DELETE FROM eyas.time_blocks WHERE block = ANY ($1) AND NOT EXISTS (SELECT FROM eyas.events \
         WHERE seq >= block << {BLOCK_BITS} AND seq < (block + 1) << {BLOCK_BITS})"
    );
    tx.execute_typed(&sql, &[(&blocks, Type::INT8_ARRAY)]).await.map(drop)
}

fn range(times: impl Iterator<Item = i64>) -> (i64, i64) {
    times.fold((i64::MAX, i64::MIN), |(min, max), time| (min.min(time), max.max(time)))
}
