//! The leases of the database: on what terms we hold them; and before a start takes them, who has them and are they alive?
//!
//! ```text
//!   held by another ──> wait ──> its time runs out: nobody renewed it, that server is gone ──> start
//!                        └─────> it is renewed: a server lives there ───────────────────────> refuse
//! ```
//!
//! Two servers with copies of one data directory would each acknowledge events that the database never gets.

use std::time::Duration;

use model::Timestamp;
use pipeline::Tenancy;
use store::{Dialect, Lease, StoreError, Stores};
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::config::Config;
use crate::exit::CommandError;
use crate::refusals::held;

/// How often the leases are looked at meanwhile.
const LOOK: Duration = Duration::from_millis(500);
/// Longer than any lease is granted for. One that ends later was granted by a clock that is wrong.
const WAIT_MAX: Duration = Duration::from_mins(2);

/// How a server holds the leases, under the name `holder`.
pub(crate) fn terms(config: &Config, holder: &str) -> Tenancy {
    Tenancy {
        holder: holder.to_owned(),
        is_shared: config.store.dialect() == Dialect::Postgres,
        lease: Duration::from_secs(30),
        look_every: Duration::from_secs(1),
        retry_max: Duration::from_secs(5),
        refused_retry: config.waits.refused_retry,
    }
}

/// Returns once nobody but `holder` has the leases.
pub(crate) async fn wait(stores: &Stores, holder: &str) -> Result<(), CommandError> {
    free(holder, async || stores.events.lease().await).await?;
    free(holder, async || stores.batches.lane().await).await
}

async fn free(
    holder: &str,
    ask: impl AsyncFn() -> Result<Lease, StoreError>,
) -> Result<(), CommandError> {
    let end = Instant::now() + WAIT_MAX;
    let mut seen: Option<Timestamp> = None;
    loop {
        let lease = ask().await.map_err(anyhow::Error::from)?;
        let Err(StoreError::Held { holder, until }) = lease.held_by_other(holder, pipeline::now())
        else {
            return Ok(());
        };
        if seen.is_some_and(|seen| seen != until) || Instant::now() > end {
            return Err(held(&holder, until));
        }
        if seen.is_none() {
            warn!(%holder, %until, "another server holds the database's lease; waiting whether it renews it");
        }
        seen = Some(until);
        sleep(LOOK).await;
    }
}
