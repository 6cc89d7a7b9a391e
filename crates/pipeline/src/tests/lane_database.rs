//! What a lane does when its database changes under it, or is not the one that its log has fed.

use std::sync::Arc;
use std::time::Duration;

use model::Seq;
use queue::Queue as _;
use store::BatchState;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::batches::desk::LaneOptions;
use crate::batches::error::BatchError;
use crate::batches::face::Batches;
use crate::batches::lane::Lane;
use crate::batches::rules::RowFormat;
use crate::clock;
use crate::halt::StartError;
use crate::meters::ConsumerState;
use crate::tests::lane_bench::{
    Bench, TWO_PORTS, WAIT, keyed, open_store, options, send, shared_options, wish,
};

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

#[tokio::test]
async fn a_database_that_lost_batches_gets_them_again_from_the_kept_log() {
    let bench = Bench::new().await;
    let (batches, lane) = bench.open(shared_options()).await;
    let (shutdown, stop) = (CancellationToken::new(), CancellationToken::new());
    let running = tokio::spawn(lane.run(shutdown.clone(), stop.clone()));
    let one = send(&batches, keyed("ports", "k"), TWO_PORTS).await.unwrap();
    batches.ended(&one.batch.batch.id, WAIT).await.unwrap();
    let kept = bench.dir.path().join("before.db");
    rusqlite::Connection::open(bench.dir.path().join("tables.db"))
        .unwrap()
        .execute("VACUUM INTO ?", [kept.to_str().unwrap()])
        .unwrap();
    let more = "{\"code\":\"Z\",\"name\":\"Z\"}";
    let two = send(&batches, wish("ports", RowFormat::Ndjson), more).await.unwrap();
    batches.ended(&two.batch.batch.id, WAIT).await.unwrap();
    assert!(bench.queue.bounds().first == Seq::ZERO.next(), "everything is kept");
    shutdown.cancel();
    running.await.unwrap().unwrap();
    // The database goes back to where it was.
    let Bench { queue, store, dir } = bench;
    drop((batches, store));
    for file in ["tables.db-wal", "tables.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(file));
    }
    std::fs::rename(&kept, dir.path().join("tables.db")).unwrap();
    let bench = Bench { store: open_store(&dir), queue, dir };
    assert_eq!(bench.ports().len(), 2);
    let (batches, lane) = bench.open(shared_options()).await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(lane.run(shutdown.clone(), stop));
    let view = batches.ended(&two.batch.batch.id, WAIT).await.unwrap().unwrap();
    assert_eq!(view.batch.state, BatchState::Committed);
    assert_eq!(bench.ports(), ["CNSGH", "NLRTM", "Z"]);
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

/// A bench whose database has a batch with the key `k`, its id, and an unstarted lane that was sent `body` under that key while nobody
/// could say who has it.
async fn sent_again(bench: &Bench, body: &str) -> (String, String, Batches, Lane) {
    let lane = bench.run().await;
    let one = send(&lane.batches, keyed("ports", "k"), TWO_PORTS).await.unwrap().batch.batch.id;
    lane.over(&one).await;
    lane.stop().await;
    let day = Duration::from_hours(24);
    let options = LaneOptions { keep_refused: day, keep_bytes_max: 1 << 30, ..options() };
    let (batches, lane) = bench.open(options).await;
    let db = database(bench);
    db.execute("UPDATE eyas_batches SET idempotency_key = NULL", []).unwrap();
    let two = send(&batches, keyed("ports", "k"), body).await.unwrap().batch.batch.id;
    assert_ne!(two, one);
    db.execute("UPDATE eyas_batches SET idempotency_key = 'k'", []).unwrap();
    (one, two, batches, lane)
}

#[tokio::test]
async fn whoever_cancels_what_came_before_learns_that_the_first_stays() {
    let bench = Bench::new().await;
    let (one, two, batches, lane) = sent_again(&bench, TWO_PORTS).await;
    let res = batches.cancel(&two, "a person").await;
    assert!(matches!(&res, Err(BatchError::CameBefore { id }) if *id == one), "{res:?}");
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(lane.run(shutdown.clone(), CancellationToken::new()));
    until("it is in the database", || batches.standing().lag_batches == 0).await;
    let over = batches.batch(&two).await.unwrap().unwrap().batch;
    assert_eq!((over.state, over.same_as), (BatchState::Cancelled, Some(one)));
    assert_eq!(over.detail.unwrap().matches("came before").count(), 1);
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn rows_whose_key_names_others_are_not_kept_for_another_try() {
    let bench = Bench::new().await;
    let (one, two, batches, lane) = sent_again(&bench, &port("Z")).await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(lane.run(shutdown.clone(), CancellationToken::new()));
    let over = batches.ended(&two, WAIT).await.unwrap().unwrap();
    assert_eq!((over.batch.state, over.rows_kept), (BatchState::Rejected, false));
    assert!(over.batch.detail.unwrap().contains(&one));
    let res = batches.revalidate(&two, "a person", clock::now()).await;
    assert!(matches!(&res, Err(BatchError::RowsNotKept(_))), "{res:?}");
    assert_eq!(bench.ports(), ["CNSGH", "NLRTM"]);
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_batch_that_is_rejected_leaves_the_key_to_the_first() {
    let bench = Bench::new().await;
    let (one, two, batches, lane) = sent_again(&bench, "{\"code\":1}").await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(lane.run(shutdown.clone(), CancellationToken::new()));
    until("it is in the database", || batches.standing().lag_batches == 0).await;
    let over = batches.batch(&two).await.unwrap().unwrap().batch;
    assert_eq!((over.state, over.same_as, over.key), (BatchState::Rejected, None, None));
    assert!(over.detail.unwrap().contains(&one));
    let again = send(&batches, keyed("ports", "k"), TWO_PORTS).await.unwrap();
    assert!(again.duplicate && again.batch.batch.id == one, "{again:?}");
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_batches_log_that_parted_from_the_one_that_fed_the_database_is_refused() {
    let bench = Bench::new().await;
    let (batches, _) = bench.open(options()).await;
    send(&batches, wish("ports", RowFormat::Ndjson), TWO_PORTS).await.unwrap();
    batches.close().await;
    // A copy of the log has fed the database up to the same position, with another batch.
    let last = bench.queue.bounds().last;
    let db = rusqlite::Connection::open(bench.dir.path().join("tables.db")).unwrap();
    db.execute("UPDATE eyas_lease SET applied = ?", [last.get() as i64]).unwrap();
    let (queue, store) = (Arc::new(bench.queue.clone()), Arc::clone(&bench.store));
    let rules = bench.rules().await;
    let error = Lane::open(queue, store, rules, options()).await.err().unwrap();
    assert!(matches!(&error, StartError::Forked(text) if text.contains("batches' log")), "{error}");
}
