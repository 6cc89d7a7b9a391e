//! The judgement on the end of the last segment: is what follows the last good frame nothing, an
//! unacknowledged torn tail, or damage to records that were promised? Rules L5 of
//! docs/log-format.md.
//!
//! Invariant: an ordinary power cut never ends in a refusal, and bytes that a later frame vouches
//! for are never cut.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::frame::{self, FrameHeader};
use crate::io::{File, read_exact_at};
use crate::segment::{BLOCK_BYTES, SegmentHeader, align, u64_at};

const SCAN_BYTES: u64 = 256 * 1024;
/// Offsets of these fields in a frame header.
const SALT_AT: usize = 16;
const FIRST_SEQ_AT: usize = 24;

/// Why a log cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process (or another `Log` of this one) has it open.
    #[error("{} is in use by another process", dir.display())]
    Locked {
        /// The log's folder.
        dir: PathBuf,
    },
    /// Records that were promised are damaged.
    #[error("{} is damaged at byte {offset}: {why}", file.display())]
    Corrupt {
        /// The segment.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        why: String,
    },
    /// Written by a newer program.
    #[error("{} has format version {found}, newer than this program", file.display())]
    Version {
        /// The segment.
        file: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The database has applied records that the log does not have: another log, an older copy, or
    /// lost writes.
    #[error("the log ends before Seq {next}, but the database has applied Seq {applied}")]
    Behind {
        /// Seq of the log's next record.
        next: u64,
        /// Seq that the database has applied.
        applied: u64,
    },
    /// The end of the log would be cut, but the database could not be asked whether it knows those
    /// records.
    #[error("{n_bytes} bytes at byte {offset} of {} would be cut while the database cannot be asked", file.display())]
    WouldCut {
        /// The segment.
        file: PathBuf,
        /// Where the cut would begin.
        offset: u64,
        /// How many bytes it would take.
        n_bytes: u64,
    },
    /// There is no log, and the database could not be asked whether there should be one.
    #[error("there is no log in {}, and the database cannot be asked whether there should be one", dir.display())]
    NoLog {
        /// The log's folder.
        dir: PathBuf,
    },
    /// The file system answered with an error; nothing was judged.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The answer.
        source: io::Error,
    },
}

impl OpenError {
    /// For `map_err`: what was tried, and where.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}

/// What follows the last good frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing of ours.
    Clean,
    /// A commit that never finished. Its bytes end at `end`.
    Torn { end: u64 },
    /// The frame header at `witness` says that these bytes were safe once.
    Vouched { witness: u64 },
}

/// Looks at everything from `from` (behind the last good frame) to the end of the file. `next_seq`
/// is the Seq that a frame at `from` would have had.
pub(crate) fn ending(
    file: &dyn File,
    header: &SegmentHeader,
    from: u64,
    next_seq: u64,
) -> io::Result<Ending> {
    let mut search = Search { header, from, next_seq, last_trace: None };
    let mut chunk = vec![0; SCAN_BYTES as usize];
    // Whole blocks, so that every place where a commit can begin is the start of a block of the chunk.
    let mut offset = from - from % BLOCK_BYTES;
    while offset < header.size_bytes {
        let n_bytes = (header.size_bytes - offset).min(SCAN_BYTES) as usize;
        read_exact_at(file, &mut chunk[..n_bytes], offset)?;
        if let Some(witness) = search.look_at(&chunk[..n_bytes], offset) {
            return Ok(Ending::Vouched { witness });
        }
        offset += n_bytes as u64;
    }
    let Some(trace) = search.last_trace else {
        return Ok(Ending::Clean);
    };
    if !header.is_recycled {
        return Ok(Ending::Torn { end: trace + 1 });
    }
    // In a recycled segment only frame headers tell our bytes from old ones; the last one says how
    // far its frame goes.
    let mut head = [0; frame::HEADER_BYTES];
    let n_bytes = match read_exact_at(file, &mut head, trace) {
        Ok(()) => FrameHeader::decode(&head, header.salt).map_or(0, |found| found.frame_bytes()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
        Err(error) => return Err(error),
    };
    Ok(Ending::Torn { end: align(trace + n_bytes as u64 + 1).min(header.size_bytes) })
}

struct Search<'a> {
    header: &'a SegmentHeader,
    from: u64,
    next_seq: u64,
    /// Zero-filled segment: the last byte that is not zero. Recycled segment: start of the last
    /// header of ours.
    last_trace: Option<u64>,
}

impl Search<'_> {
    /// Looks at whole blocks. Answers where a frame header vouches for `from`, if one does.
    fn look_at(&mut self, chunk: &[u8], offset: u64) -> Option<u64> {
        for (n, block) in chunk.chunks(BLOCK_BYTES as usize).enumerate() {
            let block_offset = offset + n as u64 * BLOCK_BYTES;
            let found = FrameHeader::decode(block, self.header.salt);
            if found.is_ok_and(|found| {
                (self.from + 1..=block_offset).contains(&found.stamp.durable_through)
            }) {
                return Some(block_offset);
            }
            let n_judged = self.from.saturating_sub(block_offset) as usize;
            let trace = if self.header.is_recycled {
                self.last_header(block, n_judged, block_offset)
            } else {
                last_non_zero(block, n_judged)
            };
            self.last_trace = trace.map(|at| block_offset + at as u64).or(self.last_trace);
        }
        None
    }

    /// Start of the last frame header that is, or was before it rotted, one of this segment:
    /// headers stand on multiples of 8 and hold the salt, which is random. At `from` itself the Seq
    /// that belongs there will do as well.
    fn last_header(&self, block: &[u8], n_judged: usize, block_offset: u64) -> Option<usize> {
        let salt = self.header.salt.to_le_bytes();
        let mut words = block[n_judged..].chunks_exact(8);
        let by_salt = words.rposition(|word| word == salt);
        let at = by_salt.map(|word| (n_judged + word * 8).saturating_sub(SALT_AT));
        let is_first = self.from == block_offset + n_judged as u64
            && n_judged + frame::HEADER_BYTES <= block.len();
        let has_seq = || u64_at(block, n_judged + FIRST_SEQ_AT) == self.next_seq;
        at.or_else(|| (is_first && has_seq()).then_some(n_judged))
    }
}

fn last_non_zero(block: &[u8], n_judged: usize) -> Option<usize> {
    // Most blocks are all zeros: comparing eight bytes at a time keeps a start with a large segment
    // fast.
    let is_zero = block[n_judged..].chunks_exact(8).all(|word| word == [0; 8]);
    if is_zero {
        return None;
    }
    block[n_judged..].iter().rposition(|&byte| byte != 0).map(|at| n_judged + at)
}
