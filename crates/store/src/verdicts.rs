//! The contract of verdicts: stored events are judged again, because what they have to look like has changed.
//!
//! ```text
//!   the next slice of a job ──> its events ──> judged by the caller ──> new verdicts, and which slice it was
//! ```
//!
//! Invariant: only `valid`, `errors` and `schema_version` of a row ever change, and nothing else of the database but the
//! note of the newest slice. That note stands in the transaction of the change, so a slice that is repeated after a crash
//! is the same slice, although its events may not match the filter any more.

use async_trait::async_trait;
use model::{Filter, Seq};

use crate::error::StoreError;
use crate::events::{Page, Stored};

/// What a job wants next.
#[derive(Clone, Debug)]
pub struct VerdictSlice {
    /// The job.
    pub job: String,
    /// Which events.
    pub filter: Filter,
    /// Exclusive.
    pub after: Seq,
    /// Inclusive: what came later is not part of the job.
    pub through: Seq,
    /// At most so many events.
    pub limit: usize,
    /// The slice ends with the event whose `data` reaches this.
    pub data_bytes_max: u64,
}

impl VerdictSlice {
    /// The positions of a page that belong to it.
    pub(crate) fn of(page: &Page, (through, data_bytes_max): (Seq, u64)) -> Vec<Seq> {
        let mut n_bytes = 0;
        let slice = page.events.iter().take_while(|listed| {
            let has_room = listed.seq <= through && n_bytes < data_bytes_max;
            n_bytes += listed.data_bytes;
            has_room
        });
        slice.map(|listed| listed.seq).collect()
    }
}

/// What is thought of one event now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Where it stands.
    pub seq: Seq,
    /// Whether it broke no rule.
    pub valid: bool,
    /// Its reasons as a JSON array, `[]` when valid.
    pub errors: String,
    /// Which version of its schema said so, if one did.
    pub schema_version: Option<u32>,
}

/// New verdicts for one slice of a job.
#[derive(Clone, Debug)]
pub struct Rejudge {
    /// Whose slice it is.
    pub job: String,
    /// The whole slice, rising.
    pub seqs: Vec<Seq>,
    /// One for each event of it that is still there.
    pub verdicts: Vec<Verdict>,
}

/// Judging again.
#[async_trait]
pub trait VerdictStore: Send + Sync {
    /// The next positions of a job, rising; none is the end. The slice that this job has changed and not left behind yet
    /// comes again as it was, whatever the filter thinks of its events now.
    async fn verdict_slice(&self, wanted: VerdictSlice) -> Result<Vec<Seq>, StoreError>;

    /// The events that stand at these positions; where none does, none is answered.
    async fn events_at(&self, seqs: Vec<Seq>) -> Result<Vec<Stored>, StoreError>;

    /// ONE transaction: each row gets its verdict where that is another one. For each position of the slice whether the
    /// event is valid now, `None` where nothing changed. The same slice of the same job again changes nothing and is
    /// answered as it was the first time. Dead letters are not touched. Needs no lease: the consumer only adds rows.
    async fn rejudge(&self, rejudge: Rejudge) -> Result<Vec<Option<bool>>, StoreError>;
}
