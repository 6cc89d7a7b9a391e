//! When those whom we send away may come back: spread at random, so that they do not come all at once.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// Shortest wait.
const WAIT_MS_MIN: u64 = 100;
/// Over how long a few come back.
const SPREAD_MS_MIN: u64 = 1_900;
/// Over how long any number comes back.
const SPREAD_MS_MAX: u64 = 30_000;
/// Between those two, one subscriber a millisecond.
const SPREAD_MS_EACH: u64 = 1;

/// Remembers how many there were when the server stopped: while they leave, the number falls.
#[derive(Debug, Default)]
pub(crate) struct Returns {
    n_at_stop: OnceLock<usize>,
}

impl Returns {
    /// How long one of them should wait. `is_for_all`: the whole crowd is sent away, and not only this one.
    pub(crate) fn wait_ms(&self, is_for_all: bool, n_subscriptions: usize) -> u64 {
        let n = if is_for_all { *self.n_at_stop.get_or_init(|| n_subscriptions) } else { 1 };
        let spread_ms = (n as u64 * SPREAD_MS_EACH).clamp(SPREAD_MS_MIN, SPREAD_MS_MAX);
        WAIT_MS_MIN + RandomState::new().hash_one(n) % (spread_ms + 1)
    }
}
