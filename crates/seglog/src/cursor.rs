//! Walks the frames of one segment in order, checking each. Recovery and readers use the same walk,
//! so what recovery has accepted a reader can read.
//!
//! Invariant: never steps over bytes it cannot explain. After a frame comes another frame, or zeros
//! up to the next 4 KiB boundary; data frames follow each other without a hole in Seq, only a seal
//! may move the Seq forward.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::frame::{BadFrame, FrameHeader, HEADER_BYTES, Kind, MAGIC, padded_bytes};
use crate::io::{File, read_exact_at};
use crate::segment::align;

/// Read ahead in steps of this many bytes.
const CHUNK_BYTES: u64 = 256 * 1024;

/// A place in a segment.
pub(crate) struct Cursor {
    file: Arc<dyn File>,
    salt: u64,
    /// Where the next frame is expected.
    offset: u64,
    /// Seq of the next record.
    next_seq: u64,
    /// Bytes from here on are not looked at.
    end: u64,
    chunk: Bytes,
    chunk_offset: u64,
}

/// What stands at the cursor.
pub(crate) enum Step {
    /// A good frame; the cursor is behind it.
    Frame(Frame),
    /// The end that the cursor was given.
    End,
    /// Not a good frame; the cursor stays where it is.
    Bad(BadFrame),
}

/// A good frame and where it stands.
pub(crate) struct Frame {
    pub(crate) offset: u64,
    pub(crate) header: FrameHeader,
    /// Shares its memory with the chunk it was read in.
    pub(crate) payload: Bytes,
}

impl Cursor {
    /// A cursor at a place that is known to be the start of a frame (or the end of the frames).
    pub(crate) fn new(
        file: Arc<dyn File>,
        salt: u64,
        offset: u64,
        next_seq: u64,
        end: u64,
    ) -> Self {
        Self { file, salt, offset, next_seq, end, chunk: Bytes::new(), chunk_offset: 0 }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn salt(&self) -> u64 {
        self.salt
    }

    /// More of the segment may be looked at now.
    pub(crate) fn set_end(&mut self, end: u64) {
        self.end = end;
    }

    /// Reads and checks what stands at the cursor.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        if !self.skip_padding()? {
            return Ok(Step::Bad(BadFrame::Magic));
        }
        if self.offset >= self.end {
            return Ok(Step::End);
        }
        let Some(head) = self.bytes(HEADER_BYTES as u64)? else {
            return Ok(Step::Bad(BadFrame::Length));
        };
        let header = match FrameHeader::decode(&head, self.salt) {
            Ok(header) => header,
            Err(why) => return Ok(Step::Bad(why)),
        };
        // The length is trusted (its checksum and salt match) and, before anything is allocated,
        // held against the end.
        let Some(frame) = self.bytes(header.frame_bytes() as u64)? else {
            return Ok(Step::Bad(BadFrame::Length));
        };
        if let Err(why) = header.check(&frame) {
            return Ok(Step::Bad(why));
        }
        if header.stamp.durable_through > self.offset {
            return Ok(Step::Bad(BadFrame::Fields));
        }
        let follows = match header.kind {
            Kind::Data => header.first_seq == self.next_seq,
            Kind::Seal => header.first_seq >= self.next_seq,
        };
        if !follows {
            return Ok(Step::Bad(BadFrame::Sequence));
        }
        let offset = self.offset;
        self.offset += padded_bytes(header.payload_bytes as usize) as u64;
        self.next_seq = header.first_seq + u64::from(header.count);
        Ok(Step::Frame(Frame { offset, header, payload: frame.slice(HEADER_BYTES..) }))
    }

    /// Moves over the padding of a commit, if the cursor stands in it. False: there is neither a
    /// frame nor padding.
    fn skip_padding(&mut self) -> io::Result<bool> {
        let boundary = align(self.offset).min(self.end);
        if boundary <= self.offset {
            return Ok(true);
        }
        let Some(rest) = self.bytes(boundary - self.offset)? else { return Ok(false) };
        if rest.starts_with(&MAGIC) {
            return Ok(true);
        }
        let is_padding = rest.iter().all(|&byte| byte == 0);
        if is_padding {
            self.offset = boundary;
        }
        Ok(is_padding)
    }

    /// The next `n_bytes`, or `None` if the end comes before them.
    fn bytes(&mut self, n_bytes: u64) -> io::Result<Option<Bytes>> {
        let n_left = self.end - self.offset;
        if n_bytes > n_left {
            return Ok(None);
        }
        let is_held = self.offset >= self.chunk_offset
            && self.offset + n_bytes <= self.chunk_offset + self.chunk.len() as u64;
        if !is_held {
            let mut chunk = vec![0; n_bytes.max(CHUNK_BYTES.min(n_left)) as usize];
            read_exact_at(&*self.file, &mut chunk, self.offset)?;
            self.chunk = Bytes::from(chunk);
            self.chunk_offset = self.offset;
        }
        let at = (self.offset - self.chunk_offset) as usize;
        Ok(Some(self.chunk.slice(at..at + n_bytes as usize)))
    }
}
