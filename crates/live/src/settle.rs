//! Repetitions that only the consumer could recognise.
//!
//! When the edge cannot tell in time whether an id has been sent before, it appends the event flagged `undecided`,
//! and the consumer stores or drops it. Such an event is shown only after that decision.
//!
//! Invariant: the wait is bounded. While the database is down or far behind, undecided events are shown as they
//! come: a resend during an outage can be shown twice, with the same id. Late events would be worse than a repeated one.

use std::sync::Arc;

use model::Seq;
use store::EventStore;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::frame::{Batch, Frame};
use crate::hub::Hub;

/// Takes dropped repetitions out of batches.
pub(crate) struct Settle {
    store: Arc<dyn EventStore>,
    applied: watch::Receiver<Seq>,
    /// Where a wait ran out. Until the consumer has come that far nothing waits again, or a consumer that is
    /// behind would hold up one batch after the other.
    gave_up_at: Seq,
}

impl Settle {
    pub(crate) fn new(hub: &Hub) -> Self {
        let applied = hub.applied.clone();
        Self { store: Arc::clone(&hub.store), applied, gave_up_at: Seq::ZERO }
    }

    /// Takes out the events that the consumer dropped. Undecided events that have no answer at `by` stay in.
    /// Dropping the future leaves the batch as it is.
    pub(crate) async fn settle(&mut self, batch: &mut Batch, by: Instant) {
        let undecided = |frame: &&Frame| frame.event.undecided();
        let seqs: Vec<Seq> = batch.frames.iter().filter(undecided).map(|f| f.seq).collect();
        let mut dropped = Vec::new();
        for seq in seqs {
            let applied = *self.applied.borrow();
            if applied < seq && applied < self.gave_up_at {
                break;
            }
            match timeout_at(by, self.is_kept(seq)).await {
                Ok(Some(true)) => {}
                Ok(Some(false)) => dropped.push(seq),
                Ok(None) => break,
                Err(_) => {
                    self.gave_up_at = seq;
                    break;
                }
            }
        }
        if !dropped.is_empty() {
            batch.frames.retain(|frame| dropped.binary_search(&frame.seq).is_err());
        }
    }

    /// Whether the consumer kept the event, once it has decided; `None` if nobody can say.
    async fn is_kept(&mut self, seq: Seq) -> Option<bool> {
        self.applied.wait_for(|applied| *applied >= seq).await.ok()?;
        match self.store.holds(seq).await {
            Ok(is_kept) => Some(is_kept),
            Err(error) => {
                tracing::warn!(%seq, %error, "cannot tell whether an event is a repetition: it is shown");
                None
            }
        }
    }
}
