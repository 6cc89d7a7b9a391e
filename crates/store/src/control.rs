//! Small settled things about this installation. Applications, tokens and schemas will stand here.

use async_trait::async_trait;
use model::Timestamp;

use crate::error::StoreError;

/// One point of the metric history, as text that the store does not look into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPoint {
    /// Width of the step that it stands for; each width is a ring of its own.
    pub step_s: u32,
    /// Where the step begins, in seconds since 1970; a multiple of `step_s`.
    pub at_s: i64,
    /// A JSON object.
    pub point: String,
}

/// Something that happened to the server as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryMark {
    /// When.
    pub at: Timestamp,
    /// `start` or `stop`.
    pub what: String,
}

/// The kept history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// By step, then by time.
    pub points: Vec<HistoryPoint>,
    /// Oldest first.
    pub marks: Vec<HistoryMark>,
}

/// One saving of the history.
#[derive(Clone, Debug)]
pub struct HistorySave {
    /// New points; one that is there already is replaced.
    pub points: Vec<HistoryPoint>,
    /// New marks.
    pub marks: Vec<HistoryMark>,
    /// For each width of a step: points that begin before this are forgotten.
    pub keep_from: Vec<(u32, i64)>,
    /// Marks before this are forgotten.
    pub keep_marks_from: Timestamp,
}

/// What is not an event.
#[async_trait]
pub trait ControlStore: Send + Sync {
    /// The random name of this data directory, made once and stable over restarts.
    async fn instance(&self) -> Result<String, StoreError>;

    /// All of the metric history.
    async fn metric_history(&self) -> Result<History, StoreError>;

    /// Saves points and marks and forgets old ones, in one transaction. If the future is dropped, it may or may not
    /// have happened; the same points may be saved again.
    async fn save_metric_history(&self, save: HistorySave) -> Result<(), StoreError>;
}
