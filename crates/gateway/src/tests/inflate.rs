//! Packed bodies give what was packed, however they are cut; bombs and halves are told.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::decoding::Coding;
use crate::inflate::Inflate;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

/// What comes out, or the code of the refusal; and the largest piece.
fn unpack(coding: Coding, body: &[u8], cut: usize) -> (Result<Vec<u8>, &'static str>, usize) {
    let mut inflate = Inflate::new(coding).unwrap();
    let (mut out, mut largest) = (Vec::new(), 0);
    for piece in body.chunks(cut) {
        inflate.feed(Bytes::copy_from_slice(piece));
        loop {
            match inflate.next() {
                Ok(Some(bytes)) => {
                    largest = largest.max(bytes.len());
                    out.extend_from_slice(&bytes);
                }
                Ok(None) => break,
                Err(problem) => return (Err(problem.facts().code), largest),
            }
        }
    }
    match inflate.finish() {
        Ok(last) => out.extend_from_slice(&last),
        Err(problem) => return (Err(problem.facts().code), largest),
    }
    (Ok(out), largest)
}

fn rows(n: u32) -> Vec<u8> {
    (0..n).flat_map(|n| format!("{n},{}\n", n.wrapping_mul(2_654_435_761)).into_bytes()).collect()
}

#[test]
fn what_was_packed_comes_out_however_it_is_cut() {
    let whole = rows(60_000);
    let (first, second) = whole.split_at(1_000);
    for cut in [1, 7, 4_096, usize::MAX] {
        let check = |coding, body: &[u8]| {
            let cut = cut.min(body.len());
            assert!(unpack(coding, body, cut).0 == Ok(whole.clone()), "{coding:?} cut at {cut}");
        };
        check(Coding::Identity, &whole);
        check(Coding::Gzip, &gzip(&whole));
        check(Coding::Gzip, &[gzip(first), gzip(second)].concat());
        check(Coding::Zstd, &zstd(&whole));
        check(Coding::Zstd, &[zstd(first), zstd(second)].concat());
    }
    for coding in [Coding::Identity, Coding::Gzip, Coding::Zstd] {
        assert_eq!(unpack(coding, b"", 1).0, Ok(Vec::new()));
    }
}

#[test]
fn half_a_body_and_rubbish_are_told() {
    let whole = rows(5_000);
    for (coding, packed) in [(Coding::Gzip, gzip(&whole)), (Coding::Zstd, zstd(&whole))] {
        for length in [1, 5, packed.len() / 2, packed.len() - 1] {
            let (unpacked, _) = unpack(coding, &packed[..length], 100);
            assert_eq!(unpacked, Err("bad_encoding"), "{coding:?} {length}");
        }
        assert_eq!(unpack(coding, b"slug,name\na,A\n", 5).0, Err("bad_encoding"));
    }
}

#[test]
fn a_bomb_is_given_up_in_small_steps() {
    let zeros = vec![0; 200 << 20];
    for (coding, bomb) in [(Coding::Gzip, gzip(&zeros)), (Coding::Zstd, zstd(&zeros))] {
        let (unpacked, largest) = unpack(coding, &bomb, bomb.len());
        assert_eq!(unpacked, Err("body_too_large"), "{coding:?}");
        assert!(largest <= 4 << 20, "{coding:?}: {largest}");
    }
}
