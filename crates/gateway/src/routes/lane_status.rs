//! The lane of batches in `/status`.

use pipeline::{ApplyingNow, ConsumerState, LaneStanding};
use serde::Serialize;

/// How the lane stands.
#[derive(Serialize)]
pub(crate) struct LaneShown {
    log: Log,
    applied_seq: u64,
    lag: Lag,
    receiving: u64,
    queued: u64,
    applying: Option<Applying>,
    consumer: Consumer,
    counts: Counts,
}

#[derive(Serialize)]
struct Log {
    id: String,
    first: u64,
    next: u64,
    bytes: u64,
    bytes_max: u64,
}

#[derive(Serialize)]
struct Lag {
    batches: u64,
    seconds: f64,
}

/// What goes into the database now.
#[derive(Serialize)]
struct Applying {
    id: String,
    table: String,
    rows: u64,
    rows_applied: u64,
    since: String,
}

#[derive(Serialize)]
struct Consumer {
    state: &'static str,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Counts {
    rows_received: u64,
    rows_committed: u64,
    committed: u64,
    rejected: u64,
    cancelled: u64,
}

impl LaneShown {
    /// Names of batches and tables, and the database's words, are for those who may read everything.
    pub(crate) fn of(standing: LaneStanding, shows_all: bool) -> Self {
        let (state, reason) = match standing.consumer {
            ConsumerState::Running => ("running", None),
            ConsumerState::Waiting { reason } => ("waiting", Some(reason)),
            ConsumerState::Stopped { reason } => ("stopped", Some(reason)),
        };
        let counts = standing.counts;
        Self {
            log: Log {
                id: standing.log.to_string(),
                first: standing.first.get(),
                next: standing.next.get(),
                bytes: standing.log_bytes,
                bytes_max: standing.log_bytes_max,
            },
            applied_seq: standing.applied.get(),
            lag: Lag { batches: standing.lag_batches, seconds: standing.lag_s },
            receiving: standing.n_receiving,
            queued: standing.n_queued,
            applying: standing.applying.filter(|_| shows_all).map(applying),
            consumer: Consumer { state, reason: reason.filter(|_| shows_all) },
            counts: Counts {
                rows_received: counts.rows_received,
                rows_committed: counts.rows_committed,
                committed: counts.committed,
                rejected: counts.rejected,
                cancelled: counts.cancelled,
            },
        }
    }
}

fn applying(now: ApplyingNow) -> Applying {
    let ApplyingNow { id, table, rows, rows_applied, since } = now;
    Applying { id, table, rows, rows_applied, since: since.to_string() }
}
