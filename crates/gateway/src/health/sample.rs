//! One second of the server's life, as the verdict wants it.

use std::time::Duration;

use model::Timestamp;

use crate::health::machine::CoreTicks;
use crate::health::totals::{Gauges, Totals};

/// Shares of the time, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Shares {
    /// This process on all cores.
    pub(crate) accept: f64,
    /// Everybody on all cores, this process included.
    pub(crate) cores: f64,
    /// The log's writer in write and fsync.
    pub(crate) fsync: f64,
    /// The consumer in a transaction.
    pub(crate) apply: f64,
    /// Encoding and sending of live messages, on all cores.
    pub(crate) push: f64,
}

/// What the consumer waits for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Database {
    /// Nothing out of the ordinary.
    #[default]
    Answers,
    /// It owes an answer since then, or has given an error.
    Silent { since: Timestamp, reason: Option<String> },
    /// It will not be asked again.
    Stopped { since: Timestamp, reason: String },
}

/// Why batches stand still.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HeldLane {
    /// A person has to mend something; else it may pass.
    pub(crate) is_stopped: bool,
    pub(crate) reason: String,
    /// Batches that wait,
    pub(crate) n_waiting: u64,
    /// and how long the oldest has done so.
    pub(crate) waits_s: f64,
}

/// One second.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// When it ended.
    pub(crate) at: Timestamp,
    /// How long it really was.
    pub(crate) seconds: f64,
    pub(crate) accepted_per_s: f64,
    pub(crate) stored_per_s: f64,
    pub(crate) commits_per_s: f64,
    /// Written to the log.
    pub(crate) bytes_per_s: f64,
    pub(crate) shares: Shares,
    pub(crate) gauges: Gauges,
    pub(crate) database: Database,
    /// `None` where the lane of batches works, or there is none.
    pub(crate) lane: Option<HeldLane>,
    /// How long the piece of writing under way has been going on.
    pub(crate) writing_for: Duration,
    /// When an append was last refused because the disk is full.
    pub(crate) no_room_at: Option<Timestamp>,
}

impl Sample {
    /// What `now` says more than `before`. The rest is for the caller to fill in.
    pub(crate) fn between(before: &Totals, now: &Totals, at: Timestamp, n_cores: usize) -> Self {
        let seconds = now.seconds_since(before);
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let share = |now: Duration, before: Duration, n: usize| {
            (now.saturating_sub(before).as_secs_f64() / seconds / n as f64).min(1.0)
        };
        let accept = share(now.process_cpu, before.process_cpu, n_cores);
        let cores = match (now.cores, before.cores) {
            (Some(now), Some(before)) => CoreTicks::share_since(now, before).max(accept),
            _ => accept,
        };
        Self {
            at,
            seconds,
            accepted_per_s: rate(now.counts.accepted, before.counts.accepted),
            stored_per_s: rate(now.counts.stored, before.counts.stored),
            commits_per_s: rate(now.commit_us.count(), before.commit_us.count()),
            bytes_per_s: rate(now.commit_bytes, before.commit_bytes),
            shares: Shares {
                accept,
                cores,
                fsync: share(now.fsync_busy, before.fsync_busy, 1),
                apply: share(now.apply_busy, before.apply_busy, 1),
                push: share(now.push_busy, before.push_busy, n_cores),
            },
            gauges: Gauges::default(),
            database: Database::default(),
            lane: None,
            writing_for: Duration::ZERO,
            no_room_at: None,
        }
    }
}
