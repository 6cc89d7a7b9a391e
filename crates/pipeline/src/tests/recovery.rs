//! What a start finds in the log of batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use meter::Commits;
use model::{LogId, Seq, SeqRange};
use queue::{Bounds, Durability, MemoryQueue, Queue, QueueError, QueueReader, Record};
use store::BatchState;
use tokio::sync::watch;

use crate::batches::face::Batches;
use crate::batches::records::{BeginHead, EndHead, Head, PartHead, Progress};
use crate::batches::recovery;
use crate::batches::rules::RowFormat;
use crate::halt::Halt;
use crate::tests::lane_bench::{Bench, options, send, shared_options, wish};

fn port(code: &str) -> String {
    format!("{{\"code\":\"{code}\",\"name\":\"{code}\"}}\n")
}

/// Three whole batches, by their ids.
async fn three(batches: &Batches) -> Vec<String> {
    let mut ids = Vec::new();
    for code in ["A", "B", "C"] {
        let sent = send(batches, wish("ports", RowFormat::Ndjson), &port(code)).await.unwrap();
        ids.push(sent.batch.batch.id);
    }
    ids
}

#[tokio::test]
async fn a_batch_that_was_passed_over_is_cancelled_by_the_next_start() {
    let bench = Bench::new().await;
    let (batches, _lane) = bench.open(options()).await;
    let ids = three(&batches).await;
    batches.cancel(&ids[0], "somebody").await.unwrap();
    let cancelled_at = bench.queue.bounds().last;
    // As if the lane had committed the later ones, and died before it told the database of the cancellation.
    let found = recovery::scan(&bench.queue, cancelled_at.prev(), HashMap::new()).await.unwrap();
    let left: Vec<_> = found.entries.values().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let batch = &left[0].batch;
    assert_eq!((&batch.id, batch.state, batch.n_rows), (&ids[0], BatchState::Cancelled, 1));
    assert_eq!(left[0].decided, Some(cancelled_at));
    // Once the database has that too, nothing is left to do.
    let found = recovery::scan(&bench.queue, cancelled_at, HashMap::new()).await.unwrap();
    assert!(found.entries.is_empty());
}

#[tokio::test]
async fn a_start_does_not_look_in_the_database_for_what_was_passed_over() {
    let bench = Bench::new().await;
    let (batches, _lane) = bench.open(options()).await;
    let ids = three(&batches).await;
    batches.cancel(&ids[0], "somebody").await.unwrap();
    let applied = bench.queue.bounds().last;
    batches.cancel(&ids[2], "somebody").await.unwrap();
    // As if the lane had died between the two: right before it stands the commit record of what it does not have.
    let found = recovery::scan(&bench.queue, applied, HashMap::new()).await.unwrap();
    assert_eq!(found.newest_over.map(|(_, id)| id).as_ref(), Some(&ids[1]));
    assert_eq!((found.entries.len(), found.kept.len()), (1, 2));
    assert_eq!(found.entries[&ids[2]].batch.state, BatchState::Cancelled);
}

#[tokio::test]
async fn rows_of_a_try_that_came_to_nothing_do_not_count() {
    let bench = Bench::new().await;
    let (batches, _lane) = bench.open(options()).await;
    send(&batches, wish("ports", RowFormat::Ndjson), &port("A")).await.unwrap();
    let found = recovery::scan(&bench.queue, bench.queue.bounds().first.prev(), HashMap::new())
        .await
        .unwrap();
    let mut entry = found.entries.into_values().next().unwrap();
    entry.rows_applied.store(1, Ordering::Relaxed);
    for (state, n_rows) in [
        (BatchState::Applying, 1),
        (BatchState::Queued, 0),
        (BatchState::Cancelled, 0),
        (BatchState::Rejected, 0),
        (BatchState::Committed, 1),
    ] {
        entry.batch.state = state;
        assert_eq!(entry.view().rows_applied, n_rows, "{state:?}");
    }
}

#[tokio::test]
async fn a_start_goes_on_behind_what_it_keeps() {
    let bench = Bench::new().await;
    for code in ["A", "B"] {
        let lane = bench.run_with(shared_options()).await;
        let sent = send(&lane.batches, wish("ports", RowFormat::Ndjson), &port(code)).await;
        lane.over(&sent.unwrap().batch.batch.id).await;
        lane.stop().await;
    }
    let applied = bench.queue.bounds().last;
    let found = recovery::scan(&bench.queue, applied, HashMap::new()).await.unwrap();
    assert_eq!((found.entries.len(), found.kept.len()), (0, 2));
    assert_eq!(bench.ports(), ["A", "B"]);
}

/// As if it had come two days before.
fn aged(head: Head) -> Head {
    let us = |at_us: i64| at_us - 2 * 86_400_000_000;
    let progress = |progress: Progress| Progress { at_us: us(progress.at_us), ..progress };
    match head {
        Head::Begin(begin) => Head::Begin(BeginHead { at_us: us(begin.at_us), ..begin }),
        Head::Rows(part) => Head::Rows(PartHead { progress: progress(part.progress), ..part }),
        Head::Commit(end) => Head::Commit(EndHead { progress: progress(end.progress), ..end }),
        other => other,
    }
}

#[tokio::test]
async fn what_was_applied_right_before_a_start_stays_however_long_ago_it_came() {
    let mut bench = Bench::new().await;
    let lane = bench.run_with(shared_options()).await;
    let sent = send(&lane.batches, wish("ports", RowFormat::Ndjson), &port("A")).await.unwrap();
    lane.over(&sent.batch.batch.id).await;
    lane.stop().await;
    let log = MemoryQueue::new(bench.queue.log());
    let first = bench.queue.bounds().first;
    for record in bench.queue.reader(first).next(1 << 20).await.unwrap() {
        let (head, body) = Head::decode(&record.bytes).unwrap();
        log.append(vec![aged(head).encode(&body)]).await.unwrap();
    }
    assert_eq!(log.bounds(), bench.queue.bounds());
    bench.queue = log;
    let lane = bench.run_with(shared_options()).await;
    // It trims before it carries anything out.
    let sent = send(&lane.batches, wish("ports", RowFormat::Ndjson), &port("B")).await.unwrap();
    lane.over(&sent.batch.batch.id).await;
    assert_eq!(bench.queue.bounds().first, first);
    lane.stop().await;
}

/// A log that cannot be read at the moment.
struct Unreadable(MemoryQueue);

#[async_trait]
impl Queue for Unreadable {
    fn log(&self) -> LogId {
        self.0.log()
    }
    fn durability(&self) -> Durability {
        self.0.durability()
    }
    async fn append(&self, records: Vec<Bytes>) -> Result<SeqRange, QueueError> {
        self.0.append(records).await
    }
    fn bounds(&self) -> Bounds {
        self.0.bounds()
    }
    fn commits(&self) -> Arc<Commits> {
        self.0.commits()
    }
    fn left_bytes(&self) -> Option<u64> {
        self.0.left_bytes()
    }
    fn size_bytes(&self) -> u64 {
        self.0.size_bytes()
    }
    fn poisoned(&self) -> watch::Receiver<bool> {
        self.0.poisoned()
    }
    fn reader(&self, from: Seq) -> Box<dyn QueueReader> {
        Box::new(NoReader(from))
    }
    async fn trim(&self, before: Seq) -> Result<(), QueueError> {
        self.0.trim(before).await
    }
    async fn close(&self) -> Result<(), QueueError> {
        self.0.close().await
    }
}

struct NoReader(Seq);

#[async_trait]
impl QueueReader for NoReader {
    async fn next(&mut self, _bytes_max: usize) -> Result<Vec<Record>, QueueError> {
        Err(QueueError::Unreadable("too many open files".to_owned()))
    }
    fn position(&self) -> Seq {
        self.0
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_read_at_the_moment_is_read_later_and_one_without_a_part_is_an_alarm()
{
    let bench = Bench::new().await;
    let (batches, _lane) = bench.open(options()).await;
    send(&batches, wish("ports", RowFormat::Ndjson), &port("A")).await.unwrap();
    let error = recovery::scan(&Unreadable(bench.queue.clone()), Seq::ZERO, HashMap::new())
        .await
        .unwrap_err();
    assert!(matches!(Halt::from(error), Halt::Retry(why) if why.contains("open files")));
    // Its beginning is gone.
    bench.queue.trim(bench.queue.bounds().last).await.unwrap();
    let error = recovery::scan(&bench.queue, Seq::ZERO, HashMap::new()).await.unwrap_err();
    assert!(
        matches!(Halt::from(error), Halt::Alarm(why) if why.contains("the beginning of batch"))
    );
}
