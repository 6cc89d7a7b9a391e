//! The bytes of one event in the log. docs/log-format.md shows them to people; `tests/golden/` pins them.
//!
//! ```text
//! offset size
//!      0    1  version: 1, or 2 where a schema has judged the event
//!      1    1  kind: 1 = event
//!      2    2  flags, little-endian: 1 valid, 2 id from client, 4 has timestamp, 8 undecided
//!      4    8  received_at, microseconds since 1970
//!     12    8  timestamp, microseconds since 1970 (0 without one)
//!     20   16  content hash
//!     36    4  only in version 2: which version of its schema
//!      …    …  id, stream, application, session, category, name: u16 length + text; 0xffff = absent
//!      …    …  errors, data: u32 length + text
//! ```
//!
//! Integers are little-endian, texts are UTF-8. A record ends where its data ends: a longer one is damaged.

use bytes::Bytes;
use thiserror::Error;

use crate::draft::{ContentHash, Draft};
use crate::time::Timestamp;

const VERSION: u8 = 1;
/// The same, and the schema's version behind the fixed part. A version of its own, not a flag: a program that does not
/// know it must refuse the record, not misread it.
const VERSION_JUDGED: u8 = 2;
const KIND_EVENT: u8 = 1;
const VALID: u16 = 1;
const ID_FROM_CLIENT: u16 = 2;
const HAS_TIMESTAMP: u16 = 4;
const UNDECIDED: u16 = 8;
const FIXED_BYTES: usize = 36;
const ABSENT: u16 = u16::MAX;

type Span = (u32, u32);

/// Where each field of a record stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) id: Span,
    pub(crate) stream: Span,
    pub(crate) application: Option<Span>,
    pub(crate) session_id: Option<Span>,
    pub(crate) category: Option<Span>,
    pub(crate) name: Option<Span>,
    pub(crate) errors: Span,
    pub(crate) data: Span,
    pub(crate) received_at: Timestamp,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) hash: ContentHash,
    pub(crate) valid: bool,
    pub(crate) id_from_client: bool,
    pub(crate) undecided: bool,
    pub(crate) schema_version: Option<u32>,
}

/// Writes a draft's record. Its texts have been checked against their limits, so lengths fit.
pub(crate) fn encode(draft: &Draft<'_>) -> Bytes {
    let labels = [draft.application, draft.session_id, draft.category, draft.name];
    let n_label_bytes: usize = labels.iter().flatten().map(|text| text.len()).sum();
    let size = FIXED_BYTES
        + draft.schema_version.map_or(0, |_| size_of::<u32>())
        + (2 * 6 + draft.id.len() + draft.stream.len() + n_label_bytes)
        + (4 * 2 + draft.errors.len() + draft.data.len());
    let mut out = Vec::with_capacity(size);
    let mut flags = 0;
    for (is_set, flag) in [
        (draft.valid, VALID),
        (draft.id_from_client, ID_FROM_CLIENT),
        (draft.timestamp.is_some(), HAS_TIMESTAMP),
        (draft.undecided, UNDECIDED),
    ] {
        flags |= if is_set { flag } else { 0 };
    }
    let version = if draft.schema_version.is_some() { VERSION_JUDGED } else { VERSION };
    out.extend_from_slice(&[version, KIND_EVENT]);
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&draft.received_at.micros().to_le_bytes());
    out.extend_from_slice(&draft.timestamp.map_or(0, Timestamp::micros).to_le_bytes());
    out.extend_from_slice(&draft.hash.0.to_le_bytes());
    if let Some(schema_version) = draft.schema_version {
        out.extend_from_slice(&schema_version.to_le_bytes());
    }
    put_short(&mut out, Some(draft.id));
    put_short(&mut out, Some(draft.stream));
    for label in labels {
        put_short(&mut out, label);
    }
    put_long(&mut out, draft.errors);
    put_long(&mut out, draft.data);
    Bytes::from(out)
}

/// A copy with the flag set.
pub(crate) fn mark_undecided(record: &[u8]) -> Bytes {
    let mut out = record.to_vec();
    let flags = u16::from_le_bytes([out[2], out[3]]) | UNDECIDED;
    out[2..4].copy_from_slice(&flags.to_le_bytes());
    Bytes::from(out)
}

fn put_short(out: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else {
        return out.extend_from_slice(&ABSENT.to_le_bytes());
    };
    let length = u16::try_from(text.len()).ok().filter(|&n| n != ABSENT);
    out.extend_from_slice(&length.expect("labels are checked against their limit").to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_long(out: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).expect("bodies are checked against their limit");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Reads and checks a whole record.
pub(crate) fn decode(record: &[u8]) -> Result<Layout, RecordError> {
    if record.len() < FIXED_BYTES || u32::try_from(record.len()).is_err() {
        return Err(RecordError::Short);
    }
    let is_judged = record[0] == VERSION_JUDGED;
    if !(is_judged || record[0] == VERSION) || record[1] != KIND_EVENT {
        return Err(RecordError::Unknown { version: record[0], kind: record[1] });
    }
    let flags = u16::from_le_bytes([record[2], record[3]]);
    let timestamp = Timestamp::from_micros(i64::from_le_bytes(array(record, 12)));
    let mut reader = Reader { record, at: FIXED_BYTES };
    let schema_version = if is_judged { Some(reader.number()?) } else { None };
    let layout = Layout {
        received_at: Timestamp::from_micros(i64::from_le_bytes(array(record, 4))),
        timestamp: (flags & HAS_TIMESTAMP != 0).then_some(timestamp),
        hash: ContentHash(u128::from_le_bytes(array(record, 20))),
        valid: flags & VALID != 0,
        id_from_client: flags & ID_FROM_CLIENT != 0,
        undecided: flags & UNDECIDED != 0,
        schema_version,
        id: reader.short()?.ok_or(RecordError::Short)?,
        stream: reader.short()?.ok_or(RecordError::Short)?,
        application: reader.short()?,
        session_id: reader.short()?,
        category: reader.short()?,
        name: reader.short()?,
        errors: reader.long()?,
        data: reader.long()?,
    };
    if reader.at == record.len() { Ok(layout) } else { Err(RecordError::Long) }
}

fn array<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    record[at..at + N].try_into().expect("the fixed part has been checked for length")
}

struct Reader<'a> {
    record: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn short(&mut self) -> Result<Option<Span>, RecordError> {
        let bytes = self.record.get(self.at..self.at + 2).ok_or(RecordError::Short)?;
        let length = u16::from_le_bytes([bytes[0], bytes[1]]);
        self.at += 2;
        if length == ABSENT { Ok(None) } else { self.text(usize::from(length)).map(Some) }
    }

    fn number(&mut self) -> Result<u32, RecordError> {
        let bytes = self.record.get(self.at..self.at + 4).ok_or(RecordError::Short)?;
        self.at += 4;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn long(&mut self) -> Result<Span, RecordError> {
        let length = self.number()?;
        self.text(length as usize)
    }

    fn text(&mut self, length: usize) -> Result<Span, RecordError> {
        let (from, to) = (self.at, self.at + length);
        let bytes = self.record.get(from..to).ok_or(RecordError::Short)?;
        std::str::from_utf8(bytes).map_err(|_| RecordError::Text)?;
        self.at = to;
        Ok((from as u32, to as u32))
    }
}

/// Why bytes are no record of ours. All of them mean damage or a newer version, never a client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Ends before its last field.
    #[error("the record ends too early")]
    Short,
    /// Goes on after its last field.
    #[error("the record goes on after its end")]
    Long,
    /// A version or kind that this program does not know.
    #[error("unknown record version {version}, kind {kind}: written by a newer eyas?")]
    Unknown {
        /// First byte.
        version: u8,
        /// Second byte.
        kind: u8,
    },
    /// A text that is not UTF-8.
    #[error("a text of the record is not UTF-8")]
    Text,
}
