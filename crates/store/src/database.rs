//! Whether the database answers, for people and their screens.

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
