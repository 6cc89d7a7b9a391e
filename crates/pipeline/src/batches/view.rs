//! What the desk is asked for and what it answers: the plain values of the lane's face.

use model::{LogId, Seq, Timestamp};
use store::{Batch, RowError};

use crate::batches::rules::RowFormat;
use crate::meters::ConsumerState;

/// Most errors that an answer brings; all of them are kept.
pub const FIRST_ERRORS_MAX: usize = 100;

/// A wish to send a batch.
#[derive(Clone, Debug)]
pub struct UploadWish {
    /// Where the rows are to go.
    pub table: String,
    /// How they are written.
    pub format: RowFormat,
    /// Whose they are; `None` without a token.
    pub application: Option<String>,
    /// Who sends them, as the audit trail names them.
    pub sent_by: String,
    /// Whose share of the places for bodies it takes, named for people: an application, an address.
    pub holder: String,
    /// The sender's name for the batch.
    pub label: Option<String>,
    /// `Idempotency-Key`: 1 to 128 visible ASCII signs, unique per (application, table).
    pub key: Option<String>,
    /// Only check: nothing is kept.
    pub dry_run: bool,
    /// The upload may come in several pieces, and survives its connection.
    pub resumable: bool,
    /// The time of day.
    pub now: Timestamp,
    /// The rejected batch whose rows these are. It leaves its key to them.
    pub revalidates: Option<String>,
}

/// A batch as it stands at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchView {
    /// The batch.
    pub batch: Batch,
    /// Rows that the database has been handed, all of them once it is committed.
    pub rows_applied: u64,
    /// The database refused it, and its rows are kept: they can be checked and applied again.
    pub rows_kept: bool,
    /// Where a resumable upload goes on, in bytes of the body; `None` where there is nothing to go on with.
    pub upload_offset: Option<u64>,
}

/// A body that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// `queued` or `rejected`; of a repetition, as the first stands now.
    pub batch: BatchView,
    /// The first of what is wrong with its rows, at most [`FIRST_ERRORS_MAX`].
    pub first_errors: Vec<RowError>,
    /// The same key and the same rows came before: nothing was kept of these.
    pub duplicate: bool,
}

/// What goes into the database at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyingNow {
    /// Which batch.
    pub id: String,
    /// Into which table.
    pub table: String,
    /// Rows that it has.
    pub rows: u64,
    /// Rows that the database has been handed.
    pub rows_applied: u64,
    /// Since when.
    pub since: Timestamp,
}

/// How the lane stands.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneStanding {
    /// The name of its log.
    pub log: LogId,
    /// No kept record stands before this position.
    pub first: Seq,
    /// The newest record.
    pub last: Seq,
    /// Where the next one goes.
    pub next: Seq,
    /// Bytes that its log takes.
    pub log_bytes: u64,
    /// From here on nothing new is begun.
    pub log_bytes_max: u64,
    /// Every decision up to here is in the database.
    pub applied: Seq,
    /// Decisions (to commit, to reject, to cancel) that the database does not have yet.
    pub lag_batches: u64,
    /// Age of the oldest of them, 0 without one.
    pub lag_s: f64,
    /// Batches whose rows are arriving, those that are paused among them.
    pub n_receiving: u64,
    /// Batches that wait for their turn.
    pub n_queued: u64,
    /// What goes into the database now.
    pub applying: Option<ApplyingNow>,
    /// What the lane's consumer does.
    pub consumer: ConsumerState,
    /// What came to its end since the process started.
    pub counts: LaneCounts,
}

/// Numbers since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneCounts {
    /// Rows received in whole bodies, whatever became of them.
    pub rows_received: u64,
    /// Rows that are in their tables.
    pub rows_committed: u64,
    /// Batches all of whose rows are there.
    pub committed: u64,
    /// Batches that were refused, here or by the database.
    pub rejected: u64,
    /// Batches that somebody ended, or nobody went on with.
    pub cancelled: u64,
    /// Time that the database spent on them, in microseconds.
    pub apply_us: u64,
}
