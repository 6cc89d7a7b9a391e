//! The transactions of the batches lane: all rows of a batch and its state, or its state and what is wrong with it.
//!
//! ```text
//!   BEGIN ─ lease ─ (old rows go) ─ COPY ─ constraints ─ batch ─ COMMIT ──────────────────────> committed
//!                                    │        │
//!                                    v        v
//!                       ROLLBACK ─ BEGIN ─ staged rows, each foreign key ─ ROLLBACK     which rows
//!                                ─ BEGIN ─ lease ─ batch, errors ─ COMMIT ────────────────────> rejected
//! ```
//!
//! Foreign keys that are not deferrable are judged at the end of the one COPY, so rows may refer to later rows there too.
//!
//! Invariant: nothing of a batch outlives its connection before COMMIT, and everything that a transaction may leave behind
//! is bounded by the server: a process that was killed in the middle leaves nothing.

use std::sync::atomic::Ordering;
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio_postgres::Transaction;

use crate::batches::{
    ApplyBatch, Batch, BatchState, BatchVerdict, LaneStep, RowError, TableMode, skipped,
};
use crate::error::StoreError;
use crate::postgres::copy_text::{self, CopyError};
use crate::postgres::failure::failure;
use crate::postgres::lease::BATCHES_LEASE;
use crate::postgres::pool::{Pool, UNBOUNDED};
use crate::postgres::user_schema::{SETTINGS, qualified, quoted};
use crate::postgres::{batch_rows, blame};

/// A server that waits for rows notices within a minute that the machine they come from is gone, and lets go of the lease
/// row; by itself it would wait for hours. No time-out of a statement or an idle transaction is about that.
const DEAD_CLIENT: &str = "SET LOCAL tcp_keepalives_idle = 30; SET LOCAL tcp_keepalives_interval = 10; \
    SET LOCAL tcp_keepalives_count = 3";
/// Errors stand between the rows of a batch, and reading those back from the log takes as long as it takes.
const UNHURRIED: &str = "SET LOCAL idle_in_transaction_session_timeout = 0";

/// Applies a batch, or keeps it as rejected.
pub(crate) async fn apply(pool: &Pool, apply: &ApplyBatch) -> Result<BatchVerdict, StoreError> {
    apply.progress.store(0, Ordering::Relaxed);
    let refusal = match load(pool, apply).await {
        Ok(()) => return Ok(BatchVerdict::Committed),
        Err(CopyError::Feed(error)) => return Err(error),
        Err(CopyError::Server(error)) => error,
    };
    let (detail, errors) = unless_stopped(apply, blame::find(pool, apply, refusal)).await??;
    let batch = Batch {
        state: BatchState::Rejected,
        n_errors: errors.len() as u64,
        detail: Some(detail),
        ended_at: Some((apply.clock)()),
        ..apply.batch.clone()
    };
    let errors = stream::iter([Ok(errors)]).boxed();
    settle(pool, &apply.step, &batch, errors).await?;
    Ok(BatchVerdict::Rejected(Box::new(batch)))
}

/// Keeps a batch that ended without rows, and what is wrong with it.
pub(crate) async fn settle(
    pool: &Pool,
    step: &LaneStep,
    batch: &Batch,
    mut errors: BoxStream<'static, Result<Vec<RowError>, StoreError>>,
) -> Result<(), StoreError> {
    let mut client = pool.get().await?;
    let begun = Instant::now();
    let tx = client.begin().await?;
    BATCHES_LEASE.step(tx.client(), &step.holder, step.expected, step.applied).await?;
    tx.batch_execute(UNHURRIED).await.map_err(failure)?;
    tx.batch_execute(UNBOUNDED).await.map_err(failure)?;
    tx.batch_execute(DEAD_CLIENT).await.map_err(failure)?;
    batch_rows::insert(tx.client(), batch).await?;
    let mut n_errors = 0;
    while n_errors < batch.n_errors
        && let Some(some) = errors.next().await.transpose()?
    {
        batch_rows::insert_errors(tx.client(), &batch.id, n_errors, &some).await?;
        n_errors += some.len() as u64;
    }
    BATCHES_LEASE.move_on(tx.client(), begun.elapsed()).await?;
    crash::at("batch.before_settle");
    tx.commit().await.map_err(failure)?;
    crash::at("batch.after_settle");
    client.give_back();
    Ok(())
}

/// The rows, their batch and the applied position, committed.
async fn load(pool: &Pool, apply: &ApplyBatch) -> Result<(), CopyError> {
    let mut client = pool.get().await.map_err(CopyError::Feed)?;
    crash::at("batch.before_begin");
    let begun = Instant::now();
    let tx = client.begin().await.map_err(CopyError::Feed)?;
    let filled = unless_stopped(apply, fill(&tx, apply)).await.map_err(CopyError::Feed);
    if let Err(error) = filled.flatten() {
        // The connection goes too. In the middle of the rows, what the server has of them would keep it busy; and where
        // COPY was refused before its first row, this client takes the answers of later statements for each other's.
        drop(tx);
        client.discard();
        return Err(error);
    }
    BATCHES_LEASE.move_on(tx.client(), begun.elapsed()).await.map_err(CopyError::Feed)?;
    crash::at("batch.before_commit");
    tx.commit().await?;
    crash::at("batch.after_commit");
    client.give_back();
    Ok(())
}

/// Everything but the commit.
async fn fill(tx: &Transaction<'_>, apply: &ApplyBatch) -> Result<(), CopyError> {
    let ApplyBatch { step, batch, columns, .. } = apply;
    BATCHES_LEASE
        .step(tx.client(), &step.holder, step.expected, step.applied)
        .await
        .map_err(CopyError::Feed)?;
    crash::at("batch.after_lease");
    tx.batch_execute(SETTINGS).await?;
    tx.batch_execute(UNBOUNDED).await?;
    tx.batch_execute(DEAD_CLIENT).await?;
    tx.batch_execute("SET CONSTRAINTS ALL DEFERRED").await?;
    let table = qualified(&batch.table);
    if batch.mode == TableMode::Replace {
        tx.batch_execute(&format!("DELETE FROM {table}")).await?;
    }
    let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    let sql = format!("COPY {table} ({}) FROM STDIN", columns.join(", "));
    let encode = |out: &mut Vec<u8>, _, values: &[Option<&str>]| {
        copy_text::push_line(out, values.iter().copied());
    };
    let n_kept = copy_text::copy(tx.client(), &sql, apply, Some(&apply.progress), encode).await?;
    apply.progress.store(n_kept, Ordering::Relaxed);
    // So that a deferred constraint speaks before COMMIT, whose own failure means that its answer was lost.
    tx.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await?;
    // Behind the rows, whose time is the batch's.
    let batch = Batch {
        ended_at: Some((apply.clock)()),
        detail: skipped(batch.n_rows, n_kept),
        ..batch.clone()
    };
    batch_rows::insert(tx.client(), &batch).await.map_err(CopyError::Feed)
}

/// The answer of `work`, unless the server ends before: then it is dropped where it stands, and the server of the database
/// rolls back what it began.
async fn unless_stopped<T>(
    apply: &ApplyBatch,
    work: impl Future<Output = T>,
) -> Result<T, StoreError> {
    tokio::select! {
        biased;
        () = apply.stop.cancelled() => Err(StoreError::Unavailable("the server ends".to_owned())),
        done = work => Ok(done),
    }
}
