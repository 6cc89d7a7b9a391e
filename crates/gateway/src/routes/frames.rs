//! Events in frames, for screens: at most one each [`FRAME_EVERY`], at most [`ITEMS_MAX`] events in one.
//!
//! ```json
//! {"type":"events","first":"0a1b2c3d.40","last":"0a1b2c3d.61","matched":20,"sent":2,"items":[{"id":…},{"id":…}]}
//! ```
//!
//! Without a rate every event is sent, and whoever wants more than a frame holds is further behind. With one, a
//! frame shows an even sample of what came since the frame before, and `matched` counts all of it.
//!
//! Invariant: the sum of `matched` is the number of events that matched up to `last`, whatever was left out.

use std::collections::VecDeque;
use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use live::{EVENT_PREFIX, Message};
use model::{Cursor, LogId, Seq};
use tokio::time::Instant;

use crate::routes::message;
use crate::routes::outbox::Outbox;

/// Shortest time between two frames.
const FRAME_EVERY: Duration = Duration::from_millis(50);
/// Most events in one frame.
const ITEMS_MAX: usize = 500;
/// Most bytes of events in one frame, unless a single event is larger.
const ITEMS_BYTES_MAX: usize = 256 << 10;
/// Highest rate that can be asked for, in events a second.
pub(crate) const RATE_MAX: u32 = 10_000;

/// What has come and is not sent yet.
pub(crate) struct Frames {
    log: LogId,
    /// How much may be shown; `None` shows everything.
    ration: Option<Ration>,
    items: VecDeque<(Seq, Bytes)>,
    n_bytes: usize,
    /// With a ration, of how many events that came each one in `items` is the only one kept.
    stride: u64,
    n_matched: u64,
    first: Seq,
    last: Seq,
    /// What follows the events and is none.
    held: Option<Message>,
    next_at: Instant,
}

impl Frames {
    /// `rate`: most events a second.
    pub(crate) fn new(log: LogId, rate: Option<u32>, now: Instant) -> Self {
        Self {
            log,
            ration: rate.map(|rate| Ration::new(rate, now)),
            items: VecDeque::new(),
            n_bytes: 0,
            stride: 1,
            n_matched: 0,
            first: Seq::ZERO,
            last: Seq::ZERO,
            held: None,
            next_at: now,
        }
    }

    /// Whether more may be taken now.
    pub(crate) fn has_room(&self) -> bool {
        let is_full = self.items.len() >= ITEMS_MAX || self.n_bytes >= ITEMS_BYTES_MAX;
        self.held.is_none() && (self.ration.is_some() || !is_full)
    }

    /// When there is something to send; `None` while there is nothing.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.n_matched > 0 || self.held.is_some()).then_some(self.next_at)
    }

    /// Takes what a subscription gave: either events, or one message that is none.
    pub(crate) fn take(&mut self, messages: Vec<Message>) {
        for message in messages {
            match message {
                Message::Event { seq, text } => self.take_event(seq, text),
                other => self.held = Some(other),
            }
        }
    }

    fn take_event(&mut self, seq: Seq, text: Bytes) {
        if self.n_matched == 0 {
            self.first = seq;
        }
        self.last = seq;
        self.n_matched += 1;
        if self.ration.is_some() && !(self.n_matched - 1).is_multiple_of(self.stride) {
            return;
        }
        self.n_bytes += text.len();
        self.items.push_back((seq, text));
        let is_much = self.items.len() > 2 * ITEMS_MAX || self.n_bytes > 2 * ITEMS_BYTES_MAX;
        if self.ration.is_some() && is_much && self.items.len() > 1 {
            // Every other one goes, and from here on only every other one is taken: what stays is spread evenly.
            let mut is_kept = false;
            self.items.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.n_bytes = self.items.iter().map(|(_, text)| text.len()).sum();
            self.stride *= 2;
        }
    }

    /// Writes a frame, or what comes after the last one. The position that the reader has then come to.
    pub(crate) fn write(&mut self, now: Instant, out: &mut Outbox) -> Option<Cursor> {
        if self.n_matched > 0 {
            self.next_at = now + FRAME_EVERY;
            return Some(self.write_frame(now, out));
        }
        let (text, cursor) = message::mark(&self.held.take()?)?;
        out.put(cursor, text.as_bytes());
        cursor
    }

    fn write_frame(&mut self, now: Instant, out: &mut Outbox) -> Cursor {
        let (items, n_matched, first, last) = if let Some(ration) = &mut self.ration {
            let all = std::mem::take(&mut self.items);
            let items = spread(all, ration.left(now).min(ITEMS_MAX));
            ration.spend(items.len());
            self.stride = 1;
            (items, self.n_matched, self.first, self.last)
        } else {
            let items = self.whole_frame();
            let (first, last) = (items[0].0, items[items.len() - 1].0);
            let n_items = items.len() as u64;
            (items, n_items, first, last)
        };
        self.n_bytes = self.items.iter().map(|(_, text)| text.len()).sum();
        self.n_matched -= n_matched;
        let cursor = |seq| Cursor { log: self.log, seq };
        let mut text =
            Vec::with_capacity(256 + items.iter().map(|(_, text)| text.len()).sum::<usize>());
        let _ = write!(
            text,
            "{{\"type\":\"events\",\"first\":\"{}\",\"last\":\"{}\",\"matched\":{n_matched},\"sent\":{},\"items\":[",
            cursor(first),
            cursor(last),
            items.len(),
        );
        for (at, (_, event)) in items.iter().enumerate() {
            text.extend_from_slice(if at == 0 { b"{" } else { b",{" });
            text.extend_from_slice(&event[EVENT_PREFIX.len()..]);
        }
        text.extend_from_slice(b"]}");
        out.put(Some(cursor(last)), &text);
        cursor(last)
    }

    /// As much from the front as one frame takes: at least one event.
    fn whole_frame(&mut self) -> VecDeque<(Seq, Bytes)> {
        let mut n_bytes = 0;
        let fits = |(_, text): &&(Seq, Bytes)| {
            n_bytes += text.len();
            n_bytes <= ITEMS_BYTES_MAX
        };
        let n_fitting = self.items.iter().take(ITEMS_MAX).take_while(fits).count();
        self.items.drain(..n_fitting.max(1)).collect()
    }
}

/// `n` of the items, as evenly spread as can be.
fn spread(items: VecDeque<(Seq, Bytes)>, n: usize) -> VecDeque<(Seq, Bytes)> {
    if items.len() <= n {
        return items;
    }
    (0..n).map(|at| items[(2 * at + 1) * items.len() / (2 * n)].clone()).collect()
}

/// How many events may be shown: in no second more than the rate.
///
/// It fills evenly, so that a steady stream is shown evenly. What is not used is kept for a burst, up to a fifth of a
/// second's worth, and that fifth is taken off the filling.
struct Ration {
    per_s: f64,
    most: f64,
    left: f64,
    at: Instant,
}

impl Ration {
    fn new(rate: u32, now: Instant) -> Self {
        let rate = f64::from(rate);
        let most = (rate / 5.0).max(1.0);
        // With bursts of one there is nothing to take off: each event has its own share of the second.
        let per_s = if most > 1.0 { rate - most } else { rate };
        Self { per_s, most, left: most, at: now }
    }

    /// How many events may be shown now.
    fn left(&mut self, now: Instant) -> usize {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * self.per_s).min(self.most);
        self.at = now;
        self.left as usize
    }

    fn spend(&mut self, n: usize) {
        self.left -= n as f64;
    }
}
