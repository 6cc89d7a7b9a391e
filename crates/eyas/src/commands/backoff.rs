//! The waits between attempts: 0.2 s, doubled up to 5 s. Pure: no clock, no randomness of its own.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const MAX: Duration = Duration::from_secs(5);

/// How long to wait next.
#[derive(Debug)]
pub(crate) struct Backoff {
    wait: Duration,
}

impl Backoff {
    /// Before the first failure.
    pub(crate) const fn new() -> Self {
        Self { wait: FIRST }
    }

    /// The next wait, never shorter than what the server asked for.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let wait = self.wait;
        self.wait = (wait * 2).min(MAX);
        wait.max(asked.unwrap_or_default())
    }
}
