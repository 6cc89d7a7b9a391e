//! The corpus of the fuzz targets, and what is near it, goes through the same functions in every run of the suite.

use std::fs;
use std::path::Path;

use crate::sim::fuzz::{fuzz_frame, fuzz_recovery};
use crate::sim::random::Random;

/// Every file of the corpus, and some variations of each.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut random = Random::of(1, target);
    let mut n_files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let input = fs::read(entry.unwrap().path()).unwrap();
        check(&input);
        for _ in 0..50 {
            let mut near = input.clone();
            near.truncate(1 + random.below(near.len().max(1) as u64 * 2) as usize);
            for _ in 0..random.below(4) {
                if let Some(at) = random.next().checked_rem(near.len() as u64) {
                    near[at as usize] = random.next() as u8;
                }
            }
            check(&near);
        }
        n_files += 1;
    }
    assert!(n_files >= 5, "{n_files} files in {}", folder.display());
}

#[test]
fn the_corpus_of_frames_holds() {
    replay("frame", fuzz_frame);
}

#[test]
fn the_corpus_of_recovery_holds() {
    replay("recovery", fuzz_recovery);
}
