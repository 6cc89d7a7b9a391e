//! The task that saves when tokens were last used: now and then, and once more at the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::edge::Edge;

/// A kill loses no more than this of it.
const SAVE_EVERY: Duration = Duration::from_mins(1);
/// How long the last saving may hold up a stop.
const LAST_SAVE_WAIT_MAX: Duration = Duration::from_secs(2);

/// Saves until the server stops accepting. A database that hangs holds up nothing but this.
pub(crate) async fn keep(edge: Arc<Edge>) {
    let mut ticks = interval_at(Instant::now() + SAVE_EVERY, SAVE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let save_on = async {
        loop {
            ticks.tick().await;
            save(&edge).await;
        }
    };
    let _: Option<()> = edge.drain.run_until_cancelled(save_on).await;
    if timeout(LAST_SAVE_WAIT_MAX, save(&edge)).await.is_err() {
        tracing::warn!("the last uses of tokens are not saved: control.db does not answer");
    }
}

async fn save(edge: &Edge) {
    if let Err(error) = edge.registry.save_uses().await {
        tracing::warn!(%error, "the last uses of tokens are not saved");
    }
}
