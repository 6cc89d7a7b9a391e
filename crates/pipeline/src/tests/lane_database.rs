//! What a lane that runs does when its database changes under it.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::batches::rules::RowFormat;
use crate::halt::StartError;
use crate::meters::ConsumerState;
use crate::tests::lane::{Bench, WAIT, send, shared_options, wish};

fn port(code: &str) -> String {
    format!("{{\"code\":\"{code}\",\"name\":\"{code}\"}}\n")
}

/// Looks until it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + WAIT;
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn database(bench: &Bench) -> rusqlite::Connection {
    let db = rusqlite::Connection::open(bench.dir.path().join("tables.db")).unwrap();
    db.busy_timeout(WAIT).unwrap();
    db
}

#[tokio::test]
async fn an_idle_lane_gives_a_database_that_went_back_in_time_what_it_lost() {
    let bench = Bench::new().await;
    let (batches, lane) = bench.open(shared_options()).await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(lane.run(shutdown.clone(), CancellationToken::new()));
    let one = send(&batches, wish("ports", RowFormat::Ndjson), &port("A")).await.unwrap();
    batches.ended(&one.batch.batch.id, WAIT).await.unwrap();
    let before = bench.dir.path().join("before.db");
    let db = database(&bench);
    db.execute("VACUUM INTO ?", [before.to_str().unwrap()]).unwrap();
    let two = send(&batches, wish("ports", RowFormat::Ndjson), &port("B")).await.unwrap();
    batches.ended(&two.batch.batch.id, WAIT).await.unwrap();
    assert_eq!(bench.ports(), ["A", "B"]);
    // As a fail-over to a copy that had not got the last commit: at once, and nobody is told.
    db.execute("ATTACH ? AS before", [before.to_str().unwrap()]).unwrap();
    let back = ["ports", "eyas_batches", "eyas_lease"].map(|table| {
        format!("DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM before.{table};")
    });
    db.execute_batch(&format!("BEGIN IMMEDIATE; {} COMMIT;", back.concat())).unwrap();
    until("what was lost is there again", || bench.ports() == ["A", "B"]).await;
    let is_known = || batches.standing().applied == batches.standing().last;
    until("the lane knows it, too", is_known).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_lane_whose_database_has_more_than_its_log_ends_at_once() {
    let bench = Bench::new().await;
    let (batches, lane) = bench.open(shared_options()).await;
    let running = tokio::spawn(lane.run(CancellationToken::new(), CancellationToken::new()));
    let sent = send(&batches, wish("ports", RowFormat::Ndjson), &port("A")).await.unwrap();
    batches.ended(&sent.batch.batch.id, WAIT).await.unwrap();
    // A copy of the log went on and has fed the database. It has ended since, so nobody else holds the lease.
    database(&bench).execute("UPDATE eyas_lease SET applied = applied + 2", []).unwrap();
    let ended = timeout(WAIT, running).await.expect("it accepts nothing more").unwrap();
    let error = ended.unwrap_err();
    assert!(matches!(&error, StartError::Forked(text) if text.contains("ends at")), "{error}");
}

#[tokio::test]
async fn a_lane_whose_database_cannot_be_used_says_so_and_goes_on_once_it_is_mended() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    let db = database(&bench);
    db.execute_batch("ALTER TABLE eyas_lease RENAME TO away").unwrap();
    let has_stopped = || {
        let state = lane.batches.standing().consumer;
        matches!(state, ConsumerState::Stopped { reason } if reason.contains("tried again every"))
    };
    until("the lane says that it has stopped", has_stopped).await;
    let taken = send(&lane.batches, wish("ports", RowFormat::Ndjson), &port("A")).await.unwrap();
    assert!(has_stopped() && bench.ports().is_empty());
    db.execute_batch("ALTER TABLE away RENAME TO eyas_lease").unwrap();
    lane.over(&taken.batch.batch.id).await;
    assert_eq!(bench.ports(), ["A"]);
    let is_running = || lane.batches.standing().consumer == ConsumerState::Running;
    until("the lane runs again", is_running).await;
    lane.stop().await;
}
