//! Where people ask for jobs.

use std::sync::Arc;

use store::{Begun, Job, JobState, JobStore, JobTurn, NewJob, StoreError};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::clock;

/// A job that somebody wants.
#[derive(Clone, Debug)]
pub struct JobWish {
    /// Which work.
    pub kind: &'static str,
    /// A JSON object that the work understands.
    pub spec: String,
    /// How many events it is about.
    pub total: u64,
    /// Events a second, at most; at least 1.
    pub rate: u32,
    /// After so many failures it stops; at least 1.
    pub stop_after: u32,
    /// Who asks.
    pub actor: String,
}

/// Starts, pauses, resumes and cancels. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    store: Arc<dyn JobStore>,
    /// Wakes the runner. It carries nothing: what is to be done stands in the store.
    pub(crate) wake: Arc<Notify>,
}

impl Jobs {
    /// A desk without a runner yet.
    pub fn new(store: Arc<dyn JobStore>) -> Self {
        Self { store, wake: Arc::new(Notify::new()) }
    }

    /// Starts a job, unless one of its kind is unfinished.
    pub async fn begin(&self, wish: JobWish) -> Result<Begun, StoreError> {
        let JobWish { kind, spec, total, rate, stop_after, actor } = wish;
        let begun = self.store.begin_job(NewJob {
            id: Uuid::now_v7().to_string(),
            kind: kind.to_owned(),
            spec,
            created_at: clock::now(),
            created_by: actor,
            total,
            rate,
            stop_after,
        });
        let begun = begun.await?;
        self.wake.notify_one();
        Ok(begun)
    }

    /// The newest first.
    pub async fn list(&self, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.store.jobs(limit).await
    }

    /// One job.
    pub async fn get(&self, id: &str) -> Result<Option<Job>, StoreError> {
        self.store.job(id).await
    }

    /// The slice under way is finished, then nothing happens until it is resumed. The job, and whether this call
    /// changed it.
    pub async fn pause(&self, id: &str) -> Result<Option<(Job, bool)>, StoreError> {
        self.turn(id, &[JobState::Running], JobState::Paused).await
    }

    /// Goes on.
    pub async fn resume(&self, id: &str) -> Result<Option<(Job, bool)>, StoreError> {
        self.turn(id, &[JobState::Paused], JobState::Running).await
    }

    /// Ends it; what is done stays done.
    pub async fn cancel(&self, id: &str) -> Result<Option<(Job, bool)>, StoreError> {
        self.turn(id, &[JobState::Running, JobState::Paused], JobState::Cancelled).await
    }

    async fn turn(
        &self,
        id: &str,
        from: &'static [JobState],
        to: JobState,
    ) -> Result<Option<(Job, bool)>, StoreError> {
        let turn = JobTurn { from, to, at: clock::now(), detail: None };
        let turned = self.store.turn_job(id, turn).await?;
        self.wake.notify_one();
        Ok(turned)
    }
}
