//! Something that happens every so often, or never.

use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Ticks, the first one a period from now.
#[derive(Debug)]
pub(crate) struct Ticks(Option<Interval>);

impl Ticks {
    /// One tick each `period`.
    pub(crate) fn every(period: Duration) -> Self {
        let mut ticks = interval_at(Instant::now() + period, period);
        // A late one is not made up for: what is said at a tick is true only then.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(Some(ticks))
    }

    /// None at all.
    pub(crate) fn never() -> Self {
        Self(None)
    }

    /// Waits for the next one. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) {
        match &mut self.0 {
            Some(ticks) => {
                ticks.tick().await;
            }
            None => std::future::pending().await,
        }
    }
}
