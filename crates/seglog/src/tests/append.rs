//! Appends: what `Ok` promises, what is refused, and what a failed fsync means.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use crate::log::Log;
use crate::options::Options;
use crate::queue::AppendError;
use crate::sim::disk::SimDisk;
use crate::tests::fault::FaultDisk;
use crate::tests::fixture::{
    eventually, fill, n_files, open, open_on, options, read_all, record, segments, snapshot,
    try_open,
};
use crate::verdict::OpenError;

#[tokio::test]
async fn records_read_back_before_and_after_a_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let nested = dir.path().join("a/b");
    let (log, recovered) = open(&nested);
    assert_eq!((recovered.first, recovered.next, recovered.jumped), (1, 1, false));
    let mut all = fill(&log, 20, 100).await;
    assert_eq!(log.append(vec![record(1, 3), Bytes::new()]).await, Ok((21, 22)));
    all.extend([(21, record(1, 3)), (22, Bytes::new())]);
    assert_eq!((read_all(&log), log.bounds()), (all.clone(), (1, 23)));
    let id = log.log_id();
    log.close().await;
    let (log, recovered) = open(&nested);
    assert_eq!((log.log_id(), recovered.log_id), (id, id));
    assert_eq!((recovered.last, recovered.next), (22, 23));
    assert_eq!((recovered.n_torn_bytes, recovered.jumped), (0, false));
    assert_eq!(log.append(vec![record(9, 9)]).await, Ok((23, 23)));
    all.push((23, record(9, 9)));
    assert_eq!(read_all(&log), all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_get_dense_seqs_and_each_append_stays_together() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let task = |n_task: u64| {
        let log = log.clone();
        async move {
            let mut mine = Vec::new();
            for n in 0..40 {
                let id = n_task * 1000 + n;
                let n_records = 1 + id as usize % 4;
                let records = vec![Bytes::from(id.to_string()); n_records];
                let (first, last) = log.append(records).await.unwrap();
                assert_eq!(last - first + 1, n_records as u64);
                mine.push((first, last, id));
            }
            assert!(mine.is_sorted(), "one caller's appends keep their order");
            mine
        }
    };
    let tasks: Vec<_> = (0..32).map(|n| tokio::spawn(task(n))).collect();
    let mut ranges = Vec::new();
    for task in tasks {
        ranges.extend(task.await.unwrap());
    }
    ranges.sort_unstable();
    let seqs =
        ranges.iter().flat_map(|&(first, last, id)| (first..=last).map(move |seq| (seq, id)));
    let seqs: Vec<_> = seqs.collect();
    assert!(seqs.iter().zip(1..).all(|(&(seq, _), expected)| seq == expected));
    assert_eq!(*log.head().borrow(), seqs.len() as u64 + 1);
    let expected: Vec<_> =
        seqs.iter().map(|&(seq, id)| (seq, Bytes::from(id.to_string()))).collect();
    assert_eq!(read_all(&log), expected);
    log.close().await;
    assert_eq!(read_all(&open(dir.path()).0), expected);
}

#[tokio::test]
async fn too_much_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let io = FaultDisk::default();
    let small = Options { queue_bytes_max: 1000, append_bytes_max: 700, ..options(dir.path()) };
    let (log, _) = Log::open(Arc::new(io.clone()), &small).unwrap();
    let too_large = log.append(vec![record(1, 697)]).await;
    assert!(
        matches!(too_large, Err(AppendError::TooLarge { size_bytes: 701, .. })),
        "{too_large:?}"
    );
    let too_many = log.append(vec![Bytes::new(); 1 << 20]).await;
    assert!(
        matches!(too_many, Err(AppendError::TooLarge { count: 1_048_576, .. })),
        "{too_many:?}"
    );

    io.0.set_gate(true);
    let waiting = tokio::spawn({
        let log = log.clone();
        async move { log.append(vec![record(2, 600)]).await }
    });
    tokio::task::yield_now().await;
    let full = log.append(vec![record(3, 600)]).await;
    assert!(matches!(full, Err(AppendError::Full { .. })), "{full:?}");
    io.0.set_gate(false);
    assert_eq!(waiting.await.unwrap(), Ok((1, 1)));
    assert_eq!(log.append(vec![record(3, 600)]).await, Ok((2, 2)));
}

#[tokio::test]
async fn a_caller_that_was_answered_is_not_refused_for_its_own_bytes() {
    let small = Options { queue_bytes_max: 700, ..options(Path::new("/sim/log")) };
    let (log, _) = Log::open(Arc::new(SimDisk::new(1)), &small).unwrap();
    for n in 1..3000 {
        assert_eq!(log.append(vec![record(n, 600)]).await, Ok((n, n)));
    }
}

#[tokio::test]
async fn one_process_holds_the_log_until_it_is_closed_or_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    assert!(matches!(try_open(dir.path(), None), Err(OpenError::Locked { .. })));
    log.append(vec![record(1, 1)]).await.unwrap();
    log.close().await;
    log.close().await;
    assert_eq!(log.append(vec![record(1, 1)]).await, Err(AppendError::Closed));
    assert!(log.trim(1).is_err());
    let (again, _) = open(dir.path());
    assert_eq!(read_all(&log).len(), 1, "a closed log can still be read");
    drop(again);
    assert_eq!(n_files(dir.path(), "spare"), 0, "nothing half-made is left behind");
    drop(open(dir.path()));
}

#[tokio::test]
async fn an_idle_log_seals_its_last_commit() {
    let dir = tempfile::tempdir().unwrap();
    let quick = Options { seal_after: Duration::from_millis(5), ..options(dir.path()) };
    let (log, _) = Log::open(Arc::new(crate::io::Disk), &quick).unwrap();
    log.append(vec![record(1, 10)]).await.unwrap();
    let seal_at = 4096 + 4096;
    eventually("a seal behind the commit", || {
        fs::read(&segments(dir.path())[0]).unwrap()[seal_at..].starts_with(b"EYFR\x02")
    })
    .await;
    // Rot in the sealed commit is no torn tail any more.
    let copy = snapshot(dir.path());
    let file = &segments(copy.path())[0];
    let mut bytes = fs::read(file).unwrap();
    bytes[4096 + 50] ^= 1;
    fs::write(file, bytes).unwrap();
    assert!(matches!(try_open(copy.path(), Some(0)), Err(OpenError::Corrupt { offset: 4096, .. })));
}

#[tokio::test]
async fn a_failed_fsync_poisons_and_is_never_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let io = FaultDisk::default();
    let log = open_on(Arc::new(io.clone()), dir.path());
    let all = fill(&log, 3, 50).await;
    eventually("the spare is made", || n_files(dir.path(), "spare") == 1).await;
    let mut poisoned = log.poisoned();
    assert!(!*poisoned.borrow());

    io.0.set_gate(true);
    io.0.fail_sync.store(true, Ordering::SeqCst);
    let append = |n| {
        let log = log.clone();
        tokio::spawn(async move { log.append(vec![record(n, 50)]).await })
    };
    let tasks: Vec<_> = (0..5).map(append).collect();
    tokio::task::yield_now().await;
    io.0.set_gate(false);
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Err(AppendError::Poisoned(_))));
    }
    poisoned.wait_for(|poisoned| *poisoned).await.unwrap();
    assert!(matches!(log.append(vec![record(9, 9)]).await, Err(AppendError::Poisoned(_))));
    assert!(log.poison_reason().unwrap().contains("injected") && log.trim(2).is_err());
    assert_eq!((read_all(&log), log.bounds()), (all.clone(), (1, 4)), "nothing unsafe is shown");
    log.close().await;
    assert_eq!(io.0.n_syncs_after_failure.load(Ordering::SeqCst), 0);

    let (log, _) = open(dir.path());
    let found = read_all(&log);
    assert!(found.starts_with(&all), "what was answered is there, what was unknown may be");
}
