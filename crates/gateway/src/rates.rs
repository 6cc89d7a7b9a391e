//! Events per second, from one sample a second.

use std::sync::{Mutex, PoisonError};

use pipeline::Counts;

/// Events per second of the last sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct PerSecond {
    pub(crate) accepted: f64,
    pub(crate) stored: f64,
}

/// The last sample and what it says. Locked for a copy, once a second and per `/status`.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    state: Mutex<(Counts, PerSecond)>,
}

impl Rates {
    /// Takes a sample, `seconds` after the one before.
    pub(crate) fn sample(&self, counts: Counts, seconds: f64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut state.0, counts);
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds.max(0.001);
        state.1 = PerSecond {
            accepted: rate(counts.accepted, before.accepted),
            stored: rate(counts.stored, before.stored),
        };
    }

    /// The rates of the last second.
    pub(crate) fn now(&self) -> PerSecond {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}
