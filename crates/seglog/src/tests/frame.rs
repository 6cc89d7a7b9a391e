//! The frame and header codecs: what was written reads back, and nothing else does.

use bytes::Bytes;

use crate::frame::{
    BadFrame, FrameHeader, HEADER_BYTES, Kind, Stamp, push_again, push_data, push_seal,
};
use crate::recovery::jump;
use crate::segment::{BLOCK_BYTES, BadHeader, SEQ_END, SegmentHeader, base_of, name};

const STAMP: Stamp = Stamp { salt: 0x5a17, durable_through: 8192 };

fn decode(bytes: &[u8]) -> Result<FrameHeader, BadFrame> {
    let header = FrameHeader::decode(bytes, STAMP.salt)?;
    header.check(bytes)?;
    Ok(header)
}

fn frame(records: &[&'static [u8]]) -> Vec<u8> {
    let records: Vec<_> = records.iter().map(|record| Bytes::from_static(record)).collect();
    let mut out = Vec::new();
    push_data(&mut out, STAMP, 7, &records);
    out
}

#[test]
fn frames_read_back() {
    for records in [&[&b"one"[..]][..], &[b""], &[b"a", b"", b"four"], &[&[7; 300]]] {
        let bytes = frame(records);
        let header = decode(&bytes).unwrap();
        assert_eq!((header.kind, header.first_seq, header.stamp), (Kind::Data, 7, STAMP));
        assert_eq!(header.count as usize, records.len());
        assert!(bytes.len().is_multiple_of(8) && bytes.len() - header.frame_bytes() < 8);
        let mut again = Vec::new();
        push_again(&mut again, STAMP, &header, &bytes[HEADER_BYTES..header.frame_bytes()]);
        assert_eq!(again, bytes);
    }
    let mut seal = Vec::new();
    push_seal(&mut seal, STAMP, 9);
    let header = decode(&seal).unwrap();
    assert_eq!(
        (header.kind, header.count, header.first_seq, seal.len()),
        (Kind::Seal, 0, 9, HEADER_BYTES)
    );
}

#[test]
fn every_flipped_bit_of_a_frame_is_noticed() {
    let bytes = frame(&[b"some", b"record"]);
    let n_bits = decode(&bytes).unwrap().frame_bytes() * 8;
    for bit in 0..n_bits {
        let mut rotten = bytes.clone();
        rotten[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&rotten).is_err(), "bit {bit}");
    }
}

/// Writes fields into a header and makes its checksums right again.
fn forged(at: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = frame(&[b"some"]);
    bytes[at..at + value.len()].copy_from_slice(value);
    let n_bytes = HEADER_BYTES + 8;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..40]), &bytes[HEADER_BYTES..n_bytes]);
    bytes[40..44].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..44]);
    bytes[44..48].copy_from_slice(&crc.to_le_bytes());
    bytes
}

#[test]
fn headers_with_impossible_fields_are_refused() {
    let check =
        |at, value: &[u8], expected| assert_eq!(decode(&forged(at, value)), Err(expected), "{at}");
    assert!(decode(&forged(4, &[1])).is_ok());
    check(0, &[0; HEADER_BYTES], BadFrame::Magic);
    check(4, &[3], BadFrame::Fields); // a kind that does not exist
    check(5, &[1], BadFrame::Fields); // flags
    check(6, &[0, 1], BadFrame::Fields); // reserved
    check(8, &u32::MAX.to_le_bytes(), BadFrame::Fields); // a length that no memory should be asked for
    check(12, &0_u32.to_le_bytes(), BadFrame::Fields); // no records
    check(12, &2_u32.to_le_bytes(), BadFrame::Records); // more records than the payload holds
    check(12, &(1_u32 << 20).to_le_bytes(), BadFrame::Fields);
    check(16, &1_u64.to_le_bytes(), BadFrame::Salt);
    check(24, &0_u64.to_le_bytes(), BadFrame::Fields);
    check(24, &SEQ_END.to_le_bytes(), BadFrame::Fields);
    check(48, &9_u32.to_le_bytes(), BadFrame::Records); // a record that ends behind the payload
    assert_eq!(decode(&[0; 64]), Err(BadFrame::Zero));
}

#[test]
fn segment_headers_read_back_and_rot_is_noticed() {
    let header =
        SegmentHeader { log_id: 3, salt: 5, base: 7, size_bytes: 65536, is_recycled: true };
    let bytes = header.encode();
    assert_eq!(bytes.len() as u64, BLOCK_BYTES);
    assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
    for bit in 0..48 * 8 {
        let mut rotten = bytes.clone();
        rotten[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(SegmentHeader::decode(&rotten), Err(BadHeader::Damaged), "bit {bit}");
    }
    let mut newer = bytes;
    newer[8] = 2;
    let crc = crc32c::crc32c(&newer[..44]);
    newer[44..48].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(SegmentHeader::decode(&newer), Err(BadHeader::Version(2)));
    assert_eq!(SegmentHeader::decode(&[]), Err(BadHeader::Damaged));
}

#[test]
fn names_hold_the_base() {
    assert_eq!(name(42), "00000000000000000042.seg");
    assert_eq!(base_of(&name(42)), Some(42));
    let others =
        ["42.seg", "spare-1.pre", "00000000000000000042.seg.torn-1", "+0000000000000000042.seg"];
    for other in others.into_iter().chain(["00000000000000000000.seg", "99999999999999999999.seg"])
    {
        assert_eq!(base_of(other), None, "{other}");
    }
}

#[test]
fn the_jump_passes_everything_one_commit_can_have_used() {
    let step = 1 << 20;
    for next in [1, 2, 100, step - 1, step, step + 1, 2 * step, 5 * step + 17] {
        let jumped = jump(next);
        let last_used = next + step - 2;
        assert!(
            jumped > last_used && jumped <= last_used + step && jumped.is_multiple_of(step),
            "{next}"
        );
    }
}
