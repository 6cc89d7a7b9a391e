//! `JobStore`. That one job of a kind is unfinished is the database's own rule, by a unique index.

use async_trait::async_trait;
use model::{Seq, Timestamp};
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row, Transaction};

use crate::error::StoreError;
use crate::jobs::{Begun, JOBS_KEPT_MAX, Job, JobProgress, JobState, JobStore, JobTurn, NewJob};
use crate::postgres::call::{select, write};
use crate::postgres::failure::failure;
use crate::postgres::nul::without_nul;
use crate::postgres::store::PostgresStore;

const COLUMNS: &str = "id, kind, spec, state, created_at_us, created_by, ended_at_us, total, position, \
    ok, failed, skipped, rate, stop_after, detail";
/// How often a job that stands in the way may end, and another one begin, while somebody looks.
const BEGIN_TRIES_MAX: usize = 10;

#[async_trait]
impl JobStore for PostgresStore {
    async fn begin_job(&self, job: NewJob) -> Result<Begun, StoreError> {
        for _ in 0..BEGIN_TRIES_MAX {
            if let Some(begun) = write(&self.pool, async |tx| begin(tx, &job).await).await? {
                return Ok(begun);
            }
        }
        Err(StoreError::Unavailable(format!("many jobs of the kind {} begin at once", job.kind)))
    }

    async fn jobs(&self, limit: usize) -> Result<Vec<Job>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM eyas.jobs ORDER BY number DESC LIMIT $1");
        self.list(&sql, limit).await
    }

    async fn running_jobs(&self) -> Result<Vec<Job>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM eyas.jobs WHERE state = 'running' ORDER BY number LIMIT $1"
        );
        self.list(&sql, JOBS_KEPT_MAX).await
    }

    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM eyas.jobs WHERE id = $1");
        let found = select(&self.pool, &sql, &[(&without_nul(id), Type::TEXT)]).await?;
        found.first().map(read).transpose()
    }

    async fn advance_job(&self, id: &str, progress: JobProgress) -> Result<(), StoreError> {
        let JobProgress { position, ok, failed, skipped } = progress;
        let sql =
            "UPDATE eyas.jobs SET position = $1, ok = $2, failed = $3, skipped = $4 WHERE id = $5";
        let values = [
            (&(position.get() as i64) as _, Type::INT8),
            (&(ok as i64) as _, Type::INT8),
            (&(failed as i64) as _, Type::INT8),
            (&(skipped as i64) as _, Type::INT8),
            (&without_nul(id) as _, Type::TEXT),
        ];
        write(&self.pool, async |tx| tx.execute_typed(sql, &values).await.map_err(failure)).await?;
        Ok(())
    }

    async fn turn_job(&self, id: &str, turn: JobTurn) -> Result<Option<(Job, bool)>, StoreError> {
        write(&self.pool, async |tx| self::turn(tx, id, turn).await).await
    }
}

impl PostgresStore {
    async fn list(&self, sql: &str, limit: usize) -> Result<Vec<Job>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = select(&self.pool, sql, &[(&limit, Type::INT8)]).await?;
        rows.iter().map(read).collect()
    }
}

/// `None`: somebody else has begun one since, and ended it again before this looked for it. Once more.
async fn begin(tx: &Transaction<'_>, job: &NewJob) -> Result<Option<Begun>, StoreError> {
    if let Some(busy) = unfinished(tx, &job.kind).await? {
        return Ok(Some(Begun::Busy(busy)));
    }
    let is_new = insert(tx, job).await.map_err(failure)?;
    let (new, state, progress) = (job.clone(), JobState::Running, JobProgress::default());
    let job = Job { new, state, ended_at: None, progress, detail: None };
    Ok(is_new.then_some(Begun::Job(job)))
}

/// The job after its turn, or before it, and whether it took it.
async fn turn(
    tx: &Transaction<'_>,
    id: &str,
    turn: JobTurn,
) -> Result<Option<(Job, bool)>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM eyas.jobs WHERE id = $1 FOR UPDATE");
    let found =
        tx.query_typed_opt(&sql, &[(&without_nul(id), Type::TEXT)]).await.map_err(failure)?;
    let job = match found.as_ref().map(read).transpose()? {
        Some(job) if turn.from.contains(&job.state) => job,
        other => return Ok(other.map(|job| (job, false))),
    };
    let ended_at = turn.to.is_over().then_some(turn.at);
    let sql = "UPDATE eyas.jobs SET state = $1, ended_at_us = $2, detail = $3 WHERE id = $4";
    let values = [
        (&turn.to.as_str() as _, Type::TEXT),
        (&ended_at.map(Timestamp::micros) as _, Type::INT8),
        (&turn.detail as _, Type::TEXT),
        (&without_nul(id) as _, Type::TEXT),
    ];
    tx.execute_typed(sql, &values).await.map_err(failure)?;
    Ok(Some((Job { state: turn.to, ended_at, detail: turn.detail, ..job }, true)))
}

async fn unfinished(tx: &Transaction<'_>, kind: &str) -> Result<Option<Job>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM eyas.jobs WHERE kind = $1 AND state IN ('running', 'paused')"
    );
    let found = tx.query_typed_opt(&sql, &[(&kind, Type::TEXT)]).await.map_err(failure)?;
    found.as_ref().map(read).transpose()
}

/// Whether it was the only one of its kind. Waits for another one that is being begun.
async fn insert(tx: &Transaction<'_>, job: &NewJob) -> Result<bool, Error> {
    let sql = "INSERT INTO eyas.jobs (id, kind, spec, state, created_at_us, created_by, total, position, ok, \
        failed, skipped, rate, stop_after) VALUES ($1, $2, $3, 'running', $4, $5, $6, 0, 0, 0, 0, $7, $8) \
        ON CONFLICT (kind) WHERE state IN ('running', 'paused') DO NOTHING";
    let values = [
        (&job.id as _, Type::TEXT),
        (&job.kind as _, Type::TEXT),
        (&job.spec as _, Type::TEXT),
        (&job.created_at.micros() as _, Type::INT8),
        (&job.created_by as _, Type::TEXT),
        (&(job.total as i64) as _, Type::INT8),
        (&i64::from(job.rate) as _, Type::INT8),
        (&i64::from(job.stop_after) as _, Type::INT8),
    ];
    if tx.execute_typed(sql, &values).await? == 0 {
        return Ok(false);
    }
    let sql = "DELETE FROM eyas.jobs WHERE state NOT IN ('running', 'paused') AND number <= \
        (SELECT number FROM eyas.jobs ORDER BY number DESC OFFSET $1 LIMIT 1)";
    tx.execute_typed(sql, &[(&(JOBS_KEPT_MAX as i64), Type::INT8)]).await?;
    Ok(true)
}

fn read(row: &Row) -> Result<Job, StoreError> {
    let number = |at: usize| row.try_get::<_, i64>(at);
    let state: &str = row.try_get(3).map_err(failure)?;
    let unknown = || StoreError::Unusable(format!("a job is in the unknown state {state}"));
    let state = JobState::parse(state).ok_or_else(unknown)?;
    let position = u64::try_from(number(8).map_err(failure)?).ok().and_then(Seq::new);
    let nowhere = || StoreError::Unusable("a job stands at no position of the log".to_owned());
    let position = position.ok_or_else(nowhere)?;
    let rest = || -> Result<Job, Error> {
        Ok(Job {
            new: NewJob {
                id: row.try_get(0)?,
                kind: row.try_get(1)?,
                spec: row.try_get(2)?,
                created_at: Timestamp::from_micros(number(4)?),
                created_by: row.try_get(5)?,
                total: number(7)? as u64,
                rate: number(12)? as u32,
                stop_after: number(13)? as u32,
            },
            state,
            ended_at: row.try_get::<_, Option<i64>>(6)?.map(Timestamp::from_micros),
            progress: JobProgress {
                position,
                ok: number(9)? as u64,
                failed: number(10)? as u64,
                skipped: number(11)? as u64,
            },
            detail: row.try_get(14)?,
        })
    };
    rest().map_err(failure)
}
