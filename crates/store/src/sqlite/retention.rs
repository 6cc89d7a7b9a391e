//! `RetentionStore` on SQLite: what is old is found on a reader and deleted on the writer, a slice at a time.

use async_trait::async_trait;
use model::{Seq, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::error::StoreError;
use crate::retention::{Forget, Horizons, RetentionStore};
use crate::sqlite::failure::failure;
use crate::sqlite::rows;
use crate::sqlite::store::SqliteStore;
use crate::sqlite::windows::forget_times;

#[async_trait]
impl RetentionStore for SqliteStore {
    async fn horizons(&self) -> Result<Horizons, StoreError> {
        self.readers.run(|conn| horizons(conn).map_err(failure)).await
    }

    async fn streams(&self, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let after = after.to_owned();
        self.readers.run(move |conn| streams(conn, after, limit).map_err(failure)).await
    }

    async fn due(&self, forget: Forget, now: Timestamp) -> Result<Option<Seq>, StoreError> {
        self.readers.run(move |conn| due(conn, &forget, now).map_err(failure)).await
    }

    async fn forget(&self, forget: Forget, through: Seq) -> Result<u64, StoreError> {
        let job = move |conn: &mut Connection| {
            let tx =
                conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
            let n_rows = delete(&tx, &forget, through).map_err(failure)?;
            tx.commit().map_err(failure)?;
            Ok(n_rows)
        };
        self.writer.run(job).await
    }
}

fn horizons(conn: &Connection) -> rusqlite::Result<Horizons> {
    let mut horizons = Horizons::default();
    let mut select = conn.prepare_cached("SELECT horizon, stream FROM retention")?;
    let mut found = select.query([])?;
    while let Some(row) = found.next()? {
        horizons.raise(row.get_ref(1)?.as_str()?, rows::seq(row, 0)?);
    }
    Ok(horizons)
}

/// Jumps from one stream to the next, however many rows each has.
fn streams(conn: &Connection, mut after: String, limit: usize) -> rusqlite::Result<Vec<String>> {
    let mut next = conn.prepare_cached(NEXT_STREAM)?;
    let mut names = Vec::new();
    while names.len() < limit
        && let Some(name) = next.query_row([&after], |row| row.get::<_, Option<String>>(0))?
    {
        after.clone_from(&name);
        names.push(name);
    }
    Ok(names)
}

/// Values: after.
pub(crate) const NEXT_STREAM: &str = "SELECT min(name) FROM (\
    SELECT (SELECT stream FROM events INDEXED BY events_stream WHERE stream > ?1 ORDER BY stream LIMIT 1) AS name \
    UNION ALL SELECT (SELECT stream FROM dead_letters INDEXED BY dead_letters_age WHERE stream > ?1 \
    ORDER BY stream LIMIT 1))";

fn due(conn: &Connection, forget: &Forget, now: Timestamp) -> rusqlite::Result<Option<Seq>> {
    let mut select = conn.prepare_cached(OLDEST)?;
    let mut oldest = select.query(params![forget.stream, forget.rows_max as i64])?;
    let mut through = None;
    while let Some(row) = oldest.next()? {
        let received_at = Timestamp::from_micros(row.get(1)?);
        if received_at < forget.before {
            through = Some(rows::seq(row, 0)?);
        } else if received_at <= now {
            break;
        }
    }
    if through.is_some() {
        return Ok(through);
    }
    let mut select = conn.prepare_cached(OLDEST_DEAD)?;
    let values = params![forget.stream, forget.before.micros(), forget.rows_max as i64];
    let found = select.query_row(values, |row| rows::seq(row, 0)).optional()?;
    Ok(found)
}

/// Values: stream, limit.
pub(crate) const OLDEST: &str = "SELECT seq, received_at_us FROM events INDEXED BY events_stream \
    WHERE stream = ? ORDER BY seq LIMIT ?";

/// Values: stream, before, limit.
pub(crate) const OLDEST_DEAD: &str = "SELECT seq FROM (SELECT seq FROM dead_letters INDEXED BY dead_letters_age \
    WHERE stream = ? AND dead_at_us < ? ORDER BY dead_at_us LIMIT ?) ORDER BY seq DESC LIMIT 1";

fn delete(tx: &Transaction<'_>, forget: &Forget, through: Seq) -> rusqlite::Result<u64> {
    let (through, rows_max) = (through.get() as i64, forget.rows_max as i64);
    let mut select = tx.prepare_cached(
        "SELECT seq FROM events INDEXED BY events_stream WHERE stream = ? AND seq <= ? \
         ORDER BY seq LIMIT ?",
    )?;
    let found = select.query_map(params![forget.stream, through, rows_max], |row| row.get(0))?;
    let seqs: Vec<i64> = found.collect::<rusqlite::Result<_>>()?;
    let mut delete = tx.prepare_cached("DELETE FROM events WHERE seq = ?")?;
    for seq in &seqs {
        delete.execute([seq])?;
    }
    forget_times(tx, &seqs)?;
    let n_dead = tx
        .prepare_cached(
            "DELETE FROM dead_letters WHERE seq IN (SELECT seq FROM dead_letters \
             INDEXED BY dead_letters_age WHERE stream = ? AND dead_at_us < ? AND seq <= ? \
             ORDER BY dead_at_us LIMIT ?)",
        )?
        .execute(params![forget.stream, forget.before.micros(), through, rows_max])?;
    tx.prepare_cached(
        "INSERT INTO retention (stream, horizon) VALUES (?, ?) \
         ON CONFLICT (stream) DO UPDATE SET horizon = max(horizon, excluded.horizon)",
    )?
    .execute(params![forget.stream, through])?;
    Ok((seqs.len() + n_dead) as u64)
}
