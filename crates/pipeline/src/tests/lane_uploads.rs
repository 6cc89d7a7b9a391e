//! What becomes of an upload whose sender's future is dropped while its rows are on their way into the log.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use meter::Commits;
use model::{ContentHash, LogId, Seq, SeqRange};
use queue::{Bounds, Durability, MemoryQueue, Queue, QueueError, QueueReader};
use store::{BatchState, BatchStore};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::batches::lane::Lane;
use crate::batches::records::{BeginHead, EndHead, Head, PartHead, Progress};
use crate::batches::recovery;
use crate::batches::registry::Entry;
use crate::batches::rules::RowFormat;
use crate::batches::view::UploadWish;
use crate::tests::lane_bench::{Bench, WAIT, begin, options, wish};

/// A log whose appends wait for a gate.
struct Gated {
    queue: MemoryQueue,
    open: Semaphore,
    came: Notify,
}

#[async_trait]
impl Queue for Gated {
    fn log(&self) -> LogId {
        self.queue.log()
    }
    fn durability(&self) -> Durability {
        self.queue.durability()
    }
    async fn append(&self, records: Vec<Bytes>) -> Result<SeqRange, QueueError> {
        self.came.notify_one();
        let _permit = self.open.acquire().await.unwrap();
        self.queue.append(records).await
    }
    fn bounds(&self) -> Bounds {
        self.queue.bounds()
    }
    fn commits(&self) -> Arc<Commits> {
        self.queue.commits()
    }
    fn left_bytes(&self) -> Option<u64> {
        self.queue.left_bytes()
    }
    fn size_bytes(&self) -> u64 {
        self.queue.size_bytes()
    }
    fn poisoned(&self) -> watch::Receiver<bool> {
        self.queue.poisoned()
    }
    fn reader(&self, from: Seq) -> Box<dyn QueueReader> {
        self.queue.reader(from)
    }
    async fn trim(&self, before: Seq) -> Result<(), QueueError> {
        self.queue.trim(before).await
    }
    async fn close(&self) -> Result<(), QueueError> {
        self.queue.close().await
    }
}

fn rows(n: usize) -> String {
    let row = |n| format!("{{\"code\":\"{n}\",\"name\":\"{}\"}}\n", "x".repeat(200));
    (0..n).map(row).collect()
}

#[tokio::test]
async fn an_upload_that_is_dropped_while_a_part_is_written_goes_on_behind_that_part() {
    let bench = Bench::new().await;
    let gated = Gated { queue: bench.queue.clone(), open: Semaphore::new(1), came: Notify::new() };
    let gated = Arc::new(gated);
    let tables = bench.rules().await;
    let store = Arc::clone(&bench.store) as Arc<dyn BatchStore>;
    let queue = Arc::clone(&gated) as Arc<dyn Queue>;
    let (batches, lane) = Lane::open(queue, store, tables, options()).await.unwrap();
    let wish = UploadWish { resumable: true, ..wish("ports", RowFormat::Ndjson) };
    let mut upload = begin(&batches, wish).await.unwrap();
    let id = upload.id().to_owned();
    gated.came.notified().await;
    let closed = gated.open.acquire().await.unwrap();
    // More than one part; the push hangs in the first one.
    let body = rows(4_000);
    tokio::select! {
        biased;
        pushed = upload.push(Bytes::copy_from_slice(body.as_bytes())) => panic!("{pushed:?}"),
        () = gated.came.notified() => {}
    }
    drop(upload);
    drop(closed);
    let desk = &batches.desk;
    let is_left = |entry: &Entry| !entry.is_writing && !entry.is_attached;
    let left = desk.registry.until(|state| is_left(&state.entries[&id]).then_some(()));
    tokio::time::timeout(WAIT, left).await.unwrap();
    let offset = batches.batch(&id).await.unwrap().unwrap().upload_offset.unwrap();
    assert!(offset > 0, "the part that was on its way counts");
    let mut upload = batches.resume(&id, offset, "test").await.unwrap();
    let rest = &body.as_bytes()[usize::try_from(offset).unwrap()..];
    upload.push(Bytes::copy_from_slice(rest)).await.unwrap();
    upload.finish().await.unwrap();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(lane.run(shutdown.clone(), CancellationToken::new()));
    let view = batches.ended(&id, WAIT).await.unwrap().unwrap();
    assert_eq!(view.batch.state, BatchState::Committed, "{:?}", batches.standing().consumer);
    assert_eq!((view.batch.n_rows, bench.ports().len()), (4_000, 4_000));
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn after_a_start_an_upload_goes_on_where_parts_follow_each_other() {
    let id = || "b".to_owned();
    let begin = BeginHead {
        id: id(),
        table: "ports".to_owned(),
        mode: "append".to_owned(),
        format: "ndjson".to_owned(),
        application: None,
        sent_by: "test".to_owned(),
        label: None,
        key: None,
        resumable: true,
        at_us: 1,
        revalidates: None,
    };
    let progress = |rows| Progress { rows, offset: rows, ..Progress::nothing(ContentHash(0), 1) };
    let part = |nth, first_row, n: u32| {
        let rows = first_row + u64::from(n) - 1;
        Head::Rows(PartHead { id: id(), nth, n, first_row, progress: progress(rows) })
    };
    let end = |parts: Vec<u64>| {
        Head::Commit(EndHead { id: id(), bytes: 9, progress: progress(9), parts, n_before: 0 })
    };
    // The same number twice, and rows that are missing between two parts.
    for wrong in [part(0, 4, 6), part(1, 5, 5)] {
        let queue = MemoryQueue::new(LogId::new(7).unwrap());
        let records = [Head::Begin(begin.clone()), part(0, 1, 3), wrong];
        queue.append(records.iter().map(|head| head.encode(&[])).collect()).await.unwrap();
        let found = recovery::scan(&queue, Seq::ZERO, HashMap::new()).await.unwrap();
        let entry = &found.entries["b"];
        assert_eq!((entry.parts.len(), entry.progress.offset), (1, 3));
        // The rest is sent again, and counts.
        queue.append(vec![part(1, 4, 6).encode(&[])]).await.unwrap();
        let found = recovery::scan(&queue, Seq::ZERO, HashMap::new()).await.unwrap();
        assert_eq!((found.entries["b"].parts.len(), found.entries["b"].progress.rows), (2, 9));
        queue.append(vec![end(vec![2, 4]).encode(&[])]).await.unwrap();
        assert!(recovery::scan(&queue, Seq::ZERO, HashMap::new()).await.is_ok());
    }
}

#[tokio::test]
async fn a_batch_whose_beginning_the_log_refused_is_forgotten_also_where_nobody_waits() {
    let mut bench = Bench::new().await;
    bench.queue = MemoryQueue::with_bytes_max(LogId::new(7).unwrap(), 10);
    let gated = Gated { queue: bench.queue.clone(), open: Semaphore::new(0), came: Notify::new() };
    let gated = Arc::new(gated);
    let store = Arc::clone(&bench.store) as Arc<dyn BatchStore>;
    let queue = Arc::clone(&gated) as Arc<dyn Queue>;
    let (batches, _lane) = Lane::open(queue, store, bench.rules().await, options()).await.unwrap();
    let wish = UploadWish { resumable: true, ..wish("ports", RowFormat::Ndjson) };
    tokio::select! {
        biased;
        begun = begin(&batches, wish) => panic!("{:?}", begun.err()),
        () = gated.came.notified() => {}
    }
    let registry = &batches.desk.registry;
    assert_eq!(registry.with(|state| state.entries.len()), 1);
    gated.open.add_permits(1);
    // Whoever went on with it would be promised a batch whose beginning no start finds.
    let gone = registry.until(|state| state.entries.is_empty().then_some(()));
    tokio::time::timeout(WAIT, gone).await.unwrap();
}
