//! Reads records back, in Seq order, only what is on stable storage. Remembers its place, so
//! reading on costs one read of a chunk and no search; a record is a slice of that chunk, never
//! copied.
//!
//! Invariant: every frame is checked before a record of it is handed out, whether or not its file
//! is being recycled meanwhile.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

use crate::catalog::Place;
use crate::cursor::{Cursor, Step};
use crate::frame::{BadFrame, Kind};
use crate::segment::u32_at;
use crate::shared::Shared;

/// Why records cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The wanted record is no longer kept.
    #[error("the log begins at Seq {first}")]
    Trimmed {
        /// First Seq that may be kept.
        first: u64,
    },
    /// The log is damaged there.
    #[error("{} is damaged at byte {offset}: {why}", file.display())]
    Corrupt {
        /// The segment.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        why: String,
    },
    /// The file system answered with an error.
    #[error("cannot read {}: {source}", file.display())]
    Io {
        /// The segment.
        file: PathBuf,
        /// The answer.
        source: io::Error,
    },
}

/// A place in the log, moving forward. Blocking: give it a thread that may wait for a disk.
pub struct Reader {
    shared: Arc<Shared>,
    /// Seq of the next record to hand out.
    next: u64,
    cursor: Option<Cursor>,
    opened: Option<OpenFrame>,
}

/// A frame of which some records have been handed out.
struct OpenFrame {
    payload: Bytes,
    at: usize,
    seq: u64,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, from: u64) -> Self {
        Self { shared, next: from, cursor: None, opened: None }
    }

    /// Records from the reader's place on, each with its Seq, together at most `bytes_max` bytes (4
    /// more counted for each) but at least one record if there is any. Empty at the head. A record
    /// shares its memory (up to 256 KiB, or its whole frame) with those around it: copy what is to
    /// be kept for long. After an error the place is unchanged.
    pub fn read(&mut self, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, ReadError> {
        let mut out = Vec::new();
        let mut n_left = bytes_max;
        loop {
            if let Some(frame) = &mut self.opened {
                let is_over = frame.hand_out(self.next, &mut n_left, &mut out);
                self.next = self.next.max(frame.seq);
                if !is_over {
                    return Ok(out);
                }
                self.opened = None;
            }
            if !out.is_empty() && n_left == 0 {
                return Ok(out);
            }
            match self.open_frame() {
                Ok(true) => {}
                Ok(false) => return Ok(out),
                // What has been read is good; the error comes again with the next call.
                Err(_) if !out.is_empty() => return Ok(out),
                Err(error) => return Err(error),
            }
        }
    }

    /// Goes on to the next frame that may hold wanted records. False at the head.
    fn open_frame(&mut self) -> Result<bool, ReadError> {
        loop {
            let place = match self.shared.catalog.find(self.next) {
                Ok(Some(place)) => place,
                Ok(None) => return Ok(false),
                Err(first) => {
                    self.cursor = None;
                    return Err(ReadError::Trimmed { first });
                }
            };
            let cursor = match &mut self.cursor {
                Some(cursor) if cursor.salt() == place.salt => cursor,
                stale => stale.insert(seek(&self.shared, &place)?),
            };
            cursor.set_end(place.end);
            let bad = match cursor.step() {
                Ok(Step::Frame(frame)) if frame.header.kind == Kind::Data => {
                    let (seq, payload) = (frame.header.first_seq, frame.payload);
                    if seq + u64::from(frame.header.count) > self.next {
                        self.opened = Some(OpenFrame { payload, at: 0, seq });
                        return Ok(true);
                    }
                    continue;
                }
                Ok(Step::Frame(_)) => continue,
                // Behind the last record of a segment the Seq may jump to the base of the next one.
                Ok(Step::End) => match place.next_base {
                    Some(next_base) => {
                        self.next = next_base;
                        continue;
                    }
                    None => return Ok(false),
                },
                Ok(Step::Bad(why)) => Ok((cursor.offset(), why)),
                Err(error) => Err(error),
            };
            self.cursor = None;
            return Err(explain(&self.shared, &place, bad));
        }
    }
}

fn seek(shared: &Shared, place: &Place) -> Result<Cursor, ReadError> {
    match shared.folder.io.open(&shared.folder.segment_path(place.base)) {
        Ok(file) => Ok(Cursor::new(file, place.salt, place.offset, place.seq, place.end)),
        Err(error) => Err(explain(shared, place, Err(error))),
    }
}

/// Bytes that do not fit (`Ok`: where and why), or a file that cannot be read, mean damage only if
/// the segment is still part of the log: the file of a trimmed one may be gone, or full of newer
/// bytes.
fn explain(shared: &Shared, place: &Place, what: io::Result<(u64, BadFrame)>) -> ReadError {
    if !shared.catalog.holds(place.salt) {
        return ReadError::Trimmed { first: shared.catalog.bounds().0 };
    }
    let file = shared.folder.segment_path(place.base);
    match what {
        Ok((offset, why)) => ReadError::Corrupt { file, offset, why: why.to_string() },
        Err(source) => ReadError::Io { file, source },
    }
}

impl OpenFrame {
    /// Hands out records from Seq `from` on while `n_left` bytes allow it, one in any case. False
    /// if some are left.
    fn hand_out(&mut self, from: u64, n_left: &mut usize, out: &mut Vec<(u64, Bytes)>) -> bool {
        while self.at < self.payload.len() {
            // The walk has checked that the lengths fill the payload.
            let start = self.at + 4;
            let end = start + u32_at(&self.payload, self.at) as usize;
            if self.seq >= from {
                let n_bytes = end - self.at;
                if n_bytes > *n_left && !out.is_empty() {
                    return false;
                }
                *n_left = n_left.saturating_sub(n_bytes);
                out.push((self.seq, self.payload.slice(start..end)));
            }
            self.at = end;
            self.seq += 1;
        }
        true
    }
}
