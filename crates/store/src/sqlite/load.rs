//! The transactions of the batches lane: all rows of a batch and its state, or its state and what is wrong with it.
//!
//! ```text
//!   BEGIN ─ lease ─ (old rows go) ─ rows ─ batch ─ COMMIT ──────────────────────────────> committed
//!                                    │               │ a foreign key leads nowhere: its rows are looked up
//!                                    v               v
//!                                   what is wrong, ROLLBACK ─ BEGIN ─ lease ─ batch, errors ─ COMMIT ─> rejected
//! ```
//!
//! A statement that SQLite refuses leaves the transaction alive, so the pass goes on after the first bad row and finds the
//! others; nothing of it is kept.
//!
//! Invariant: the feed is read one block at a time on the writer's thread; SQLite spills what it has no room for into its
//! write-ahead log. So a batch of any length takes the same memory.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use rusqlite::{Connection, Statement, TransactionBehavior, params_from_iter};
use tokio::runtime::Handle;

use crate::batches::{
    ApplyBatch, Batch, BatchState, BatchVerdict, LaneStep, RowError, TableMode, skipped,
};
use crate::error::StoreError;
use crate::sqlite::blame::{self, Blame};
use crate::sqlite::failure::{deferred, failure};
use crate::sqlite::feed::{Feed, damaged};
use crate::sqlite::lease::BATCHES_LEASE;
use crate::sqlite::{batch_rows, declared, tables};
use crate::tables::ColumnKind;

/// Applies a batch, or keeps it as rejected.
pub(crate) fn apply(
    conn: &mut Connection,
    apply: &ApplyBatch,
    runtime: &Handle,
) -> Result<BatchVerdict, StoreError> {
    apply.progress.store(0, Ordering::Relaxed);
    let Some(blame) = load(conn, apply, runtime)? else { return Ok(BatchVerdict::Committed) };
    let (detail, errors) = blame.into_parts();
    let batch = Batch {
        state: BatchState::Rejected,
        n_errors: errors.len() as u64,
        detail: Some(detail),
        ended_at: Some((apply.clock)()),
        ..apply.batch.clone()
    };
    let errors = stream::iter([Ok(errors)]).boxed();
    settle(conn, &apply.step, &batch, errors, runtime)?;
    Ok(BatchVerdict::Rejected(Box::new(batch)))
}

/// Keeps a batch that ended without rows, and what is wrong with it.
pub(crate) fn settle(
    conn: &mut Connection,
    step: &LaneStep,
    batch: &Batch,
    mut errors: BoxStream<'static, Result<Vec<RowError>, StoreError>>,
    runtime: &Handle,
) -> Result<(), StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
    BATCHES_LEASE.step(&tx, &step.holder, step.expected, step.applied)?;
    batch_rows::insert(&tx, batch).map_err(failure)?;
    let mut n_errors = 0;
    while n_errors < batch.n_errors
        && let Some(some) = runtime.block_on(errors.next()).transpose()?
    {
        batch_rows::insert_errors(&tx, &batch.id, n_errors, &some).map_err(failure)?;
        n_errors += some.len() as u64;
    }
    crash::at("batch.before_settle");
    tx.commit().map_err(failure)?;
    crash::at("batch.after_settle");
    Ok(())
}

/// The rows, their batch and the applied position, committed; or what the database has against them, and nothing changed.
fn load(
    conn: &mut Connection,
    apply: &ApplyBatch,
    runtime: &Handle,
) -> Result<Option<Blame>, StoreError> {
    let ApplyBatch { step, batch, columns, .. } = apply;
    crash::at("batch.before_begin");
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
    BATCHES_LEASE.step(&tx, &step.holder, step.expected, step.applied)?;
    crash::at("batch.after_lease");
    tx.execute_batch("PRAGMA defer_foreign_keys = ON").map_err(failure)?;
    let kinds = kinds(&tx, apply).map_err(failure)?;
    let (mut blame, mut n_kept) = (Blame::default(), 0);
    if batch.mode == TableMode::Replace
        && let Err(error) = tx.execute(&format!("DELETE FROM {}", tables::quoted(&batch.table)), [])
    {
        blame.add_whole(error)?;
        return Ok(Some(blame));
    }
    match tx.prepare(&insert_sql(&batch.table, columns)) {
        Ok(mut insert) => {
            n_kept = insert_rows(&tx, &mut insert, &kinds, apply, runtime, &mut blame)?;
        }
        Err(error) => blame.add_whole(error)?,
    }
    if blame.is_any() {
        return Ok(Some(blame));
    }
    // Behind the rows, whose time is the batch's.
    apply.progress.store(n_kept, Ordering::Relaxed);
    let batch = Batch {
        ended_at: Some((apply.clock)()),
        detail: skipped(batch.n_rows, n_kept),
        ..batch.clone()
    };
    batch_rows::insert(&tx, &batch).map_err(failure)?;
    crash::at("batch.before_commit");
    // Not by the guard: where a deferred foreign key refuses the commit, the transaction is still there to be looked into.
    if let Err(error) = tx.execute_batch("COMMIT") {
        let words = deferred(error)?;
        let mut feed = Feed::new(apply, runtime);
        blame::find_missing_keys(&tx, apply, &kinds, &mut feed, &words, &mut blame)?;
        return Ok(Some(blame));
    }
    crash::at("batch.after_commit");
    Ok(None)
}

/// How many of the rows the table has kept; what is wrong with others is added to `blame`.
fn insert_rows(
    conn: &Connection,
    insert: &mut Statement<'_>,
    kinds: &[ColumnKind],
    apply: &ApplyBatch,
    runtime: &Handle,
    blame: &mut Blame,
) -> Result<u64, StoreError> {
    let mut feed = Feed::new(apply, runtime);
    let (mut n_rows, mut n_kept) = (0, 0);
    while let Some(block) = feed.next()? {
        let (mut rows, mut values) = (block.rows(), Vec::new());
        while let Some(place) = rows.next_into(&mut values).map_err(|_| damaged(apply))? {
            n_rows += 1;
            let bound = kinds.iter().zip(&values).map(|(&kind, &text)| declared::value(kind, text));
            let error = match insert.execute(params_from_iter(bound)) {
                Ok(n) => {
                    n_kept += n as u64;
                    continue;
                }
                Err(error) => error,
            };
            blame.add_row(place, &apply.columns, &values, error)?;
            // A trigger may have ended the transaction: then nothing more can be tried.
            if blame.is_full() || conn.is_autocommit() {
                return Ok(n_kept);
            }
        }
        apply.progress.store(n_rows, Ordering::Relaxed);
    }
    if n_rows == apply.batch.n_rows { Ok(n_kept) } else { Err(damaged(apply)) }
}

/// What each column of the batch takes. One that the table does not have is refused when the insert is prepared.
fn kinds(conn: &Connection, apply: &ApplyBatch) -> rusqlite::Result<Vec<ColumnKind>> {
    let table = tables::columns(conn, &apply.batch.table)?;
    let kind = |name: &String| {
        let column = table.iter().find(|column| column.name == *name);
        column.map_or(ColumnKind::Other, |column| column.kind)
    };
    Ok(apply.columns.iter().map(kind).collect())
}

/// `OR ABORT` goes before what the table's own constraints say (`ON CONFLICT IGNORE`): all rows, or none.
fn insert_sql(table: &str, columns: &[String]) -> String {
    let mut sql = format!("INSERT OR ABORT INTO {} (", tables::quoted(table));
    for (at, column) in columns.iter().enumerate() {
        let _ = write!(sql, "{}{}", if at == 0 { "" } else { ", " }, tables::quoted(column));
    }
    let _ = write!(sql, ") VALUES (?{})", ", ?".repeat(columns.len().saturating_sub(1)));
    sql
}
