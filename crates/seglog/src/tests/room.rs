//! The watch over the disk: what is kept free, when appends are refused, and when they are taken again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::log::Log;
use crate::options::Options;
use crate::queue::AppendError;
use crate::room::Plan;
use crate::tests::fault::FaultDisk;
use crate::tests::fixture::{eventually, fill, open, options, read_all, record};

const MIB: u64 = 1024 * 1024;

fn open_watched(io: &FaultDisk, dir: &Path, reserve_bytes_max: u64) -> Log {
    let options = Options { reserve_bytes_max, ..options(dir) };
    Log::open(Arc::new(io.clone()), &options).unwrap().0
}

#[test]
fn the_reserve_scales_with_the_disk_and_grows_with_the_backlog() {
    let small = Plan::of(512 * MIB, 64 * MIB);
    assert_eq!((small.reserve_bytes, small.ballast_bytes), (8 * MIB, 4 * MIB));
    let large = Plan::of(512 * MIB, 1 << 40);
    assert_eq!((large.reserve_bytes, large.ballast_bytes), (512 * MIB, 256 * MIB));
    assert_eq!(small.need_bytes(0, false), 8 * MIB);
    assert_eq!(small.need_bytes(10 * MIB, false), 38 * MIB);
    assert_eq!(small.need_bytes(0, true), 9 * MIB, "the answer does not flicker");
    assert_eq!(large.need_bytes(u64::MAX, true), u64::MAX);
}

#[tokio::test]
async fn a_short_disk_refuses_before_anything_is_written_and_recovers_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let io = FaultDisk::default();
    io.0.free_bytes.store(500 * MIB, Ordering::SeqCst);
    let log = open_watched(&io, dir.path(), 16 * MIB);
    let mut all = fill(&log, 5, 100).await;
    // It is there before it has its length.
    let ballast = dir.path().join("ballast");
    eventually("a ballast", || ballast.metadata().is_ok_and(|found| found.len() == 8 * MIB)).await;

    // Less than the reserve, ballast included, and still enough not to give that up.
    io.0.free_bytes.store(3 * MIB, Ordering::SeqCst);
    eventually("a refusal", || log.shortage().is_some()).await;
    let refused = log.append(vec![record(9, 100)]).await;
    assert!(
        matches!(&refused, Err(AppendError::NoRoom(why)) if why.contains("11.0 MiB free")),
        "{refused:?}"
    );
    assert_eq!(read_all(&log), all, "reading goes on");
    assert!(dir.path().join("ballast").exists());

    // Somebody else takes the rest: the ballast is for the database now.
    io.0.free_bytes.store(MIB, Ordering::SeqCst);
    eventually("no ballast", || !dir.path().join("ballast").exists()).await;
    io.0.free_bytes.store(9 * MIB, Ordering::SeqCst);
    assert!(matches!(log.append(vec![record(9, 100)]).await, Err(AppendError::NoRoom(_))));

    io.0.free_bytes.store(100 * MIB, Ordering::SeqCst);
    eventually("room again", || log.shortage().is_none()).await;
    let next = all.len() as u64 + 1;
    assert_eq!(log.append(vec![record(9, 100)]).await, Ok((next, next)), "no Seq was used up");
    all.push((next, record(9, 100)));
    eventually("a ballast again", || dir.path().join("ballast").exists()).await;
    log.close().await;
    assert!(dir.path().join("ballast").exists(), "it stays for the next start");
    assert_eq!(read_all(&open(dir.path()).0), all);
}

#[tokio::test]
async fn a_long_backlog_keeps_more_room_until_it_is_in_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let io = FaultDisk::default();
    io.0.free_bytes.store(500 * MIB, Ordering::SeqCst);
    let log = open_watched(&io, dir.path(), 2 * MIB);
    fill(&log, 100, 30_000).await;
    io.0.free_bytes.store(5 * MIB, Ordering::SeqCst);
    eventually("a refusal", || log.shortage().is_some()).await;
    log.trim(log.bounds().1).unwrap();
    eventually("the database has taken it all", || log.shortage().is_none()).await;
}

#[tokio::test]
async fn a_full_disk_does_not_keep_the_log_from_starting_while_there_is_a_ballast() {
    let dir = tempfile::tempdir().unwrap();
    let io = FaultDisk::default();
    io.0.free_bytes.store(500 * MIB, Ordering::SeqCst);
    let log = open_watched(&io, dir.path(), 16 * MIB);
    let all = fill(&log, 5, 100).await;
    eventually("a ballast", || dir.path().join("ballast").exists()).await;
    log.close().await;
    io.0.free_bytes.store(0, Ordering::SeqCst);
    Log::make_room(Arc::new(io.clone()), dir.path().to_owned());
    assert!(!dir.path().join("ballast").exists());
    let log = open_watched(&io, dir.path(), 16 * MIB);
    assert!(matches!(log.append(vec![record(9, 100)]).await, Err(AppendError::NoRoom(_))));
    assert_eq!(read_all(&log), all);
}
