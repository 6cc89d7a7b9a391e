//! Rot: one flipped bit in any sector, or a file cut at any sector, is refused or costs only what
//! nobody vouched for; it is never silent.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use tempfile::TempDir;

use crate::tests::fixture::{Random, fill, open, read_all, segments, snapshot, try_open};
use crate::verdict::OpenError;

/// Two segments. Sealed: everything is vouched for; else all but the last commit.
async fn two_segments(is_sealed: bool) -> (TempDir, Vec<(u64, Bytes)>) {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let all = fill(&log, 9, 1800).await;
    if is_sealed {
        log.close().await;
    }
    let copy = snapshot(dir.path());
    assert_eq!(segments(copy.path()).len(), 2);
    (copy, all)
}

/// Answers whether the damaged log was refused; if not, `n_safe` records must be there.
fn check(dir: &Path, all: &[(u64, Bytes)], n_safe: usize, what: &str) -> bool {
    match try_open(dir, Some(0)) {
        Ok((log, recovered)) => {
            let found = read_all(&log);
            assert!(
                found.len() >= n_safe && all.starts_with(&found),
                "{what}: {} left",
                found.len()
            );
            assert!(
                found.len() == all.len() || recovered.n_torn_bytes > 0,
                "{what}: a silent loss"
            );
            false
        }
        Err(OpenError::Corrupt { .. } | OpenError::Version { .. }) => true,
        Err(error) => panic!("{what}: {error}"),
    }
}

#[tokio::test]
async fn one_flipped_bit_in_any_sector_is_never_a_silent_loss() {
    for is_sealed in [true, false] {
        let (dir, all) = two_segments(is_sealed).await;
        let n_safe = if is_sealed { all.len() } else { all.len() - 1 };
        let mut random = Random(11);
        let mut n_refused = 0;
        for path in segments(dir.path()) {
            let name = path.file_name().unwrap();
            let image = fs::read(&path).unwrap();
            for sector in 0..image.len() / 512 {
                // The first bytes of a sector are the ones that hold headers.
                for at in [random.next() as usize % 48, random.next() as usize % 512] {
                    // Most sectors hold nothing; every third of those will do.
                    let bytes = &image[sector * 512..(sector + 1) * 512];
                    if bytes.iter().all(|&byte| byte == 0) && !random.next().is_multiple_of(3) {
                        continue;
                    }
                    let mut rotten = image.clone();
                    rotten[sector * 512 + at] ^= 1 << (random.next() % 8);
                    let copy = snapshot(dir.path());
                    fs::write(copy.path().join(name), rotten).unwrap();
                    let what = format!("sealed {is_sealed}, {name:?}, sector {sector}, byte {at}");
                    n_refused += usize::from(check(copy.path(), &all, n_safe, &what));
                }
            }
        }
        assert!(n_refused > 40, "{n_refused}");
    }
}

#[tokio::test]
async fn a_file_cut_at_any_sector_is_refused() {
    let (dir, all) = two_segments(true).await;
    for path in segments(dir.path()) {
        let image = fs::read(&path).unwrap();
        for n_sectors in 0..image.len() / 512 {
            let copy = snapshot(dir.path());
            fs::write(copy.path().join(path.file_name().unwrap()), &image[..n_sectors * 512])
                .unwrap();
            assert!(
                check(copy.path(), &all, all.len(), "cut"),
                "{n_sectors} sectors were accepted"
            );
        }
    }
}

#[tokio::test]
async fn a_missing_or_foreign_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let all = fill(&log, 60, 2500).await;
    log.close().await;
    assert!(segments(dir.path()).len() >= 3);
    let copy = snapshot(dir.path());
    fs::remove_file(&segments(copy.path())[1]).unwrap();
    assert!(check(copy.path(), &all, all.len(), "a hole"));
    let (other, _) = two_segments(true).await;
    let copy = snapshot(dir.path());
    let last = segments(copy.path()).pop().unwrap();
    fs::copy(&segments(other.path())[0], last).unwrap();
    assert!(check(copy.path(), &all, all.len(), "another log's segment"));
}
