//! What one live connection says, on whatever road: `hello`, then the subscription, statistics in between, `bye`.
//!
//! Invariant: [`Feed::cursor`] never runs ahead of what has been put into an outbox.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use live::{Message, Subscription};
use model::{Cursor, LogId};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::auth::principal::Principal;
use crate::auth::standing::Standing;
use crate::edge::Edge;
use crate::routes::ask::{Ask, Manner};
use crate::routes::frames::Frames;
use crate::routes::message::{self, End};
use crate::routes::outbox::Outbox;
use crate::routes::ticks::Ticks;

const STATS_EVERY: Duration = Duration::from_secs(1);
/// What SSE readers are asked to wait before they connect again, until they are told otherwise.
const RETRY_MS: u64 = 1000;

/// One conversation.
pub(crate) struct Feed {
    subscription: Subscription,
    log: LogId,
    frames: Option<Frames>,
    stats: Ticks,
    keep_alive: Ticks,
    standing: Standing,
    /// Of its own, so that ten thousand do not queue at one lock whenever they wake.
    drained: Pin<Box<WaitForCancellationFutureOwned>>,
    told: Cursor,
    has_begun: bool,
    edge: Arc<Edge>,
}

impl Feed {
    pub(crate) fn new(
        edge: Arc<Edge>,
        principal: &Principal,
        ask: Ask,
        keep_alive: Duration,
    ) -> Self {
        let subscription = edge.live.subscribe(ask.since, ask.filter);
        let log = edge.intake.log().log;
        let frames = match ask.manner {
            Manner::Each => None,
            Manner::Frames { rate } => Some(Frames::new(log, rate, Instant::now())),
        };
        Self {
            told: subscription.cursor(),
            subscription,
            log,
            frames,
            stats: if ask.has_stats { Ticks::every(STATS_EVERY) } else { Ticks::never() },
            keep_alive: Ticks::every(keep_alive),
            drained: Box::pin(edge.drain.child_token().cancelled_owned()),
            has_begun: false,
            standing: Standing::new(Arc::clone(&edge), principal.clone()),
            edge,
        }
    }

    /// Waits until there is something to say and puts it into the outbox, or finds that this is the end. Dropping
    /// the future loses nothing.
    pub(crate) async fn next(&mut self, out: &mut Outbox) -> Option<End> {
        if !std::mem::replace(&mut self.has_begun, true) {
            if let Err(refusal) = self.standing.look() {
                return Some(End::Refused(refusal));
            }
            out.retry(RETRY_MS);
            out.put(None, message::hello(&self.edge, self.subscription.oldest()).as_bytes());
            return None;
        }
        loop {
            let due = self.frames.as_ref().and_then(Frames::due);
            let has_room = self.frames.as_ref().is_none_or(Frames::has_room);
            // In this order, because a subscription that always has more would never let the others speak.
            tokio::select! {
                biased;
                () = &mut self.drained => return Some(End::Shutdown),
                refusal = self.standing.lost() => return Some(End::Refused(refusal)),
                () = self.stats.next() => {
                    out.put(None, message::stats(&self.edge).as_bytes());
                    return None;
                }
                () = self.keep_alive.next() => {
                    // Time goes by without a change, so it is looked at now and then.
                    if let Err(refusal) = self.standing.look() {
                        return Some(End::Refused(refusal));
                    }
                    out.keep_alive();
                    return None;
                }
                () = at(due) => {
                    self.write_frames(out);
                    return None;
                }
                messages = self.subscription.next(), if has_room => match (messages, &mut self.frames) {
                    (Ok(messages), Some(frames)) => frames.take(messages),
                    (Ok(messages), None) => {
                        self.write_each(messages, out);
                        return None;
                    }
                    (Err(error), _) => return Some(End::Failed(error)),
                },
            }
        }
    }

    /// The position up to which everything has been said.
    pub(crate) fn cursor(&self) -> Cursor {
        self.told
    }

    /// The last words. `cursor` is how far the reader has come; how long it should wait before it comes back.
    pub(crate) fn bye(&self, end: &End, cursor: Cursor, out: &mut Outbox) {
        let wait_ms = self.edge.returns.wait_ms(end.is_for_all(), self.edge.live.n_subscriptions());
        out.retry(wait_ms);
        out.put(None, message::bye(end, cursor, wait_ms).as_bytes());
    }

    fn write_frames(&mut self, out: &mut Outbox) {
        if let Some(frames) = &mut self.frames
            && let Some(told) = frames.write(Instant::now(), out)
        {
            self.told = told;
        }
    }

    fn write_each(&mut self, messages: Vec<Message>, out: &mut Outbox) {
        for message in &messages {
            match message {
                Message::Event { seq, text } => {
                    out.put(Some(Cursor { log: self.log, seq: *seq }), text);
                }
                other => {
                    if let Some((text, cursor)) = message::mark(other) {
                        out.put(cursor, text.as_bytes());
                    }
                }
            }
        }
        self.told = self.subscription.cursor();
    }
}

/// Waits until then, or for ever.
async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
