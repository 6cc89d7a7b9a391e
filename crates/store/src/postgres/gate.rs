//! Whether the server is asked at all: after a failed attempt nobody connects for a moment, and everybody learns why.
//!
//! ```text
//!            connect failed                    its moment is over: one caller tries again
//!   up ────────────────────────> down, until t ──────────────────────────────┐
//!    ^                                ^     │ fails: a longer moment          │
//!    └──────── connected ─────────────┴─────┴─────────────────────────────────┘
//! ```
//!
//! So a database that is away costs a reader nothing, and one that comes back is not stormed. Connections that stand
//! are used whatever is written here.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::Timestamp;

use crate::database::{DatabaseState, now};

/// The first pause; each failure doubles it.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Shared by all connections to one database.
pub(crate) struct Gate {
    // A lock for a look or a change of some fields; nothing is awaited under it.
    state: Mutex<State>,
}

struct State {
    /// Failed attempts in a row.
    n_failed: u32,
    /// Nobody tries before this.
    closed_until: Option<Instant>,
    /// Nobody ever tries.
    is_shut: bool,
    since: Timestamp,
    detail: Option<String>,
    version: Option<String>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let state = State {
            n_failed: 0,
            closed_until: None,
            is_shut: false,
            since: now(),
            detail: None,
            version: None,
        };
        Self { state: Mutex::new(state) }
    }

    /// From now on nobody tries, and everybody learns why.
    pub(crate) fn shut(&self, detail: String) {
        let mut state = self.lock();
        (state.is_shut, state.n_failed, state.since) = (true, 1, now());
        state.detail = Some(detail);
    }

    /// Whether somebody may try to connect now; if not, why the last one failed. While the database is down, who is let
    /// in closes the gate behind himself, and it opens again where he goes away without an outcome.
    pub(crate) fn enter(&self) -> Result<Attempt<'_>, String> {
        let mut state = self.lock();
        let now = Instant::now();
        if state.is_shut || state.closed_until.is_some_and(|until| now < until) {
            let detail = state.detail.clone();
            return Err(detail.unwrap_or_else(|| "it could not be reached".to_owned()));
        }
        if state.closed_until.is_none() {
            return Ok(Attempt { gate: self, closed_until: None });
        }
        state.closed_until = Some(now + PAUSE_MAX);
        Ok(Attempt { gate: self, closed_until: state.closed_until })
    }

    /// An attempt failed.
    pub(crate) fn failed(&self, detail: String) {
        let mut state = self.lock();
        if state.n_failed == 0 {
            tracing::warn!(detail, "the database cannot be reached");
            state.since = now();
        }
        let pause = PAUSE_MIN.saturating_mul(1 << state.n_failed.min(10)).min(PAUSE_MAX);
        state.n_failed = state.n_failed.saturating_add(1);
        state.closed_until = Some(Instant::now() + jittered(pause));
        state.detail = Some(detail);
    }

    /// An attempt succeeded.
    pub(crate) fn succeeded(&self) {
        let mut state = self.lock();
        if state.n_failed > 0 {
            tracing::info!("the database answers again");
            state.since = now();
        }
        (state.n_failed, state.closed_until, state.detail) = (0, None, None);
    }

    /// What the server says it is.
    pub(crate) fn note_version(&self, version: String) {
        self.lock().version = Some(version);
    }

    pub(crate) fn state(&self) -> DatabaseState {
        let state = self.lock();
        DatabaseState {
            kind: "postgres",
            is_up: state.n_failed == 0,
            since: state.since,
            detail: state.detail.clone(),
            version: state.version.clone(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who was let in, until he has told the gate what came of it or has given up.
#[must_use]
pub(crate) struct Attempt<'a> {
    gate: &'a Gate,
    /// Until when he closed the gate behind himself.
    closed_until: Option<Instant>,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        // An outcome, his own or another's, has put something else there.
        if self.closed_until.is_some() && state.closed_until == self.closed_until {
            state.closed_until = Some(Instant::now());
        }
    }
}

/// Between half of it and all of it, so that many nodes do not come at once. The clock's last digits are random enough.
fn jittered(pause: Duration) -> Duration {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    pause / 2 + pause.mul_f64(f64::from(nanos % 1_000) / 2_000.0)
}
