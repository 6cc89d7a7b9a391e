//! Records that a repair or an adoption gives up, one by one where their bytes still say something.
//!
//! What the database has is no loss: a damaged record at or below its applied position is only gone from the log.

use bytes::Bytes;
use model::{Event, Seq};
use queue::Damage;
use serde::Serialize;

use crate::commands::log::batches::ToldBatch;

/// A record, or a run of records, that is given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum Lost {
    /// One record whose bytes can still be read. No checksum vouches for them.
    Record {
        seq: u64,
        id: String,
        stream: String,
        received_at: String,
        size_bytes: usize,
        file: String,
        offset: u64,
    },
    /// A batch that the database does not have, or may not have.
    Batch(ToldBatch),
    /// Numbers of which nothing can be read any more: at most so many records.
    Range {
        first_seq: u64,
        /// `null`: nothing tells how many there were.
        last_seq: Option<u64>,
        file: String,
        offset: u64,
    },
    /// Numbers that the log does not hold and the database never got.
    Gap { first_seq: u64, last_seq: u64 },
}

impl Lost {
    /// For people.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Record { seq, id, stream, received_at, size_bytes, .. } => {
                format!("seq {seq}  {stream}  {id}  received {received_at}  {size_bytes} bytes")
            }
            Self::Batch(batch) => batch.line(),
            Self::Range { first_seq, last_seq: Some(last), .. } if last == first_seq => {
                format!("seq {first_seq}  unreadable")
            }
            Self::Range { first_seq, last_seq: Some(last), .. } => {
                format!(
                    "seq {first_seq} to {last}  unreadable: at most {} records",
                    last - first_seq + 1
                )
            }
            Self::Range { first_seq, last_seq: None, .. } => {
                format!("seq {first_seq} and up  unreadable: nothing tells how many")
            }
            Self::Gap { first_seq, last_seq } => {
                format!("seq {first_seq} to {last_seq}  neither in the log nor in the database")
            }
        }
    }
}

/// What one damaged place loses, beyond what the database has.
pub(crate) fn lost(damage: &Damage, applied: Seq) -> Vec<Lost> {
    let Some((first, last)) = damage.lost else { return Vec::new() };
    let mut next = first.max(applied.get() + 1);
    if last.is_some_and(|last| last < next) {
        return Vec::new();
    }
    let file = damage.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let range = |first_seq, last_seq| Lost::Range {
        first_seq,
        last_seq,
        file: file.clone(),
        offset: damage.offset,
    };
    let mut out = Vec::new();
    for (seq, bytes) in damage.remains.iter().filter(|(seq, _)| *seq > applied.get()) {
        let Some(record) = read(*seq, bytes, &file, damage.offset) else { continue };
        if *seq > next {
            out.push(range(next, Some(seq - 1)));
        }
        out.push(record);
        next = seq + 1;
    }
    if last.is_none_or(|last| last >= next) {
        out.push(range(next, last));
    }
    out
}

fn read(seq: u64, bytes: &Bytes, file: &str, offset: u64) -> Option<Lost> {
    let event = Event::decode(bytes.clone()).ok()?;
    Some(Lost::Record {
        seq,
        id: event.id().to_owned(),
        stream: event.stream().to_owned(),
        received_at: event.received_at().to_string(),
        size_bytes: bytes.len(),
        file: file.to_owned(),
        offset,
    })
}
