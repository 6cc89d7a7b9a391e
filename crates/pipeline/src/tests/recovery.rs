//! What a start finds in the log of batches.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use queue::Queue as _;
use store::BatchState;

use crate::batches::recovery;
use crate::batches::rules::RowFormat;
use crate::tests::lane::{Bench, options, send, shared_options, wish};

fn port(code: &str) -> String {
    format!("{{\"code\":\"{code}\",\"name\":\"{code}\"}}\n")
}

#[tokio::test]
async fn a_batch_that_was_passed_over_is_cancelled_by_the_next_start() {
    let bench = Bench::new().await;
    let (batches, _lane) = bench.open(options()).await;
    let mut ids = Vec::new();
    for code in ["A", "B", "C"] {
        let sent = send(&batches, wish("ports", RowFormat::Ndjson), &port(code)).await.unwrap();
        ids.push(sent.batch.batch.id);
    }
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
