//! The log stays behind a database that may lose commits, as long as it should and no longer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{ContentHash, Draft, Event, Seq, Timestamp};
use queue::{EmbeddedQueue, Queue};
use tempfile::TempDir;

use crate::keep::{Keep, Keeper};

/// 2026-11-01T08:00:00Z.
const NOW_US: i64 = 1_793_520_000_000_000;
const HOUR_US: i64 = 3_600_000_000;
const WAIT: Duration = Duration::from_secs(20);

fn at(hours: i64) -> Timestamp {
    Timestamp::from_micros(NOW_US + hours * HOUR_US)
}

fn seq(value: u64) -> Seq {
    Seq::new(value).unwrap()
}

fn record(received_at: Timestamp) -> Bytes {
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
        received_at,
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

/// A log of small segments with one record an hour, 1 to 100.
async fn log(dir: &TempDir) -> Arc<dyn Queue> {
    let queue = open(dir, 0);
    for hour in 1..=100 {
        queue.append(vec![record(at(hour))]).await.unwrap();
    }
    Arc::new(queue)
}

async fn first_kept(keep: Option<Keep>, applied: u64, now: Timestamp) -> (u64, bool) {
    let dir = TempDir::new().unwrap();
    let queue = log(&dir).await;
    let mut keeper = Keeper::new(Arc::clone(&queue), keep);
    keeper.trim(seq(applied), now).await.unwrap();
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
    let keep = |hours: u64, bytes| Some(Keep { time: Duration::from_hours(hours), bytes });
    // Whole segments go: about ten records each.
    let (by_time, is_short) = first_kept(keep(24, 1 << 40), 100, at(100)).await;
    assert!((60..=76).contains(&by_time) && !is_short, "{by_time}");
    let (by_bytes, is_short) = first_kept(keep(1_000, 4 << 20), 100, at(100)).await;
    assert!((61..=80).contains(&by_bytes) && is_short, "{by_bytes}");
    assert_eq!(first_kept(keep(1_000, 1 << 40), 100, at(100)).await, (1, false));
    let (not_applied, _) = first_kept(keep(0, 0), 50, at(1_000)).await;
    assert!((30..=51).contains(&not_applied), "{not_applied}");
    let (without, _) = first_kept(None, 100, at(100)).await;
    assert!(without > 85, "{without}");
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
        let keep = Keep { time: Duration::from_hours(1_000), bytes };
        let mut keeper = Keeper::new(Arc::clone(&queue), Some(keep));
        let trimmed = keeper.trim(seq(100), at(100));
        tokio::time::timeout(WAIT, trimmed).await.expect("nothing is waited for").unwrap();
        assert_eq!((queue.segments().len(), keeper.is_short()), (n_kept, bytes == 0));
    }
    queue.close().await.unwrap();
}
