//! The embedded driver's run of the suite, and what only a disk can do.

use std::sync::Arc;

use bytes::Bytes;
use model::Seq;
use tempfile::TempDir;

use crate::embedded::{EmbeddedOptions, EmbeddedQueue};
use crate::error::QueueError;
use crate::queue::Queue;
use crate::tests::conformance::{self, seq};

fn open(dir: &TempDir, applied: Seq) -> Result<Arc<dyn Queue>, QueueError> {
    let (dir, applied) = (dir.path().join("log"), Some(applied));
    Ok(Arc::new(EmbeddedQueue::open(EmbeddedOptions { dir, applied, reserve_bytes_max: 0 })?))
}

#[tokio::test]
async fn embedded_conforms() {
    let dirs: Vec<TempDir> = (0..8).map(|_| tempfile::tempdir().unwrap()).collect();
    let empty = |n: usize| open(&dirs[n], Seq::ZERO).unwrap();
    conformance::an_empty_log_has_bounds(&*empty(0));
    conformance::records_come_back_in_order_and_as_they_were(&*empty(1)).await;
    conformance::an_empty_record_is_a_record(&*empty(2)).await;
    conformance::appends_at_once_stay_whole(&empty(3)).await;
    conformance::a_reader_waits_for_what_comes(&empty(4)).await;
    conformance::a_read_stops_at_its_bytes_but_never_at_nothing(&*empty(5)).await;
    conformance::trim_forgets_no_more_than_asked(&*empty(6)).await;
    conformance::nothing_is_appended_after_close(&*empty(7)).await;
}

#[tokio::test]
async fn a_log_keeps_its_name_records_and_numbers_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut id = None;
    for n in 0..5 {
        let queue = open(&dir, seq(n)).unwrap();
        assert_eq!(*id.get_or_insert(queue.log()), queue.log());
        assert_eq!(queue.bounds().last, seq(n));
        let range = queue.append(vec![Bytes::from(n.to_string())]).await.unwrap();
        assert_eq!(range.first, seq(n + 1));
        assert!(open(&dir, Seq::ZERO).is_err(), "one process on one log");
        queue.close().await.unwrap();
    }
}

#[tokio::test]
async fn after_a_cut_the_newest_record_is_the_one_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir, Seq::ZERO).unwrap();
    queue.append(vec![Bytes::from_static(b"kept"); 3]).await.unwrap();
    queue.close().await.unwrap();
    drop(queue);
    tear(&dir);
    for _ in 0..2 {
        // The second start finds no torn tail any more, but the numbers stay where they jumped to.
        let queue = open(&dir, Seq::ZERO).unwrap();
        let bounds = queue.bounds();
        assert_eq!((bounds.first, bounds.last), (seq(1), seq(3)));
        assert!(bounds.next > seq(1000), "{:?}", bounds.next);
        queue.close().await.unwrap();
    }
    let queue = open(&dir, Seq::ZERO).unwrap();
    let range = queue.append(vec![Bytes::from_static(b"new")]).await.unwrap();
    assert_eq!(queue.bounds().last, range.last);
    assert_eq!(queue.reader(seq(4)).next(1024).await.unwrap()[0].seq, range.first);
    queue.close().await.unwrap();
}

#[tokio::test]
async fn a_log_that_lacks_what_the_database_has_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir, Seq::ZERO).unwrap();
    queue.append(vec![Bytes::from_static(b"x")]).await.unwrap();
    queue.close().await.unwrap();
    drop(queue);
    assert!(matches!(open(&dir, seq(2)).err(), Some(QueueError::Behind(_))));
}

#[tokio::test]
async fn a_log_that_only_the_database_can_judge_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let unasked = || {
        let dir = dir.path().join("log");
        EmbeddedQueue::open(EmbeddedOptions { dir, applied: None, reserve_bytes_max: 0 })
    };
    assert!(matches!(unasked().err(), Some(QueueError::NeedsDatabase(_))), "there is none");
    let queue = open(&dir, Seq::ZERO).unwrap();
    queue.append(vec![Bytes::from_static(b"kept"); 3]).await.unwrap();
    queue.close().await.unwrap();
    drop(queue);
    let queue = unasked().unwrap();
    assert_eq!(queue.bounds().last, seq(3));
    queue.close().await.unwrap();
    drop(queue);
    tear(&dir);
    assert!(matches!(unasked().err(), Some(QueueError::NeedsDatabase(_))), "a tail to be cut");
    let queue = open(&dir, seq(3)).unwrap();
    queue.close().await.unwrap();
}

/// Leaves the beginning of a commit behind the last one, as a power cut would.
fn tear(dir: &TempDir) {
    let log = dir.path().join("log");
    let names = std::fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path());
    let last = names.filter(|path| path.extension().is_some_and(|end| end == "seg")).max().unwrap();
    let mut bytes = std::fs::read(&last).unwrap();
    let is_used = |block: &[u8]| block.iter().any(|byte| *byte != 0);
    let n_used = bytes.chunks(4096).take_while(|block| is_used(block)).count();
    bytes[n_used * 4096..][..300].fill(0xa5);
    std::fs::write(&last, bytes).unwrap();
}
