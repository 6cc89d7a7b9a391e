//! A segment file: one header block, then commits, each on a 4 KiB boundary. Pure: names and header
//! bytes only.
//!
//! ```text
//! offset size                                   offset size
//!      0    8  magic "EYASSEG1"                      24    8  base: Seq of the first record
//!      8    4  version = 1                           32    8  size of the file in bytes
//!     12    4  log id, never 0                       40    4  flags: 1 = recycled, old bytes may follow the end
//!     16    8  salt                                  44    4  CRC-32C of bytes 0..44
//!                                                    48    …  zeros up to 4096
//! ```
//!
//! Invariant: a file gets its log name only after this header is on stable storage, so a bad header
//! is damage.

use std::fmt;

/// Commits start on multiples of this, so that no two of them share a sector or a page.
pub(crate) const BLOCK_BYTES: u64 = 4096;

/// Seqs stay below this (2^53), so that every JSON reader can hold them.
pub(crate) const SEQ_END: u64 = 1 << 53;

const MAGIC: &[u8; 8] = b"EYASSEG1";
const VERSION: u32 = 1;
const RECYCLED: u32 = 1;
const HEADER_BYTES: usize = 48;
const SUFFIX: &str = ".seg";

/// What a segment says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) log_id: u32,
    pub(crate) salt: u64,
    pub(crate) base: u64,
    pub(crate) size_bytes: u64,
    pub(crate) is_recycled: bool,
}

/// Why a header block is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadHeader {
    /// Rotten bytes.
    Damaged,
    /// A good header of a version that this program does not know.
    Version(u32),
}

impl SegmentHeader {
    /// The whole header block.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(BLOCK_BYTES as usize);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.log_id.to_le_bytes());
        out.extend_from_slice(&self.salt.to_le_bytes());
        out.extend_from_slice(&self.base.to_le_bytes());
        out.extend_from_slice(&self.size_bytes.to_le_bytes());
        out.extend_from_slice(&(if self.is_recycled { RECYCLED } else { 0 }).to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out.resize(BLOCK_BYTES as usize, 0);
        out
    }

    /// Reads a header from the first bytes of a file.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(BadHeader::Damaged);
        };
        if &bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..44]) != u32_at(bytes, 44) {
            return Err(BadHeader::Damaged);
        }
        let (version, flags) = (u32_at(bytes, 8), u32_at(bytes, 40));
        if version != VERSION || flags & !RECYCLED != 0 {
            return Err(BadHeader::Version(version));
        }
        Ok(Self {
            log_id: u32_at(bytes, 12),
            salt: u64_at(bytes, 16),
            base: u64_at(bytes, 24),
            size_bytes: u64_at(bytes, 32),
            is_recycled: flags & RECYCLED != 0,
        })
    }
}

impl fmt::Display for BadHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => write!(f, "the segment header is damaged"),
            Self::Version(found) => write!(f, "segment version {found} is newer than this program"),
        }
    }
}

/// The log name of the segment whose first record is `base`.
pub(crate) fn name(base: u64) -> String {
    format!("{base:020}{SUFFIX}")
}

/// The base Seq in a log name; `None` for any other file.
pub(crate) fn base_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let is_plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|&base| is_plain && (1..SEQ_END).contains(&base))
}

/// The next multiple of 4 KiB, or `offset` itself if it is one.
pub(crate) fn align(offset: u64) -> u64 {
    offset.next_multiple_of(BLOCK_BYTES)
}

/// A little-endian u32. The caller has checked the length.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were taken"))
}

/// A little-endian u64. The caller has checked the length.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were taken"))
}
