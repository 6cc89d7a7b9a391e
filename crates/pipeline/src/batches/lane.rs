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
use std::time::{Duration, Instant};

use model::{Seq, Timestamp};
use queue::Queue;
use store::{
    ApplyBatch, Batch, BatchState, BatchStore, BatchVerdict, Claim, LaneStep, Lease, StoreError,
};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::batches::desk::{Desk, LaneOptions};
use crate::batches::entrance::leaves_key;
use crate::batches::error::BatchError;
use crate::batches::face::Batches;
use crate::batches::feed::Parts;
use crate::batches::recovery::{self, take_over};
use crate::batches::registry::{Entry, State};
use crate::batches::revalidation::was_refused;
use crate::batches::rules::TableRules;
use crate::clock;
use crate::fork;
use crate::halt::{Halt, RELEASE_MAX, RETRY_FIRST, StartError, halt, halt_log, jittered};
use crate::meters::ConsumerState;

/// Most batches that are over and kept in the log: each is looked at whenever it is trimmed.
const KEPT_MAX: usize = 100_000;

/// With less room than this on the disk, nothing is worth keeping of batches that are over.
const ROOM_BYTES_MIN: u64 = 256 << 20;

/// See the module's page.
pub struct Lane {
    desk: Arc<Desk>,
    until: Option<Timestamp>,
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
        let desk = Arc::new(Desk::new(queue, store, tables, options, State::default()));
        let mut lane = Self { desk: Arc::clone(&desk), until: None };
        let start_error = |halt| match halt {
            Elect::Store(error) => StartError::Store(error),
            Elect::Mismatch(text) => StartError::Mismatch(text),
        };
        let lease = lane.elect().await.map_err(start_error)?;
        let refused = desk.refused().await.map_err(StartError::Store)?;
        let found = recovery::scan(&*desk.queue, lease.applied, refused).await;
        let found = found.map_err(StartError::Log)?;
        let newest = found.newest_over.clone();
        lane.refuse_fork(newest, lease.applied).await.map_err(|halt| match halt {
            Halt::Overtaken(error) => error,
            Halt::Retry(why) | Halt::Blocked(why) | Halt::Alarm(why) => {
                StartError::Store(StoreError::Unavailable(why))
            }
        })?;
        desk.registry.change(|state| take_over(state, found, lease.applied));
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
        let (mut pause, mut is_blocked) = (RETRY_FIRST, false);
        loop {
            let applied_before = self.desk.registry.with(|state| state.applied);
            let Err(halt) = self.follow(&shutdown, &stop, is_blocked).await else {
                self.release().await;
                return Ok(());
            };
            if self.desk.registry.with(|state| state.applied) > applied_before {
                (pause, is_blocked) = (RETRY_FIRST, false);
            }
            match halt {
                Halt::Retry(reason) => {
                    warn!(%reason, retry_ms = pause.as_millis() as u64, "the lane of batches tries again");
                    self.set_state(ConsumerState::Waiting { reason });
                    tokio::select! {
                        () = shutdown.cancelled() => return Ok(()),
                        () = time::sleep(jittered(pause)) => {}
                    }
                    pause = (pause * 2).min(self.desk.options.retry_max);
                }
                Halt::Blocked(reason) => {
                    let retry_s = self.desk.options.refused_retry.as_secs_f64();
                    error!(%reason, retry_s, "the lane of batches has stopped; its log goes on and keeps every batch");
                    let reason = format!("{reason} (tried again every {retry_s} s)");
                    self.set_state(ConsumerState::Stopped { reason });
                    tokio::select! {
                        () = shutdown.cancelled() => return Ok(()),
                        () = time::sleep(self.desk.options.refused_retry) => {}
                    }
                    is_blocked = true;
                }
                Halt::Alarm(reason) => {
                    error!(%reason, "the lane of batches has stopped; its log goes on and keeps every batch");
                    self.set_state(ConsumerState::Stopped { reason });
                    shutdown.cancelled().await;
                    return Ok(());
                }
                Halt::Overtaken(error) => return Err(error),
            }
        }
    }

    /// Whoever goes on with this data directory elsewhere need not wait. If it fails, they wait for the time of the lease.
    async fn release(&mut self) {
        if self.is_shared()
            && let Ok(Err(error)) = time::timeout(RELEASE_MAX, self.claim_for(Duration::ZERO)).await
        {
            info!(%error, "the lease of the batches is left to run out");
        }
    }

    /// A database that may lose commits is a server, which others reach too.
    fn is_shared(&self) -> bool {
        !self.desk.options.keep.is_zero()
    }

    /// What this log has decided last, of all that the database has applied. That the database lacks it cannot be.
    async fn refuse_fork(
        &self,
        newest: Option<(Seq, String)>,
        applied: Seq,
    ) -> Result<Option<Batch>, Halt> {
        let Some((seq, id)) = newest else { return Ok(None) };
        match self.desk.store.batch(&id).await.map_err(halt)? {
            Some(batch) => Ok(Some(batch)),
            None => {
                Err(Halt::Overtaken(StartError::Forked(fork::words("batches' ", seq, applied))))
            }
        }
    }

    /// `was_blocked`: the alarm stays until a decision was carried out, or there is none to be.
    async fn follow(
        &mut self,
        shutdown: &CancellationToken,
        stop: &CancellationToken,
        was_blocked: bool,
    ) -> Result<(), Halt> {
        let lease = self.elect().await.map_err(|error| match error {
            Elect::Store(error @ StoreError::Held { .. }) => Halt::Overtaken(error.into()),
            Elect::Store(error) => halt(error),
            Elect::Mismatch(text) => Halt::Alarm(text),
        })?;
        self.go_on_from(lease.applied).await?;
        if !was_blocked || self.desk.registry.with(|state| state.decisions.is_empty()) {
            self.set_state(ConsumerState::Running);
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
                () = time::sleep(desk.options.look_every) => {
                    self.look().await?;
                    if self.is_shared() {
                        self.renew().await?;
                    }
                    continue;
                }
            };
            let done = self.carry_out(seq, &entry, stop).await;
            if done.is_err() {
                desk.registry.change(State::put_back);
            }
            done?;
            self.set_state(ConsumerState::Running);
        }
    }

    /// One decision, in one transaction.
    async fn carry_out(
        &mut self,
        seq: Seq,
        entry: &Entry,
        stop: &CancellationToken,
    ) -> Result<(), Halt> {
        self.renew().await?;
        if self.is_stale(entry).await? {
            warn!(batch = %entry.batch.id, "a cancellation came behind the commit, and changes nothing");
            self.look().await?;
            self.desk.registry.change(|state| state.drop_decision(seq));
            return Ok(());
        }
        let expected = self.desk.registry.with(|state| state.applied);
        let holder = self.desk.options.holder.clone();
        let step = LaneStep { holder, expected, applied: seq };
        let begun = Instant::now();
        let state = match entry.batch.state {
            BatchState::Applying => self.apply(step, entry, stop).await?,
            state => {
                self.settle(step, entry, entry.batch.clone()).await?;
                state
            }
        };
        let (n_rows, apply_us) = (entry.batch.n_rows, begun.elapsed().as_micros() as u64);
        let is_refused = state == BatchState::Rejected && entry.batch.state == BatchState::Applying;
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
        if let Some(batch) = self.repetition(&entry.batch).await? {
            let state = batch.state;
            self.settle(step, entry, batch).await?;
            return Ok(state);
        }
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

    /// The end of a batch whose key another one had first: the desk could not ask the database when it was begun.
    async fn repetition(&self, batch: &Batch) -> Result<Option<Batch>, Halt> {
        let Some(key) = &batch.key else { return Ok(None) };
        let found = self.desk.store.batch_with_key(batch.application.as_deref(), &batch.table, key);
        let Some(first) = found.await.map_err(halt)? else { return Ok(None) };
        let is_over = first.state == BatchState::Cancelled;
        if first.id == batch.id || is_over || leaves_key(&first, batch.revalidates.as_ref()) {
            return Ok(None);
        }
        let is_same = first.hash == batch.hash;
        let (state, detail) = if is_same {
            (BatchState::Cancelled, format!("the same rows came before, as batch {}", first.id))
        } else {
            let detail = format!("its key names batch {}, whose rows are others", first.id);
            (BatchState::Rejected, detail)
        };
        let (detail, same_as) = (Some(detail), is_same.then_some(first.id));
        let ended_at = Some(clock::now());
        // Without its key, which is that of the first.
        Ok(Some(Batch { state, ended_at, key: None, detail, same_as, ..batch.clone() }))
    }

    async fn settle(&self, step: LaneStep, entry: &Entry, batch: Batch) -> Result<(), Halt> {
        let errors = Arc::new(self.parts(entry));
        self.desk.store.settle_batch(step, batch, errors).await.map_err(halt)
    }

    fn parts(&self, entry: &Entry) -> Parts {
        Parts {
            queue: Arc::clone(&self.desk.queue),
            id: entry.batch.id.clone(),
            seqs: entry.parts.clone(),
            n_columns: entry.progress.columns.len(),
        }
    }

    /// What the lease says goes before what we remember.
    async fn go_on_from(&self, applied: Seq) -> Result<(), Halt> {
        let remembered = self.desk.registry.with(|state| state.applied);
        if applied < remembered {
            warn!(%applied, %remembered, "the database has lost batches; they are applied again");
            let refused = self.desk.refused().await.map_err(halt)?;
            let found = recovery::scan(&*self.desk.queue, applied, refused).await;
            let found = found.map_err(Halt::Alarm)?;
            self.desk.registry.change(|state| take_over(state, found, applied));
        } else {
            let decided = |state: &mut State| {
                let newest = state.decisions.range(..=applied).next_back();
                newest.map(|(seq, id)| (*seq, id.clone()))
            };
            let over = self.refuse_fork(self.desk.registry.with(decided), applied).await?;
            let refused = over.filter(was_refused).map(|batch| batch.id);
            let (refused, now) = (refused.as_deref(), clock::now());
            self.desk.registry.change(|state| state.forget_through(applied, refused, now));
        }
        Ok(())
    }

    /// Where no transaction has just said so: is the database where it was? One that went back in time gets what it lost from
    /// the log, so nothing may be trimmed before.
    async fn look(&self) -> Result<(), Halt> {
        let lease = self.desk.store.lane().await.map_err(halt)?;
        let (found, holder) = (lease.applied, lease.holder);
        let remembered = self.desk.registry.with(|state| state.applied);
        if holder.as_ref() != Some(&self.desk.options.holder) {
            return Err(Halt::Retry("the lease went to somebody else".to_owned()));
        }
        if found == remembered {
            return Ok(());
        }
        Err(Halt::Retry(format!("the database moved by itself, from {remembered} to {found}")))
    }

    /// Forgets what nobody needs any more: the records before the first one of anything that is not over, or is still to be kept.
    /// Needs a database that was just seen where it is remembered.
    async fn trim(&self) -> Result<(), Halt> {
        let LaneOptions { keep, keep_refused, keep_bytes_max, .. } = self.desk.options;
        let now_us = clock::now().micros();
        let oldest_us = |keep: Duration| now_us - keep.as_micros() as i64;
        let queue = &self.desk.queue;
        loop {
            let is_tight = queue.left_bytes().is_some_and(|left| left < ROOM_BYTES_MIN);
            let is_large = is_tight || queue.size_bytes() > keep_bytes_max;
            let (before, has_kept) = self.desk.registry.with(|state| {
                state.kept.retain(|kept| kept.at.micros() > oldest_us(keep));
                state.refused.retain(|_, one| one.at.micros() > oldest_us(keep_refused));
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

    fn set_state(&self, state: ConsumerState) {
        self.desk.registry.change(|registry| registry.consumer = Some(state));
    }

    /// Takes the lease of a database that belongs to the log; another one is not touched.
    async fn elect(&mut self) -> Result<Lease, Elect> {
        let lease = self.desk.store.lane().await.map_err(Elect::Store)?;
        let log = self.desk.queue.log();
        if let Some(bound) = lease.log.filter(|bound| *bound != log) {
            return Err(Elect::Store(StoreError::OtherLog { bound, log }));
        }
        lease.held_by_other(&self.desk.options.holder, clock::now()).map_err(Elect::Store)?;
        self.check(&lease).map_err(Elect::Mismatch)?;
        let lease = self.claim().await.map_err(Elect::Store)?;
        self.check(&lease).map_err(Elect::Mismatch)?;
        Ok(lease)
    }

    async fn claim(&mut self) -> Result<Lease, StoreError> {
        self.claim_for(self.desk.options.lease).await
    }

    async fn claim_for(&mut self, time: Duration) -> Result<Lease, StoreError> {
        let (now, options) = (clock::now(), &self.desk.options);
        let until = Timestamp::from_micros(now.micros() + time.as_micros() as i64);
        let claim =
            Claim { holder: options.holder.clone(), log: self.desk.queue.log(), now, until };
        let lease = self.desk.store.claim_lane(claim).await?;
        self.until = lease.until;
        Ok(lease)
    }

    /// Claims again where half of the time is gone. What moved meanwhile is noticed by the transaction itself.
    async fn renew(&mut self) -> Result<(), Halt> {
        let half_us = self.desk.options.lease.as_micros() as i64 / 2;
        let is_due =
            self.until.is_none_or(|until| until.micros() - clock::now().micros() < half_us);
        if is_due { self.claim().await.map(drop).map_err(halt) } else { Ok(()) }
    }

    /// Whether this log can have fed the database, and can go on feeding it.
    fn check(&self, lease: &Lease) -> Result<(), String> {
        let bounds = self.desk.queue.bounds();
        if lease.applied > bounds.last.max(bounds.first.prev()) {
            return Err(format!(
                "the database has applied {} of the batches' log, but that ends at {}: it was restored to an earlier state, or replaced",
                lease.applied, bounds.last
            ));
        }
        if bounds.first > lease.applied.next() {
            return Err(format!(
                "the database has applied {} of the batches' log, but that begins at {}: what lies between is missing; was the database restored to an earlier state?",
                lease.applied, bounds.first
            ));
        }
        Ok(())
    }
}

/// Why the lease was not taken.
enum Elect {
    Store(StoreError),
    Mismatch(String),
}
