//! The one that carries out decisions: commits, rejections and cancellations, in the order of the log.
//!
//! ```text
//!   claim the lease ─> check it against the log ─> next decision ─> ONE transaction ─> trim ─┐
//!        ^                                              ^                                    │
//!        └── any failure: a pause, the lease again ─────┴───────────── done <────────────────┘
//! ```
//!
//! Invariant: progress is the applied position of the lane's lease row and nothing else. After every failure it is read again: a
//! decision that it covers is over, whatever the answer was, and one that it no longer covers (a database that lost commits) is
//! read back from the log and carried out again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use model::Seq;
use queue::Queue;
use store::{ApplyBatch, Batch, BatchState, BatchStore, BatchVerdict, LaneStep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::batches::desk::{Desk, LaneOptions};
use crate::batches::error::BatchError;
use crate::batches::face::Batches;
use crate::batches::feed::Parts;
use crate::batches::recovery::{self, Found, take_over};
use crate::batches::registry::{Entry, State};
use crate::batches::revalidation::was_refused;
use crate::batches::rules::TableRules;
use crate::clock;
use crate::fork;
use crate::halt::{Halt, StartError, halt, halt_log};
use crate::lease::{Holding, LeaseRow, NotTaken};
use crate::meters::ConsumerState;

/// Most batches that are over and kept in the log: each is looked at whenever it is trimmed.
const KEPT_MAX: usize = 100_000;

/// With less room than this on the disk, nothing is worth keeping of batches that are over.
const ROOM_BYTES_MIN: u64 = 256 << 20;

/// See the module's page.
pub struct Lane {
    desk: Arc<Desk>,
    holding: Holding,
    /// The decision that the last try stopped at.
    stopped_at: Option<Seq>,
}

impl Lane {
    /// Claims the lane's lease, checks that log and database belong together, and reads back what the database does not have.
    /// Nothing may be appended before this has returned.
    pub async fn open(
        queue: Arc<dyn Queue>,
        store: Arc<dyn BatchStore>,
        tables: Vec<TableRules>,
        options: LaneOptions,
    ) -> Result<(Batches, Self), StartError> {
        let row = LeaseRow::Batches(Arc::clone(&store));
        let holding = Holding::new(Arc::clone(&queue), row, options.tenancy.clone());
        let desk = Arc::new(Desk::new(queue, store, tables, options, State::default()));
        let mut lane = Self { desk: Arc::clone(&desk), holding, stopped_at: None };
        let mut read = lane.read_back().await;
        if read.as_ref().is_err_and(StartError::is_fenced) {
            read = lane.read_back().await;
        }
        let (applied, found) = read?;
        desk.registry.change(|state| take_over(state, found, applied));
        lane.drop_cut_uploads().await?;
        Ok((Batches { desk }, lane))
    }

    /// Works until `shutdown`; what is being applied then goes on until it is over or `stop`. The rest stays in the log.
    ///
    /// # Errors
    /// As those of [`Consumer::run`](crate::consumer::Consumer::run).
    pub async fn run(
        mut self,
        shutdown: CancellationToken,
        stop: CancellationToken,
    ) -> Result<(), StartError> {
        loop {
            let applied_before = self.applied();
            let Err(halt) = self.follow(&shutdown, &stop).await else { break };
            if self.applied() > applied_before {
                self.holding.moved();
            }
            let desk = Arc::clone(&self.desk);
            // Somebody may end what stands in the way.
            let stopped_at = self.stopped_at.take();
            let out_of_the_way = desk.registry.until(|state| {
                let first = state.decisions.first_key_value().map(|(&seq, _)| seq);
                stopped_at.filter(|_| first != stopped_at).map(drop)
            });
            let tell = |state| desk.tell(state);
            self.holding.outlast(halt, &shutdown, tell, out_of_the_way).await?;
            if shutdown.is_cancelled() {
                break;
            }
        }
        self.holding.give_back().await;
        Ok(())
    }

    /// Takes the lease, with what the log has that the database lacks.
    async fn read_back(&mut self) -> Result<(Seq, Found), StartError> {
        let applied = self.holding.ask().await?;
        let refused = self.desk.refused().await?;
        let found = recovery::scan(&*self.desk.queue, applied, refused).await?;
        self.take(applied, found.newest_over.clone()).await?;
        Ok((applied, found))
    }

    /// Takes the lease, if the database has what this log has decided last of all that it has applied; and what became of that.
    async fn take(
        &mut self,
        applied: Seq,
        newest: Option<(Seq, String)>,
    ) -> Result<Option<Batch>, NotTaken> {
        let mut over = None;
        if let Some((seq, id)) = newest {
            over = self.desk.store.batch(&id).await.map_err(NotTaken::Store)?;
            if over.is_none() {
                return Err(NotTaken::Forked(fork::words("batches' ", seq, applied)));
            }
        }
        self.holding.take(applied).await?;
        Ok(over)
    }

    /// How far it came.
    fn applied(&self) -> Seq {
        self.desk.registry.with(|state| state.applied)
    }

    async fn follow(
        &mut self,
        shutdown: &CancellationToken,
        stop: &CancellationToken,
    ) -> Result<(), Halt> {
        let applied = self.holding.ask().await?;
        let newest = self.desk.registry.with(|state| {
            let newest = state.decisions.range(..=applied).next_back();
            newest.map(|(seq, id)| (*seq, id.clone()))
        });
        let newest = self.take(applied, newest).await?;
        self.go_on_from(applied, newest).await?;
        let is_idle = self.desk.registry.with(|state| state.decisions.is_empty());
        if is_idle || !self.holding.is_blocked() {
            self.desk.tell(ConsumerState::Running);
        }
        let desk = Arc::clone(&self.desk);
        loop {
            // Also where the lane has no rest: an idle one is not the only one that has to get rid of what nobody goes on with.
            self.abandon().await?;
            self.trim().await?;
            let look = |state: &mut State| state.take_decision(clock::now());
            let (seq, entry) = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                next = desk.registry.until(look) => next,
                () = self.holding.until_look() => {
                    self.holding.look(self.applied()).await?;
                    continue;
                }
            };
            let done = self.carry_out(seq, &entry, stop).await;
            if let Err(halt) = done {
                self.stopped_at = Some(seq);
                let halt = about(halt, &entry.batch);
                let why = if let Halt::Blocked(why) = &halt { Some(why.clone()) } else { None };
                desk.registry.change(|state| state.put_back(why));
                return Err(halt);
            }
            desk.tell(ConsumerState::Running);
        }
    }

    /// One decision, in one transaction.
    async fn carry_out(
        &mut self,
        seq: Seq,
        entry: &Entry,
        stop: &CancellationToken,
    ) -> Result<(), Halt> {
        let expected = self.applied();
        self.holding.renew(expected).await?;
        if self.is_stale(entry).await? {
            warn!(batch = %entry.batch.id, "a cancellation came behind the commit, and changes nothing");
            self.holding.look(expected).await?;
            self.desk.registry.change(|state| state.drop_decision(seq));
            return Ok(());
        }
        let holder = self.desk.options.tenancy.holder.clone();
        let step = LaneStep { holder, expected, applied: seq };
        let begun = Instant::now();
        let batch = self.desk.beside_first(entry.batch.clone()).await.map_err(halt)?;
        let is_tried = batch.state == BatchState::Applying;
        let state = if is_tried {
            self.apply(step, entry, stop).await?
        } else {
            let (state, errors) = (batch.state, Arc::new(self.parts(entry)));
            self.desk.store.settle_batch(step, batch, errors).await.map_err(halt)?;
            state
        };
        let n_rows = entry.rows_applied.load(Ordering::Relaxed);
        let apply_us = begun.elapsed().as_micros() as u64;
        let is_refused = is_tried && state == BatchState::Rejected;
        let refused = is_refused.then_some(entry.batch.id.as_str());
        self.desk.registry.change(|registry| {
            registry.forget_through(seq, refused, clock::now());
            let counts = &mut registry.counts;
            counts.apply_us += apply_us;
            match state {
                BatchState::Committed => {
                    counts.committed += 1;
                    counts.rows_committed += n_rows;
                }
                BatchState::Rejected => counts.rejected += 1,
                _ => counts.cancelled += 1,
            }
        });
        let Batch { id, table, .. } = &entry.batch;
        info!(batch = %id, %table, rows = n_rows, state = state.as_str(), ms = apply_us / 1000, "a batch is over");
        Ok(())
    }

    /// A cancellation that the log took while its sender was told that this is unknown may stand behind a commit that was
    /// carried out.
    async fn is_stale(&self, entry: &Entry) -> Result<bool, Halt> {
        if entry.batch.state != BatchState::Cancelled {
            return Ok(false);
        }
        Ok(self.desk.store.batch(&entry.batch.id).await.map_err(halt)?.is_some())
    }

    async fn apply(
        &self,
        step: LaneStep,
        entry: &Entry,
        stop: &CancellationToken,
    ) -> Result<BatchState, Halt> {
        let apply = ApplyBatch {
            step,
            batch: Batch { state: BatchState::Committed, ..entry.batch.clone() },
            clock: Arc::new(clock::now),
            columns: entry.progress.columns.clone(),
            rows: Arc::new(self.parts(entry)),
            progress: Arc::clone(&entry.rows_applied),
            stop: stop.clone(),
        };
        match self.desk.store.apply_batch(apply).await.map_err(halt)? {
            BatchVerdict::Committed => Ok(BatchState::Committed),
            BatchVerdict::Rejected(_) => Ok(BatchState::Rejected),
        }
    }

    fn parts(&self, entry: &Entry) -> Parts {
        Parts {
            queue: Arc::clone(&self.desk.queue),
            id: entry.batch.id.clone(),
            seqs: entry.parts.clone(),
            n_columns: entry.progress.columns.len(),
        }
    }

    /// What the lease says goes before what we remember. `newest`: what became of the last decision that is applied.
    async fn go_on_from(&self, applied: Seq, newest: Option<Batch>) -> Result<(), Halt> {
        let remembered = self.applied();
        if applied < remembered {
            warn!(%applied, %remembered, "the database has lost batches; they are applied again");
            let refused = self.desk.refused().await.map_err(halt)?;
            let found = recovery::scan(&*self.desk.queue, applied, refused).await?;
            self.desk.registry.change(|state| take_over(state, found, applied));
        } else {
            let refused = newest.filter(was_refused).map(|batch| batch.id);
            let (refused, now) = (refused.as_deref(), clock::now());
            self.desk.registry.change(|state| state.forget_through(applied, refused, now));
        }
        Ok(())
    }

    /// Forgets what nobody needs any more: the records before the first one of anything that is not over, or is still to be kept.
    /// Needs a database that was just seen where it is remembered.
    async fn trim(&self) -> Result<(), Halt> {
        let LaneOptions { keep, keep_refused, keep_bytes_max, .. } = self.desk.options;
        let oldest_us = clock::now().micros() - keep_refused.as_micros() as i64;
        let queue = &self.desk.queue;
        loop {
            let is_tight = queue.left_bytes().is_some_and(|left| left < ROOM_BYTES_MIN);
            let is_large = is_tight || queue.size_bytes() > keep_bytes_max;
            let (before, has_kept) = self.desk.registry.with(|state| {
                state.kept.retain(|kept| kept.at.elapsed() < keep);
                state.refused.retain(|_, one| one.at.micros() > oldest_us);
                let n_more = state.kept.len().saturating_sub(KEPT_MAX);
                state.kept.drain(..n_more);
                // It gives room only where nothing else holds the log's front.
                if is_large && state.begins_with_kept() {
                    state.give_up_kept();
                }
                (state.needed_from(), state.begins_with_kept())
            });
            crash::at("lane.before_trim");
            queue.trim(before).await.map_err(halt_log)?;
            if !is_large || !has_kept {
                return Ok(());
            }
        }
    }

    /// Ends the uploads that nobody goes on with: after a long time, and sooner where they hold room that others need.
    async fn abandon(&self) -> Result<(), Halt> {
        let now = clock::now();
        let abandoned = async {
            self.desk.abandon_idle(now).await?;
            self.desk.give_way(now).await
        };
        match abandoned.await {
            Ok(()) => Ok(()),
            Err(BatchError::Store(error)) => Err(halt(error)),
            Err(error) => Err(Halt::Retry(error.to_string())),
        }
    }

    /// The uploads that were cut off by the end of the process before us, and that nobody can go on with.
    async fn drop_cut_uploads(&self) -> Result<(), StartError> {
        let is_cut =
            |entry: &Entry| entry.batch.state == BatchState::Receiving && !entry.is_resumable;
        let cut: Vec<String> = self.desk.registry.with(|state| {
            let cut = state.entries.values().filter(|entry| is_cut(entry));
            cut.map(|entry| entry.batch.id.clone()).collect()
        });
        for id in cut {
            let why = "the server ended while it was being received".to_owned();
            match self.desk.cancel(&id, why, is_cut).await {
                // Of a log without room, or a disk: the lane does it once there is some.
                Ok(_) | Err(BatchError::Full(_)) => {}
                Err(error) => return Err(StartError::Log(error.to_string())),
            }
        }
        Ok(())
    }
}

/// Names the batch that a person has to look at.
fn about(halt: Halt, batch: &Batch) -> Halt {
    match halt {
        Halt::Blocked(why) => {
            let Batch { id, table, .. } = batch;
            Halt::Blocked(format!("batch {id} for the table {table:?} stands in the way: {why}"))
        }
        other => other,
    }
}
