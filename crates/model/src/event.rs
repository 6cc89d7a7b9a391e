//! One JSON fact, as every reader holds it: a view over the bytes of its record. Reading one costs no copy
//! of its texts, and sharing one costs a counter.

use bytes::Bytes;

use crate::draft::{ContentHash, Draft};
use crate::record::{self, Layout, RecordError};
use crate::time::Timestamp;

/// One event as it stands in the log, the database and every answer.
#[derive(Clone, Debug)]
pub struct Event {
    record: Bytes,
    layout: Layout,
}

impl Event {
    /// Encodes a draft into the bytes of its record.
    pub fn encode(draft: &Draft<'_>) -> Bytes {
        record::encode(draft)
    }

    /// The same record, marked so that the consumer decides whether its id is a repetition.
    pub fn mark_undecided(record: &Bytes) -> Bytes {
        record::mark_undecided(record)
    }

    /// Reads a record. Every length and every text is checked here, once.
    pub fn decode(record: Bytes) -> Result<Self, RecordError> {
        let layout = record::decode(&record)?;
        Ok(Self { record, layout })
    }

    /// The event of a draft, without a detour through a log.
    pub fn from_draft(draft: &Draft<'_>) -> Self {
        Self::decode(record::encode(draft)).expect("what encode writes, decode reads")
    }

    /// The bytes of its record.
    pub fn record(&self) -> &Bytes {
        &self.record
    }

    fn text(&self, span: (u32, u32)) -> &str {
        let bytes = &self.record[span.0 as usize..span.1 as usize];
        // Checked once more instead of trusted: our crates forbid unsafe code, and this runs at
        // about 10 ns for a field.
        std::str::from_utf8(bytes).expect("decode has checked this text")
    }

    fn optional(&self, span: Option<(u32, u32)>) -> Option<&str> {
        span.map(|span| self.text(span))
    }

    /// Unique per (application, stream).
    pub fn id(&self) -> &str {
        self.text(self.layout.id)
    }

    /// Whether the client chose the id.
    pub fn id_from_client(&self) -> bool {
        self.layout.id_from_client
    }

    /// Whether only the consumer can tell if this is a repetition.
    pub fn undecided(&self) -> bool {
        self.layout.undecided
    }

    /// Stream name.
    pub fn stream(&self) -> &str {
        self.text(self.layout.stream)
    }

    /// The trusted client that sent it.
    pub fn application(&self) -> Option<&str> {
        self.optional(self.layout.application)
    }

    /// Session label.
    pub fn session_id(&self) -> Option<&str> {
        self.optional(self.layout.session_id)
    }

    /// Category label.
    pub fn category(&self) -> Option<&str> {
        self.optional(self.layout.category)
    }

    /// Name label.
    pub fn name(&self) -> Option<&str> {
        self.optional(self.layout.name)
    }

    /// One JSON value, byte for byte as sent.
    pub fn data(&self) -> &str {
        self.text(self.layout.data)
    }

    /// When it happened, by the client's clock.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.layout.timestamp
    }

    /// When it came in, by ours.
    pub fn received_at(&self) -> Timestamp {
        self.layout.received_at
    }

    /// Whether it kept every rule.
    pub fn valid(&self) -> bool {
        self.layout.valid
    }

    /// JSON array of `{"pointer","rule","message"}`; `[]` when valid.
    pub fn errors(&self) -> &str {
        self.text(self.layout.errors)
    }

    /// Which version of the schema for its key judged it; `None` where none did.
    pub fn schema_version(&self) -> Option<u32> {
        self.layout.schema_version
    }

    /// Hash of the fields as given.
    pub fn hash(&self) -> ContentHash {
        self.layout.hash
    }
}
