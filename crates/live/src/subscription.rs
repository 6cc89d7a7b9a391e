//! A cursor that moves over the database, the log and the ring.
//!
//! ```text
//!   history (database) ──▶ log (own reader) ──▶ ring (shared) ──▶ wait for the tail
//!          ▲                      │ trimmed            │ fell out of it
//!          └──────────────────────┴────────────────────┘
//! ```
//!
//! Only what lies before the ring is read by a subscription itself, and only so many read at once: ten thousand that come
//! back together stand in a line, first come first served, and those near the head need not read at all.
//!
//! Which of them comes next is derived from the position at every step and never remembered, so every border can be
//! crossed at any moment and in both directions.
//!
//! What retention deletes is announced before it is gone. Each step looks at that first, and after each read of the
//! database again, before anything that was read is handed out: so a subscription is told of a hole before it crosses it.
//!
//! Invariant: `position` moves only past events that are handed out, do not match, or do not exist. Between
//! moving it for a message and returning that message nothing waits, so dropping `next` loses nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use model::{Cursor, Filter, Seq};
use queue::{QueueError, QueueReader};
use store::{Changed, Horizons, Order, PageQuery, StoreError};
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::error::LiveError;
use crate::frame::{Batch, Frame};
use crate::hub::{Hub, LiveOptions, Presence};
use crate::message::{GapReason, Message, Since};
use crate::ring::{Place, Ring};
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
    /// How far the subscriber knows that it has come, and since when.
    told: (Seq, Instant),
    /// Since when nothing that was read has got us further.
    failing_since: Option<Instant>,
    ring_head: watch::Receiver<Seq>,
    horizons: watch::Receiver<Horizons>,
    /// Up to where something that the filter wants has been deleted, as far as the subscriber knows.
    horizon: Seq,
    changed: broadcast::Receiver<Changed>,
    /// Of at most one batch of changes.
    statuses: VecDeque<Message>,
    _presence: Presence,
}

/// What one call of `next` hands out.
struct Handful {
    messages: Vec<Message>,
    n_bytes_left: usize,
}

/// Nothing could be read.
enum Failure {
    /// The same may succeed later.
    Passing(LiveError),
    Final(LiveError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let is_retryable = error.is_retryable();
        let error = LiveError::Store(error.to_string());
        if is_retryable { Self::Passing(error) } else { Self::Final(error) }
    }
}

struct Fetched {
    batch: Batch,
    /// From the database, which holds only what is kept.
    is_kept: bool,
    /// Until when undecided events may wait; `None` when they need not (any more).
    settle_by: Option<Instant>,
}

impl Subscription {
    pub(crate) fn new(hub: Arc<Hub>, since: Since, filter: Filter) -> Self {
        let presence = Presence::new(Arc::clone(&hub));
        let head = hub.queue.bounds().last;
        let mut horizons = hub.horizons.clone();
        let horizon = horizons.borrow_and_update().of(&filter);
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
        let gap = match (why, since) {
            (Some((from, why)), _) => Some(Message::Gap { from, to: hub.cursor(position), why }),
            (None, Since::After(from)) if position < horizon => {
                let (to, why) = (hub.cursor(horizon), GapReason::Retention);
                Some(Message::Gap { from, to, why })
            }
            (None, _) => None,
        };
        Self {
            filter,
            position,
            gap,
            target: head,
            is_caught_up: false,
            fetched: None,
            reader: None,
            settle: Settle::new(&hub),
            page_limit: FIRST_PAGE.min(hub.options.history_page),
            told: (position, Instant::now()),
            failing_since: None,
            ring_head: hub.ring.head(),
            horizons,
            horizon,
            changed: hub.changed.subscribe(),
            statuses: VecDeque::new(),
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

    /// Whoever resumes here or later misses nothing.
    pub fn oldest(&self) -> Cursor {
        self.hub.cursor(self.horizon)
    }

    /// The next messages, at least one: waits for it. Either events, or one message that is none. Their texts are
    /// at most `batch_bytes_max` bytes together, or one event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`LiveError`] when there is no way on: the connection says bye, and [`cursor`](Self::cursor) stays good.
    pub async fn next(&mut self) -> Result<Vec<Message>, LiveError> {
        let messages = match self.gap.take() {
            Some(gap) => vec![gap],
            None => self.find_messages().await?,
        };
        // These do not say where the subscription stands.
        if !matches!(messages[..], [Message::Status { .. } | Message::StatusGap]) {
            self.told = (self.position, Instant::now());
        }
        Ok(messages)
    }

    async fn find_messages(&mut self) -> Result<Vec<Message>, LiveError> {
        loop {
            // A scan that matches nothing must let others run.
            tokio::task::consume_budget().await;
            let message = self.look_at_horizons().or_else(|| self.status());
            if let Some(message) = message.or_else(|| self.progress()) {
                return Ok(vec![message]);
            }
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
                    let messages = self.take_from_ring(batch);
                    if !messages.is_empty() {
                        return Ok(messages);
                    }
                }
                Place::Ahead => {
                    self.reader = None;
                    let is_there = self.position >= self.target;
                    if is_there && !std::mem::replace(&mut self.is_caught_up, true) {
                        return Ok(vec![Message::CaughtUp { head: self.cursor() }]);
                    }
                    // The tail is on its way, also where it is just starting. Both senders live in the hub, so neither can fail.
                    tokio::select! {
                        _ = self.ring_head.changed() => {}
                        changed = self.changed.recv() => match changed {
                            Ok(changed) => self.take_changes(&changed),
                            Err(RecvError::Lagged(_)) => self.statuses.push_back(Message::StatusGap),
                            Err(RecvError::Closed) => {}
                        },
                    }
                }
                Place::Before => {
                    if let Some(gap) = self.fetch().await? {
                        return Ok(vec![gap]);
                    }
                }
            }
        }
    }

    /// Messages of what has been fetched, after undecided events have had their wait.
    async fn take_fetched(&mut self) -> Vec<Message> {
        if let Some(Fetched { batch, settle_by, .. }) = &mut self.fetched
            && let Some(by) = *settle_by
        {
            self.settle.settle(batch, by).await;
            *settle_by = None;
        }
        let Some(fetched) = self.fetched.take() else { return Vec::new() };
        let mut handful = self.handful();
        self.hand_out(&fetched.batch, fetched.is_kept, &mut handful);
        if self.position < fetched.batch.through {
            self.fetched = Some(fetched);
        }
        handful.messages
    }

    /// Messages of all that the ring has from this batch on: whoever was away while several batches came
    /// passes them on in one go.
    fn take_from_ring(&mut self, mut batch: Arc<Batch>) -> Vec<Message> {
        let mut handful = self.handful();
        while self.hand_out(&batch, false, &mut handful)
            && let Ok(Place::Here(next)) = self.ring().find(self.position.next())
        {
            batch = next;
        }
        handful.messages
    }

    /// Moves over the batch, up to its end (then `true`) or until the handful is full.
    fn hand_out(&mut self, batch: &Batch, is_kept: bool, handful: &mut Handful) -> bool {
        let mut pushing = self.hub.pushing();
        for frame in batch.after(self.position) {
            let is_gone = !is_kept && self.is_gone(frame);
            if !is_gone && self.filter.matches(&frame.event) {
                let text = frame.text(self.hub.log());
                if text.len() > handful.n_bytes_left && !handful.messages.is_empty() {
                    return false;
                }
                handful.n_bytes_left = handful.n_bytes_left.saturating_sub(text.len());
                handful.messages.push(Message::Event { seq: frame.seq, text });
                pushing.n_events += 1;
            }
            self.position = frame.seq;
        }
        self.position = self.position.max(batch.through);
        true
    }

    /// Says what has been deleted ahead of the position since the last look.
    fn look_at_horizons(&mut self) -> Option<Message> {
        // The sender lives as long as the server.
        if !self.horizons.has_changed().unwrap_or(false) {
            return None;
        }
        let horizon = self.horizons.borrow_and_update().of(&self.filter);
        let is_news = horizon > self.horizon && horizon > self.position;
        self.horizon = horizon;
        let (from, to) = (self.hub.cursor(self.position), self.hub.cursor(horizon));
        is_news.then_some(Message::Gap { from, to, why: GapReason::Retention })
    }

    /// The log and the ring may still have what the database has deleted.
    fn is_gone(&self, frame: &Frame) -> bool {
        frame.seq <= self.horizon
            && frame.seq <= self.horizons.borrow().of_stream(frame.event.stream())
    }

    /// The next event of the filter whose state has changed, if any.
    fn status(&mut self) -> Option<Message> {
        while self.statuses.is_empty() {
            match self.changed.try_recv() {
                Ok(changed) => self.take_changes(&changed),
                Err(TryRecvError::Lagged(_)) => self.statuses.push_back(Message::StatusGap),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
        self.statuses.pop_front()
    }

    fn take_changes(&mut self, changed: &Changed) {
        let wanted = changed.iter().filter(|stored| self.filter.matches(&stored.event));
        self.statuses.extend(wanted.map(|stored| Message::Status {
            cursor: self.hub.cursor(stored.seq),
            is_valid: stored.event.valid(),
        }));
    }

    /// Where the subscription stands, when nothing has been said for long although it has moved.
    fn progress(&self) -> Option<Message> {
        let LiveOptions { progress_wait, idle_progress_wait, .. } = self.hub.options;
        let wait = if self.is_caught_up { idle_progress_wait } else { progress_wait };
        let (told, at) = self.told;
        let is_due = self.position > told && at.elapsed() >= wait;
        is_due.then(|| Message::Progress { cursor: self.cursor() })
    }

    fn handful(&self) -> Handful {
        Handful { messages: Vec::new(), n_bytes_left: self.hub.share_bytes() }
    }

    fn ring(&self) -> &Ring {
        &self.hub.ring
    }

    /// Reads on from the database or the log into `fetched`, or finds that there is a gap.
    async fn fetch(&mut self) -> Result<Option<Message>, LiveError> {
        let hub = Arc::clone(&self.hub);
        let place = hub.reads.acquire().await.expect("nobody closes the semaphore");
        match self.read().await {
            Err(Failure::Passing(error)) => {
                // Whoever waits for a disk or a database must not keep others from reading.
                drop(place);
                self.outlast(error).await
            }
            Err(Failure::Final(error)) => Err(error),
            Ok(gap) => Ok(gap),
        }
    }

    async fn read(&mut self) -> Result<Option<Message>, Failure> {
        let wanted = self.position.next();
        let applied = *self.hub.applied.borrow();
        if self.reader.is_some() || self.position >= applied {
            return self.read_log().await;
        }
        match self.read_history(applied).await {
            Ok(()) => Ok(None),
            Err(_) if self.hub.queue.bounds().first <= wanted => self.read_log().await,
            Err(error) => Err(error.into()),
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
        let bytes_max = self.hub.share_bytes();
        let page = self.hub.store.history(query, bytes_max, applied).await?;
        self.failing_since = None;
        // The database may be ahead of `applied`; rows become visible in `Seq` order, so the last page
        // reaches to its last row, or to `applied` if that is further.
        let end = page.events.last().map_or(applied, |row| row.seq.max(applied));
        let n_events = page.events.len();
        let batch = Batch::from_rows(page.events, page.next.unwrap_or(end));
        if n_events > 0 {
            let n_fitting = bytes_max * n_events / batch.size_bytes();
            let limit_max = self.hub.options.history_page.min(2 * self.page_limit);
            self.page_limit = n_fitting.min(limit_max).max(1);
        }
        self.fetched = Some(Fetched { batch, is_kept: true, settle_by: None });
        Ok(())
    }

    /// The next records of the log. There are some: the log is read only up to where the tail has been.
    async fn read_log(&mut self) -> Result<Option<Message>, Failure> {
        let Hub { queue, options, .. } = &*self.hub;
        let reader = self.reader.get_or_insert_with(|| queue.reader(self.position.next()));
        let error = match reader.next(self.hub.share_bytes()).await {
            Ok(records) => match Batch::from_records(records) {
                Ok(batch) => {
                    let settle_by = Some(Instant::now() + options.settle_wait);
                    self.fetched = Some(Fetched { batch, is_kept: false, settle_by });
                    self.failing_since = None;
                    return Ok(None);
                }
                Err(error) => error,
            },
            Err(QueueError::Trimmed { first }) => {
                self.reader = None;
                return self.read_before(first).await;
            }
            Err(error) if error.is_retryable() => return Err(Failure::Passing(error.into())),
            Err(error) => error.into(),
        };
        // Without this the reader would stand behind records that nobody has seen.
        self.reader = None;
        Err(Failure::Final(error))
    }

    /// The log begins only at `first`: what comes before is in the database, or gone. Only the database itself can
    /// tell, because `applied` may lag behind it.
    async fn read_before(&mut self, first: Seq) -> Result<Option<Message>, Failure> {
        let lease = self.hub.store.lease().await?;
        let applied = if lease.log == Some(self.hub.log()) { lease.applied } else { Seq::ZERO };
        if self.position < applied {
            self.read_history(applied).await?;
            return Ok(None);
        }
        let (is_beginning, from) = (self.position == Seq::ZERO, self.cursor());
        self.position = first.prev();
        let gap = Message::Gap { from, to: self.cursor(), why: GapReason::Trimmed };
        Ok((!is_beginning).then_some(gap))
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
