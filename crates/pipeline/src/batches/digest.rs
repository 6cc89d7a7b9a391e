//! The content hash of a batch: over its columns and the values of its rows as their columns want them, decimals without zeros
//! at their end, so neither packing nor spelling nor the order of members changes it. What is wrong counts as it was written.
//!
//! ```text
//!   hash of the columns ──> hash of row 1 and of that ──> hash of row 2 and of that ──> …
//! ```

use model::ContentHash;
use store::ColumnKind;

use crate::batches::number::without_zeros;

/// Over everything so far.
pub(crate) struct Digest {
    hash: ContentHash,
    /// The same with the zeros of decimals, as it was made once: batches of then have that hash, in the log and the database.
    with_zeros: ContentHash,
    scratch: Vec<u8>,
}

impl Digest {
    /// Goes on behind `hash`.
    pub(crate) fn after(hash: ContentHash) -> Self {
        Self { hash, with_zeros: hash, scratch: Vec::new() }
    }

    pub(crate) fn hash(&self) -> ContentHash {
        self.hash
    }

    /// Whether it is that of the same rows, made now or once. Only where all of them went into it in one go.
    pub(crate) fn is(&self, other: ContentHash) -> bool {
        self.hash == other || self.with_zeros == other
    }

    pub(crate) fn columns<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let mut bytes = Vec::new();
        names.for_each(|name| put(&mut bytes, Some(name)));
        self.text(&bytes);
    }

    /// What stands there as it was written.
    pub(crate) fn text(&mut self, text: &[u8]) {
        self.scratch.clear();
        self.scratch.extend_from_slice(text);
        self.with_zeros = chained(&mut self.scratch, self.with_zeros);
        self.hash = chained(&mut self.scratch, self.hash);
    }

    /// A row whose values are what their columns take.
    pub(crate) fn row<'a>(
        &mut self,
        values: impl Iterator<Item = (ColumnKind, Option<&'a str>)> + Clone,
    ) {
        self.scratch.clear();
        values.clone().for_each(|(_, value)| put(&mut self.scratch, value));
        self.with_zeros = chained(&mut self.scratch, self.with_zeros);
        self.scratch.clear();
        for (kind, value) in values {
            let is_decimal = matches!(kind, ColumnKind::Decimal { .. });
            let compared = |text| if is_decimal { without_zeros(text) } else { text };
            put(&mut self.scratch, value.map(compared));
        }
        self.hash = chained(&mut self.scratch, self.hash);
    }
}

/// The hash of bytes and of the hash before them. The bytes stay as they were.
fn chained(bytes: &mut Vec<u8>, before: ContentHash) -> ContentHash {
    let n_bytes = bytes.len();
    bytes.extend_from_slice(&before.0.to_le_bytes());
    let hash = ContentHash::of_bytes(bytes);
    bytes.truncate(n_bytes);
    hash
}

/// Length first, so that no two lists of values run together into the same bytes.
pub(crate) fn put(out: &mut Vec<u8>, value: Option<&str>) {
    let length = value.map_or(u32::MAX, |text| text.len() as u32);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(value.unwrap_or_default().as_bytes());
}
