//! Look-ups that somebody waits for, but not long: the write path goes on without an answer after some milliseconds. Whoever
//! has to have an answer does not ask here: where the way to the server takes longer than that, all turns are with questions
//! that nobody waits for, for as long as events come.
//!
//! ```text
//!   caller   waits ─────────> goes away
//!   task     connects, asks ────────────────> is answered, or gives the connection up after its own time
//! ```
//!
//! Each runs in a task of its own, so that a connection which takes longer than the caller waits is made all the same, and
//! one whose statement nobody waits for any more is not lent before that is over.
//!
//! Invariant: at most as many tasks as there are connections for them.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::error::StoreError;

/// Longest wait for a turn.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Whose turn it is.
pub(crate) struct Asking {
    n_turns: usize,
    turns: Arc<Semaphore>,
    /// Look-ups under way that nobody waits for.
    n_left: Arc<AtomicUsize>,
    tasks: TaskTracker,
}

impl Asking {
    /// So many at a time.
    pub(crate) fn new(n_turns: usize) -> Self {
        let (turns, n_left) = (Arc::new(Semaphore::new(n_turns)), Arc::default());
        Self { n_turns, turns, n_left, tasks: TaskTracker::new() }
    }

    /// The answer of `work`, which must end by itself. It goes on when this future is dropped.
    ///
    /// # Errors
    /// `Unavailable` after some seconds without a turn; at once where all turns are with look-ups that nobody waits for.
    pub(crate) async fn answer<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.n_left.load(Ordering::Relaxed) >= self.n_turns {
            return Err(StoreError::Unavailable(
                "it has not answered the last questions".to_owned(),
            ));
        }
        let turn = timeout(WAIT_MAX, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(StoreError::Unavailable("all connections are busy".to_owned()));
        };
        let n_left = Arc::clone(&self.n_left);
        let (mut answer, answered) = oneshot::channel();
        self.tasks.spawn(async move {
            let mut work = pin!(work);
            let res = tokio::select! {
                res = &mut work => res,
                () = answer.closed() => {
                    let _left = Left::one_more(&n_left);
                    work.await
                }
            };
            drop(turn);
            // Nobody may be there any more.
            let _ = answer.send(res);
        });
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("the program ends".to_owned())))
    }
}

/// Counts one for as long as it lives.
struct Left<'a>(&'a AtomicUsize);

impl<'a> Left<'a> {
    fn one_more(n_left: &'a AtomicUsize) -> Self {
        n_left.fetch_add(1, Ordering::Relaxed);
        Self(n_left)
    }
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
