//! Deletes events that are older than their stream's age, a slice at a time, whenever the consumer leaves room for it.
//!
//! ```text
//!   for each stream with an age:  what is due? -> say so to readers -> delete a slice -> rest -> what is due? …
//! ```
//!
//! Invariant: readers are told of a horizon before anything below it goes, so none of them crosses a hole in silence. All
//! that has to survive is in the store; a pass that dies is done again by the next one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use model::{Seq, Timestamp};
use store::{Forget, Horizons, RetentionStore, StoreError};
use tokio::sync::watch;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock;
use crate::meters::{ConsumerState, Meters};

/// Rows that one transaction deletes. The consumer waits for at most one of them.
const SLICE_ROWS: usize = 5_000;
/// Names of streams that are read at once.
const STREAMS_READ: usize = 100;
/// Longest and shortest pause between two passes; in between, a tenth of the shortest age.
const PASS_EVERY: (Duration, Duration) = (Duration::from_mins(1), Duration::from_millis(200));
/// While the consumer is further behind than this, nothing is deleted.
const LAG_MAX: Duration = Duration::from_secs(1);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long events are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionRules {
    /// Of streams that are not named; `None` keeps them for ever.
    pub default: Option<Duration>,
    /// Of single streams; `None` keeps one for ever whatever the default says.
    pub streams: BTreeMap<String, Option<Duration>>,
}

impl RetentionRules {
    /// How long events of a stream are kept; `None`: for ever.
    pub fn age_of(&self, stream: &str) -> Option<Duration> {
        self.streams.get(stream).copied().unwrap_or(self.default)
    }

    /// Whether anything is ever deleted.
    pub fn is_on(&self) -> bool {
        self.shortest().is_some()
    }

    fn shortest(&self) -> Option<Duration> {
        self.streams.values().copied().chain([self.default]).flatten().min()
    }
}

/// See the module's page.
pub struct Retention {
    store: Arc<dyn RetentionStore>,
    meters: Arc<Meters>,
    rules: RetentionRules,
    horizons: watch::Sender<Horizons>,
    n_deleted: AtomicU64,
}

impl Retention {
    /// `horizons` is how far earlier passes came. Nothing is deleted before [`run`](Self::run).
    pub fn open(
        store: Arc<dyn RetentionStore>,
        meters: Arc<Meters>,
        rules: RetentionRules,
        horizons: Horizons,
    ) -> Arc<Self> {
        let horizons = watch::Sender::new(horizons);
        Arc::new(Self { store, meters, rules, horizons, n_deleted: AtomicU64::new(0) })
    }

    /// What is deleted, or about to be.
    pub fn horizons(&self) -> watch::Receiver<Horizons> {
        self.horizons.subscribe()
    }

    /// How long events are kept.
    pub fn rules(&self) -> &RetentionRules {
        &self.rules
    }

    /// Rows that were deleted since the start: events and dead letters.
    pub fn n_deleted(&self) -> u64 {
        self.n_deleted.load(Relaxed)
    }

    /// Deletes until `shutdown`. Whoever cannot wait for that drops the future: a slice is deleted whole or not at all.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let Some(shortest) = self.rules.shortest() else {
            return shutdown.cancelled().await;
        };
        let pause = (shortest / 10).clamp(PASS_EVERY.1, PASS_EVERY.0);
        let work = async {
            loop {
                if let Err(error) = self.pass(clock::now()).await {
                    warn!(%error, "retention stopped half-way and tries again");
                }
                time::sleep(pause).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = work => {}
        }
    }

    /// Deletes all that is due at this moment.
    pub(crate) async fn pass(&self, now: Timestamp) -> Result<(), StoreError> {
        for (stream, age) in &self.rules.streams {
            if let Some(age) = age {
                self.delete(stream, *age, now).await?;
            }
        }
        let Some(age) = self.rules.default else { return Ok(()) };
        let mut after = String::new();
        loop {
            let streams = self.store.streams(&after, STREAMS_READ).await?;
            for stream in &streams {
                if !self.rules.streams.contains_key(stream) {
                    self.delete(stream, age, now).await?;
                }
            }
            match streams.into_iter().last() {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    async fn delete(&self, stream: &str, age: Duration, now: Timestamp) -> Result<(), StoreError> {
        let age_us = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        let before = Timestamp::from_micros(now.micros().saturating_sub(age_us));
        let forget = Forget { stream: stream.to_owned(), before, rows_max: SLICE_ROWS };
        let (mut n_deleted, mut horizon) = (0, None);
        loop {
            self.let_the_consumer_pass().await;
            let begun = Instant::now();
            let Some(through) = self.store.due(forget.clone(), now).await? else { break };
            n_deleted += self.delete_slice(&forget, through).await?;
            horizon = Some(through);
            // As much rest as work: the consumer and readers share the disk.
            time::sleep(begun.elapsed()).await;
        }
        if let Some(horizon) = horizon {
            info!(stream, n_deleted, %horizon, "events older than {age:?} were deleted");
        }
        Ok(())
    }

    /// Order matters: readers are told first. If the deletion fails, they were told too early, which hides nothing.
    async fn delete_slice(&self, forget: &Forget, through: Seq) -> Result<u64, StoreError> {
        self.horizons.send_modify(|horizons| horizons.raise(&forget.stream, through));
        let n_rows = self.store.forget(forget.clone(), through).await?;
        self.n_deleted.fetch_add(n_rows, Relaxed);
        Ok(n_rows)
    }

    /// Intake and the way into the database go first.
    async fn let_the_consumer_pass(&self) {
        while self.meters.consumer() != ConsumerState::Running
            || self.meters.waiting_for(clock::now()) > LAG_MAX
        {
            time::sleep(LOOK_EVERY).await;
        }
    }
}
