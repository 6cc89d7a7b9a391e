//! Ranges of time as ranges of positions, by the earliest and latest times of each block of positions.
//!
//! Positions rise with the time of receipt only nearly always, because clocks step back. So a time is
//! never searched by halves: a block whose times do not touch the range is left out, every other one is
//! read. Invariant: a block's times cover all its rows; they are written in the rows' own transaction.

use model::{Clock, Filter, Timestamp};
use rusqlite::{Connection, Transaction, params};

use crate::direction::furthest;
use crate::events::{Order, Stored};

/// `seq >> BLOCK_BITS` is the block of a position. The migration that fills old databases has it, too.
const BLOCK_BITS: u32 = 12;
/// Most blocks that one look for a window reads: 200 million positions.
pub(crate) const BLOCKS_READ_MAX: usize = 50_000;

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
pub(crate) fn next_window(
    conn: &Connection,
    filter: &Filter,
    order: Order,
    beyond: i64,
) -> rusqlite::Result<Window> {
    if filter.from.is_none() && filter.to.is_none() {
        return Ok(Window::Seqs { beyond, end: furthest(order) });
    }
    let mut select = conn.prepare_cached(&window_sql(filter.clock, order))?;
    let first = match order {
        Order::Asc => beyond.saturating_add(1),
        Order::Desc => beyond.saturating_sub(1),
    } >> BLOCK_BITS;
    let [from, to] = [filter.from, filter.to].map(|time| time.map(Timestamp::micros));
    let mut blocks = select.query(params![first, from, to])?;
    let (mut n_read, mut begin, mut last) = (0, None, None);
    while let Some(row) = blocks.next()? {
        let (block, is_touched): (i64, bool) = (row.get(0)?, row.get(1)?);
        if !is_touched && begin.is_some() {
            break;
        }
        if is_touched {
            begin = begin.or(Some(block));
        }
        last = Some(block);
        n_read += 1;
        if n_read == BLOCKS_READ_MAX {
            break;
        }
    }
    let (low, high) = (|block: i64| block << BLOCK_BITS, |block: i64| (block + 1) << BLOCK_BITS);
    Ok(match (begin, last, order) {
        (Some(begin), Some(last), Order::Asc) => {
            Window::Seqs { beyond: beyond.max(low(begin) - 1), end: high(last) - 1 }
        }
        (Some(begin), Some(last), Order::Desc) => {
            Window::Seqs { beyond: beyond.min(high(begin)), end: low(last) }
        }
        (None, Some(last), _) if n_read == BLOCKS_READ_MAX => Window::LookedTo(match order {
            Order::Asc => high(last) - 1,
            Order::Desc => low(last),
        }),
        _ => Window::Over,
    })
}

/// Values: first block, from, to.
pub(crate) fn window_sql(clock: Clock, order: Order) -> String {
    let clock = match clock {
        Clock::Received => "received",
        Clock::Event => "event",
    };
    let (sign, direction) = match order {
        Order::Asc => (">=", "ASC"),
        Order::Desc => ("<=", "DESC"),
    };
    format!(
        "SELECT block, (?2 IS NULL OR {clock}_max_us >= ?2) AND (?3 IS NULL OR {clock}_min_us < ?3) \
         FROM time_blocks WHERE block {sign} ?1 ORDER BY block {direction}"
    )
}

/// Widens the times of the blocks in which the events stand. Events in `Seq` order.
pub(crate) fn note_times(tx: &Transaction<'_>, events: &[Stored]) -> rusqlite::Result<()> {
    let mut upsert = tx.prepare_cached(
        "INSERT INTO time_blocks (block, received_min_us, received_max_us, event_min_us, event_max_us) \
         VALUES (?, ?, ?, ?, ?) ON CONFLICT (block) DO UPDATE SET \
         received_min_us = min(received_min_us, excluded.received_min_us), \
         received_max_us = max(received_max_us, excluded.received_max_us), \
         event_min_us = min(event_min_us, excluded.event_min_us), \
         event_max_us = max(event_max_us, excluded.event_max_us)",
    )?;
    let block = |stored: &Stored| stored.seq.get() >> BLOCK_BITS;
    for events in events.chunk_by(|a, b| block(a) == block(b)) {
        let received = range(events.iter().map(|stored| stored.event.received_at().micros()));
        let happened =
            range(events.iter().map(|stored| {
                stored.event.timestamp().unwrap_or(stored.event.received_at()).micros()
            }));
        upsert.execute(params![
            block(&events[0]) as i64,
            received.0,
            received.1,
            happened.0,
            happened.1
        ])?;
    }
    Ok(())
}

/// Takes away the blocks that have no rows any more. The others may cover more time than their rows need, which is sound.
/// `seqs` are those of deleted rows, rising.
pub(crate) fn forget_times(tx: &Transaction<'_>, seqs: &[i64]) -> rusqlite::Result<()> {
    let mut delete = tx.prepare_cached(
        "DELETE FROM time_blocks WHERE block = ?1 \
         AND NOT EXISTS (SELECT 1 FROM events WHERE seq >= ?2 AND seq < ?3)",
    )?;
    for seqs in seqs.chunk_by(|a, b| a >> BLOCK_BITS == b >> BLOCK_BITS) {
        let block = seqs[0] >> BLOCK_BITS;
        delete.execute(params![block, block << BLOCK_BITS, (block + 1) << BLOCK_BITS])?;
    }
    Ok(())
}

fn range(times: impl Iterator<Item = i64>) -> (i64, i64) {
    times.fold((i64::MAX, i64::MIN), |(min, max), time| (min.min(time), max.max(time)))
}
