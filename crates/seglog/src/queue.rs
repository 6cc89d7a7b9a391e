//! Appends on their way to the committer. Bounded in bytes; the committer takes everything at once.
//!
//! Invariant: a pending append is always answered: by the committer, or by `close_for_good` when
//! the committer ends.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::frame::{COUNT_END, PAYLOAD_BYTES_MAX, padded_bytes, payload_bytes};

/// What an append answers: Seq of its first and of its last record.
pub(crate) type Answer = Result<(u64, u64), AppendError>;

/// Why an append was not, or may not have been, made durable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AppendError {
    /// Too many bytes wait already. Nothing was appended; try again soon.
    #[error("{n_bytes} bytes already wait to be written")]
    Full {
        /// Bytes that wait.
        n_bytes: u64,
    },
    /// No frame may be that large (or hold 2^20 records). Nothing was appended.
    #[error(
        "{size_bytes} bytes in {count} records are too many for one append (at most {bytes_max} bytes)"
    )]
    TooLarge {
        /// Bytes asked for, 4 for each record included.
        size_bytes: usize,
        /// Records asked for.
        count: usize,
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// The disk is full, or nearly so. Nothing was appended; the log is healthy, and takes appends again as soon as
    /// there is room.
    #[error("no room on the disk: {0}")]
    NoRoom(String),
    /// A write or fsync failed. The records may be there or not, and this log appends nothing any more.
    #[error("the log is poisoned: {0}")]
    Poisoned(String),
    /// The log has been closed. Nothing was appended.
    #[error("the log is closed")]
    Closed,
}

/// One append that waits for its answer.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) records: Vec<Bytes>,
    /// Bytes of its frame.
    pub(crate) frame_bytes: usize,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// How long the committer waits for company.
///
/// Those who were answered by the last commit are likely to come back at once. A commit that waits for them costs
/// each a little time and all together far fewer fsyncs. One caller alone never waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linger {
    /// So many appends are company enough: as many as the last commit had.
    pub(crate) n_appends: usize,
    /// Longest wait for them.
    pub(crate) wait_max: Duration,
}

/// Why the committer was woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Appends wait.
    Work,
    /// Nothing came for as long as asked.
    Idle,
    /// Closed, and nothing waits any more.
    Closed,
}

/// The queue. A mutex and a condition, because the committer is a plain thread that must sleep in
/// between.
#[derive(Debug)]
pub(crate) struct Queue {
    bytes_max: usize,
    append_bytes_max: usize,
    /// Bytes that wait or are being written. Outside the mutex, so that answering needs no lock.
    n_bytes: AtomicUsize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pending: VecDeque<Pending>,
    /// The committer sleeps until so many appends wait; 0 while it is awake.
    wake_at: usize,
    is_closed: bool,
}

impl Queue {
    pub(crate) fn new(bytes_max: usize, append_bytes_max: usize) -> Self {
        Self {
            bytes_max,
            append_bytes_max: append_bytes_max.min(PAYLOAD_BYTES_MAX),
            n_bytes: AtomicUsize::new(0),
            state: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    /// Puts an append in line, or refuses it at once. An append that alone exceeds the bound is
    /// taken when nothing else waits.
    pub(crate) fn push(
        &self,
        records: Vec<Bytes>,
    ) -> Result<oneshot::Receiver<Answer>, AppendError> {
        let (size_bytes, count) = (payload_bytes(&records), records.len());
        assert!(count > 0, "an append holds at least one record");
        if size_bytes > self.append_bytes_max || count as u64 >= COUNT_END {
            let bytes_max = self.append_bytes_max;
            return Err(AppendError::TooLarge { size_bytes, count, bytes_max });
        }
        let frame_bytes = padded_bytes(size_bytes);
        let n_before = self.n_bytes.fetch_add(frame_bytes, Ordering::Relaxed);
        if n_before > 0 && n_before + frame_bytes > self.bytes_max {
            self.release(frame_bytes);
            return Err(AppendError::Full { n_bytes: n_before as u64 });
        }
        let (answer, answered) = oneshot::channel();
        let is_enough = {
            let mut state = self.lock();
            if state.is_closed {
                self.release(frame_bytes);
                return Err(AppendError::Closed);
            }
            state.pending.push_back(Pending { records, frame_bytes, answer });
            let is_enough = state.wake_at > 0 && state.pending.len() >= state.wake_at;
            if is_enough {
                state.wake_at = 0;
            }
            is_enough
        };
        if is_enough {
            self.wake.notify_one();
        }
        Ok(answered)
    }

    /// Takes all that waits into `into`, which is empty. Sleeps while nothing waits, at most for `idle` if that is
    /// given, and lingers for company as asked.
    pub(crate) fn take(
        &self,
        into: &mut VecDeque<Pending>,
        idle: Option<Duration>,
        linger: Linger,
    ) -> Wake {
        let start = Instant::now();
        let mut state = self.lock();
        loop {
            let (n_pending, waited) = (state.pending.len(), start.elapsed());
            let may_linger = waited < linger.wait_max && !state.is_closed;
            if n_pending > 0 && (n_pending >= linger.n_appends || !may_linger) {
                std::mem::swap(&mut state.pending, into);
                return Wake::Work;
            }
            if n_pending == 0 && state.is_closed {
                return Wake::Closed;
            }
            if n_pending == 0 && idle.is_some_and(|idle| waited >= idle) {
                return Wake::Idle;
            }
            state.wake_at = if may_linger { linger.n_appends.max(1) } else { 1 };
            let until = if may_linger { Some(linger.wait_max) } else { idle };
            state = match until.map(|until| until.saturating_sub(waited)) {
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.wake_at = 0;
        }
    }

    /// `n_bytes` have been answered and wait no more.
    pub(crate) fn release(&self, n_bytes: usize) {
        self.n_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
    }

    /// Refuses new appends. What waits already is still written.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// The committer has ended: refuses new appends and answers all that still wait.
    pub(crate) fn close_for_good(&self, error: &AppendError) {
        let mut left = VecDeque::new();
        {
            let mut state = self.lock();
            state.is_closed = true;
            std::mem::swap(&mut state.pending, &mut left);
        }
        self.refuse(&mut left, error);
    }

    /// Answers appends with an error.
    pub(crate) fn refuse(&self, appends: &mut VecDeque<Pending>, error: &AppendError) {
        for pending in appends.drain(..) {
            self.release(pending.frame_bytes);
            // A caller that has gone needs no answer.
            let _ = pending.answer.send(Err(error.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
