//! What the fuzz targets `frame` and `recovery` do with their input, and what must hold whatever the input is. The suite
//! replays `fuzz/corpus` through the same functions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::folder::Folder;
use crate::frame::{self, FrameHeader, HEADER_BYTES, Stamp};
use crate::options::Options;
use crate::recovery::{Recovered, recover};
use crate::segment::{BLOCK_BYTES, SegmentHeader, align, u64_at};
use crate::sim::disk::SimDisk;

const DIR: &str = "/fuzz/log";
const SEGMENT_BYTES: u64 = 32 * 1024;

/// Any bytes as a frame: never a panic, and what is accepted is exactly what would be written. Any bytes as records: they
/// read back, and one flipped bit is noticed.
///
/// # Panics
/// When one of these is broken.
pub fn fuzz_frame(input: &[u8]) {
    if input.len() >= HEADER_BYTES {
        let salt = u64_at(input, 16);
        if let Ok(header) = FrameHeader::decode(input, salt)
            && header.frame_bytes() <= input.len()
            && header.check(&input[..header.frame_bytes()]).is_ok()
        {
            let mut again = Vec::new();
            let payload = &input[HEADER_BYTES..header.frame_bytes()];
            frame::push_again(&mut again, header.stamp, &header, payload);
            assert_eq!(again[..header.frame_bytes()], input[..header.frame_bytes()]);
        }
    }
    let records: Vec<_> = input.split(|&byte| byte == 0).map(Bytes::copy_from_slice).collect();
    let stamp = Stamp { salt: 7, durable_through: 4096 };
    let mut out = Vec::new();
    frame::push_data(&mut out, stamp, 3, &records);
    let is_good = |bytes: &[u8]| {
        FrameHeader::decode(bytes, 7).is_ok_and(|header| {
            header.frame_bytes() <= bytes.len()
                && header.check(&bytes[..header.frame_bytes()]).is_ok()
        })
    };
    assert!(is_good(&out), "a frame reads back");
    let bit = input.iter().fold(0, |sum: usize, &byte| sum * 31 % 1_000_003 + usize::from(byte));
    let n_frame_bytes = HEADER_BYTES + frame::payload_bytes(&records);
    out[bit / 8 % n_frame_bytes] ^= 1 << (bit % 8);
    assert!(!is_good(&out), "a flipped bit is noticed");
}

/// A log of two segments with damage from the input: a start refuses, or finds a log that the next start finds again.
///
/// The first byte: even = the rest are changes, each a place (two bytes, low first) in the 64 KiB of both segments and a byte
/// to xor there; odd = the rest stands raw behind the header of the second one. 2 is set for a recycled second segment.
///
/// # Panics
/// When a start that found a log is followed by one that finds another.
pub fn fuzz_recovery(input: &[u8]) {
    let Some((&how, rest)) = input.split_first() else { return };
    let mut image = image(how & 2 != 0);
    if how & 1 == 0 {
        for change in rest.chunks_exact(3) {
            image[usize::from(change[0]) | usize::from(change[1]) << 8] ^= change[2];
        }
    } else {
        let start = (SEGMENT_BYTES + BLOCK_BYTES) as usize;
        let n_bytes = rest.len().min(image.len() - start);
        image[start..start + n_bytes].copy_from_slice(&rest[..n_bytes]);
    }
    let disk = SimDisk::new(u64::from(how));
    let folder = Folder::new(Arc::new(disk.clone()), PathBuf::from(DIR));
    folder.prepare().expect("the disk has no faults");
    let (one, two) = image.split_at(SEGMENT_BYTES as usize);
    for (base, content) in [(1, one), (5, two)] {
        disk.put(&folder.segment_path(base), content).expect("the disk has no faults");
    }
    let before = disk.content(&folder.segment_path(5)).expect("it was put there");
    let options = Options { segment_bytes_min: SEGMENT_BYTES, ..Options::new(Path::new(DIR)) };
    let Ok(found) = recover(&folder, &options).map(|ready| ready.recovered) else {
        let after = disk.content(&folder.segment_path(5)).expect("a refusal changes nothing");
        assert!(before == after, "a refusal changes nothing");
        return;
    };
    assert!(found.next > found.last && found.last >= found.first.saturating_sub(1), "{found:?}");
    let again = recover(&folder, &options).map(|ready| ready.recovered);
    let expected = Recovered { n_torn_bytes: 0, jumped: false, ..found };
    assert_eq!(again.expect("what one start accepts the next one accepts"), expected);
}

/// Two segments, one behind the other: two commits of two records, then three of which the last has two frames.
fn image(is_recycled: bool) -> Vec<u8> {
    let record =
        |n: u8| vec![Bytes::from(vec![n; 100]), Bytes::from(vec![0; usize::from(n) * 300])];
    let mut image = Vec::new();
    let mut seq = 1;
    for (base, commits) in [(1, vec![1, 1]), (5, vec![1, 1, 2])] {
        let start = image.len();
        let is_recycled = is_recycled && base > 1;
        let header = SegmentHeader {
            log_id: 9,
            salt: 100 + base,
            base,
            size_bytes: SEGMENT_BYTES,
            is_recycled,
        };
        image.extend(header.encode());
        for n_frames in commits {
            let mut commit = Vec::new();
            let stamp = Stamp { salt: 100 + base, durable_through: (image.len() - start) as u64 };
            for _ in 0..n_frames {
                frame::push_data(&mut commit, stamp, seq, &record(seq as u8));
                seq += 2;
            }
            commit.resize(align(commit.len() as u64) as usize, 0);
            image.extend(commit);
        }
        image.resize(start + SEGMENT_BYTES as usize, if is_recycled { 0xa5 } else { 0 });
    }
    image
}
