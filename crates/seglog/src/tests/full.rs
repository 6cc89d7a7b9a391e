//! A full disk refuses appends and harms nothing; growing, large and recycled segments.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::queue::AppendError;
use crate::reader::ReadError;
use crate::segment::SegmentHeader;
use crate::tests::fault::FaultDisk;
use crate::tests::fixture::{fill, open, open_on, read_all, record, segments};

#[tokio::test]
async fn no_room_for_a_segment_refuses_and_recovers_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let io = FaultDisk::default();
    io.0.no_room.store(false, Ordering::SeqCst);
    let log = open_on(Arc::new(io.clone()), dir.path());
    io.0.no_room.store(true, Ordering::SeqCst);
    let mut all = Vec::new();
    let mut n_refused = 0;
    // Each commit takes a block, so the segments that exist are soon full.
    for n in 0..60 {
        match log.append(vec![record(n, 100)]).await {
            Ok((seq, _)) => all.push((seq, record(n, 100))),
            Err(AppendError::NoRoom(_)) => n_refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(n_refused > 0 && !*log.poisoned().borrow());
    assert_eq!(read_all(&log), all, "reading goes on");
    io.0.no_room.store(false, Ordering::SeqCst);
    let next = all.len() as u64 + 1;
    assert_eq!(log.append(vec![record(70, 100)]).await, Ok((next, next)), "no Seq was used up");
    all.push((next, record(70, 100)));
    log.close().await;
    assert_eq!(read_all(&open(dir.path()).0), all);
}

#[tokio::test]
async fn segments_grow_and_a_large_append_gets_a_large_one() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let large = log.append(vec![record(0, 300_000)]).await.unwrap();
    assert_eq!((large, segments(dir.path()).len()), ((1, 1), 1), "the empty segment is replaced");
    let all = fill(&log, 100, 200).await;
    let sizes: Vec<_> =
        segments(dir.path()).iter().map(|path| fs::metadata(path).unwrap().len()).collect();
    assert!(sizes[0] > 300_000 && sizes[1..].iter().all(|&size| size <= 128 * 1024), "{sizes:?}");
    log.close().await;
    let (log, _) = open(dir.path());
    let found = read_all(&log);
    assert_eq!((found[0].1.len(), &found[1..]), (300_000, &all[..]));
}

#[tokio::test]
async fn trimmed_segments_are_recycled_and_readers_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let mut slow = log.reader(1);
    let mut all = fill(&log, 10, 3000).await;
    assert_eq!(slow.read(1).unwrap().len(), 1);
    let mut n_recycled = 0;
    for _ in 0..20 {
        all.extend(fill(&log, 15, 3000).await);
        let next = log.bounds().1;
        log.trim(next - 20).unwrap();
        let first = log.bounds().0;
        assert!(first > 1 || next < 60);
        all.retain(|&(seq, _)| seq >= first);
        assert_eq!(read_all(&log), all);
        for path in segments(dir.path()) {
            let header = SegmentHeader::decode(&fs::read(path).unwrap()).unwrap();
            n_recycled += u64::from(header.is_recycled);
        }
    }
    assert!(n_recycled > 0);
    let first = log.bounds().0;
    // The first read may still be served from memory; then the reader must hear of it, whatever its
    // file holds now.
    let told = (0..100).find_map(|_| slow.read(1_000_000).err());
    assert!(matches!(told, Some(ReadError::Trimmed { first: f }) if f == first), "{told:?}");
    assert!(
        log.trim(u64::MAX).is_ok() && log.bounds().0 < log.bounds().1,
        "the last segment stays"
    );
    log.close().await;
    let (log, recovered) = open(dir.path());
    assert_eq!((recovered.n_torn_bytes, recovered.next), (0, all.last().unwrap().0 + 1));
    assert!(all.ends_with(&read_all(&log)));
}
