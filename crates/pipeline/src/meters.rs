//! Counts at the seams of the write path, read by `/status` and the live statistics.
//!
//! One owner writes each number; readers take a glance. Nothing decides anything by them but the
//! applied position, which the consumer publishes here after each commit.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use meter::{Busy, Histogram};
use model::{Seq, Timestamp};
use tokio::sync::watch;

use crate::traces::Traces;

/// Numbers since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events answered with success, repetitions not counted.
    pub accepted: u64,
    /// Rows written by the consumer.
    pub stored: u64,
    /// Rows whose event is not valid.
    pub invalid: u64,
    /// Repetitions: found at the edge, or dropped by the consumer.
    pub duplicate: u64,
    /// Dead letters written. Accepted events, once they are applied, are `stored`, `dead`, or `duplicate` ones that the
    /// consumer dropped; a replay changes none of the three.
    pub dead: u64,
    /// Dead letters that became rows after all.
    pub replayed: u64,
}

/// How far the database is behind the log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lag {
    /// Positions between applied and the newest record; an upper bound where the log is sparse.
    pub records: u64,
    /// Age of the oldest event that is not in the database yet.
    pub seconds: f64,
}

/// What the consumer does, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerState {
    /// Applies, or waits for events.
    Running,
    /// Tries again by itself.
    Waiting {
        /// Why it has to.
        reason: String,
    },
    /// Stopped with an alarm: a person has to look. The log goes on and keeps everything. The reason says whether it tries
    /// again by itself.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// The write path's numbers.
#[derive(Debug)]
pub struct Meters {
    pub(crate) accepted: AtomicU64,
    pub(crate) stored: AtomicU64,
    pub(crate) invalid: AtomicU64,
    pub(crate) duplicate: AtomicU64,
    pub(crate) dead: AtomicU64,
    pub(crate) replayed: AtomicU64,
    /// Microseconds that an append took, from handing it over to its answer; only those that succeeded.
    pub append_us: Histogram,
    /// The time in which the consumer had a transaction with the database.
    pub apply_busy: Busy,
    /// Microseconds of each transaction that was committed.
    pub apply_us: Histogram,
    /// Records of each such transaction.
    pub apply_rows: Histogram,
    /// `None`: nothing is traced.
    pub traces: Option<Traces>,
    applied: watch::Sender<Seq>,
    /// When the database was asked something that it has not answered with success since; 0 when it has.
    unanswered_since_us: AtomicI64,
    /// When an append was last refused because the disk is full; 0 for never.
    no_room_at_us: AtomicI64,
    /// `received_at` of the oldest event known to wait; 0 when none is known.
    waiting_since_us: AtomicI64,
    kept_short: AtomicBool,
    consumer: Mutex<ConsumerState>,
}

impl Meters {
    /// All zero.
    pub fn new() -> Self {
        Self {
            accepted: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            invalid: AtomicU64::new(0),
            duplicate: AtomicU64::new(0),
            dead: AtomicU64::new(0),
            replayed: AtomicU64::new(0),
            append_us: Histogram::default(),
            apply_busy: Busy::default(),
            apply_us: Histogram::default(),
            apply_rows: Histogram::default(),
            traces: None,
            applied: watch::Sender::new(Seq::ZERO),
            unanswered_since_us: AtomicI64::new(0),
            no_room_at_us: AtomicI64::new(0),
            waiting_since_us: AtomicI64::new(0),
            kept_short: AtomicBool::new(false),
            consumer: Mutex::new(ConsumerState::Waiting { reason: "starting".to_owned() }),
        }
    }

    /// All zero, and some requests are traced.
    pub fn with_traces(traces: Traces) -> Self {
        Self { traces: Some(traces), ..Self::new() }
    }

    /// The numbers now.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            accepted: read(&self.accepted),
            stored: read(&self.stored),
            invalid: read(&self.invalid),
            duplicate: read(&self.duplicate),
            dead: read(&self.dead),
            replayed: read(&self.replayed),
        }
    }

    /// Whether less of the log is kept behind the database than the configured time, for want of room.
    pub fn is_kept_short(&self) -> bool {
        self.kept_short.load(Ordering::Relaxed)
    }

    pub(crate) fn note_kept_short(&self, is_short: bool) {
        self.kept_short.store(is_short, Ordering::Relaxed);
    }

    /// Everything up to here is in the database.
    pub fn applied(&self) -> Seq {
        *self.applied.borrow()
    }

    /// `applied` as it moves.
    pub fn applied_changes(&self) -> watch::Receiver<Seq> {
        self.applied.subscribe()
    }

    /// How far the database is behind a log whose newest record stands at `last`.
    pub fn lag(&self, last: Seq, now: Timestamp) -> Lag {
        let records = last.get().saturating_sub(self.applied().get());
        let since_us = self.waiting_since_us.load(Ordering::Relaxed);
        let is_behind = records > 0 && since_us != 0;
        let age_us = if is_behind { (now.micros() - since_us).max(0) } else { 0 };
        Lag { records, seconds: age_us as f64 / 1e6 }
    }

    /// How long the oldest event that is known to wait for the database has waited.
    pub(crate) fn waiting_for(&self, now: Timestamp) -> Duration {
        let since = known(self.waiting_since_us.load(Ordering::Relaxed));
        let waited_us = since.map_or(0, |since| now.micros() - since.micros());
        Duration::from_micros(u64::try_from(waited_us).unwrap_or(0))
    }

    /// What the consumer does.
    pub fn consumer(&self) -> ConsumerState {
        self.consumer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Since when the database owes the consumer an answer; `None` while it is not being asked.
    pub fn unanswered_since(&self) -> Option<Timestamp> {
        known(self.unanswered_since_us.load(Ordering::Relaxed))
    }

    /// When an append was last refused because the disk is full.
    pub fn no_room_at(&self) -> Option<Timestamp> {
        known(self.no_room_at_us.load(Ordering::Relaxed))
    }

    /// Only the first question counts until there is an answer.
    pub(crate) fn asks_database(&self, now: Timestamp) {
        let (us, order) = (now.micros(), Ordering::Relaxed);
        // The consumer is the only one who writes it, so the exchange fails only where it should.
        let _ = self.unanswered_since_us.compare_exchange(0, us, order, order);
    }

    pub(crate) fn database_answers(&self) {
        self.unanswered_since_us.store(0, Ordering::Relaxed);
    }

    pub(crate) fn set_no_room(&self, now: Timestamp) {
        self.no_room_at_us.store(now.micros(), Ordering::Relaxed);
    }

    pub(crate) fn set_applied(&self, applied: Seq) {
        self.applied.send_replace(applied);
    }

    pub(crate) fn set_waiting_since(&self, received_at: Option<Timestamp>) {
        self.waiting_since_us.store(received_at.map_or(0, Timestamp::micros), Ordering::Relaxed);
    }

    pub(crate) fn set_consumer(&self, state: ConsumerState) {
        *self.consumer.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

fn known(us: i64) -> Option<Timestamp> {
    (us != 0).then(|| Timestamp::from_micros(us))
}

impl Default for Meters {
    fn default() -> Self {
        Self::new()
    }
}
