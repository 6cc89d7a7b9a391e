//! One JSON fact: as a `Draft` on its way into the log, as an `Event` on its way out.
//!
//! Both know the same fields. A `Draft` borrows them from the request; an `Event` is a view over the
//! bytes of its record, so reading one costs no copy of its texts and sharing one costs a counter.

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use crate::record::{self, Layout, RecordError};
use crate::time::Timestamp;

/// 128-bit hash of an event's fields as given and the bytes of its data: two sendings of one id are the
/// same event if their hashes are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentHash(pub u128);

impl ContentHash {
    /// Hashes the fields as the client wrote them. An absent field differs from an empty one.
    pub fn of(fields: &[Option<&[u8]>]) -> Self {
        let mut hasher = Xxh3::new();
        for field in fields {
            // Length first, so that no two lists of fields run together into the same bytes.
            let length = field.map_or(u64::MAX, |bytes| bytes.len() as u64);
            hasher.update(&length.to_le_bytes());
            hasher.update(field.unwrap_or_default());
        }
        Self(hasher.digest128())
    }
}

/// An event that has no `Seq` yet. Every text has been checked against its limit.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Unique per (application, stream).
    pub id: &'a str,
    /// Whether the client chose `id`; only then can it be a repetition.
    pub id_from_client: bool,
    /// The edge could not find out in time whether this id is a repetition; the consumer decides.
    pub undecided: bool,
    /// Stream name.
    pub stream: &'a str,
    /// The trusted client that sent it.
    pub application: Option<&'a str>,
    /// Session label.
    pub session_id: Option<&'a str>,
    /// Category label.
    pub category: Option<&'a str>,
    /// Name label.
    pub name: Option<&'a str>,
    /// One JSON value, byte for byte as sent.
    pub data: &'a str,
    /// When it happened, by the client's clock.
    pub timestamp: Option<Timestamp>,
    /// When it came in, by ours.
    pub received_at: Timestamp,
    /// Whether it kept every rule.
    pub valid: bool,
    /// JSON array of `{"pointer","rule","message"}`; `[]` when valid.
    pub errors: &'a str,
    /// Hash of the fields as given.
    pub hash: ContentHash,
}

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

    /// Hash of the fields as given.
    pub fn hash(&self) -> ContentHash {
        self.layout.hash
    }
}
