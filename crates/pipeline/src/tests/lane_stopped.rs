//! A lane that stands before a batch which the database does not take, through no fault of its rows: it names that batch, and
//! whoever cancels it lets the others pass.

use std::time::Duration;

use store::BatchState;
use tokio::time::{Instant, sleep};

use crate::batches::desk::LaneOptions;
use crate::batches::rules::RowFormat;
use crate::meters::ConsumerState;
use crate::tests::lane_bench::{Bench, Running, TWO_PORTS, WAIT, options, send, wish};

/// No batch of the ports can be kept as committed; the end of one that was cancelled can.
const BLOCK: &str = "CREATE TRIGGER no_ports BEFORE INSERT ON eyas_batches
    WHEN NEW.table_name = 'ports' AND NEW.state = 'committed'
    BEGIN SELECT RAISE(ABORT, 'no ports today'); END";

/// Tries again later than any test waits.
fn patient() -> LaneOptions {
    let mut options = options();
    options.tenancy.refused_retry = Duration::from_hours(1);
    options
}

/// The lane's reason, once it has stopped.
async fn reason(lane: &Running) -> String {
    let end = Instant::now() + WAIT;
    loop {
        if let ConsumerState::Stopped { reason } = lane.batches.standing().consumer {
            return reason;
        }
        assert!(Instant::now() < end, "it never stopped: {:?}", lane.batches.standing());
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_batch_in_the_way_is_named_and_the_others_pass_once_it_is_cancelled() {
    let bench = Bench::new().await;
    let db = rusqlite::Connection::open(bench.dir.path().join("tables.db")).unwrap();
    db.execute_batch(BLOCK).unwrap();
    let lane = bench.run_with(patient()).await;
    let first = send(&lane.batches, wish("ports", RowFormat::Ndjson), TWO_PORTS).await.unwrap();
    let id = first.batch.batch.id;
    let reason = reason(&lane).await;
    assert!(reason.contains(&format!("batch {id} for the table \"ports\"")), "{reason}");
    assert!(reason.contains("no ports today"), "{reason}");
    let front = lane.batches.batch(&id).await.unwrap().unwrap().batch;
    assert_eq!(front.state, BatchState::Queued);
    let detail = front.detail.expect("it says what it waits for");
    assert!(detail.contains("no ports today"), "{detail}");
    // The rows of the next one wrong the table's key, which is an end, too: that the lane came to it is what counts.
    let price = "{\"orig\":\"nowhere\",\"day\":\"2026-11-21\",\"price\":1}";
    let next = send(&lane.batches, wish("prices", RowFormat::Ndjson), price).await.unwrap();
    let next = next.batch.batch.id;
    assert_eq!(lane.batches.batch(&next).await.unwrap().unwrap().batch.detail, None);
    lane.batches.cancel(&id, "somebody").await.unwrap();
    assert_eq!(lane.over(&next).await.batch.state, BatchState::Rejected);
    let cancelled = lane.over(&id).await.batch;
    assert_eq!(cancelled.state, BatchState::Cancelled);
    assert_eq!(cancelled.detail.as_deref(), Some("cancelled by somebody"));
    assert_eq!(lane.batches.standing().consumer, ConsumerState::Running);
    lane.stop().await;
}

#[tokio::test]
async fn a_batch_that_the_database_takes_at_last_says_no_more_why_it_waited() {
    let bench = Bench::new().await;
    let db = rusqlite::Connection::open(bench.dir.path().join("tables.db")).unwrap();
    db.execute_batch(BLOCK).unwrap();
    let lane = bench.run().await;
    let sent = send(&lane.batches, wish("ports", RowFormat::Ndjson), TWO_PORTS).await.unwrap();
    reason(&lane).await;
    db.busy_timeout(WAIT).unwrap();
    db.execute_batch("DROP TRIGGER no_ports").unwrap();
    let over = lane.over(&sent.batch.batch.id).await.batch;
    assert_eq!((over.state, over.detail), (BatchState::Committed, None));
    lane.stop().await;
}
