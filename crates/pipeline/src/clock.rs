//! Our wall clock. The rooms that touch the world read it here; logic receives `now`.

use std::time::{SystemTime, UNIX_EPOCH};

use model::Timestamp;

/// The time of day, in microseconds. It may step back; order is `Seq`, never this.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
