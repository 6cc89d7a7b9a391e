//! An event on its way into the log: every text checked, no `Seq` yet. It borrows its fields from the request.

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

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

    /// Hashes bytes as they are: for whoever marks the borders of fields by himself.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(xxh3_128(bytes))
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
    /// Which version of the schema for its key judged it; `None` where none did.
    pub schema_version: Option<u32>,
    /// Hash of the fields as given.
    pub hash: ContentHash,
}
