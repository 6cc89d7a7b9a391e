//! A cursor that moves over the database, the log and the ring.
//!
//! ```text
//!   history (database) ──▶ log (own reader) ──▶ ring (shared) ──▶ wait for the tail
//!          ▲                      │ trimmed            │ fell out of it
//!          └──────────────────────┴────────────────────┘
//! ```
//!
//! Which of them comes next is derived from the position at every step and never remembered, so every border can be
//! crossed at any moment and in both directions.
//!
//! Invariant: `position` moves only past events that are handed out, do not match, or do not exist. Between
//! moving it for a message and returning that message nothing waits, so dropping `next` loses nothing.

use std::sync::Arc;
use std::time::Duration;

use model::{Cursor, Filter, Seq};
use queue::{QueueError, QueueReader};
use store::{Order, PageQuery, StoreError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::error::LiveError;
use crate::frame::Batch;
use crate::hub::{Hub, Presence};
use crate::message::{GapReason, Message, Since};
use crate::ring::Place;
use crate::settle::Settle;

/// The first page of history. Later ones are as long as fits into `batch_bytes_max`.
const FIRST_PAGE: usize = 32;
/// Shortest and longest pause between two questions to a database or a disk that fails.
const RETRY_WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// One listener. Dropping it is all there is to unsubscribing.
pub struct Subscription {
    hub: Arc<Hub>,
    filter: Filter,
    /// Everything up to here is dealt with. `Seq` 0 is before the first event that is kept, wherever that is.
    position: Seq,
    /// What to say first.
    gap: Option<Message>,
    /// The newest event when the subscription began: caught up means to have come that far.
    target: Seq,
    is_caught_up: bool,
    /// Read from the database or the log, not handed out yet. At most one read's worth.
    fetched: Option<Fetched>,
    /// Stands behind `fetched`, as long as the log is read in one go.
    reader: Option<Box<dyn QueueReader>>,
    settle: Settle,
    page_limit: usize,
    /// Since when nothing that was read has got us further.
    failing_since: Option<Instant>,
    ring_head: watch::Receiver<Seq>,
    _presence: Presence,
}

struct Fetched {
    batch: Batch,
    /// Until when undecided events may wait; `None` when they need not (any more).
    settle_by: Option<Instant>,
}

impl Subscription {
    pub(crate) fn new(hub: Arc<Hub>, since: Since, filter: Filter) -> Self {
        let presence = Presence::new(Arc::clone(&hub));
        let head = hub.queue.bounds().last;
        let (position, why) = match since {
            Since::Now => (head, None),
            Since::Beginning => (Seq::ZERO, None),
            Since::After(cursor) if cursor.log != hub.log() => {
                (Seq::ZERO, Some((cursor, GapReason::OtherLog)))
            }
            Since::After(cursor) if cursor.seq > head => {
                (head, Some((cursor, GapReason::AheadOfLog)))
            }
            Since::After(cursor) => (cursor.seq, None),
        };
        let to = hub.cursor(position);
        Self {
            filter,
            position,
            gap: why.map(|(from, why)| Message::Gap { from, to, why }),
            target: head,
            is_caught_up: false,
            fetched: None,
            reader: None,
            settle: Settle::new(&hub),
            page_limit: FIRST_PAGE.min(hub.options.history_page),
            failing_since: None,
            ring_head: hub.ring.head(),
            _presence: presence,
            hub,
        }
    }

    /// Everything up to here has been handed out by [`next`](Self::next).
    pub fn cursor(&self) -> Cursor {
        match &self.gap {
            // A gap that has not been told must be told again to whoever resumes here.
            Some(Message::Gap { from, .. }) => *from,
            _ => self.hub.cursor(self.position),
        }
    }

    /// The next messages, at least one: waits for it. Their texts are at most `batch_bytes_max` bytes together, or one
    /// event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`LiveError`] when there is no way on: the connection says bye, and [`cursor`](Self::cursor) stays good.
    pub async fn next(&mut self) -> Result<Vec<Message>, LiveError> {
        if let Some(gap) = self.gap.take() {
            return Ok(vec![gap]);
        }
        loop {
            // A scan that matches nothing must let others run.
            tokio::task::consume_budget().await;
            if self.fetched.is_some() {
                let messages = self.take_fetched().await;
                if !messages.is_empty() {
                    return Ok(messages);
                }
                continue;
            }
            // Order matters: mark the hint as seen, then look. What comes after the look wakes us again.
            self.ring_head.borrow_and_update();
            let wanted = self.position.next();
            match self.hub.ring.find(wanted)? {
                Place::Here(batch) => {
                    self.reader = None;
                    let messages = self.hand_out(&batch);
                    if !messages.is_empty() {
                        return Ok(messages);
                    }
                }
                // Ahead of a tail that is just starting there may still be something to read.
                Place::Ahead if self.position >= self.target => {
                    self.reader = None;
                    if !std::mem::replace(&mut self.is_caught_up, true) {
                        return Ok(vec![Message::CaughtUp { head: self.cursor() }]);
                    }
                    // The sender lives in the hub, so this cannot fail.
                    let _ = self.ring_head.changed().await;
                }
                Place::Ahead | Place::Before => {
                    if let Some(gap) = self.fetch().await? {
                        return Ok(vec![gap]);
                    }
                }
            }
        }
    }

    /// Messages of what has been fetched, after undecided events have had their wait.
    async fn take_fetched(&mut self) -> Vec<Message> {
        if let Some(Fetched { batch, settle_by }) = &mut self.fetched
            && let Some(by) = *settle_by
        {
            self.settle.settle(batch, by).await;
            *settle_by = None;
        }
        let Some(fetched) = self.fetched.take() else { return Vec::new() };
        let messages = self.hand_out(&fetched.batch);
        if self.position < fetched.batch.through {
            self.fetched = Some(fetched);
        }
        messages
    }

    /// Moves over the batch, up to its end or to `batch_bytes_max`.
    fn hand_out(&mut self, batch: &Batch) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut n_bytes = 0;
        let mut pushing = self.hub.pushing();
        for frame in batch.after(self.position) {
            if self.filter.matches(&frame.event) {
                let text = frame.text(self.hub.log());
                n_bytes += text.len();
                if n_bytes > self.hub.options.batch_bytes_max && !messages.is_empty() {
                    return messages;
                }
                messages.push(Message::Event { seq: frame.seq, text });
                pushing.n_events += 1;
            }
            self.position = frame.seq;
        }
        self.position = self.position.max(batch.through);
        messages
    }

    /// Reads on from the database or the log into `fetched`, or finds that there is a gap.
    async fn fetch(&mut self) -> Result<Option<Message>, LiveError> {
        let wanted = self.position.next();
        let applied = *self.hub.applied.borrow();
        if self.reader.is_some() || self.position >= applied {
            return self.read_log().await;
        }
        match self.read_history(applied).await {
            Ok(()) => Ok(None),
            Err(_) if self.hub.queue.bounds().first <= wanted => self.read_log().await,
            Err(error) => self.outlast_store(error).await,
        }
    }

    /// One page of what the database holds, which is at least everything up to `applied`.
    async fn read_history(&mut self, applied: Seq) -> Result<(), StoreError> {
        let query = PageQuery {
            filter: self.filter.clone(),
            after: Some(self.position),
            order: Order::Asc,
            limit: self.page_limit,
        };
        let page = self.hub.store.history(query, self.hub.options.batch_bytes_max).await?;
        self.failing_since = None;
        // The database may be ahead of `applied`; rows become visible in `Seq` order, so the last page
        // reaches to its last row, or to `applied` if that is further.
        let end = page.events.last().map_or(applied, |row| row.seq.max(applied));
        let n_events = page.events.len();
        let batch = Batch::from_rows(page.events, page.next.unwrap_or(end));
        if n_events > 0 {
            let n_fitting = self.hub.options.batch_bytes_max * n_events / batch.size_bytes();
            let limit_max = self.hub.options.history_page.min(2 * self.page_limit);
            self.page_limit = n_fitting.min(limit_max).max(1);
        }
        self.fetched = Some(Fetched { batch, settle_by: None });
        Ok(())
    }

    /// The next records of the log. There are some: the log is read only up to where the tail has been.
    async fn read_log(&mut self) -> Result<Option<Message>, LiveError> {
        let Hub { queue, options, .. } = &*self.hub;
        let reader = self.reader.get_or_insert_with(|| queue.reader(self.position.next()));
        let error = match reader.next(options.batch_bytes_max).await {
            Ok(records) => match Batch::from_records(records) {
                Ok(batch) => {
                    let settle_by = Some(Instant::now() + options.settle_wait);
                    self.fetched = Some(Fetched { batch, settle_by });
                    self.failing_since = None;
                    return Ok(None);
                }
                Err(error) => error,
            },
            Err(QueueError::Trimmed { first }) => {
                self.reader = None;
                return self.read_before(first).await;
            }
            Err(error) if error.is_retryable() => return self.outlast(error.into()).await,
            Err(error) => error.into(),
        };
        // Without this the reader would stand behind records that nobody has seen.
        self.reader = None;
        Err(error)
    }

    /// The log begins only at `first`: what comes before is in the database, or gone. Only the database itself can
    /// tell, because `applied` may lag behind it.
    async fn read_before(&mut self, first: Seq) -> Result<Option<Message>, LiveError> {
        let lease = match self.hub.store.lease().await {
            Ok(lease) => lease,
            Err(error) => return self.outlast_store(error).await,
        };
        let applied = if lease.log == Some(self.hub.log()) { lease.applied } else { Seq::ZERO };
        if self.position < applied {
            return match self.read_history(applied).await {
                Ok(()) => Ok(None),
                Err(error) => self.outlast_store(error).await,
            };
        }
        let (is_beginning, from) = (self.position == Seq::ZERO, self.cursor());
        self.position = first.prev();
        let gap = Message::Gap { from, to: self.cursor(), why: GapReason::Trimmed };
        Ok((!is_beginning).then_some(gap))
    }

    async fn outlast_store(&mut self, error: StoreError) -> Result<Option<Message>, LiveError> {
        let is_retryable = error.is_retryable();
        let error = LiveError::Store(error.to_string());
        if is_retryable { self.outlast(error).await } else { Err(error) }
    }

    /// Waits a little before the same is read again, longer each time, up to `read_wait` in all.
    async fn outlast(&mut self, error: LiveError) -> Result<Option<Message>, LiveError> {
        let failing_for = self.failing_since.get_or_insert_with(Instant::now).elapsed();
        if failing_for >= self.hub.options.read_wait {
            return Err(error);
        }
        sleep(failing_for.clamp(RETRY_WAIT.0, RETRY_WAIT.1)).await;
        Ok(None)
    }
}
