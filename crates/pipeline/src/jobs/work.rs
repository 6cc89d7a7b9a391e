//! What a kind of job has to know.

use async_trait::async_trait;
use model::Seq;
use store::{Job, StoreError};

/// What became of one event of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worked {
    /// Did what was wanted.
    Ok,
    /// There was nothing to do.
    Skipped,
    /// Did not, and why.
    Failed(String),
}

/// One kind of job. A job is a walk over positions in rising order.
///
/// Invariant: a slice may be worked on again after a crash, with the same job, and is then answered as it was the first
/// time. That is what keeps a job's counts exact.
#[async_trait]
pub trait Work: Send + Sync {
    /// The jobs that it is for.
    fn kind(&self) -> &'static str;

    /// The next positions behind [`store::JobProgress::position`], at most `limit`; none is the end.
    async fn next(&self, job: &Job, limit: usize) -> Result<Vec<Seq>, StoreError>;

    /// Does the work for a slice that [`next`](Self::next) gave: one answer for each, in their order. An error that is
    /// retryable is tried again, any other ends the job.
    async fn work(&self, job: &Job, seqs: Vec<Seq>) -> Result<Vec<Worked>, StoreError>;
}
