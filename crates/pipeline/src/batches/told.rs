//! What a record of the batches' log is, for people who look at the log.

use bytes::Bytes;
use serde::Serialize;

use crate::batches::records::Head;

/// A record of the batches' log in a few words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BatchRecord {
    /// `begin`, `rows`, `errors`, `commit`, `reject` or `cancel`.
    pub kind: &'static str,
    /// The batch.
    pub batch: String,
    /// The table that it goes into; only a `begin` says that.
    pub table: Option<String>,
    /// The rows of a part, or of the whole batch where its end is told.
    pub rows: Option<u64>,
}

impl BatchRecord {
    /// Reads it; `None` where the bytes are no such record.
    pub fn read(record: &Bytes) -> Option<Self> {
        let (head, _) = Head::decode(record).ok()?;
        let told = |kind, batch, table, rows| Self { kind, batch, table, rows };
        Some(match head {
            Head::Begin(begin) => told("begin", begin.id, Some(begin.table), None),
            Head::Rows(part) => told("rows", part.id, None, Some(u64::from(part.n))),
            Head::Errors(part) => told("errors", part.id, None, None),
            Head::Commit(end) => told("commit", end.id, None, Some(end.progress.rows)),
            Head::Reject(end) => told("reject", end.id, None, Some(end.progress.rows)),
            Head::Cancel(cancel) => told("cancel", cancel.id, None, None),
        })
    }
}
