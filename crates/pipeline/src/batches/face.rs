//! The lane as the edge sees it.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use store::{BatchQuery, BatchState, RowError, StoreError};
use tokio::time;

use crate::batches::desk::Desk;
use crate::batches::entrance::{LOOKUP_WAIT, with_more};
use crate::batches::error::BatchError;
use crate::batches::registry::{Entry, State};
use crate::batches::rules::TableRules;
use crate::batches::upload::Upload;
use crate::batches::view::{ApplyingNow, BatchView, Finished, LaneStanding, UploadWish};
use crate::clock;
use crate::meters::ConsumerState;

/// Longest wait for a rejection to stand in the database, where all of its errors are.
const SETTLE_WAIT: Duration = Duration::from_secs(5);

/// Of a batch that was cancelled.
const UNASKED: &str =
    "whether the same rows came before under its key shows once the database answers again";

/// Begins, shows and cancels batches. Cheap to clone.
#[derive(Clone)]
pub struct Batches {
    pub(crate) desk: Arc<Desk>,
}

/// What may be done with a wish.
pub enum Begin {
    /// Send the body. Where the key is known, its rows are only compared with those of the first.
    Upload(Upload),
}

impl Batches {
    /// The tables that take batches, by name.
    pub fn tables(&self) -> Vec<Arc<TableRules>> {
        self.desk.tables.values().cloned().collect()
    }

    /// One of them.
    pub fn table(&self, name: &str) -> Option<Arc<TableRules>> {
        self.desk.tables.get(name).cloned()
    }

    /// Begins a batch. What is answered before the body has come is durable, but for a dry run and a repetition.
    pub async fn begin(&self, wish: UploadWish) -> Result<Begin, BatchError> {
        self.desk.begin(wish).await.map(Begin::Upload)
    }

    /// Goes on with an upload that was paused. `offset` must be the one that its batch shows.
    /// For `holder` see [`UploadWish::holder`].
    pub async fn resume(&self, id: &str, offset: u64, holder: &str) -> Result<Upload, BatchError> {
        if let Some(upload) = self.desk.resume(id, offset, holder)? {
            return Ok(upload);
        }
        let over = self.desk.store.batch(id).await?.ok_or(BatchError::NoSuchBatch)?;
        Err(BatchError::NotUploading { state: over.state })
    }

    /// Checks the kept rows of a batch that the database refused, as new ones, and has them applied again. Where that was begun
    /// before, it answers as a repetition.
    pub async fn revalidate(
        &self,
        id: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Finished, BatchError> {
        self.desk.revalidate(id, by, now).await
    }

    /// Ends a batch before it is applied, and durably so. While the database cannot be asked whether the same rows came before under
    /// its key, the view's `detail` says so.
    ///
    /// # Errors
    /// [`BatchError::CameBefore`] where they did: those stay.
    pub async fn cancel(&self, id: &str, by: &str) -> Result<BatchView, BatchError> {
        let view = self.desk.cancel(id, format!("cancelled by {by}"), |_| true).await?;
        let asked = self.desk.beside_first(view.batch.clone());
        let batch = match time::timeout(LOOKUP_WAIT, asked).await {
            Ok(Ok(batch)) => batch,
            // It is done, whatever the database says.
            Err(_) | Ok(Err(_)) => with_more(view.batch.clone(), UNASKED),
        };
        if let Some(first) = batch.same_as.clone() {
            self.desk.registry.change(|registry| {
                if let Some(entry) = registry.entries.get_mut(id) {
                    entry.batch = batch;
                }
            });
            return Err(BatchError::CameBefore { id: first });
        }
        Ok(BatchView { batch, ..view })
    }

    /// One batch.
    pub async fn batch(&self, id: &str) -> Result<Option<BatchView>, BatchError> {
        self.desk.view(id).await
    }

    /// The batch that has this key: live ones before those that are over.
    pub async fn with_key(
        &self,
        application: Option<&str>,
        table: &str,
        key: &str,
    ) -> Result<Option<BatchView>, BatchError> {
        self.desk.with_key(application, table, key).await
    }

    /// Those that a query wants, newest first.
    pub async fn list(&self, query: BatchQuery) -> Result<Vec<BatchView>, BatchError> {
        // Asked first: what comes to its end meanwhile is then found twice, and never not at all.
        let mut views = self.desk.registry.with(|state| state.list(&query));
        let is_live = |state: BatchState| !state.is_over();
        if !query.state.is_some_and(is_live) {
            let limit = query.limit;
            let over = self.desk.store.batches(query).await?.into_iter();
            let over: Vec<BatchView> = over.map(|batch| self.desk.over(batch)).collect();
            views.retain(|view| over.iter().all(|other| other.batch.id != view.batch.id));
            views.extend(over);
            views.sort_unstable_by(|one, other| other.batch.id.cmp(&one.batch.id));
            views.truncate(limit);
        }
        Ok(views)
    }

    /// What is wrong with a batch's rows, behind the first `skip`. A rejection that is not in the database yet is waited for; where
    /// that takes too long, the answer is [`BatchError::Store`].
    pub async fn errors(
        &self,
        id: &str,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<RowError>, BatchError> {
        self.desk.errors(id, skip, limit).await
    }

    /// The batch once it is over, or as it stands when `wait` is.
    pub async fn ended(&self, id: &str, wait: Duration) -> Result<Option<BatchView>, BatchError> {
        let is_over = |state: &mut State| {
            let entry = state.entries.get(id);
            entry.is_none_or(|entry| entry.batch.state.is_over()).then_some(())
        };
        let _ = time::timeout(wait, self.desk.registry.until(is_over)).await;
        self.desk.view(id).await
    }

    /// How the lane stands.
    pub fn standing(&self) -> LaneStanding {
        let (queue, now) = (&self.desk.queue, clock::now());
        let (bounds, log_bytes) = (queue.bounds(), queue.size_bytes());
        self.desk.registry.with(|state| {
            let decided = state.decisions.values().filter_map(|id| state.entries.get(id));
            let oldest = decided
                .map(|entry| entry.batch.received_at.unwrap_or(entry.batch.created_at))
                .min();
            let age_us = oldest.map_or(0, |oldest| (now.micros() - oldest.micros()).max(0));
            let applying = state.applying.as_ref().and_then(|id| state.entries.get(id));
            LaneStanding {
                log: queue.log(),
                first: bounds.first,
                last: bounds.last,
                next: bounds.next,
                log_bytes,
                log_bytes_max: self.desk.options.log_bytes_max,
                applied: state.applied,
                lag_batches: state.decisions.len() as u64,
                lag_s: age_us as f64 / 1e6,
                n_receiving: state.count(BatchState::Receiving),
                n_queued: state.count(BatchState::Queued),
                applying: applying.map(applying_now),
                consumer: state
                    .consumer
                    .clone()
                    .unwrap_or_else(|| ConsumerState::Waiting { reason: "starting".to_owned() }),
                counts: state.counts,
            }
        })
    }

    /// Waits for the records that are still on their way. Nobody may begin anything afterwards.
    pub async fn close(&self) {
        self.desk.tasks.close();
        self.desk.tasks.wait().await;
    }
}

impl Desk {
    pub(crate) async fn with_key(
        &self,
        application: Option<&str>,
        table: &str,
        key: &str,
    ) -> Result<Option<BatchView>, BatchError> {
        let live = |state: &mut State| state.with_key(application, table, key).map(Entry::view);
        if let Some(view) = self.registry.with(live) {
            return Ok(Some(view));
        }
        let over = self.store.batch_with_key(application, table, key).await?;
        Ok(over.map(|batch| self.over(batch)))
    }

    pub(crate) async fn errors(
        &self,
        id: &str,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<RowError>, BatchError> {
        let settled = |state: &mut State| match state.entries.get(id) {
            Some(entry) if entry.batch.state == BatchState::Rejected => None,
            Some(entry) => {
                let errors =
                    entry.first_errors.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX));
                Some(Some(errors.take(limit).cloned().collect()))
            }
            None => Some(None),
        };
        match time::timeout(SETTLE_WAIT, self.registry.until(settled)).await {
            Ok(Some(errors)) => Ok(errors),
            Ok(None) => {
                let errors = self.store.batch_errors(id, skip, limit).await?;
                if errors.is_empty() && self.store.batch(id).await?.is_none() {
                    return Err(BatchError::NoSuchBatch);
                }
                Ok(errors)
            }
            Err(_) => Err(BatchError::Store(StoreError::Unavailable(
                "the rejection is not in the database yet".to_owned(),
            ))),
        }
    }
}

fn applying_now(entry: &Entry) -> ApplyingNow {
    let view = entry.view();
    ApplyingNow {
        id: view.batch.id,
        table: view.batch.table,
        rows: view.batch.n_rows,
        rows_applied: view.rows_applied,
        since: view.batch.started_at.unwrap_or(view.batch.created_at),
    }
}
