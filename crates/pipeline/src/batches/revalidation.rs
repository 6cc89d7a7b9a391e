//! Rows that the database refused, again: read back from the log, judged by what their table takes now, and sent as new ones.
//!
//! ```text
//!   rejected ── its rows, kept in the log ──> begin, rows*, commit ──> queued ──> …      a batch of its own
//! ```
//!
//! They come in by the same door as any other rows, so that every promise of batches holds for them, whatever moment the
//! process dies in.
//!
//! Invariant: the new batch has the key of the first (one that came without gets one), and no two batches with one key are ever
//! both committed. So the rows are in the table at most once, however often somebody asks for this.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use model::{Seq, Timestamp};
use store::{Batch, BatchQuery, BatchState, RowFeed as _, StoreError};

use crate::batches::desk::Desk;
use crate::batches::error::BatchError;
use crate::batches::feed::{Parts, damaged};
use crate::batches::records::Head;
use crate::batches::registry::REFUSED_MAX;
use crate::batches::rules::RowFormat;
use crate::batches::upload::Upload;
use crate::batches::view::{Finished, UploadWish};
use crate::clock;

const NEVER: &str =
    "its rows were wrong as they came: of such a batch the log keeps what is wrong, not the rows";
const NO_LONGER: &str = "the log keeps its rows no longer";

/// The kept rows of a batch.
struct Rows {
    parts: Parts,
    columns: Vec<String>,
}

/// Whether the database has refused its rows: all of them were what their columns took.
pub(crate) fn was_refused(batch: &Batch) -> bool {
    batch.state == BatchState::Rejected && batch.started_at.is_some()
}

impl Desk {
    /// Those whose rows the log may still have, and when they were refused.
    pub(crate) async fn refused(&self) -> Result<HashMap<String, Timestamp>, StoreError> {
        let keep_us = self.options.keep_refused.as_micros() as i64;
        if keep_us == 0 {
            return Ok(HashMap::new());
        }
        let oldest_us = clock::now().micros() - keep_us;
        let state = Some(BatchState::Rejected);
        let query = BatchQuery { state, limit: REFUSED_MAX, ..BatchQuery::default() };
        let rejected = self.store.batches(query).await?.into_iter().filter(was_refused);
        let young = rejected.filter_map(|batch| Some((batch.id, batch.ended_at?)));
        Ok(young.filter(|(_, at)| at.micros() > oldest_us).collect())
    }

    /// Sends the rows of a batch again. Whoever sends the first one under its key again finds the new one.
    pub(crate) async fn revalidate(
        self: &Arc<Self>,
        id: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Finished, BatchError> {
        let first = self.view(id).await?.ok_or(BatchError::NoSuchBatch)?.batch;
        if first.state != BatchState::Rejected {
            return Err(BatchError::NotRejected { state: first.state });
        }
        let key = first.key.clone().unwrap_or_else(|| format!("revalidate-{id}"));
        let application = first.application.as_deref();
        if let Some(batch) = self.with_key(application, &first.table, &key).await?
            && matches!(
                batch.batch.state,
                BatchState::Queued | BatchState::Applying | BatchState::Committed
            )
        {
            return Ok(Finished { batch, first_errors: Vec::new(), duplicate: true });
        }
        let rows = self.rows_of(&first).await?;
        let wish = UploadWish {
            table: first.table.clone(),
            format: RowFormat::Ndjson,
            application: first.application.clone(),
            sent_by: by.to_owned(),
            holder: by.to_owned(),
            label: first.label.clone(),
            key: Some(key),
            dry_run: false,
            resumable: false,
            now,
            revalidates: Some(first.id.clone()),
        };
        let mut upload = self.begin(wish).await?;
        if let Err(error) = send(&mut upload, &rows).await {
            upload.abort().await;
            let is_kept = self.registry.with(|state| state.refused.contains_key(id));
            return Err(if is_kept { error } else { BatchError::RowsNotKept(NO_LONGER) });
        }
        upload.set_sent_bytes(first.n_bytes);
        upload.finish().await
    }

    async fn rows_of(&self, batch: &Batch) -> Result<Rows, BatchError> {
        if !was_refused(batch) {
            return Err(BatchError::RowsNotKept(NEVER));
        }
        let refused = self.registry.with(|state| state.refused.get(&batch.id).copied());
        let refused = refused.ok_or(BatchError::RowsNotKept(NO_LONGER))?;
        let rules = self.tables.get(&batch.table).ok_or(BatchError::NoSuchTable)?;
        let read = self.queue.reader(refused.decided).next(1).await;
        let record = read?.into_iter().next().filter(|record| record.seq == refused.decided);
        let head = record.and_then(|record| Head::decode(&record.bytes).ok());
        let Some((Head::Commit(end), _)) = head.filter(|(head, _)| is_commit_of(head, &batch.id))
        else {
            return Err(damaged(&batch.id, "its commit record is another").into());
        };
        let seqs: Option<Vec<Seq>> = end.positions(refused.decided).map(Seq::new).collect();
        let seqs = seqs.ok_or_else(|| damaged(&batch.id, "its commit record is damaged"))?;
        let columns = end.progress.columns;
        let has = |name: &String| rules.table.columns.iter().any(|column| column.name == *name);
        if !columns.iter().all(has) {
            return Err(BatchError::TableChanged);
        }
        let queue = Arc::clone(&self.queue);
        let parts = Parts { queue, id: batch.id.clone(), seqs, n_columns: columns.len() };
        Ok(Rows { parts, columns })
    }
}

fn is_commit_of(head: &Head, id: &str) -> bool {
    matches!(head, Head::Commit(end) if end.id == id)
}

async fn send(upload: &mut Upload, rows: &Rows) -> Result<(), BatchError> {
    let mut blocks = rows.parts.blocks();
    while let Some(block) = blocks.next().await.transpose()? {
        upload.push_kept(&rows.columns, &block).await?;
    }
    Ok(())
}
