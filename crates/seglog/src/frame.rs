//! The codec of a frame: one append, all its records. Pure.
//!
//! ```text
//! offset size                                   offset size
//!      0    4  magic "EYFR"                          24    8  first_seq
//!      4    1  kind: 1 data, 2 seal                  32    8  durable_through, byte offset in this segment
//!      5    1  flags = 0                             40    4  frame CRC-32C: bytes 0..40 and the payload
//!      6    2  reserved = 0                          44    4  header CRC-32C: bytes 0..44
//!      8    4  payload length in bytes               48    …  payload: count x (u32 length + bytes)
//!     12    4  count of records                       …    …  zeros up to a multiple of 8
//!     16    8  salt of the segment
//! ```
//!
//! Invariant: a length is believed only after the header's own CRC, the salt and the bounds have
//! been checked.

use std::fmt;

use bytes::Bytes;

use crate::segment::{SEQ_END, u32_at, u64_at};

/// Bytes of a frame's header.
pub(crate) const HEADER_BYTES: usize = 48;
/// First bytes of every frame.
pub(crate) const MAGIC: [u8; 4] = *b"EYFR";
/// Records of one commit, and so of one frame, are fewer than 2^20: the jump after a cut counts on it.
pub(crate) const COUNT_END: u64 = 1 << 20;
/// Longest payload that the format allows.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 30;

const ALIGN_BYTES: usize = 8;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One append.
    Data = 1,
    /// No records. Vouches for what stands before it, and its `first_seq` is the Seq that comes next.
    Seal = 2,
}

/// The fields that all frames of one commit share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Salt of the segment.
    pub(crate) salt: u64,
    /// All bytes of the segment before this offset were on stable storage when the frame was built.
    pub(crate) durable_through: u64,
}

/// A decoded header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: Kind,
    pub(crate) payload_bytes: u32,
    pub(crate) count: u32,
    pub(crate) first_seq: u64,
    pub(crate) stamp: Stamp,
}

/// Why bytes are no frame of this segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadFrame {
    /// Nothing was written here.
    Zero,
    /// No frame begins here.
    Magic,
    /// The header's checksum does not match.
    HeaderCrc,
    /// A whole header with another segment's salt.
    Salt,
    /// A good header whose fields this program does not understand.
    Fields,
    /// The frame would go on past the end.
    Length,
    /// The checksum over all does not match.
    Crc,
    /// The Seq does not follow the one before it.
    Sequence,
    /// The lengths of the records do not fill the payload.
    Records,
}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zero => "zeros where a frame was expected",
            Self::Magic => "no frame begins here",
            Self::HeaderCrc => "the frame header's checksum does not match",
            Self::Salt => "the frame belongs to another segment",
            Self::Fields => "the frame header holds values that cannot be",
            Self::Length => "the frame goes on past the end of the segment",
            Self::Crc => "the frame's checksum does not match",
            Self::Sequence => "the frame's Seq does not follow the one before it",
            Self::Records => "the lengths of the records do not fill the frame",
        })
    }
}

impl FrameHeader {
    /// Reads and checks a header. `bytes` are at least `HEADER_BYTES` long.
    pub(crate) fn decode(bytes: &[u8], salt: u64) -> Result<Self, BadFrame> {
        if bytes[..4] != MAGIC {
            let is_zero = bytes[..HEADER_BYTES].iter().all(|&byte| byte == 0);
            return Err(if is_zero { BadFrame::Zero } else { BadFrame::Magic });
        }
        if crc32c::crc32c(&bytes[..44]) != u32_at(bytes, 44) {
            return Err(BadFrame::HeaderCrc);
        }
        if u64_at(bytes, 16) != salt {
            return Err(BadFrame::Salt);
        }
        let (payload_bytes, count) = (u32_at(bytes, 8), u32_at(bytes, 12));
        let (n_records, n_bytes) = (u64::from(count), u64::from(payload_bytes));
        let kind = match bytes[4] {
            1 if n_records > 0 && n_records < COUNT_END && n_bytes >= 4 * n_records => Kind::Data,
            2 if n_records == 0 && n_bytes == 0 => Kind::Seal,
            _ => return Err(BadFrame::Fields),
        };
        let first_seq = u64_at(bytes, 24);
        let is_known = bytes[5..8] == [0; 3] && payload_bytes as usize <= PAYLOAD_BYTES_MAX;
        if !is_known || first_seq == 0 || first_seq >= SEQ_END - n_records {
            return Err(BadFrame::Fields);
        }
        let stamp = Stamp { salt, durable_through: u64_at(bytes, 32) };
        Ok(Self { kind, payload_bytes, count, first_seq, stamp })
    }

    /// Bytes of the frame without its padding.
    pub(crate) fn frame_bytes(&self) -> usize {
        HEADER_BYTES + self.payload_bytes as usize
    }

    /// Checks a whole frame, header and payload, against the checksum over all and its records' lengths.
    pub(crate) fn check(&self, frame: &[u8]) -> Result<(), BadFrame> {
        let payload = &frame[HEADER_BYTES..self.frame_bytes()];
        if frame_crc(frame, payload) != u32_at(frame, 40) {
            return Err(BadFrame::Crc);
        }
        let mut at = 0;
        for _ in 0..self.count {
            let Some(length) = payload.get(at..at + 4) else {
                return Err(BadFrame::Records);
            };
            at += 4 + u32_at(length, 0) as usize;
        }
        if at == payload.len() { Ok(()) } else { Err(BadFrame::Records) }
    }
}

/// The salt in a frame header whose own checksum holds: how a segment with a damaged header is told.
pub(crate) fn salt_of(bytes: &[u8]) -> Option<u64> {
    let head = bytes.get(..HEADER_BYTES)?;
    let is_whole = head[..4] == MAGIC && crc32c::crc32c(&head[..44]) == u32_at(head, 44);
    is_whole.then(|| u64_at(head, 16))
}

/// Adds the frame of one append to `out`, padded to 8 bytes.
pub(crate) fn push_data(out: &mut Vec<u8>, stamp: Stamp, first_seq: u64, records: &[Bytes]) {
    let start = begin(out);
    for record in records {
        out.extend_from_slice(&(record.len() as u32).to_le_bytes());
        out.extend_from_slice(record);
    }
    finish(out, start, Kind::Data, records.len() as u32, stamp, first_seq);
}

/// Adds a frame again whose payload is known already, under another stamp.
pub(crate) fn push_again(out: &mut Vec<u8>, stamp: Stamp, header: &FrameHeader, payload: &[u8]) {
    let start = begin(out);
    out.extend_from_slice(payload);
    finish(out, start, header.kind, header.count, stamp, header.first_seq);
}

/// Adds a seal; `next_seq` is the Seq of the record that comes next.
pub(crate) fn push_seal(out: &mut Vec<u8>, stamp: Stamp, next_seq: u64) {
    let start = begin(out);
    finish(out, start, Kind::Seal, 0, stamp, next_seq);
}

/// Bytes that a payload takes as a frame, padding included.
pub(crate) fn padded_bytes(payload_bytes: usize) -> usize {
    (HEADER_BYTES + payload_bytes).next_multiple_of(ALIGN_BYTES)
}

/// Bytes of the payload of one append.
pub(crate) fn payload_bytes(records: &[Bytes]) -> usize {
    records.iter().map(|record| 4 + record.len()).sum()
}

fn begin(out: &mut Vec<u8>) -> usize {
    debug_assert!(out.len().is_multiple_of(ALIGN_BYTES), "frames are padded as they are added");
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    start
}

fn finish(out: &mut Vec<u8>, start: usize, kind: Kind, count: u32, stamp: Stamp, first_seq: u64) {
    let (header, payload) = out[start..].split_at_mut(HEADER_BYTES);
    assert!(payload.len() <= PAYLOAD_BYTES_MAX, "appends are checked against their limit");
    header[..4].copy_from_slice(&MAGIC);
    header[4] = kind as u8;
    header[8..12].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[12..16].copy_from_slice(&count.to_le_bytes());
    header[16..24].copy_from_slice(&stamp.salt.to_le_bytes());
    header[24..32].copy_from_slice(&first_seq.to_le_bytes());
    header[32..40].copy_from_slice(&stamp.durable_through.to_le_bytes());
    let crc = frame_crc(header, payload);
    header[40..44].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32c::crc32c(&header[..44]);
    header[44..48].copy_from_slice(&crc.to_le_bytes());
    out.resize(start + padded_bytes(out.len() - start - HEADER_BYTES), 0);
}

fn frame_crc(header: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&header[..40]), payload)
}
