//! The one reader that applies the log to the database, in order.
//!
//! ```text
//!   claim the lease ─> check it against the log ─> read ─> wait a little? ─> apply ─┐
//!        ^                                          ^                              │
//!        └── any failure: forget what was read ─────┴──────── committed <──────────┘
//! ```
//!
//! A record that the database refuses for good is put aside by the store. When it refuses most of them, the consumer
//! stops with an alarm and tries again from time to time; the log keeps everything until the cause is gone.
//!
//! Invariant: progress is the lease row's applied `Seq` and nothing else. After every failure the row is read
//! again and the log is read again from there, so it does not matter whether a lost answer meant yes or no.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{Event, Seq, Timestamp};
use queue::{Queue, QueueError, QueueReader, Record};
use store::{Apply, EventStore, IdKey, StoreError, Stored};
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::clock;
use crate::fork;
use crate::halt::{Halt, StartError, halt, halt_log};
use crate::intake::Intake;
use crate::keep::{Keep, Keeper};
use crate::lease::{Holding, LeaseRow, NotTaken, Tenancy};
use crate::meters::{ConsumerState, Meters};
use crate::recent::Recent;

/// Settings of the consumer.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// How it is with its database.
    pub tenancy: Tenancy,
    /// A transaction takes no further read of the log once it has this many rows.
    pub rows_max: usize,
    /// The same for bytes of records.
    pub bytes_max: usize,
    /// While the intake is busy, events may wait this long for the database.
    pub yield_max: Duration,
    /// What of the log is kept for a database that may lose commits; `None`: this one cannot.
    pub keep: Option<Keep>,
}

/// One read of the log. Each costs a turn on the blocking pool, which is long in coming on a busy machine: with
/// 256 KiB the consumer fell behind at 40,000 events/s, which it keeps up with like this (measured).
const READ_BYTES: usize = 4 << 20;
/// How often a busy consumer looks whether the intake is still busy.
const TICK: Duration = Duration::from_millis(20);
/// From this many new events a tick on (5,000/s) the intake counts as busy.
const BUSY_PER_TICK: u64 = 100;
/// After a transaction that stopped short the next one has at least so many rows, unless the database cannot take as many at once.
const RUN_MIN: usize = 128;
/// A transaction that takes longer makes the next one only a little longer: it comes near to what the database gives one.
const RUN_LONG: Duration = Duration::from_secs(10);

/// See the module's page.
pub struct Consumer {
    queue: Arc<dyn Queue>,
    store: Arc<dyn EventStore>,
    meters: Arc<Meters>,
    recent: Arc<Recent>,
    keeper: Keeper,
    holding: Holding,
    options: ConsumerOptions,
    /// When the last transaction ended.
    last_apply: Option<Instant>,
    /// Most rows of the next one. What fails is tried again in halves, for its length may be why: a database that is too slow for
    /// all of a backlog has to get through it all the same. One that was away costs this a few short transactions.
    run_max: usize,
}

impl Consumer {
    /// Claims the lease, checks that log and database belong together, and tells the intake which ids are
    /// on their way. Nothing may be appended before this has returned.
    pub async fn start(intake: &Intake, options: ConsumerOptions) -> Result<Self, StartError> {
        let (queue, row) = (&intake.queue, LeaseRow::Events(Arc::clone(&intake.store)));
        let mut consumer = Self {
            queue: Arc::clone(queue),
            store: Arc::clone(&intake.store),
            meters: Arc::clone(&intake.meters),
            recent: Arc::clone(&intake.recent),
            keeper: Keeper::new(Arc::clone(queue), options.keep),
            holding: Holding::new(Arc::clone(queue), row, options.tenancy.clone()),
            options,
            last_apply: None,
            run_max: usize::MAX,
        };
        let mut elected = consumer.elect().await.map_err(StartError::from);
        if elected.as_ref().is_err_and(StartError::is_fenced) {
            elected = consumer.elect().await.map_err(StartError::from);
        }
        let applied = elected?;
        consumer.meters.set_applied(applied);
        consumer.recover_ids(applied).await?;
        Ok(consumer)
    }

    /// Applies until `shutdown`, then what is left in the log or until `stop`, then returns. A transaction that `stop` meets is
    /// committed whole or not at all; the same holds for whoever drops the future.
    ///
    /// # Errors
    /// At any time: another copy of this log feeds the database, or did. What is accepted from then on would never get there.
    pub async fn run(
        mut self,
        shutdown: CancellationToken,
        stop: CancellationToken,
    ) -> Result<(), StartError> {
        loop {
            let applied_before = self.meters.applied();
            let followed = tokio::select! {
                followed = self.follow(&shutdown) => followed,
                () = stop.cancelled() => break,
            };
            let Err(halt) = followed else { break };
            if self.meters.applied() > applied_before {
                self.holding.moved();
            }
            let meters = Arc::clone(&self.meters);
            let tell = |state| {
                meters.asks_database(clock::now());
                meters.set_consumer(state);
            };
            self.holding.outlast(halt, &shutdown, tell, std::future::pending()).await?;
            if shutdown.is_cancelled() {
                break;
            }
        }
        self.holding.give_back().await;
        Ok(())
    }

    async fn follow(&mut self, shutdown: &CancellationToken) -> Result<(), Halt> {
        let mut applied = self.elect().await?;
        self.publish(applied, None);
        if !self.holding.is_blocked() {
            self.meters.set_consumer(ConsumerState::Running);
            self.meters.database_answers();
        }
        let mut reader = self.queue.reader(applied.next());
        // Read, and too much for the last transaction.
        let mut rest = Vec::new();
        loop {
            let is_done = rest.is_empty() && reader.position() > self.queue.bounds().last;
            if shutdown.is_cancelled() && is_done {
                return Ok(());
            }
            let mut events = mem::take(&mut rest);
            if events.is_empty() {
                let records = tokio::select! {
                    records = reader.next(self.read_bytes()) => records.map_err(halt_log)?,
                    () = shutdown.cancelled(), if !shutdown.is_cancelled() => continue,
                    () = self.holding.until_look() => {
                        self.holding.look(applied).await?;
                        self.trim(applied).await?;
                        continue;
                    }
                };
                events = decode(records)?;
            }
            let Some(oldest) = events.first().map(|stored| stored.event.received_at()) else {
                continue;
            };
            self.meters.set_waiting_since(Some(oldest));
            self.yield_to_intake(oldest, shutdown).await;
            self.fill(&mut events, &mut *reader).await?;
            if events.len() > self.run_max {
                rest = events.split_off(self.run_max);
            }
            self.holding.renew(applied).await?;
            let through = events.last().map_or(applied, |last| last.seq);
            let n_rows;
            (applied, n_rows) = self.apply(applied, events).await?;
            self.meters.set_consumer(ConsumerState::Running);
            if applied < through {
                // The store stopped short: what is left of the transaction is read again, and the next one is no longer
                // than it has time for.
                (reader, rest) = (self.queue.reader(applied.next()), Vec::new());
                self.run_max = self.run_max.min((2 * n_rows).max(RUN_MIN));
            }
            self.last_apply = Some(Instant::now());
            self.trim(applied).await?;
        }
    }

    async fn trim(&mut self, applied: Seq) -> Result<(), Halt> {
        self.keeper.trim(applied, clock::now()).await.map_err(halt_log)?;
        self.meters.note_kept_short(self.keeper.is_short());
        Ok(())
    }

    /// Leaves the disk to the intake: at once into the database if nothing was applied just now, else at most one
    /// transaction a tick, and while the intake is busy and the oldest event is young, none. One large transaction
    /// costs the intake less than many small ones.
    async fn yield_to_intake(&mut self, oldest: Timestamp, shutdown: &CancellationToken) {
        let is_first = self.last_apply.is_none_or(|at| at.elapsed() >= TICK);
        let mut is_busy = !is_first;
        let mut seen = self.queue.bounds().next;
        // The wall clock may step back, so this wait has an end of its own.
        let end = Instant::now() + self.options.yield_max;
        while is_busy && !shutdown.is_cancelled() && Instant::now() < end {
            let age_us = clock::now().micros() - oldest.micros();
            if age_us >= self.options.yield_max.as_micros() as i64 {
                return;
            }
            time::sleep(TICK).await;
            let next = self.queue.bounds().next;
            is_busy = next.get() - seen.get() >= BUSY_PER_TICK;
            seen = next;
        }
    }

    /// One read holds no more than a transaction should.
    fn read_bytes(&self) -> usize {
        READ_BYTES.min(self.options.bytes_max)
    }

    /// Adds what has come meanwhile, up to the bounds of a transaction.
    async fn fill(
        &self,
        events: &mut Vec<Stored>,
        reader: &mut dyn QueueReader,
    ) -> Result<(), Halt> {
        let mut n_bytes: usize = events.iter().map(|stored| stored.event.record().len()).sum();
        while events.len() < self.options.rows_max
            && n_bytes < self.options.bytes_max
            && reader.position() <= self.queue.bounds().last
        {
            let records = reader.next(self.read_bytes()).await.map_err(halt_log)?;
            n_bytes += records.iter().map(|record| record.bytes.len()).sum::<usize>();
            events.append(&mut decode(records)?);
        }
        Ok(())
    }

    /// How far the database came, and how many rows that were.
    async fn apply(&mut self, expected: Seq, events: Vec<Stored>) -> Result<(Seq, usize), Halt> {
        let last = events.last().expect("only filled transactions are applied");
        let (applied, youngest) = (last.seq, last.event.received_at());
        let holder = self.options.tenancy.holder.clone();
        let running = self.meters.apply_busy.start();
        let (start, begun, n_run) = (clock::now(), Instant::now(), events.len());
        self.meters.asks_database(start);
        let outcome = self.store.apply(Apply { holder, expected, events, applied }).await;
        self.run_max = match &outcome {
            Err(StoreError::Unavailable(_)) => n_run / 2,
            Ok(_) if begun.elapsed() < RUN_LONG => self.run_max.saturating_mul(2),
            Ok(_) => self.run_max.saturating_add(n_run / 8 + 1),
            Err(_) => self.run_max,
        }
        .max(1);
        let outcome = outcome.map_err(halt)?;
        self.meters.apply_us.record(running.elapsed_us());
        let n_rows = outcome.n_stored + outcome.n_duplicate + outcome.n_dead;
        self.meters.apply_rows.record(n_rows);
        drop(running);
        let through = outcome.through;
        if let Some(traces) = &self.meters.traces {
            traces.applied(expected, through, start, n_rows);
        }
        self.meters.stored.fetch_add(outcome.n_stored, Ordering::Relaxed);
        self.meters.invalid.fetch_add(outcome.n_invalid, Ordering::Relaxed);
        self.meters.duplicate.fetch_add(outcome.n_duplicate, Ordering::Relaxed);
        self.meters.dead.fetch_add(outcome.n_dead, Ordering::Relaxed);
        self.meters.database_answers();
        self.publish(through, Some(youngest).filter(|_| through == applied));
        Ok((through, n_rows as usize))
    }

    /// Order matters: readers look at the database once `applied` has moved, and an id may leave the table of
    /// those on their way only when the database has it.
    fn publish(&self, applied: Seq, youngest: Option<Timestamp>) {
        let has_more = applied < self.queue.bounds().last;
        // The next event came no earlier than the last one applied.
        self.meters.set_waiting_since(youngest.filter(|_| has_more));
        self.meters.set_applied(applied);
        self.recent.forget_through(applied);
    }

    /// Takes the lease of a database that belongs to the log; another one is not touched.
    async fn elect(&mut self) -> Result<Seq, NotTaken> {
        let applied = self.holding.ask().await?;
        // Order matters: once the lease is ours, nothing tells any more that it was somebody else's.
        let forked = fork::find(&*self.queue, &*self.store, applied).await;
        if let Some(words) = forked.map_err(NotTaken::Store)? {
            return Err(NotTaken::Forked(words));
        }
        self.holding.take(applied).await?;
        Ok(applied)
    }

    /// Reads the part of the log that the database does not have, for the ids that clients chose.
    async fn recover_ids(&self, applied: Seq) -> Result<(), StartError> {
        let log_error = |error: QueueError| StartError::Log(error.to_string());
        let bounds = self.queue.bounds();
        let mut n_records = 0;
        let mut reader = self.queue.reader(applied.next());
        while reader.position() <= bounds.last {
            for record in reader.next(READ_BYTES).await.map_err(log_error)? {
                let seq = record.seq;
                let event = Event::decode(record.bytes);
                let event =
                    event.map_err(|error| StartError::Log(format!("record {seq}: {error}")))?;
                n_records += 1;
                if event.id_from_client() {
                    let key = IdKey {
                        application: event.application().map(str::to_owned),
                        stream: event.stream().to_owned(),
                        id: event.id().to_owned(),
                    };
                    self.recent.recover(key, event.hash(), seq, !event.undecided());
                }
            }
        }
        if n_records > 0 {
            info!(n_records, %applied, "events of the log that the database does not have yet");
        }
        Ok(())
    }
}

fn decode(records: Vec<Record>) -> Result<Vec<Stored>, Halt> {
    let decode = |record: Record| match Event::decode(record.bytes) {
        Ok(event) => Ok(Stored { seq: record.seq, event }),
        Err(error) => Err(Halt::Alarm(format!("record {} of the log: {error}", record.seq))),
    };
    records.into_iter().map(decode).collect()
}
