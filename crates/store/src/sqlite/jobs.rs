//! `JobStore` in `control.db`.

use async_trait::async_trait;
use model::{Seq, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use crate::error::StoreError;
use crate::jobs::{Begun, JOBS_KEPT_MAX, Job, JobProgress, JobState, JobStore, JobTurn, NewJob};
use crate::sqlite::failure::failure;
use crate::sqlite::rows;
use crate::sqlite::store::SqliteStore;

const COLUMNS: &str = "id, kind, spec, state, created_at_us, created_by, ended_at_us, total, position, \
    ok, failed, skipped, rate, stop_after, detail";

#[async_trait]
impl JobStore for SqliteStore {
    async fn begin_job(&self, job: NewJob) -> Result<Begun, StoreError> {
        self.control.run(move |conn| begin(conn, job).map_err(failure)).await
    }

    async fn jobs(&self, limit: usize) -> Result<Vec<Job>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM jobs ORDER BY rowid DESC LIMIT ?");
        self.control.run(move |conn| list(conn, &sql, limit).map_err(failure)).await
    }

    async fn running_jobs(&self) -> Result<Vec<Job>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM jobs WHERE state = 'running' ORDER BY rowid LIMIT ?");
        self.control.run(move |conn| list(conn, &sql, JOBS_KEPT_MAX).map_err(failure)).await
    }

    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let id = id.to_owned();
        self.control.run(move |conn| one(conn, &id).map_err(failure)).await
    }

    async fn advance_job(&self, id: &str, progress: JobProgress) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.control.run(move |conn| advance(conn, &id, progress).map_err(failure)).await
    }

    async fn turn_job(&self, id: &str, turn: JobTurn) -> Result<Option<(Job, bool)>, StoreError> {
        let id = id.to_owned();
        self.control.run(move |conn| change(conn, &id, &turn).map_err(failure)).await
    }
}

fn begin(conn: &mut Connection, job: NewJob) -> rusqlite::Result<Begun> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql =
        format!("SELECT {COLUMNS} FROM jobs WHERE kind = ? AND state IN ('running', 'paused')");
    if let Some(busy) = tx.prepare_cached(&sql)?.query_row([&job.kind], read).optional()? {
        return Ok(Begun::Busy(busy));
    }
    tx.prepare_cached(
        "INSERT INTO jobs (id, kind, spec, state, created_at_us, created_by, total, position, ok, failed, \
         skipped, rate, stop_after) VALUES (?, ?, ?, 'running', ?, ?, ?, 0, 0, 0, 0, ?, ?)",
    )?
    .execute(params![
        job.id,
        job.kind,
        job.spec,
        job.created_at.micros(),
        job.created_by,
        job.total as i64,
        job.rate,
        job.stop_after,
    ])?;
    tx.prepare_cached(
        "DELETE FROM jobs WHERE state NOT IN ('running', 'paused') \
         AND rowid <= (SELECT max(rowid) FROM jobs) - ?",
    )?
    .execute([JOBS_KEPT_MAX as i64])?;
    tx.commit()?;
    Ok(Begun::Job(Job {
        new: job,
        state: JobState::Running,
        ended_at: None,
        progress: JobProgress::default(),
        detail: None,
    }))
}

fn list(conn: &Connection, sql: &str, limit: usize) -> rusqlite::Result<Vec<Job>> {
    conn.prepare_cached(sql)?.query_map([limit as i64], read)?.collect()
}

fn one(conn: &Connection, id: &str) -> rusqlite::Result<Option<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?");
    conn.prepare_cached(&sql)?.query_row([id], read).optional()
}

fn advance(conn: &Connection, id: &str, progress: JobProgress) -> rusqlite::Result<()> {
    let JobProgress { position, ok, failed, skipped } = progress;
    let mut update = conn.prepare_cached(
        "UPDATE jobs SET position = ?, ok = ?, failed = ?, skipped = ? WHERE id = ?",
    )?;
    let values = params![position.get() as i64, ok as i64, failed as i64, skipped as i64, id];
    update.execute(values).map(drop)
}

fn change(
    conn: &mut Connection,
    id: &str,
    turn: &JobTurn,
) -> rusqlite::Result<Option<(Job, bool)>> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some(job) = one(&tx, id)? else { return Ok(None) };
    if !turn.from.contains(&job.state) {
        return Ok(Some((job, false)));
    }
    let ended_at = turn.to.is_over().then_some(turn.at);
    let values = params![turn.to.as_str(), ended_at.map(Timestamp::micros), turn.detail, id];
    tx.execute("UPDATE jobs SET state = ?, ended_at_us = ?, detail = ? WHERE id = ?", values)?;
    tx.commit()?;
    Ok(Some((Job { state: turn.to, ended_at, detail: turn.detail.clone(), ..job }, true)))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Job> {
    let number = |at: usize| row.get::<_, i64>(at).map(|value| value as u64);
    let state = row.get_ref(3)?;
    let state = JobState::parse(state.as_str()?).ok_or(rusqlite::Error::InvalidQuery)?;
    let position: Seq = rows::seq(row, 8)?;
    Ok(Job {
        new: NewJob {
            id: row.get(0)?,
            kind: row.get(1)?,
            spec: row.get(2)?,
            created_at: Timestamp::from_micros(row.get(4)?),
            created_by: row.get(5)?,
            total: number(7)?,
            rate: row.get(12)?,
            stop_after: row.get(13)?,
        },
        state,
        ended_at: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_micros),
        progress: JobProgress {
            position,
            ok: number(9)?,
            failed: number(10)?,
            skipped: number(11)?,
        },
        detail: row.get(14)?,
    })
}
