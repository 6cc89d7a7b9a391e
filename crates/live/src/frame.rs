//! An event on its way to subscribers, and a run of them.
//!
//! Invariant: an event is encoded at most once for all who get it from the ring, and only when somebody wants it.

use std::sync::OnceLock;

use bytes::Bytes;
use model::json::{self, Breaks};
use model::{Event, LogId, Seq};
use queue::Record;
use store::Stored;

use crate::error::LiveError;
use crate::message::EVENT_PREFIX;

/// What a frame takes in memory beside its record and its text: itself, and the envelope of its JSON.
const FRAME_BYTES: usize = size_of::<Frame>() + 384;

/// One event, where it stands, and its message once somebody has asked for it.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) seq: Seq,
    pub(crate) event: Event,
    /// Written by the first subscriber that wants the event. The others wait the microsecond that this takes.
    text: OnceLock<Bytes>,
}

impl Frame {
    fn new(seq: Seq, event: Event) -> Self {
        Self { seq, event, text: OnceLock::new() }
    }

    /// The whole message `{"type":"event",…}`, one line. Clones share the bytes.
    pub(crate) fn text(&self, log: LogId) -> Bytes {
        let encode = || {
            let mut out = Vec::new();
            let prefix = &EVENT_PREFIX[1..];
            json::write_event(&mut out, &self.event, self.seq, log, prefix, Breaks::ToSpaces);
            Bytes::from(out)
        };
        self.text.get_or_init(encode).clone()
    }
}

/// Events in `Seq` order.
///
/// Invariant: whoever read the batch from a position on has, up to `through`, all that there is.
#[derive(Debug)]
pub(crate) struct Batch {
    /// None above `through`.
    pub(crate) frames: Vec<Frame>,
    /// How far the batch reaches, which may be past its last frame.
    pub(crate) through: Seq,
}

impl Batch {
    /// Reads what a log gave: at least one record.
    pub(crate) fn from_records(records: Vec<Record>) -> Result<Self, LiveError> {
        let through = records.last().expect("a reader gives at least one record").seq;
        let decode = |Record { seq, bytes }| match Event::decode(bytes) {
            Ok(event) => Ok(Frame::new(seq, event)),
            Err(error) => Err(LiveError::Log(format!("record {seq}: {error}"))),
        };
        let frames = records.into_iter().map(decode).collect::<Result<_, _>>()?;
        Ok(Self { frames, through })
    }

    /// Takes rows of the database that reach up to `through`.
    pub(crate) fn from_rows(rows: Vec<Stored>, through: Seq) -> Self {
        let frames = rows.into_iter().map(|row| Frame::new(row.seq, row.event)).collect();
        Self { frames, through }
    }

    /// The frames behind a position.
    pub(crate) fn after(&self, position: Seq) -> &[Frame] {
        &self.frames[self.frames.partition_point(|frame| frame.seq <= position)..]
    }

    /// What it takes in memory at most: each record once as it came and once as text.
    pub(crate) fn size_bytes(&self) -> usize {
        let size = |frame: &Frame| FRAME_BYTES + 2 * frame.event.record().len();
        size_of::<Self>() + self.frames.iter().map(size).sum::<usize>()
    }
}
