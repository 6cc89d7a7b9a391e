//! One call on a lent connection, within a bound of our own: a server that takes statements and never answers them is no
//! reason to wait for ever, and the time-outs that it was told are its own to keep.
//!
//! Invariant: a connection whose call did not end well is not lent again.

use std::time::Duration;

use crate::error::StoreError;
use crate::postgres::pool::{Client, Pool};

/// Bound of a call that reads: somebody waits for it.
pub(crate) const READ_MAX: Duration = Duration::from_secs(15);
/// Bound of a call that writes; its statements have their own.
pub(crate) const WRITE_MAX: Duration = Duration::from_mins(2);

/// The answer of `work`, or `Unavailable` when `time_max` is over.
pub(crate) async fn call<T>(
    pool: &Pool,
    time_max: Duration,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut client = pool.get().await?;
    let res = tokio::time::timeout(time_max, work(&mut client)).await.unwrap_or_else(|_| {
        let seconds = time_max.as_secs();
        Err(StoreError::Unavailable(format!("the database took longer than {seconds} s")))
    });
    if matches!(res, Err(StoreError::Unavailable(_) | StoreError::Fenced { .. })) {
        client.discard();
    } else {
        client.give_back();
    }
    res
}
