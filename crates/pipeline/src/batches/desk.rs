//! Where batches are written down and decided upon. One record of a batch is on its way at a time, in a task of its own: a
//! client that hangs up drops the future that waits, and the registry still learns what became of the record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{SeqRange, Timestamp};
use queue::{Queue, QueueError};
use store::{Batch, BatchState, BatchStore};
use tokio_util::task::TaskTracker;

use crate::batches::error::BatchError;
use crate::batches::records::{CancelHead, Head};
use crate::batches::registry::{Entry, Registry, State};
use crate::batches::rules::TableRules;
use crate::batches::view::BatchView;
use crate::clock;
use crate::lease::Tenancy;
use crate::meters::ConsumerState;
use crate::shares::Shares;

/// Most bodies that are read at once, shared among those who send; each holds a chunk and a row in memory.
pub(crate) const RECEIVING_MAX: usize = 64;
/// With so many quarters of its room taken the log gets rid of paused uploads. More than what is kept of batches that are
/// over, for that goes first; and less than all, for whoever comes next is not to be refused.
const FULL_QUARTERS: u64 = 3;

/// Settings of the lane.
#[derive(Clone, Debug)]
pub struct LaneOptions {
    /// How it is with its database.
    pub tenancy: Tenancy,
    /// From so many bytes of log on nothing new is taken.
    pub log_bytes_max: u64,
    /// How long records stay after their batch is over, for a database that may lose commits; zero for one that does not.
    pub keep: Duration,
    /// How long the rows of a batch stay that the database refused, to be checked and applied again.
    pub keep_refused: Duration,
    /// Most bytes that are kept so.
    pub keep_bytes_max: u64,
    /// An upload without a byte for so long is cancelled.
    pub idle_max: Duration,
    /// One that is paused for so long gives its room up where the log has little left.
    pub pause_free: Duration,
}

/// See the module's page.
pub(crate) struct Desk {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) store: Arc<dyn BatchStore>,
    pub(crate) tables: BTreeMap<String, Arc<TableRules>>,
    pub(crate) options: LaneOptions,
    pub(crate) registry: Registry,
    pub(crate) receiving: Arc<Shares>,
    pub(crate) tasks: TaskTracker,
}

impl Desk {
    pub(crate) fn new(
        queue: Arc<dyn Queue>,
        store: Arc<dyn BatchStore>,
        tables: Vec<TableRules>,
        options: LaneOptions,
        state: State,
    ) -> Self {
        let by_name = |rules: TableRules| (rules.table.name.clone(), Arc::new(rules));
        Self {
            queue,
            store,
            tables: tables.into_iter().map(by_name).collect(),
            options,
            registry: Registry::new(state),
            receiving: Shares::new(RECEIVING_MAX),
            tasks: TaskTracker::new(),
        }
    }

    /// How the lane stands, for whoever asks.
    pub(crate) fn tell(&self, state: ConsumerState) {
        self.registry.change(|registry| registry.consumer = Some(state));
    }

    /// The lane's own budget.
    pub(crate) fn check_room(&self) -> Result<(), BatchError> {
        let (n_bytes, n_bytes_max) = (self.queue.size_bytes(), self.options.log_bytes_max);
        if n_bytes >= n_bytes_max {
            return Err(BatchError::Full(format!(
                "the log of batches has {n_bytes} bytes, of {n_bytes_max} that it may have"
            )));
        }
        Ok(())
    }

    /// Waits until no record of the batch is on its way, and takes the right to the next one where `may` agrees. Whoever has it
    /// calls [`append`](Self::append) at once. `None`: no such batch is live.
    pub(crate) async fn turn(
        &self,
        id: &str,
        may: impl Fn(&Entry) -> Result<(), BatchError>,
    ) -> Option<Result<(), BatchError>> {
        let look = |state: &mut State| {
            let Some(entry) = state.entries.get_mut(id) else { return Some(None) };
            if entry.is_writing {
                return None;
            }
            let answer = may(entry);
            entry.is_writing = answer.is_ok();
            Some(Some(answer))
        };
        self.registry.until(look).await
    }

    /// Appends records of a batch in one piece, and has the registry learn of it, also of a failure, whether anybody still waits
    /// or not. Needs the [`turn`](Self::turn).
    pub(crate) async fn append(
        self: &Arc<Self>,
        id: &str,
        records: Vec<Bytes>,
        after: impl FnOnce(&mut State, Option<SeqRange>) + Send + 'static,
    ) -> Result<(), BatchError> {
        let (desk, id) = (Arc::clone(self), id.to_owned());
        let task = self.tasks.spawn(async move {
            let append = desk.registry.with(|state| state.enter(desk.queue.bounds().next));
            let appended = desk.queue.append(records).await;
            desk.registry.change(|state| {
                state.leave(append);
                if let Some(entry) = state.entries.get_mut(&id) {
                    entry.is_writing = false;
                }
                after(state, appended.as_ref().ok().copied());
            });
            appended
        });
        let appended = task.await.map_err(|error| BatchError::Unknown(error.to_string()))?;
        appended.map(drop).map_err(|error: QueueError| error.into())
    }

    /// Ends a batch that nothing has been decided about, or that waits for its turn.
    pub(crate) async fn cancel(
        self: &Arc<Self>,
        id: &str,
        why: String,
        may: impl Fn(&Entry) -> bool,
    ) -> Result<BatchView, BatchError> {
        let may = |entry: &Entry| match entry.batch.state {
            BatchState::Receiving | BatchState::Queued if may(entry) => Ok(()),
            state => Err(BatchError::NotCancellable { state }),
        };
        let Some(turn) = self.turn(id, may).await else {
            let over = self.store.batch(id).await?.ok_or(BatchError::NoSuchBatch)?;
            return Err(BatchError::NotCancellable { state: over.state });
        };
        turn?;
        let at = clock::now();
        let head = CancelHead { id: id.to_owned(), at_us: at.micros(), why: why.clone() };
        crash::at("upload.before_end");
        let owned = id.to_owned();
        let after = move |state: &mut State, appended: Option<SeqRange>| {
            let Some(range) = appended else { return };
            state.decide(&owned, range.last, BatchState::Cancelled, |batch| {
                batch.ended_at = Some(at);
                batch.detail = Some(why);
            });
        };
        self.append(id, vec![Head::Cancel(head).encode(&[])], after).await?;
        crash::at("upload.after_end");
        let view = self.registry.with(|state| state.entries.get(id).map(Entry::view));
        match view {
            Some(view) => Ok(view),
            // The lane was quicker.
            None => self.view(id).await?.ok_or(BatchError::NoSuchBatch),
        }
    }

    /// A batch as it stands, wherever it stands.
    pub(crate) async fn view(&self, id: &str) -> Result<Option<BatchView>, BatchError> {
        let live = self.registry.with(|state| state.entries.get(id).map(Entry::view));
        match live {
            Some(view) => Ok(Some(view)),
            None => Ok(self.store.batch(id).await?.map(|batch| self.over(batch))),
        }
    }

    /// A batch that the database has.
    pub(crate) fn over(&self, batch: Batch) -> BatchView {
        let rows_applied = if batch.state == BatchState::Committed { batch.n_rows } else { 0 };
        let rows_kept = batch.state == BatchState::Rejected
            && self.registry.with(|state| state.refused.contains_key(&batch.id));
        BatchView { batch, rows_applied, rows_kept, upload_offset: None }
    }

    /// Cancels the upload that stands in the way of the log's front, where that log lacks room and nobody sends it. The next one
    /// follows when the lane has trimmed the log: it may be enough.
    pub(crate) async fn give_way(self: &Arc<Self>, now: Timestamp) -> Result<(), BatchError> {
        if self.queue.size_bytes() / FULL_QUARTERS < self.options.log_bytes_max / 4 {
            return Ok(());
        }
        let pause_us = self.options.pause_free.as_micros() as i64;
        let is_paused = move |entry: &Entry| {
            entry.batch.state == BatchState::Receiving
                && !entry.is_attached
                && now.micros() - entry.left_at.micros() >= pause_us
        };
        let front = self.registry.with(|state| {
            let front = state.front().filter(|entry| is_paused(entry) && !entry.is_writing);
            front.map(|entry| entry.batch.id.clone())
        });
        let Some(id) = front else { return Ok(()) };
        let why = "it was paused, and the log of batches needed its room".to_owned();
        self.give_up(&id, why, is_paused).await
    }

    /// Cancels an upload that nobody sends. Where the log takes not even that word, the upload lets go of its place there all the
    /// same: else a log that is full would wait for the upload, and the upload for room.
    async fn give_up(
        self: &Arc<Self>,
        id: &str,
        why: String,
        may: impl Fn(&Entry) -> bool,
    ) -> Result<(), BatchError> {
        match self.cancel(id, why, &may).await {
            Ok(_) | Err(BatchError::NotCancellable { .. } | BatchError::NoSuchBatch) => Ok(()),
            Err(BatchError::Full(_)) => {
                let next = self.queue.bounds().next;
                self.registry.change(|state| state.let_go(id, next, may));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Cancels the uploads that nobody has sent a byte of for too long, and those that were cut off and nobody can go on with: their
    /// own end could not be written when they came to it.
    pub(crate) async fn abandon_idle(self: &Arc<Self>, now: Timestamp) -> Result<(), BatchError> {
        let idle_us = self.options.idle_max.as_micros() as i64;
        let is_idle = move |entry: &Entry| {
            entry.batch.state == BatchState::Receiving
                && !entry.is_attached
                && (!entry.is_resumable || now.micros() - entry.progress.at_us >= idle_us)
        };
        let idle: Vec<(String, bool)> = self.registry.with(|state| {
            let idle = state.entries.values().filter(|entry| is_idle(entry) && !entry.is_writing);
            idle.map(|entry| (entry.batch.id.clone(), entry.is_resumable)).collect()
        });
        for (id, is_resumable) in idle {
            let why = if is_resumable {
                format!("no byte of it came for {} h", self.options.idle_max.as_secs() / 3600)
            } else {
                "it was left before its end".to_owned()
            };
            self.give_up(&id, why, is_idle).await?;
        }
        Ok(())
    }
}
