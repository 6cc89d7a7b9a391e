//! Rot: one flipped bit in any sector, or a file cut at any sector, is refused or costs only what
//! nobody vouched for; it is never silent.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;

use crate::log::Log;
use crate::sim::disk::SimDisk;
use crate::tests::fixture::{
    Random, fill, open, open_on, options, read_all, segments, snapshot, try_open,
};
use crate::verdict::OpenError;

const SIM_DIR: &str = "/sim/log";

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

/// The same two segments on a simulated disk, where thousands of copies cost nothing, after the process has ended.
async fn on_sim_disk(is_sealed: bool) -> (SimDisk, Vec<(u64, Bytes)>) {
    let disk = SimDisk::new(11);
    let log = open_on(Arc::new(disk.clone()), Path::new(SIM_DIR));
    let all = fill(&log, 9, 1800).await;
    if is_sealed {
        log.close().await;
    }
    let found = disk.kill();
    drop(log);
    assert_eq!(sim_segments(&found).len(), 2);
    (found, all)
}

fn sim_segments(disk: &SimDisk) -> Vec<PathBuf> {
    let mut files = disk.files();
    files.retain(|path| path.extension().is_some_and(|end| end == "seg"));
    files
}

/// Answers whether the log was refused, naming the file and a place at or before the damage; if not, only what nobody vouched
/// for may be gone, and not silently.
fn is_refused(disk: SimDisk, damage: (&Path, u64), all: &[(u64, Bytes)], n_safe: usize) -> bool {
    match Log::open(Arc::new(disk), &options(Path::new(SIM_DIR))) {
        Ok((log, recovered)) => {
            let found = read_all(&log);
            assert!(
                found.len() >= n_safe && all.starts_with(&found),
                "{damage:?}: {}",
                found.len()
            );
            let is_told = recovered.n_torn_bytes > 0 && recovered.jumped;
            assert!(found.len() == all.len() || is_told, "{damage:?}: a silent loss");
            false
        }
        Err(OpenError::Corrupt { file, offset, .. }) => {
            assert_eq!(
                (file.as_path(), offset <= damage.1),
                (damage.0, true),
                "{offset} {damage:?}"
            );
            true
        }
        Err(error) => panic!("{damage:?}: {error}"),
    }
}

#[tokio::test]
async fn one_flipped_bit_in_any_sector_is_never_a_silent_loss() {
    for is_sealed in [true, false] {
        let (disk, all) = on_sim_disk(is_sealed).await;
        let n_safe = if is_sealed { all.len() } else { all.len() - 1 };
        let mut random = Random(11);
        let mut n_refused = 0;
        for path in sim_segments(&disk) {
            for sector in 0..disk.content(&path).unwrap().len() as u64 / 512 {
                // The first bytes of a sector are the ones that hold headers.
                for at in [random.next() % 48, random.next() % 512] {
                    let byte = sector * 512 + at;
                    let rotten = disk.kill();
                    rotten.flip_bit(&path, byte * 8 + random.next() % 8).unwrap();
                    n_refused += usize::from(is_refused(rotten, (&path, byte), &all, n_safe));
                }
            }
        }
        assert!(n_refused > 40, "{n_refused}");
    }
}

#[tokio::test]
async fn a_file_cut_at_any_sector_is_refused() {
    for is_sealed in [true, false] {
        let (disk, all) = on_sim_disk(is_sealed).await;
        for path in sim_segments(&disk) {
            for n_sectors in 0..disk.content(&path).unwrap().len() as u64 / 512 {
                let cut = disk.kill();
                cut.truncate(&path, n_sectors * 512).unwrap();
                let damage = (path.as_path(), n_sectors * 512);
                assert!(is_refused(cut, damage, &all, all.len()), "{n_sectors} were accepted");
            }
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
