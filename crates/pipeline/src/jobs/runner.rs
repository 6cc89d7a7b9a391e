//! The one task that works on jobs, a slice of each in turn.
//!
//! ```text
//!   which jobs run? ─> next slice ─> work ─> note the progress ─> wait as the rate says ─┐
//!        ^                                                                               │
//!        └───────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Invariant: nothing but the time of the next slice is remembered here. What runs and how far it came is read from the
//! store at every turn, so a pause, a crash or a restart at any line needs no care: a slice that was worked on and not
//! noted is worked on again, which changes nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use store::{Job, JobProgress, JobState, JobStore, JobTurn, StoreError};
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock;
use crate::jobs::desk::Jobs;
use crate::jobs::work::{Work, Worked};

/// Most events in one slice, which is one transaction.
const SLICE_MAX: u32 = 100;
/// Slices a second, where the rate allows larger ones.
const SLICES_PER_S: u32 = 10;
/// Pause after a store that does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// See the module's page.
pub struct JobRunner {
    desk: Jobs,
    store: Arc<dyn JobStore>,
    works: Vec<Box<dyn Work>>,
    /// When the next slice of each job may begin.
    due: HashMap<String, Instant>,
}

impl JobRunner {
    /// A runner behind a desk.
    pub fn new(desk: Jobs, store: Arc<dyn JobStore>, works: Vec<Box<dyn Work>>) -> Self {
        Self { desk, store, works, due: HashMap::new() }
    }

    /// Works until `shutdown`. A slice under way is finished first.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let wake = Arc::clone(&self.desk.wake);
        loop {
            let next_at = match self.turn().await {
                Ok(next_at) => next_at,
                Err(error) => {
                    warn!(%error, "jobs wait for the database");
                    Some(Instant::now() + RETRY)
                }
            };
            let due = async {
                match next_at {
                    Some(at) => time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = wake.notified() => {}
                () = due => {}
            }
        }
    }

    /// A slice of every job that is due. When to look again; `None` where nothing runs.
    async fn turn(&mut self) -> Result<Option<Instant>, StoreError> {
        let jobs = self.store.running_jobs().await?;
        self.due.retain(|id, _| jobs.iter().any(|job| job.new.id == *id));
        for job in &jobs {
            let due = self.due.get(&job.new.id).copied();
            if due.is_none_or(|due| due <= Instant::now()) {
                let next_at = self.slice(job).await?;
                self.due.insert(job.new.id.clone(), next_at);
            }
        }
        Ok(jobs.iter().filter_map(|job| self.due.get(&job.new.id)).min().copied())
    }

    /// The next slice of a job, and when the one after it may begin.
    async fn slice(&self, job: &Job) -> Result<Instant, StoreError> {
        let begun = Instant::now();
        let n_done = match self.work(job).await {
            Ok(n_done) => n_done,
            Err(error) if error.is_retryable() => return Err(error),
            Err(error) => {
                self.end(job, JobState::Failed, Some(error.to_string())).await?;
                0
            }
        };
        Ok(begun + Duration::from_secs_f64(n_done as f64 / f64::from(job.new.rate.max(1))))
    }

    async fn work(&self, job: &Job) -> Result<usize, StoreError> {
        let Some(work) = self.works.iter().find(|work| work.kind() == job.new.kind) else {
            let reason = format!("this version knows no job of the kind {:?}", job.new.kind);
            return Err(StoreError::Unusable(reason));
        };
        // No more at once than may fail: it stops after exactly so many failures.
        let n_may_fail = u64::from(job.new.stop_after).saturating_sub(job.progress.failed).max(1);
        let limit = (job.new.rate / SLICES_PER_S).clamp(1, SLICE_MAX);
        let limit = n_may_fail.min(u64::from(limit)) as usize;
        let seqs = work.next(job, limit).await?;
        let Some(&last) = seqs.last() else {
            self.end(job, JobState::Done, None).await?;
            return Ok(0);
        };
        let worked = work.work(job, seqs).await?;
        crash::at("job.before_progress");
        let mut progress = JobProgress { position: last, ..job.progress };
        let mut failure = None;
        for worked in &worked {
            match worked {
                Worked::Ok => progress.ok += 1,
                Worked::Skipped => progress.skipped += 1,
                Worked::Failed(reason) => {
                    progress.failed += 1;
                    failure = Some(reason);
                }
            }
        }
        self.store.advance_job(&job.new.id, progress).await?;
        crash::at("job.after_progress");
        if let Some(reason) = failure
            && progress.failed >= u64::from(job.new.stop_after)
        {
            let detail = format!("stopped after {} failures, the last: {reason}", progress.failed);
            self.end(job, JobState::Stopped, Some(detail)).await?;
        }
        Ok(worked.len())
    }

    /// Ends it, unless a person has done something else meanwhile.
    async fn end(&self, job: &Job, to: JobState, detail: Option<String>) -> Result<(), StoreError> {
        let turn = JobTurn { from: &[JobState::Running], to, at: clock::now(), detail };
        if let Some((job, true)) = self.store.turn_job(&job.new.id, turn).await? {
            let JobProgress { ok, failed, skipped, .. } = job.progress;
            let (id, kind, state) = (&job.new.id, &job.new.kind, job.state.as_str());
            let detail = job.detail.unwrap_or_default();
            info!(%id, %kind, %state, ok, failed, skipped, %detail, "a job has ended");
        }
        Ok(())
    }
}
