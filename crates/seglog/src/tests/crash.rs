//! The process may die at any step of a start, a roll or a trim; what was answered is there
//! afterwards, and the start after that is an ordinary one.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::log::Log;
use crate::options::Options;
use crate::tests::fault::FaultDisk;
use crate::tests::fixture::{
    fill, n_files, open, options, read_all, record, segments, snapshot, try_open,
};

fn dying_after(n_changes: i64) -> FaultDisk {
    let io = FaultDisk::default();
    io.0.n_changes_left.store(n_changes, Ordering::SeqCst);
    io
}

fn open_dying(dir: &Path, n_changes: i64) -> Option<Log> {
    Log::open(Arc::new(dying_after(n_changes)), &options(dir)).ok().map(|(log, _)| log)
}

#[tokio::test]
async fn dying_at_any_step_of_a_start_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let all = fill(&log, 10, 1800).await;
    let whole = snapshot(dir.path());
    fs::write(whole.path().join("spare-3.pre"), b"half a spare").unwrap();
    // The same with a torn commit behind it.
    log.append(vec![record(77, 9000)]).await.unwrap();
    let torn = snapshot(dir.path());
    let file = segments(torn.path()).pop().unwrap();
    let mut image = fs::read(&file).unwrap();
    let end = image.iter().rposition(|&byte| byte != 0).unwrap();
    image[end - 5000..].fill(0);
    fs::write(&file, image).unwrap();

    for (start, is_torn) in [(&whole, false), (&torn, true)] {
        let mut n_deaths = 0;
        for n_changes in 0.. {
            let copy = snapshot(start.path());
            fs::write(copy.path().join("spare-0.pre"), b"half a spare").unwrap();
            let survived = open_dying(copy.path(), n_changes);
            let is_over = survived.is_some();
            drop(survived);
            let (log, recovered) = try_open(copy.path(), Some(all.len() as u64)).unwrap();
            assert_eq!(read_all(&log), all, "died after {n_changes} changes");
            assert_eq!(recovered.next, if is_torn { 2 << 20 } else { all.len() as u64 + 1 });
            drop(log);
            assert_eq!(n_files(copy.path(), "spare"), 0);
            if is_over {
                break;
            }
            n_deaths += 1;
        }
        assert!(n_deaths >= 8, "{n_deaths}");
    }
}

#[tokio::test]
async fn dying_at_any_step_of_rolls_and_trims_keeps_what_was_answered() {
    for n_changes in (0..60).step_by(2).chain((61..400).step_by(17)) {
        let dir = tempfile::tempdir().unwrap();
        let io = dying_after(n_changes);
        let opened = Log::open(Arc::new(io), &options(dir.path()));
        let mut answered: Vec<(u64, Bytes)> = Vec::new();
        let mut trimmed_before = 1;
        if let Ok((log, _)) = opened {
            for n in 0..120 {
                let record = record(n, 2500);
                let Ok((seq, _)) = log.append(vec![record.clone()]).await else { break };
                answered.push((seq, record));
                if n % 30 == 29 {
                    trimmed_before = seq - 10;
                    // It may fail: the disk is dying.
                    let _ = log.trim(trimmed_before);
                }
            }
        }
        let (log, recovered) = open(dir.path());
        assert!(recovered.first <= trimmed_before, "died after {n_changes} changes");
        answered.retain(|&(seq, _)| seq >= recovered.first);
        let found = read_all(&log);
        assert!(found.starts_with(&answered), "died after {n_changes} changes");
        assert!(found.len() <= answered.len() + 1, "one append was unknown");
        assert_eq!(n_files(dir.path(), "torn-"), usize::from(recovered.jumped));
    }
}

#[tokio::test]
async fn a_segment_that_was_named_but_never_used_is_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let all = fill(&log, 3, 100).await;
    log.close().await;
    for n in 0..4 {
        let (log, recovered) = open(dir.path());
        assert_eq!((read_all(&log), recovered.next, recovered.jumped), (all.clone(), 4, false));
        assert_eq!(segments(dir.path()).len(), 2, "empty segments do not pile up, start {n}");
    }
}

#[tokio::test]
async fn a_tail_that_nobody_vouches_for_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let all = fill(&log, 3, 100).await;
    let copy = snapshot(dir.path());
    drop(log);
    let (log, _) = open(copy.path());
    let names: Vec<_> =
        segments(copy.path()).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["00000000000000000001.seg", "00000000000000000003.seg"]);
    assert_eq!(read_all(&log), all);
    drop(log);
    // The old segment is judged only up to the base of the new one.
    let file = &segments(copy.path())[0];
    let mut image = fs::read(file).unwrap();
    image[4096 * 3 + 60] ^= 1;
    fs::write(file, &image).unwrap();
    assert_eq!(read_all(&open(copy.path()).0), all);
    image[4096 * 2 + 60] ^= 1;
    fs::write(file, &image).unwrap();
    assert!(try_open(copy.path(), Some(0)).is_err());
    // A tail that is all there is takes the place of its segment.
    let one = tempfile::tempdir().unwrap();
    let (log, _) = open(one.path());
    let all = fill(&log, 1, 100).await;
    let copy = snapshot(one.path());
    let (log, _) = open(copy.path());
    assert_eq!((read_all(&log), segments(copy.path()).len()), (all, 1));
}

#[tokio::test]
async fn a_tail_larger_than_a_segment_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let records = vec![record(1, 200_000), record(2, 200_000)];
    log.append(records.clone()).await.unwrap();
    let copy = snapshot(dir.path());
    let all: Vec<_> = (1..).zip(records).collect();
    for _ in 0..3 {
        let small = Options { segment_bytes_min: 16 * 1024, ..options(copy.path()) };
        let (log, _) = Log::open(Arc::new(crate::io::Disk), &small).unwrap();
        assert_eq!(read_all(&log), all);
    }
}
