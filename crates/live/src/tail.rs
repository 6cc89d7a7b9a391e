//! The one reader of the log that feeds the ring.
//!
//! It sleeps while nobody subscribes, and continues a little before the head when somebody comes: what was appended in
//! between is found in the log or the database, so nothing depends on the tail having seen it. The little before the head is
//! for those who come back together, after a restart or a broken network: one read serves them all.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::Seq;
use queue::QueueError;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::error::LiveError;
use crate::frame::Batch;
use crate::hub::Hub;
use crate::settle::Settle;

/// Pause between two reads of a log that does not answer.
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// The records before the head are given up when they are more than so many rings full: what is new must not wait for them.
const WARM_RINGS_MAX: usize = 4;

/// The service behind [`Live`](crate::live::Live). Subscriptions live no longer than this does.
#[must_use]
pub struct Tail {
    hub: Arc<Hub>,
}

impl Tail {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub }
    }

    /// Follows the log until `shutdown`. After the end every subscription is told [`LiveError::Closed`], or the
    /// error that ended the tail.
    ///
    /// # Errors
    /// [`LiveError`] when the log is closed under it, or cannot be read.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), LiveError> {
        let res = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            res = self.follow() => res,
        };
        let Err(error) = res;
        self.hub.ring.end(error.clone());
        Err(error)
    }

    async fn follow(&self) -> Result<Infallible, LiveError> {
        let mut n_subscriptions = self.hub.n_subscriptions.subscribe();
        let mut settle = Settle::new(&self.hub);
        loop {
            let _ = n_subscriptions.wait_for(|n| *n > 0).await;
            tokio::select! {
                res = self.fill(&mut settle) => return res,
                _ = n_subscriptions.wait_for(|n| *n == 0) => self.hub.ring.restart(Seq::ZERO),
            }
        }
    }

    async fn fill(&self, settle: &mut Settle) -> Result<Infallible, LiveError> {
        let Hub { queue, ring, options, .. } = &*self.hub;
        let bounds = queue.bounds();
        // Not `next`, which may lie beyond a hole, where a listener at the last event could not see that nothing is missing.
        let head = bounds.last.next();
        let from = Seq::new(head.get().saturating_sub(options.warm_records)).unwrap_or(head);
        let from = from.max(bounds.first).min(head);
        ring.restart(from);
        let mut reader = queue.reader(from);
        let mut n_warm_left = WARM_RINGS_MAX * options.ring_bytes_max;
        loop {
            if n_warm_left == 0 && reader.position() < head {
                ring.restart(head);
                reader = queue.reader(head);
            }
            match reader.next(options.batch_bytes_max).await {
                Ok(mut records) => {
                    for record in &mut records {
                        // As it comes it may share its memory with a whole chunk of the log, which would stay.
                        record.bytes = Bytes::copy_from_slice(&record.bytes);
                    }
                    let mut batch = Batch::from_records(records)?;
                    n_warm_left = n_warm_left.saturating_sub(batch.size_bytes());
                    settle.settle(&mut batch, Instant::now() + options.settle_wait).await;
                    ring.push(batch);
                }
                Err(QueueError::Trimmed { first }) => {
                    ring.restart(first);
                    reader = queue.reader(first);
                }
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "the tail cannot read the log: trying again");
                    sleep(RETRY_WAIT).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for Tail {
    /// However the tail ends, nobody waits for it in vain.
    fn drop(&mut self) {
        self.hub.ring.end(LiveError::Closed);
    }
}
