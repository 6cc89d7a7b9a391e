//! Rows that the database refused, checked and applied again.

use std::time::Duration;

use queue::Queue as _;
use store::{BatchState, RowError};

use crate::batches::desk::LaneOptions;
use crate::batches::error::BatchError;
use crate::batches::rules::RowFormat;
use crate::batches::view::{BatchView, Finished, UploadWish};
use crate::clock;
use crate::tests::lane_bench::{Bench, Running, options, send, wish};

/// The second line leads to a port that is not there; an empty text is no null.
const PRICES: &str = "{\"orig\":\"A\",\"day\":\"2026-11-21\",\"price\":7,\"note\":\"\"}\n\n\
    {\"orig\":\"B\",\"day\":\"2026-11-22\",\"price\":8,\"note\":null}\n";
const A: &str = "{\"code\":\"A\",\"name\":\"A\"}\n";
const B: &str = "{\"code\":\"B\",\"name\":\"B\"}\n";
const SEEN: &str = "SELECT orig || ' ' || price || ' ' || quote(note) FROM prices ORDER BY orig";

fn keeping() -> LaneOptions {
    let keep_refused = Duration::from_hours(24);
    LaneOptions { keep_refused, keep_bytes_max: 1 << 30, ..options() }
}

async fn sent(lane: &Running, table: &str, key: Option<&str>, body: &str) -> BatchView {
    let key = key.map(str::to_owned);
    let wish = UploadWish { key, ..wish(table, RowFormat::Ndjson) };
    let finished = send(&lane.batches, wish, body).await.unwrap();
    lane.over(&finished.batch.batch.id).await
}

async fn again(lane: &Running, id: &str) -> Result<Finished, BatchError> {
    lane.batches.revalidate(id, "somebody", clock::now()).await
}

async fn lines(lane: &Running, id: &str) -> Vec<(u64, u64)> {
    let errors = lane.batches.errors(id, 0, 100).await.unwrap();
    errors.iter().map(|RowError { row, line, .. }| (*row, *line)).collect()
}

#[tokio::test]
async fn rows_that_were_refused_are_there_once_as_soon_as_the_cause_is_mended() {
    let bench = Bench::new().await;
    let lane = bench.run_with(keeping()).await;
    sent(&lane, "ports", None, A).await;
    for key in [None, Some("k")] {
        let first = sent(&lane, "prices", key, PRICES).await;
        assert_eq!((first.batch.state, first.rows_kept), (BatchState::Rejected, true), "{first:?}");
        let id = &first.batch.id;
        assert_eq!(lines(&lane, id).await, [(2, 3)]);

        // Nothing is mended yet: the same lines are at fault.
        let second = again(&lane, id).await.unwrap();
        assert!(!second.duplicate);
        let second = lane.over(&second.batch.batch.id).await;
        assert_eq!((second.batch.state, second.rows_kept), (BatchState::Rejected, true));
        assert_eq!(second.batch.revalidates.as_ref(), Some(id));
        assert_eq!(lines(&lane, &second.batch.id).await, [(2, 3)]);

        sent(&lane, "ports", None, B).await;
        let third = again(&lane, id).await.unwrap();
        let third = lane.over(&third.batch.batch.id).await;
        assert_eq!(third.batch.state, BatchState::Committed, "{third:?}");
        assert_eq!(third.batch.hash, first.batch.hash, "the same rows");
        assert_eq!((third.batch.n_rows, third.batch.n_bytes), (2, PRICES.len() as u64));
        assert_eq!(bench.rows(SEEN), ["A 7 ''", "B 8 NULL"]);

        // However often somebody asks, and of whichever of them.
        for id in [id, &second.batch.id] {
            let repeated = again(&lane, id).await.unwrap();
            assert!(repeated.duplicate && repeated.batch.batch.id == third.batch.id);
        }
        if key.is_some() {
            let repeated = sent(&lane, "prices", key, PRICES).await;
            assert_eq!(repeated.batch.id, third.batch.id, "the key means what was committed");
        }
        assert_eq!(bench.rows(SEEN).len(), 2);
        let db = rusqlite::Connection::open(bench.dir.path().join("tables.db")).unwrap();
        db.execute_batch("DELETE FROM prices; DELETE FROM ports WHERE code = 'B'").unwrap();
    }
    lane.stop().await;
}

#[tokio::test]
async fn two_who_ask_at_once_make_one_batch() {
    let bench = Bench::new().await;
    let lane = bench.run_with(keeping()).await;
    let first = sent(&lane, "prices", None, PRICES).await;
    sent(&lane, "ports", None, &format!("{A}{B}")).await;
    let id = &first.batch.id;
    let (one, other) = tokio::join!(again(&lane, id), again(&lane, id));
    let mut n_made = 0;
    for answer in [one, other] {
        match answer {
            Ok(finished) => {
                n_made += u64::from(!finished.duplicate);
                lane.over(&finished.batch.batch.id).await;
            }
            Err(error) => assert!(matches!(error, BatchError::KeyBusy { .. }), "{error}"),
        }
    }
    assert_eq!((n_made, bench.rows(SEEN).len()), (1, 2));
    lane.stop().await;
}

#[tokio::test]
async fn refused_rows_outlive_a_restart_and_no_longer_than_they_are_kept() {
    let bench = Bench::new().await;
    let lane = bench.run_with(keeping()).await;
    let first = sent(&lane, "prices", None, PRICES).await;
    let id = &first.batch.id;
    sent(&lane, "ports", None, &format!("{A}{B}")).await;
    lane.stop().await;
    assert!(bench.queue.size_bytes() > 0);

    let lane = bench.run_with(keeping()).await;
    assert!(lane.batches.batch(id).await.unwrap().unwrap().rows_kept);
    lane.stop().await;

    let lane = bench.run_with(LaneOptions { keep_refused: Duration::ZERO, ..keeping() }).await;
    assert!(!lane.batches.batch(id).await.unwrap().unwrap().rows_kept);
    let error = again(&lane, id).await.unwrap_err();
    assert!(matches!(&error, BatchError::RowsNotKept(_)), "{error}");
    sent(&lane, "ports", None, &A.replace('A', "C")).await;
    lane.stop().await;
    assert_eq!((bench.queue.size_bytes(), bench.rows(SEEN).len()), (0, 0));
}

#[tokio::test]
async fn refused_rows_give_their_room_to_those_who_send() {
    let bench = Bench::new().await;
    let lane = bench.run_with(LaneOptions { keep_bytes_max: 4 << 10, ..keeping() }).await;
    let first = sent(&lane, "prices", None, PRICES).await;
    assert!(lane.batches.batch(&first.batch.id).await.unwrap().unwrap().rows_kept);
    for n in 0..20 {
        sent(&lane, "ports", None, &A.replace('A', &format!("{n}{}", "x".repeat(n % 3)))).await;
    }
    lane.stop().await;
    assert!(bench.queue.size_bytes() <= 4 << 10);
}

#[tokio::test]
async fn only_what_the_database_refused_is_checked_again() {
    let bench = Bench::new().await;
    let lane = bench.run_with(keeping()).await;
    let fine = sent(&lane, "ports", None, A).await;
    let error = again(&lane, &fine.batch.id).await.unwrap_err();
    let state = BatchState::Committed;
    assert!(matches!(error, BatchError::NotRejected { state: found } if found == state), "{error}");
    // Behind the first error no row is kept, so there is nothing whole to check.
    let wrong = sent(&lane, "ports", None, &format!("{B}{{\"code\":1}}\n")).await;
    assert!(wrong.batch.state == BatchState::Rejected && !wrong.rows_kept);
    let error = again(&lane, &wrong.batch.id).await.unwrap_err();
    assert!(matches!(&error, BatchError::RowsNotKept(why) if why.contains("as they came")));
    let error = again(&lane, "nothing").await.unwrap_err();
    assert!(matches!(error, BatchError::NoSuchBatch), "{error}");
    lane.stop().await;
}
