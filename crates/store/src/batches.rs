//! The contract of the batches lane: rows of a table, all of them or none.
//!
//! ```text
//!   receiving ──> queued ──> applying ──> committed
//!       │            │           └──────> rejected     the database refuses a row
//!       ├────────────┼──────────────────> cancelled    a person; or 24 h without a byte
//!       └──────────────────────────────-> rejected     a row is not what its column takes
//! ```
//!
//! Only `committed`, `rejected` and `cancelled` ever stand in the database; the rest is the log's.
//!
//! Invariant: a batch's rows, its state and the lane's applied position commit in one transaction, whose first statement
//! is the compare-and-set of the lane's lease row. It is what [`EventStore`](crate::events::EventStore) does for events,
//! on a lease row of its own, so that no batch ever delays an event.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use model::rows::RowBlock;
use model::{ContentHash, LogId, Seq, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;
use crate::events::{Claim, Lease};

/// How a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchState {
    /// Its rows are still arriving.
    Receiving,
    /// Whole and durable; waits for its turn.
    Queued,
    /// Goes into its table now.
    Applying,
    /// All rows are there.
    Committed,
    /// No row is there, and none will be.
    Rejected,
    /// Somebody ended it before it was applied, or it was abandoned: no row is there.
    Cancelled,
}

impl BatchState {
    const ALL: [Self; 6] = [
        Self::Receiving,
        Self::Queued,
        Self::Applying,
        Self::Committed,
        Self::Rejected,
        Self::Cancelled,
    ];

    /// Its name in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Queued => "queued",
            Self::Applying => "applying",
            Self::Committed => "committed",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing will happen to it any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Committed | Self::Rejected | Self::Cancelled)
    }
}

/// What a batch does to the rows that its table has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TableMode {
    /// Leaves them.
    #[default]
    Append,
    /// Removes them in the same transaction: readers see the old rows or the new ones.
    Replace,
}

impl TableMode {
    /// Its name in the configuration, the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Replace => "replace",
        }
    }

    /// The mode with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Append, Self::Replace].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// A batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// UUIDv7: newer batches have greater ids.
    pub id: String,
    /// Where its rows go.
    pub table: String,
    /// What it does to the rows that are there.
    pub mode: TableMode,
    /// Who sent it; `None` without a token.
    pub application: Option<String>,
    /// Who sent it, as the audit trail names them.
    pub sent_by: String,
    /// The sender's own name for it, from a file's name or the like.
    pub label: Option<String>,
    /// `Idempotency-Key`: unique per (application, table).
    pub key: Option<String>,
    /// How it stands.
    pub state: BatchState,
    /// Rows received.
    pub n_rows: u64,
    /// Bytes of the body received, before decompression.
    pub n_bytes: u64,
    /// Over its rows as they were received; the same content has the same hash, however it was cut, packed or spelled.
    pub hash: ContentHash,
    /// When its first byte came.
    pub created_at: Timestamp,
    /// When its last byte was durable.
    pub received_at: Option<Timestamp>,
    /// When the database began with it.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
    /// What is wrong with its rows, as much as was found; a row may have several errors.
    pub n_errors: u64,
    /// Why it stands so, where that needs words: the database's own where it refused.
    pub detail: Option<String>,
    /// Of one that is cancelled or rejected: the batch that brought the same rows under the same key before.
    pub same_as: Option<String>,
    /// The rejected batch whose kept rows it has: checked anew, and applied again.
    pub revalidates: Option<String>,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// Its number within the batch, from 1; 0 where the body is no rows at all.
    pub row: u64,
    /// The line of the body that it began in, from 1.
    pub line: u64,
    /// A JSON Pointer into the row: `/price`; empty where it is the row as a whole.
    pub pointer: String,
    /// A stable word: `type`, `missing`, `unknown_column`, `syntax`, `schema`, `foreign_key`, `unique`, `check`,
    /// `not_null`, `database`.
    pub rule: String,
    /// A sentence.
    pub detail: String,
}

/// The rows of a batch, as often as a driver wants to read them.
pub trait RowFeed: Send + Sync {
    /// All blocks from the first row on, in order.
    fn blocks(&self) -> BoxStream<'static, Result<RowBlock<Bytes>, StoreError>>;
}

/// What is wrong with the rows of a batch, in the order of the rows.
pub trait ErrorFeed: Send + Sync {
    /// All of it from the first on.
    fn errors(&self) -> BoxStream<'static, Result<Vec<RowError>, StoreError>>;
}

/// The compare-and-set that every transaction of the lane begins with.
#[derive(Clone, Debug)]
pub struct LaneStep {
    /// Who consumes; must be the lease's holder.
    pub holder: String,
    /// Must be the lane's applied position in the database, else [`StoreError::Fenced`].
    pub expected: Seq,
    /// The applied position afterwards.
    pub applied: Seq,
}

/// A batch to apply.
pub struct ApplyBatch {
    /// The lane's compare-and-set.
    pub step: LaneStep,
    /// The batch as it will stand there if it is committed, but for its `ended_at`.
    pub batch: Batch,
    /// Asked for the `ended_at` once: behind the last row, right before the transaction that keeps the batch ends.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// The columns that its rows have, in their order.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Arc<dyn RowFeed>,
    /// Rows handed to the database so far, for whoever watches; the driver sets it, back to 0 where it begins anew. Once the batch
    /// is committed: those of them that the table has kept.
    pub progress: Arc<AtomicU64>,
    /// Cancelled when the server ends: nothing is committed then and the answer is [`StoreError::Unavailable`].
    pub stop: CancellationToken,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchVerdict {
    /// All rows are there, but for those that a trigger of the table has skipped or put elsewhere; the batch's detail counts
    /// them.
    Committed,
    /// The database refuses it: no row is there. State, errors and the applied position are.
    Rejected(Box<Batch>),
}

/// What the detail of a committed batch says of rows that a trigger did not let through (`RETURN NULL`, `RAISE(IGNORE)`). Whoever
/// wrote it wants that: it may have put them elsewhere, or changed another row in their place, which no count can tell.
pub(crate) fn skipped(n_rows: u64, n_kept: u64) -> Option<String> {
    (n_kept != n_rows).then(|| {
        format!(
            "the table has kept {n_kept} of the {n_rows} rows: a trigger of it skipped the others, or put them elsewhere"
        )
    })
}

/// Which batches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchQuery {
    /// Only of this table.
    pub table: Option<String>,
    /// Only in this state.
    pub state: Option<BatchState>,
    /// Only of this application.
    pub application: Option<String>,
    /// Only those with a smaller id.
    pub before: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Batches that are over, and the lane's lease.
#[async_trait]
pub trait BatchStore: Send + Sync {
    /// The lane's lease row as it stands.
    async fn lane(&self) -> Result<Lease, StoreError>;

    /// Makes the claimant the consumer of the lane; everything else as
    /// [`EventStore::claim`](crate::events::EventStore::claim) does it.
    async fn claim_lane(&self, claim: Claim) -> Result<Lease, StoreError>;

    /// As [`EventStore::bind`](crate::events::EventStore::bind).
    async fn bind_lane(&self, log: LogId) -> Result<Lease, StoreError>;

    /// ONE transaction: compare-and-set of the lane's lease row first, then, where the mode says so, the table is
    /// emptied, then all rows, then the batch as committed. Foreign keys are judged at its end, so rows may refer to
    /// later rows.
    ///
    /// Where the database refuses a row for good, that transaction is rolled back, the rows at fault are found (by
    /// checking the staged rows, the first [`BATCH_ERRORS_FOUND_MAX`] of them), and a second transaction with the same
    /// compare-and-set keeps the batch as rejected, with the database's words and those errors. What may pass (busy,
    /// full, gone) is never held against a batch: [`StoreError::Unavailable`], and nothing has happened. After an error
    /// the caller reads the lease before it tries again: the answer to a commit can be lost.
    async fn apply_batch(&self, apply: ApplyBatch) -> Result<BatchVerdict, StoreError>;

    /// ONE transaction: compare-and-set, the batch as it ended without rows, what is wrong with it. The feed is asked for no
    /// more errors than the batch has: behind them, there may be gigabytes of rows to read.
    async fn settle_batch(
        &self,
        step: LaneStep,
        batch: Batch,
        errors: Arc<dyn ErrorFeed>,
    ) -> Result<(), StoreError>;

    /// One batch that is over.
    async fn batch(&self, id: &str) -> Result<Option<Batch>, StoreError>;

    /// Those that are over, newest first.
    async fn batches(&self, query: BatchQuery) -> Result<Vec<Batch>, StoreError>;

    /// The newest batch that has this key, of those that were not cancelled: a cancelled one has no say in what a key
    /// means, and never hides an older one whose rows are there.
    async fn batch_with_key(
        &self,
        application: Option<&str>,
        table: &str,
        key: &str,
    ) -> Result<Option<Batch>, StoreError>;

    /// What is wrong with a batch's rows: those behind the first `skip`, at most `limit`.
    async fn batch_errors(
        &self,
        id: &str,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<RowError>, StoreError>;
}

/// Most rows that a driver looks up after the database has refused a batch.
pub const BATCH_ERRORS_FOUND_MAX: usize = 100;
