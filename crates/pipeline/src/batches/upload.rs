//! The body of one batch on its way: bytes in, parts into the log, one decision at the end.
//!
//! ```text
//!   push* ──> finish   rows and a commit record, or errors and a reject record: durable
//!        └──> pause    resumable: what is whole so far is durable, the rest is sent again
//!        └──> abort    also by being dropped: a plain upload is cancelled, a resumable one pauses where it is durable
//! ```
//!
//! Invariant: memory holds one row, one chunk and a few errors, however long the body is.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use model::SeqRange;
use model::rows::{RowBlock, RowsDamaged};
use store::{Batch, BatchState, StoreError};
use tokio::runtime::Handle;
use tokio::task;
use tracing::warn;

use crate::batches::desk::Desk;
use crate::batches::error::BatchError;
use crate::batches::parse::body::{Body, GoOn};
use crate::batches::parse::rows::{TooLong, Whole};
use crate::batches::receiver::Receiver;
use crate::batches::records::{EndHead, Head, PartHead, Progress, encode_errors, hash_text};
use crate::batches::recovery::finish;
use crate::batches::registry::{Entry, State};
use crate::batches::rules::TableRules;
use crate::batches::view::{BatchView, FIRST_ERRORS_MAX, Finished};
use crate::clock;
use crate::shares::Share;

/// Rows of one record in the log.
const CHUNK_BYTES: usize = 512 << 10;
/// Errors of one record.
const CHUNK_ERRORS: usize = 1_000;
/// So much of a body is parsed before others get their turn: less than a millisecond, also where a schema judges each row.
const SLICE_BYTES: usize = 16 << 10;

/// What is to become of the rows.
#[derive(Debug)]
pub(crate) enum Aim {
    /// They go to the log.
    Keep,
    /// They are compared with those of an earlier batch, by their hash.
    Compare(Box<Batch>),
    /// They are only checked.
    DryRun,
}

/// See the module's page.
pub struct Upload {
    id: String,
    /// Gone once it was finished, paused or aborted.
    inner: Option<Box<Inner>>,
}

struct Inner {
    desk: Arc<Desk>,
    body: Body,
    receiver: Receiver,
    /// As it was when the upload began or went on.
    entry: Entry,
    aim: Aim,
    /// Parts that are in the log.
    n_parts: u32,
    /// Rows of the body that the log knows of.
    n_rows: u64,
    /// Bytes of the body as it was sent, where somebody knows them.
    sent_bytes: Option<u64>,
    /// What is in memory is no longer whole: an error was answered, or rows have left for the log, and whoever waited for the
    /// answer may be dropped before it comes.
    has_failed: bool,
    _place: Share,
}

impl Upload {
    pub(crate) fn new(
        desk: Arc<Desk>,
        rules: Arc<TableRules>,
        entry: Entry,
        aim: Aim,
        place: Share,
    ) -> Result<Self, BatchError> {
        let id = entry.batch.id.clone();
        let progress = &entry.progress;
        let Some(receiver) = Receiver::new(rules, progress, entry.first_errors.clone()) else {
            desk.registry.change(|state| state.detach(&id, entry.n_attached, clock::now()));
            return Err(BatchError::TableChanged);
        };
        let from = GoOn {
            whole: Whole { offset: progress.offset, line: progress.line },
            has_rows: progress.rows > 0,
            has_header: !progress.columns.is_empty(),
            is_broken: progress.is_broken,
        };
        let body = Body::new(entry.format, from);
        let n_parts = u32::try_from(entry.parts.len()).unwrap_or(u32::MAX);
        let n_rows = progress.rows;
        let inner = Inner {
            desk,
            body,
            receiver,
            entry,
            aim,
            n_parts,
            n_rows,
            sent_bytes: None,
            has_failed: false,
            _place: place,
        };
        Ok(Self { id, inner: Some(Box::new(inner)) })
    }

    /// The batch. Of a repetition this is a name that nobody will find: [`Finished`] names the first.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The next bytes of the body, unpacked. Resolves when there is room for more: rows go to the log in chunks meanwhile.
    ///
    /// # Errors
    /// After any error the upload can only be dropped.
    pub async fn push(&mut self, bytes: Bytes) -> Result<(), BatchError> {
        let inner = self.inner.as_mut().expect("an upload that is over is gone");
        for slice in bytes.chunks(SLICE_BYTES) {
            let done = inner.take(slice).await;
            inner.has_failed |= done.is_err();
            done?;
        }
        Ok(())
    }

    /// The next rows of a batch that was received before. They are judged as new ones, and keep their lines.
    ///
    /// # Errors
    /// As those of [`push`](Self::push).
    pub(crate) async fn push_kept(
        &mut self,
        columns: &[String],
        block: &RowBlock<Bytes>,
    ) -> Result<(), BatchError> {
        let inner = self.inner.as_mut().expect("an upload that is over is gone");
        let done = inner.take_kept(columns, block).await;
        inner.has_failed |= done.is_err();
        done
    }

    /// How many bytes the body has as it was sent, where it was packed; else those that were pushed count.
    pub fn set_sent_bytes(&mut self, n_bytes: u64) {
        if let Some(inner) = &mut self.inner {
            inner.sent_bytes = Some(n_bytes);
        }
    }

    /// The body is over: its rows are a batch, or rejected, and that is durable.
    pub async fn finish(mut self) -> Result<Finished, BatchError> {
        let inner = self.inner.as_mut().expect("an upload that is over is gone");
        inner.has_failed = true;
        let finished = inner.finish().await?;
        self.inner = None;
        Ok(finished)
    }

    /// Nothing of it came into the log.
    pub(crate) fn forget(mut self) {
        self.inner = None;
    }

    /// More of the body will come later: every whole row so far is durable.
    pub async fn pause(mut self) -> Result<BatchView, BatchError> {
        let inner = self.inner.as_mut().expect("an upload that is over is gone");
        inner.flush(true).await?;
        let (desk, id, n) = (Arc::clone(&inner.desk), self.id.clone(), inner.entry.n_attached);
        self.inner = None;
        desk.registry.change(|state| state.detach(&id, n, clock::now()));
        desk.view(&id).await?.ok_or(BatchError::NoSuchBatch)
    }

    /// Gives up: a plain upload is cancelled, a resumable one can go on at what is durable.
    pub async fn abort(mut self) {
        if let Some(inner) = self.inner.take() {
            // In a task: whoever waits may be dropped, and the batch has to come to its end all the same.
            let tasks = inner.desk.tasks.clone();
            if let Err(error) = tasks.spawn(inner.leave()).await {
                warn!(batch = %self.id, %error, "an upload could not be left");
            }
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            // Without a runtime the process is about to end, and the next start does it.
            if let Ok(runtime) = Handle::try_current() {
                let tasks = inner.desk.tasks.clone();
                tasks.spawn_on(inner.leave(), &runtime);
            }
        }
    }
}

impl Inner {
    async fn take(&mut self, slice: &[u8]) -> Result<(), BatchError> {
        let too_long = |TooLong { line }| BatchError::TooLong { line };
        self.body.feed(slice, &mut self.receiver).map_err(too_long)?;
        self.flush_chunk().await?;
        // Parsing is work: whoever wants to store an event has to get his turn between two slices.
        task::yield_now().await;
        Ok(())
    }

    async fn take_kept(
        &mut self,
        columns: &[String],
        block: &RowBlock<Bytes>,
    ) -> Result<(), BatchError> {
        let places = self.receiver.places(columns).ok_or(BatchError::TableChanged)?;
        let (mut rows, mut values) = (block.rows(), Vec::new());
        let damaged = |error: RowsDamaged| StoreError::Unusable(error.to_string());
        while let Some(place) = rows.next_into(&mut values).map_err(damaged)? {
            self.receiver.kept(place.line, &places, &values);
            self.flush_chunk().await?;
        }
        // Judging is work, too.
        task::yield_now().await;
        Ok(())
    }

    /// Puts what has gathered into the log, where that is enough for a record.
    async fn flush_chunk(&mut self) -> Result<(), BatchError> {
        let is_enough = self.receiver.block_bytes() >= CHUNK_BYTES
            || self.receiver.n_errors_waiting() >= CHUNK_ERRORS;
        if is_enough { self.flush(false).await } else { Ok(()) }
    }

    fn progress(&self) -> Progress {
        let whole = self.body.whole();
        let (columns, fields) = self.receiver.columns();
        Progress {
            at_us: clock::now().micros(),
            offset: whole.offset,
            line: whole.line,
            rows: self.receiver.n_rows(),
            errors: self.receiver.n_errors(),
            hash: hash_text(self.receiver.hash()),
            columns,
            fields,
            is_broken: self.receiver.is_broken(),
        }
    }

    /// The records of what is not in the log yet. `is_wanted`: one without rows will do, to say how far the body came.
    fn parts(&mut self, progress: &Progress, is_wanted: bool) -> Vec<Bytes> {
        let (block, n_rows) = self.receiver.take_block();
        let errors = self.receiver.take_errors();
        let id = self.entry.batch.id.clone();
        let first_row = (self.receiver.n_rows() + 1).saturating_sub(u64::from(n_rows));
        let head = |n| PartHead { id, nth: self.n_parts, n, first_row, progress: progress.clone() };
        if n_rows > 0 || (errors.is_empty() && is_wanted) {
            vec![Head::Rows(head(n_rows)).encode(&block)]
        } else if errors.is_empty() {
            Vec::new()
        } else {
            vec![Head::Errors(head(errors.len() as u32)).encode(&encode_errors(&errors))]
        }
    }

    /// Puts what has gathered into the log.
    async fn flush(&mut self, is_wanted: bool) -> Result<(), BatchError> {
        if !matches!(self.aim, Aim::Keep) {
            // Nobody will ask for these.
            self.receiver.take_block();
            self.receiver.take_errors();
            return Ok(());
        }
        let progress = self.progress();
        let is_news = progress.offset != self.entry.progress.offset;
        // Until the registry has learned of them the rows are nowhere that this upload could find them again.
        let had_failed = mem::replace(&mut self.has_failed, true);
        let records = self.parts(&progress, is_wanted && is_news);
        if records.is_empty() {
            self.has_failed = had_failed;
            return Ok(());
        }
        self.desk.check_room()?;
        self.turn().await?;
        crash::at("upload.before_rows");
        let (id, first_errors) = (self.entry.batch.id.clone(), self.first_errors());
        let n_rows = progress.rows;
        let after = move |state: &mut State, appended: Option<SeqRange>| {
            let Some(range) = appended else { return };
            state.add_parts(&id, range, 1, progress);
            if let Some(entry) = state.entries.get_mut(&id) {
                entry.first_errors = first_errors;
            }
        };
        self.desk.append(&self.entry.batch.id, records, after).await?;
        crash::at("upload.after_rows");
        (self.n_parts, self.n_rows) = (self.n_parts + 1, n_rows);
        self.has_failed = had_failed;
        Ok(())
    }

    fn first_errors(&self) -> Vec<store::RowError> {
        self.receiver.first_errors().to_vec()
    }

    /// Takes the right to write, unless somebody has ended the batch meanwhile, or what comes next does not follow what the
    /// log has: such a batch could be promised and never be applied.
    async fn turn(&self) -> Result<(), BatchError> {
        let follows = |entry: &Entry| {
            entry.parts.len() as u64 == u64::from(self.n_parts)
                && entry.progress.rows == self.n_rows
        };
        let may = |entry: &Entry| match entry.batch.state {
            BatchState::Receiving if entry.n_attached != self.entry.n_attached => {
                Err(BatchError::Busy)
            }
            BatchState::Receiving if follows(entry) => Ok(()),
            BatchState::Receiving => Err(BatchError::WrongOffset { offset: entry.progress.offset }),
            _ => Err(BatchError::Cancelled),
        };
        self.desk.turn(&self.entry.batch.id, may).await.unwrap_or(Err(BatchError::Cancelled))
    }

    async fn finish(&mut self) -> Result<Finished, BatchError> {
        let too_long = |TooLong { line }| BatchError::TooLong { line };
        self.body.finish(&mut self.receiver).map_err(too_long)?;
        self.receiver.finish();
        match mem::replace(&mut self.aim, Aim::Keep) {
            Aim::Keep => self.decide().await,
            Aim::DryRun => {
                self.aim = Aim::DryRun;
                let (_, batch) = self.ended(self.progress());
                let batch =
                    BatchView { batch, rows_applied: 0, rows_kept: false, upload_offset: None };
                Ok(Finished { batch, first_errors: self.first_errors(), duplicate: false })
            }
            Aim::Compare(first) => {
                let answer = self.compare(&first).await;
                self.aim = Aim::Compare(first);
                answer
            }
        }
    }

    /// The last record but for the database's verdict, and the batch as it then stands.
    fn ended(&self, progress: Progress) -> (EndHead, Batch) {
        let has_errors = progress.errors > 0;
        let end = EndHead {
            id: self.entry.batch.id.clone(),
            bytes: self.sent_bytes.unwrap_or(progress.offset),
            progress,
            parts: Vec::new(),
            n_before: 0,
        };
        let mut batch = self.entry.batch.clone();
        let state = if has_errors { BatchState::Rejected } else { BatchState::Queued };
        finish(&mut batch, &end, state);
        (end, batch)
    }

    async fn decide(&mut self) -> Result<Finished, BatchError> {
        let progress = self.progress();
        let mut records = self.parts(&progress, false);
        let n_before = records.len();
        self.turn().await?;
        let (mut end, batch) = self.ended(progress.clone());
        end.n_before = n_before as u32;
        end.parts = self.desk.registry.with(|state| {
            let parts = state.entries.get(&end.id).map(|entry| entry.parts.as_slice());
            parts.unwrap_or_default().iter().map(|seq| seq.get()).collect()
        });
        let state = batch.state;
        let head =
            if state == BatchState::Rejected { Head::Reject(end) } else { Head::Commit(end) };
        records.push(head.encode(&[]));
        crash::at("upload.before_end");
        let first_errors = self.first_errors();
        let mut view = BatchView { batch, rows_applied: 0, rows_kept: false, upload_offset: None };
        let (id, whole, errors) = (view.batch.id.clone(), view.batch.clone(), first_errors.clone());
        let after = move |state: &mut State, appended: Option<SeqRange>| {
            let Some(range) = appended else { return };
            state.add_parts(&id, range, n_before as u64, progress);
            state.counts.rows_received += whole.n_rows;
            if let Some(entry) = state.entries.get_mut(&id) {
                entry.first_errors = errors;
                entry.is_attached = false;
            }
            state.decide(&id, range.last, whole.state, |batch| *batch = whole.clone());
        };
        self.desk.append(&view.batch.id, records, after).await?;
        crash::at("upload.after_end");
        view.batch.state = state;
        Ok(Finished { batch: view, first_errors, duplicate: false })
    }

    /// Whether these rows are those of the batch that has the key.
    async fn compare(&self, first: &Batch) -> Result<Finished, BatchError> {
        if !self.receiver.has_rows_of(first.hash) {
            return Err(BatchError::KeyConflict { id: first.id.clone() });
        }
        let batch =
            self.desk.view(&first.id).await?.unwrap_or_else(|| self.desk.over(first.clone()));
        let live = |state: &mut State| Some(state.entries.get(&first.id)?.first_errors.clone());
        let first_errors = match self.desk.registry.with(live) {
            Some(errors) => errors,
            None if batch.batch.n_errors == 0 => Vec::new(),
            None => self.desk.errors(&first.id, 0, FIRST_ERRORS_MAX).await?,
        };
        Ok(Finished { batch, first_errors, duplicate: true })
    }

    /// Nobody sends any more.
    async fn leave(mut self: Box<Self>) {
        if !matches!(self.aim, Aim::Keep) {
            return;
        }
        let id = self.entry.batch.id.clone();
        let left = if self.entry.is_resumable {
            if self.has_failed { Ok(()) } else { self.flush(true).await }
        } else {
            let is_ours = |entry: &Entry| entry.batch.state == BatchState::Receiving;
            let why = "its sender went away before its end".to_owned();
            self.desk.cancel(&id, why, is_ours).await.map(drop)
        };
        let n_attached = self.entry.n_attached;
        self.desk.registry.change(|state| state.detach(&id, n_attached, clock::now()));
        match left {
            Ok(())
            | Err(
                BatchError::Busy
                | BatchError::Cancelled
                | BatchError::WrongOffset { .. }
                | BatchError::NotCancellable { .. }
                | BatchError::NoSuchBatch,
            ) => {}
            // The lane does it as soon as the log takes something again, or the next start.
            Err(error) => {
                warn!(batch = %id, %error, "an upload was left, and the log cannot be told");
            }
        }
    }
}
