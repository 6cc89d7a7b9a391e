//! Which plan a statement that comes again and again runs with: what PostgreSQL chooses for these values, or the one that it
//! made for any.
//!
//! PostgreSQL compares what it believes that plans cost. Where it cannot tell how many rows there will be without the values,
//! it believes too much of the plan for any, and plans a short query anew each time, which is most of its work. So times are
//! compared here, too:
//!
//! ```text
//!   its choice, LEARN runs ──> the one plan, LEARN runs ──> the faster one; every TRY_EVERY runs the other
//!                                   │ not whole in time
//!                                   v
//!                              its choice, REST runs
//! ```
//!
//! Invariant: the one plan costs nobody the answer. It has a time of its own for the whole of it, and where it does not keep
//! it, the same run begins anew with PostgreSQL's choice.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Runs of either kind before their times are compared.
const LEARN: u64 = 32;
/// How often the slower one is tried again: tables grow, and so do plans.
const TRY_EVERY: u64 = 32;
/// So many runs pass after one that was not whole in time.
const REST: u64 = 1_000;
/// A mean counts about as many runs.
const MEMORY: u64 = 64;
/// Planning does not matter to a statement that takes longer.
const SHORT_MAX: Duration = Duration::from_millis(100);
/// The one plan has this, and so many times what the other takes on average.
const SLACK: Duration = Duration::from_millis(20);
const SLOWER_MAX: u32 = 8;

/// With what a statement runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// What PostgreSQL chooses.
    Chosen,
    /// The one for any values; all rows must be there in this time.
    Any {
        /// From the statement's beginning on a connection.
        time_max: Duration,
    },
}

/// What is known of the statements, by their texts. They are those of the configuration, so there are few.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    // Held for a look and a few sums.
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug, Default)]
struct Known {
    n_runs: u64,
    chosen: Mean,
    any: Mean,
    /// Until this run nobody tries the one plan.
    rests_until: u64,
}

/// Of the latest runs.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    n_runs: u64,
    seconds: f64,
}

impl Mean {
    fn add(&mut self, took: Duration) {
        self.n_runs += 1;
        self.seconds += (took.as_secs_f64() - self.seconds) / self.n_runs.min(MEMORY) as f64;
    }
}

impl Plans {
    /// For the next run of a statement.
    pub(crate) fn choose(&self, text: &str) -> Plan {
        let mut all = self.lock();
        let Some(known) = all.get_mut(text) else {
            all.insert(text.to_owned(), Known { n_runs: 1, ..Known::default() });
            return Plan::Chosen;
        };
        known.n_runs += 1;
        let Known { n_runs, chosen, any, rests_until } = *known;
        let is_short = chosen.seconds <= SHORT_MAX.as_secs_f64();
        if chosen.n_runs < LEARN || !is_short || n_runs < rests_until {
            return Plan::Chosen;
        }
        let is_faster = any.n_runs < LEARN || any.seconds < chosen.seconds;
        let is_try = n_runs.is_multiple_of(TRY_EVERY);
        if is_faster == is_try {
            return Plan::Chosen;
        }
        Plan::Any { time_max: SLACK + Duration::from_secs_f64(chosen.seconds) * SLOWER_MAX }
    }

    /// A run took so long until its first rows, or all of them, were there. `None`: not in time.
    pub(crate) fn note(&self, text: &str, plan: Plan, took: Option<Duration>) {
        let mut all = self.lock();
        let Some(known) = all.get_mut(text) else { return };
        match (plan, took) {
            (Plan::Chosen, Some(took)) => known.chosen.add(took),
            (Plan::Any { .. }, Some(took)) => known.any.add(took),
            (Plan::Chosen, None) => {}
            (Plan::Any { .. }, None) => known.rests_until = known.n_runs + REST,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        // Sums that somebody left half done lead to a slower plan at worst.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
