//! Whether the database answers, for people and their screens.

use std::time::{SystemTime, UNIX_EPOCH};

use model::Timestamp;

/// How the database stands, as the last attempt to reach it found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseState {
    /// `sqlite` or `postgres`.
    pub kind: &'static str,
    /// Whether it answers.
    pub is_up: bool,
    /// Since when that is so, as far as this process knows.
    pub since: Timestamp,
    /// Why it does not answer, in its own words; never a password.
    pub detail: Option<String>,
    /// The version that it says it has, like `15.18`; `None` until it has been asked.
    pub version: Option<String>,
}

/// Tells how the database stands. Never waits for it.
pub trait DatabaseProbe: Send + Sync {
    /// As the last attempt found it.
    fn database(&self) -> DatabaseState;
}

/// What the clock says.
pub(crate) fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
}
