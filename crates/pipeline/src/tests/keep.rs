//! The log stays behind a database that may lose commits, as long as it should and no longer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::{ContentHash, Draft, Event, Seq, Timestamp};
use queue::{EmbeddedQueue, Queue};
use tempfile::TempDir;

use crate::keep::{Keep, Keeper};

const WAIT: Duration = Duration::from_secs(20);

fn seq(value: u64) -> Seq {
    Seq::new(value).unwrap()
}

/// It came in 1970.
fn record() -> Bytes {
    let data = format!("\"{}\"", "x".repeat(100_000));
    Event::encode(&Draft {
        id: "a",
        id_from_client: false,
        undecided: false,
        stream: "events",
        application: None,
        session_id: None,
        category: None,
        name: None,
        data: &data,
        timestamp: None,
        received_at: Timestamp::from_micros(0),
        valid: true,
        errors: "[]",
        schema_version: None,
        hash: ContentHash(1),
    })
}

fn open(dir: &TempDir, applied: u64) -> EmbeddedQueue {
    let settings = seglog::Options {
        applied: Some(applied),
        segment_bytes_min: 1 << 20,
        segment_bytes_max: 1 << 20,
        ..seglog::Options::new(dir.path().join("log"))
    };
    EmbeddedQueue::open_on(Arc::new(seglog::Disk), &settings).unwrap()
}

/// A log of small segments with the records 1 to 100.
async fn log(dir: &TempDir) -> Arc<dyn Queue> {
    let queue = open(dir, 0);
    for _ in 1..=100 {
        queue.append(vec![record()]).await.unwrap();
    }
    Arc::new(queue)
}

const fn hours(n: u64) -> Duration {
    Duration::from_hours(n)
}

/// Where a log begins whose events were applied one an hour, up to `applied`, and whether less of it is kept than the time asks for.
async fn first_kept(keep: Option<Keep>, applied: u64) -> (u64, bool) {
    let dir = TempDir::new().unwrap();
    let queue = log(&dir).await;
    let (mut keeper, begun) = (Keeper::new(Arc::clone(&queue), keep), Instant::now());
    for hour in 1..=applied {
        keeper.trim(seq(hour), begun + hours(hour)).await.unwrap();
    }
    let first = queue.bounds().first.get();
    // All that is kept can be read again, and nothing of it has gone.
    let records = queue.reader(seq(first)).next(1 << 30).await.unwrap();
    assert_eq!(records.first().unwrap().seq.get(), first);
    assert_eq!(queue.reader(seq(100)).next(1).await.unwrap().len(), 1);
    queue.close().await.unwrap();
    (first, keeper.is_short())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_the_log_stays_or_so_many_bytes_and_never_what_is_not_applied() {
    let keep = |time: u64, bytes| Some(Keep { time: hours(time), bytes });
    // Whole segments go: about ten records each.
    let (by_time, is_short) = first_kept(keep(24, 1 << 40), 100).await;
    assert!((60..=76).contains(&by_time) && !is_short, "{by_time}");
    let (by_bytes, is_short) = first_kept(keep(1_000, 4 << 20), 100).await;
    assert!((61..=80).contains(&by_bytes) && is_short, "{by_bytes}");
    assert_eq!(first_kept(keep(1_000, 1 << 40), 100).await, (1, false));
    let (not_applied, _) = first_kept(keep(0, 0), 50).await;
    assert!((30..=51).contains(&not_applied), "{not_applied}");
    let (without, _) = first_kept(None, 100).await;
    assert!(without > 85, "{without}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_applied_a_moment_ago_stays_however_long_ago_it_came() {
    let dir = TempDir::new().unwrap();
    let queue = log(&dir).await;
    let keep = Keep { time: hours(24), bytes: 1 << 40 };
    let (mut keeper, begun) = (Keeper::new(Arc::clone(&queue), Some(keep)), Instant::now());
    // Nobody could apply them for days, and then all of them at once.
    for applied in [50, 100] {
        keeper.trim(seq(applied), begun).await.unwrap();
    }
    keeper.trim(seq(100), begun + hours(23)).await.unwrap();
    assert_eq!((queue.bounds().first, keeper.is_short()), (seq(1), false));
    // A start does not know how long ago that was.
    let mut keeper = Keeper::new(Arc::clone(&queue), Some(keep));
    keeper.trim(seq(100), begun + hours(23)).await.unwrap();
    keeper.trim(seq(100), begun + hours(46)).await.unwrap();
    assert_eq!((queue.bounds().first, keeper.is_short()), (seq(1), false));
    // The database went back, and what it lost was applied to it again.
    keeper.trim(seq(40), begun + hours(46)).await.unwrap();
    keeper.trim(seq(100), begun + hours(46)).await.unwrap();
    keeper.trim(seq(100), begun + hours(48)).await.unwrap();
    let first = queue.bounds().first.get();
    assert!((30..=41).contains(&first) && !keeper.is_short(), "{first}");
    keeper.trim(seq(100), begun + hours(71)).await.unwrap();
    assert!(queue.bounds().first > seq(85), "{}", queue.bounds().first);
    queue.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_opened_again_is_trimmed_without_waiting_for_its_next_record() {
    let dir = TempDir::new().unwrap();
    log(&dir).await.close().await.unwrap();
    let queue: Arc<dyn Queue> = Arc::new(open(&dir, 100));
    let (last, _) = *queue.segments().last().unwrap();
    assert_eq!(last, queue.bounds().next, "it goes on in a segment that is empty");
    let n_segments = queue.segments().len();
    for (bytes, n_kept) in [(1 << 40, n_segments), (0, 1)] {
        let mut keeper = Keeper::new(Arc::clone(&queue), Some(Keep { time: hours(1_000), bytes }));
        let trimmed = keeper.trim(seq(100), Instant::now());
        tokio::time::timeout(WAIT, trimmed).await.expect("nothing is waited for").unwrap();
        assert_eq!((queue.segments().len(), keeper.is_short()), (n_kept, bytes == 0));
    }
    queue.close().await.unwrap();
}
