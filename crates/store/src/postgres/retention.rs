//! `RetentionStore` on PostgreSQL: what is old is found by index and deleted a slice at a time.

use async_trait::async_trait;
use model::{Seq, Timestamp};
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Transaction};

use crate::error::StoreError;
use crate::postgres::call::{select, write};
use crate::postgres::failure::failure;
use crate::postgres::nul::without_nul;
use crate::postgres::rows;
use crate::postgres::store::PostgresStore;
use crate::postgres::turn::take_turn;
use crate::postgres::windows::forget_times;
use crate::retention::{Forget, Horizons, RetentionStore};

#[async_trait]
impl RetentionStore for PostgresStore {
    async fn horizons(&self) -> Result<Horizons, StoreError> {
        let sql = "SELECT horizon, stream FROM eyas.retention";
        let mut horizons = Horizons::default();
        for row in select(&self.pool, sql, &[]).await? {
            horizons.raise(row.try_get(1).map_err(failure)?, rows::seq(&row, 0)?);
        }
        Ok(horizons)
    }

    async fn streams(&self, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let values = [(&without_nul(after) as _, Type::TEXT), (&(limit as i64) as _, Type::INT8)];
        let names = select(&self.pool, STREAMS, &values).await?;
        names.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(failure)
    }

    async fn due(&self, forget: Forget, now: Timestamp) -> Result<Option<Seq>, StoreError> {
        let Forget { stream, before, rows_max } = forget;
        let rows_max = rows_max as i64;
        let values = [(&stream as _, Type::TEXT), (&rows_max as _, Type::INT8)];
        let mut through = None;
        for row in select(&self.pool, OLDEST, &values).await? {
            let received_at = Timestamp::from_micros(row.try_get(1).map_err(failure)?);
            if received_at < before {
                through = Some(rows::seq(&row, 0)?);
            } else if received_at <= now {
                break;
            }
        }
        if through.is_some() {
            return Ok(through);
        }
        let values = [
            (&stream as _, Type::TEXT),
            (&before.micros() as _, Type::INT8),
            (&rows_max as _, Type::INT8),
        ];
        let found = select(&self.pool, OLDEST_DEAD, &values).await?;
        found.first().map(|row| rows::seq(row, 0)).transpose()
    }

    async fn forget(&self, forget: Forget, through: Seq) -> Result<u64, StoreError> {
        let delete = async |tx: &Transaction<'_>| {
            take_turn(tx).await?;
            delete(tx, &forget, through).await.map_err(failure)
        };
        write(&self.pool, delete).await
    }
}

/// Jumps from one stream to the next, however many rows each has. Values: after, limit.
pub(crate) const STREAMS: &str = "WITH RECURSIVE names AS (\
    SELECT least(\
        (SELECT stream FROM eyas.events WHERE stream > $1 ORDER BY stream LIMIT 1), \
        (SELECT stream FROM eyas.dead_letters WHERE stream > $1 ORDER BY stream LIMIT 1)) AS name \
    UNION ALL SELECT least(\
        (SELECT stream FROM eyas.events WHERE stream > names.name ORDER BY stream LIMIT 1), \
        (SELECT stream FROM eyas.dead_letters WHERE stream > names.name ORDER BY stream LIMIT 1)) \
    FROM names WHERE names.name IS NOT NULL) \
    SELECT name FROM names WHERE name IS NOT NULL LIMIT $2";

/// Values: stream, limit. A range of one stream, not an equality: only the index by streams has its rows in this order, so
/// no planner walks the whole table because the stream is a common one.
pub(crate) const OLDEST: &str = "SELECT seq, received_at_us FROM eyas.events \
    WHERE stream >= $1 AND stream <= $1 ORDER BY stream, seq LIMIT $2";

/// Values: stream, before, limit.
pub(crate) const OLDEST_DEAD: &str = "SELECT seq FROM (SELECT seq FROM eyas.dead_letters \
    WHERE stream >= $1 AND stream <= $1 AND dead_at_us < $2 ORDER BY stream, dead_at_us LIMIT $3) AS oldest ORDER BY seq DESC LIMIT 1";

/// Values: stream, through, limit.
const DELETE: &str = "DELETE FROM eyas.events WHERE seq = ANY (ARRAY(\
    SELECT seq FROM eyas.events WHERE stream >= $1 AND stream <= $1 AND seq <= $2 \
    ORDER BY stream, seq LIMIT $3)) RETURNING seq";

/// Values: stream, through, limit, before.
const DELETE_DEAD: &str = "DELETE FROM eyas.dead_letters WHERE seq = ANY (ARRAY(\
    SELECT seq FROM eyas.dead_letters WHERE stream >= $1 AND stream <= $1 AND dead_at_us < $4 AND seq <= $2 \
    ORDER BY stream, dead_at_us LIMIT $3))";

const RAISE: &str = "INSERT INTO eyas.retention (stream, horizon) VALUES ($1, $2) \
    ON CONFLICT (stream) DO UPDATE SET horizon = greatest(retention.horizon, excluded.horizon)";

async fn delete(tx: &Transaction<'_>, forget: &Forget, through: Seq) -> Result<u64, Error> {
    let Forget { stream, before, rows_max } = forget;
    let (through, rows_max) = (through.get() as i64, *rows_max as i64);
    let before_us = before.micros();
    let mut values =
        vec![(stream as _, Type::TEXT), (&through as _, Type::INT8), (&rows_max as _, Type::INT8)];
    let gone = tx.query_typed(DELETE, &values).await?;
    let gone = gone.iter().map(|row| row.try_get(0));
    let mut seqs: Vec<i64> = gone.collect::<Result<_, _>>()?;
    seqs.sort_unstable();
    forget_times(tx, &seqs).await?;
    values.push((&before_us as _, Type::INT8));
    let n_dead = tx.execute_typed(DELETE_DEAD, &values).await?;
    tx.execute_typed(RAISE, &values[..2]).await?;
    Ok(seqs.len() as u64 + n_dead)
}
