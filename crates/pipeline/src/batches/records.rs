//! The records of the batches lane as bytes. docs/log-format.md shows them to people; `tests/golden/` pins them.
//!
//! ```text
//! offset size
//!      0    1  version: 1
//!      1    4  length of the head, little-endian
//!      5    …  head: one JSON object, whose only member names the kind
//!      …    …  body: in `rows` a block of rows (model::rows), in `errors` a JSON array, else nothing
//!
//!   begin ── rows* ── commit            begin ── rows* ── errors* ── reject            … ── cancel
//! ```
//!
//! Records of many batches stand between each other; `rows` and `errors` are a batch's parts, counted from 0. What decides about
//! a batch is its commit, reject or cancel record, and of those a cancel record goes before a commit record.

use bytes::Bytes;
use model::{ContentHash, Seq};
use serde::{Deserialize, Serialize};
use store::RowError;
use thiserror::Error;

const VERSION: u8 = 1;
const HEAD_AT: usize = 5;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Head {
    /// Rows will follow.
    Begin(BeginHead),
    /// Rows that are what their columns take.
    Rows(PartHead),
    /// What is wrong with others.
    Errors(PartHead),
    /// All rows are there; the batch counts.
    Commit(EndHead),
    /// The body was read to its end, and rows are wrong.
    Reject(EndHead),
    /// It ends without rows, whatever came before.
    Cancel(CancelHead),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeginHead {
    pub(crate) id: String,
    pub(crate) table: String,
    /// `append` or `replace`.
    pub(crate) mode: String,
    /// `ndjson`, `json` or `csv`.
    pub(crate) format: String,
    pub(crate) application: Option<String>,
    pub(crate) sent_by: String,
    pub(crate) label: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) resumable: bool,
    pub(crate) at_us: i64,
    /// The rejected batch whose rows these are; left out where there is none, so that other heads stay what they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revalidates: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartHead {
    pub(crate) id: String,
    /// From 0; rows and errors count together.
    pub(crate) nth: u32,
    /// Rows of the block, or errors of the array.
    pub(crate) n: u32,
    /// Number of the block's first row, from 1.
    pub(crate) first_row: u64,
    /// How far the body was read when the part was made.
    pub(crate) progress: Progress,
}

/// Everything that an upload needs in order to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    pub(crate) at_us: i64,
    /// Bytes of the body that are whole rows.
    pub(crate) offset: u64,
    /// The line that the next byte stands in.
    pub(crate) line: u64,
    /// Rows received.
    pub(crate) rows: u64,
    /// What is wrong with them.
    pub(crate) errors: u64,
    /// Over the rows, 32 hexadecimal digits.
    pub(crate) hash: String,
    /// The columns of a block, in their order; none before the first row.
    pub(crate) columns: Vec<String>,
    /// Which of them each field of a CSV record is.
    pub(crate) fields: Vec<u32>,
    /// Nothing that follows can be understood.
    pub(crate) is_broken: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndHead {
    pub(crate) id: String,
    /// Bytes of the body as it was sent.
    pub(crate) bytes: u64,
    pub(crate) progress: Progress,
    /// Positions of the batch's parts.
    pub(crate) parts: Vec<u64>,
    /// Further parts stand right before this record, in the same frame.
    pub(crate) n_before: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelHead {
    pub(crate) id: String,
    pub(crate) at_us: i64,
    /// A sentence for people.
    pub(crate) why: String,
}

impl Head {
    /// The record.
    pub(crate) fn encode(&self, body: &[u8]) -> Bytes {
        let head = serde_json::to_vec(self).expect("texts and numbers always have a JSON form");
        let length = u32::try_from(head.len()).expect("a head is small");
        let mut out = Vec::with_capacity(HEAD_AT + head.len() + body.len());
        out.push(VERSION);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(body);
        Bytes::from(out)
    }

    /// Reads a record: its head, and its body as it stands.
    pub(crate) fn decode(record: &Bytes) -> Result<(Self, Bytes), RecordError> {
        let fixed = record.first_chunk::<HEAD_AT>().ok_or(RecordError::Short)?;
        let [version, length @ ..] = *fixed;
        if version != VERSION {
            return Err(RecordError::Unknown { version });
        }
        let end = HEAD_AT + u32::from_le_bytes(length) as usize;
        let head = record.get(HEAD_AT..end).ok_or(RecordError::Short)?;
        let head = serde_json::from_slice(head).map_err(|_| RecordError::Head)?;
        Ok((head, record.slice(end..)))
    }
}

impl EndHead {
    /// Where the batch's parts stand, for the record at `seq`.
    pub(crate) fn positions(&self, seq: Seq) -> impl Iterator<Item = u64> {
        let before = (0..u64::from(self.n_before)).rev();
        self.parts.iter().copied().chain(before.map(move |n| seq.get().saturating_sub(n + 1)))
    }
}

impl Progress {
    /// Nothing was read.
    pub(crate) fn nothing(hash: ContentHash, at_us: i64) -> Self {
        Self { at_us, line: 1, hash: hash_text(hash), ..Self::default() }
    }

    /// The hash; of a text that is none, 0.
    pub(crate) fn content_hash(&self) -> ContentHash {
        ContentHash(u128::from_str_radix(&self.hash, 16).unwrap_or(0))
    }
}

/// A hash as it stands in a head.
pub(crate) fn hash_text(hash: ContentHash) -> String {
    format!("{:032x}", hash.0)
}

/// A [`RowError`] in the body of an errors record.
#[derive(Serialize, Deserialize)]
struct ErrorShape {
    row: u64,
    line: u64,
    pointer: String,
    rule: String,
    detail: String,
}

/// The body of an errors record.
pub(crate) fn encode_errors(errors: &[RowError]) -> Vec<u8> {
    let shape = |error: &RowError| ErrorShape {
        row: error.row,
        line: error.line,
        pointer: error.pointer.clone(),
        rule: error.rule.clone(),
        detail: error.detail.clone(),
    };
    let shapes: Vec<ErrorShape> = errors.iter().map(shape).collect();
    serde_json::to_vec(&shapes).expect("texts and numbers always have a JSON form")
}

/// Reads it.
pub(crate) fn decode_errors(body: &[u8]) -> Result<Vec<RowError>, RecordError> {
    let shapes: Vec<ErrorShape> = serde_json::from_slice(body).map_err(|_| RecordError::Body)?;
    let error = |shape: ErrorShape| {
        let ErrorShape { row, line, pointer, rule, detail } = shape;
        RowError { row, line, pointer, rule, detail }
    };
    Ok(shapes.into_iter().map(error).collect())
}

/// Why bytes are no record of this lane. All of them mean damage or a newer version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum RecordError {
    #[error("the record ends too early")]
    Short,
    #[error("unknown record version {version}: written by a newer eyas?")]
    Unknown { version: u8 },
    #[error("the head of the record is none that this eyas knows: written by a newer one?")]
    Head,
    #[error("the body of the record is damaged")]
    Body,
}
