//! The contract of jobs: long work over many events, and how far it came.
//!
//! ```text
//!   running <──> paused          a person
//!      │            └──> cancelled
//!      ├──> done                 nothing is left
//!      ├──> stopped              so many failures that somebody has to look
//!      ├──> cancelled            a person
//!      └──> failed               the work itself broke
//! ```
//!
//! Invariant: of each kind at most one job is unfinished (running or paused).

use async_trait::async_trait;
use model::{Seq, Timestamp};

use crate::error::StoreError;

/// Most jobs that are remembered; the oldest ended ones are forgotten.
pub const JOBS_KEPT_MAX: usize = 1_000;

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Works, also after a restart.
    Running,
    /// Waits for a person.
    Paused,
    /// Came to its end.
    Done,
    /// Met as many failures as it was allowed.
    Stopped,
    /// Ended by a person.
    Cancelled,
    /// Could not go on.
    Failed,
}

impl JobState {
    const ALL: [Self; 6] =
        [Self::Running, Self::Paused, Self::Done, Self::Stopped, Self::Cancelled, Self::Failed];

    /// Its name in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// The state with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing will happen to it any more.
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Running | Self::Paused)
    }
}

/// How far a job came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobProgress {
    /// Everything up to here is done.
    pub position: Seq,
    /// Did what was wanted.
    pub ok: u64,
    /// Did not.
    pub failed: u64,
    /// There was nothing to do.
    pub skipped: u64,
}

/// What a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Unique.
    pub id: String,
    /// Which work.
    pub kind: String,
    /// A JSON object that the work understands.
    pub spec: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// How many events it is about.
    pub total: u64,
    /// Events a second, at most.
    pub rate: u32,
    /// After so many failures it stops.
    pub stop_after: u32,
}

/// A job as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What it is.
    pub new: NewJob,
    /// How it stands.
    pub state: JobState,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
    /// How far it came.
    pub progress: JobProgress,
    /// Why it stands so, where that needs words.
    pub detail: Option<String>,
}

/// What became of a wish for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is there, and runs.
    Job(Job),
    /// This one of the same kind is unfinished.
    Busy(Job),
}

/// A change of state.
#[derive(Clone, Debug)]
pub struct JobTurn {
    /// From one of these.
    pub from: &'static [JobState],
    /// To this one.
    pub to: JobState,
    /// The caller's clock.
    pub at: Timestamp,
    /// Why.
    pub detail: Option<String>,
}

/// Jobs.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Adds a running job, unless one of its kind is unfinished. ONE transaction.
    async fn begin_job(&self, job: NewJob) -> Result<Begun, StoreError>;

    /// The newest first, at most `limit`.
    async fn jobs(&self, limit: usize) -> Result<Vec<Job>, StoreError>;

    /// Those that run, oldest first.
    async fn running_jobs(&self) -> Result<Vec<Job>, StoreError>;

    /// One job.
    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError>;

    /// Sets how far it came, in whatever state it is by now.
    async fn advance_job(&self, id: &str, progress: JobProgress) -> Result<(), StoreError>;

    /// Compare-and-set of the state. The job afterwards, and whether this call changed it; `None` if there is no such
    /// job.
    async fn turn_job(&self, id: &str, turn: JobTurn) -> Result<Option<(Job, bool)>, StoreError>;
}
