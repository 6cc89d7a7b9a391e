//! What can be found in damaged bytes: the next frame that is whole, and records that can still be made out.

use std::io;
use std::ops::Range;

use bytes::Bytes;

use crate::frame::{COUNT_END, FrameHeader, HEADER_BYTES, MAGIC, padded_bytes};
use crate::io::{File, read_exact_at};
use crate::segment::u32_at;

const CHUNK_BYTES: u64 = 256 * 1024;
/// Frames begin at multiples of this.
const STEP_BYTES: u64 = 8;
/// Of one damaged place, so much is searched for records: more than one append.
const REMAINS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The first whole frame behind `from` that `fits`, and where it stands. `fits` sees header and offset.
pub(crate) fn next_frame(
    file: &dyn File,
    salt: u64,
    from: u64,
    end: u64,
    fits: impl Fn(&FrameHeader, u64) -> bool,
) -> io::Result<Option<(u64, FrameHeader)>> {
    let mut start = from - from % STEP_BYTES + STEP_BYTES;
    while start + HEADER_BYTES as u64 <= end {
        let mut chunk = vec![0; (end - start).min(CHUNK_BYTES) as usize];
        read_exact_at(file, &mut chunk, start)?;
        for at in (0..=chunk.len() - HEADER_BYTES).step_by(STEP_BYTES as usize) {
            if chunk[at..at + 4] != MAGIC {
                continue;
            }
            let offset = start + at as u64;
            let Ok(header) = FrameHeader::decode(&chunk[at..], salt) else { continue };
            let is_inside = offset + header.frame_bytes() as u64 <= end;
            if !is_inside || !fits(&header, offset) {
                continue;
            }
            let mut frame = vec![0; header.frame_bytes()];
            read_exact_at(file, &mut frame, offset)?;
            if header.check(&frame).is_ok() {
                return Ok(Some((offset, header)));
            }
        }
        // The next chunk begins where no whole header fitted into this one.
        start += (chunk.len() - HEADER_BYTES + 1).next_multiple_of(STEP_BYTES as usize) as u64;
    }
    Ok(None)
}

/// Records between `place.start`, where a frame should begin, and `place.end`, with the Seqs that they should have.
/// Nothing vouches for their bytes.
pub(crate) fn remains(
    file: &dyn File,
    salt: u64,
    place: Range<u64>,
    (first, last): (u64, Option<u64>),
) -> io::Result<Vec<(u64, Bytes)>> {
    let end = place.end.min(file.size_bytes()?).min(place.start + REMAINS_BYTES_MAX);
    let mut bytes = vec![0; end.saturating_sub(place.start) as usize];
    read_exact_at(file, &mut bytes, place.start)?;
    let bytes = Bytes::from(bytes);
    let (mut out, mut at, mut seq) = (Vec::new(), 0, first);
    let is_lost = |seq: u64| seq >= first && last.is_none_or(|last| seq <= last);
    while at + HEADER_BYTES < bytes.len() {
        let header = FrameHeader::decode(&bytes[at..], salt).ok();
        let count = header.as_ref().map_or(COUNT_END, |header| u64::from(header.count));
        let payload_end = match &header {
            Some(header) => (at + header.frame_bytes()).min(bytes.len()),
            None => bytes.len(),
        };
        seq = header.as_ref().map_or(seq, |header| header.first_seq);
        let mut record = at + HEADER_BYTES;
        for _ in 0..count {
            let Some(length) = bytes.get(record..record + 4) else { break };
            let end = record + 4 + u32_at(length, 0) as usize;
            if end == record + 4 || end > payload_end || !is_lost(seq) {
                break;
            }
            out.push((seq, bytes.slice(record + 4..end)));
            (record, seq) = (end, seq + 1);
        }
        let n_bytes =
            header.map_or(record - at - HEADER_BYTES, |header| header.payload_bytes as usize);
        // Behind a frame stands the next one, or padding up to the next block.
        let behind = at + padded_bytes(n_bytes);
        let is_frame = bytes.get(behind..behind + 4).is_some_and(|magic| magic == MAGIC);
        let block = (place.start as usize + behind).next_multiple_of(4096) - place.start as usize;
        at = if is_frame { behind } else { block };
        let goes_on = bytes.get(at..at + 4).is_some_and(|magic| magic == MAGIC);
        if !goes_on {
            break;
        }
    }
    Ok(out)
}
