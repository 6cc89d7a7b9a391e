//! The promises of batches on a lane that runs.

use bytes::Bytes;
use queue::Queue as _;
use store::{BatchQuery, BatchState, RowError};
use tokio_util::sync::CancellationToken;

use crate::batches::desk::LaneOptions;
use crate::batches::error::BatchError;
use crate::batches::rules::RowFormat;
use crate::tests::lane_bench::{Bench, TWO_PORTS, WAIT, begin, keyed, options, send, wish};

#[tokio::test]
async fn a_batch_of_any_format_goes_in_whole() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    for (format, body) in [
        (RowFormat::Ndjson, TWO_PORTS),
        (
            RowFormat::JsonArray,
            " [{\"name\":\"A\",\"code\":\"A\"} , {\"code\":\"B\",\"name\":\"B\"}]\n",
        ),
        (RowFormat::Csv, "code,name\r\nC,\"C, or\r\nsea\"\r\nD,D"),
    ] {
        let finished = send(&lane.batches, wish("ports", format), body).await.unwrap();
        assert_eq!(finished.batch.batch.state, BatchState::Queued, "{finished:?}");
        assert!(!finished.duplicate && finished.first_errors.is_empty());
        let view = lane.over(&finished.batch.batch.id).await;
        assert_eq!(view.batch.state, BatchState::Committed, "{view:?}");
        assert_eq!((view.batch.n_rows, view.rows_applied), (2, 2));
    }
    assert_eq!(bench.ports(), ["A", "B", "C", "CNSGH", "D", "NLRTM"]);
    assert_eq!(bench.rows("SELECT name FROM ports WHERE code = 'C'"), ["C, or\r\nsea"]);
    let standing = lane.batches.standing();
    assert_eq!((standing.counts.committed, standing.lag_batches), (3, 0));
    lane.stop().await;
    assert_eq!(bench.queue.size_bytes(), 0, "what is applied is trimmed");
}

#[tokio::test]
async fn one_wrong_row_keeps_all_rows_out_and_every_error_is_kept() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    let wrong = |n| format!("{{\"code\":\"P{n}\",\"name\":{n}}}\n");
    let body = TWO_PORTS.to_owned() + &(0..250).map(wrong).collect::<Vec<_>>().concat();
    let finished = send(&lane.batches, wish("ports", RowFormat::Ndjson), &body).await.unwrap();
    assert_eq!(finished.batch.batch.state, BatchState::Rejected);
    assert_eq!((finished.batch.batch.n_errors, finished.first_errors.len()), (250, 100));
    let RowError { row, line, pointer, rule, .. } = &finished.first_errors[0];
    assert_eq!((*row, *line, pointer.as_str(), rule.as_str()), (3, 3, "/name", "type"));
    let id = &finished.batch.batch.id;
    assert_eq!(lane.batches.errors(id, 240, 100).await.unwrap().len(), 10);
    assert_eq!(lane.over(id).await.batch.state, BatchState::Rejected);
    assert!(bench.ports().is_empty());
    lane.stop().await;
}

#[tokio::test]
async fn what_the_database_refuses_is_rejected_whole_with_its_words() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    send(&lane.batches, wish("ports", RowFormat::Ndjson), TWO_PORTS).await.unwrap();
    let body = "orig,day,price\nCNSGH,2026-01-01,5\nXXXXX,2026-01-01,6\n";
    let finished = send(&lane.batches, wish("prices", RowFormat::Csv), body).await.unwrap();
    let view = lane.over(&finished.batch.batch.id).await;
    assert_eq!(view.batch.state, BatchState::Rejected);
    let errors = lane.batches.errors(&view.batch.id, 0, 10).await.unwrap();
    assert_eq!((errors[0].row, errors[0].line), (2, 3), "{errors:?}");
    assert!(bench.rows("SELECT orig FROM prices").is_empty());
    lane.stop().await;
}

#[tokio::test]
async fn the_same_key_means_the_same_batch_once() {
    let bench = Bench::new().await;
    let (batches, lane) = bench.open(options()).await;
    let first = send(&batches, keyed("ports", "k"), TWO_PORTS).await.unwrap();
    // Spelled otherwise, the rows are the same.
    let again = " {\"name\":\"Shangh\\u0061i\", \"code\":\"CNSGH\"}\n\n{\"code\":\"NLRTM\",\"name\":\"Rotterdam\"}";
    let id = first.batch.batch.id.clone();
    for is_running in [false, true] {
        let second = send(&batches, keyed("ports", "k"), again).await.unwrap();
        assert!(second.duplicate);
        assert_eq!(second.batch.batch.id, id);
        let other = send(&batches, keyed("ports", "k"), &TWO_PORTS[..36]).await.unwrap_err();
        assert!(matches!(&other, BatchError::KeyConflict { id: first } if *first == id), "{other}");
        if !is_running {
            break;
        }
    }
    // The key of another table is another key.
    let prices = "{\"orig\":\"CNSGH\",\"day\":\"2026-01-01\",\"price\":1}";
    assert!(!send(&batches, keyed("prices", "k"), prices).await.unwrap().duplicate);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(lane.run(shutdown.clone(), CancellationToken::new()));
    assert_eq!(batches.ended(&id, WAIT).await.unwrap().unwrap().batch.state, BatchState::Committed);
    let third = send(&batches, keyed("ports", "k"), again).await.unwrap();
    assert!(third.duplicate && third.batch.batch.id == id, "found in the database");
    assert_eq!(bench.ports().len(), 2);
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_key_is_busy_while_its_first_batch_uploads_and_free_once_that_was_dropped() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    let mut upload = begin(&lane.batches, keyed("ports", "k")).await.unwrap();
    upload.push(Bytes::from_static(b"{\"code\":\"A\",")).await.unwrap();
    let id = upload.id().to_owned();
    let busy = send(&lane.batches, keyed("ports", "k"), TWO_PORTS).await.unwrap_err();
    assert!(matches!(&busy, BatchError::KeyBusy { id: first } if *first == id), "{busy}");
    drop(upload);
    assert_eq!(lane.over(&id).await.batch.state, BatchState::Cancelled);
    let finished = send(&lane.batches, keyed("ports", "k"), TWO_PORTS).await.unwrap();
    assert!(!finished.duplicate);
    assert_eq!(lane.over(&finished.batch.batch.id).await.batch.state, BatchState::Committed);
    lane.stop().await;
}

#[tokio::test]
async fn a_cancelled_batch_is_never_applied_also_after_a_restart() {
    let bench = Bench::new().await;
    let (batches, lane) = bench.open(options()).await;
    let finished = send(&batches, wish("ports", RowFormat::Ndjson), TWO_PORTS).await.unwrap();
    let later = "{\"code\":\"Z\",\"name\":\"Z\"}";
    let later = send(&batches, wish("ports", RowFormat::Ndjson), later).await.unwrap();
    let id = finished.batch.batch.id;
    let view = batches.cancel(&id, "somebody").await.unwrap();
    assert_eq!(view.batch.state, BatchState::Cancelled);
    assert!(matches!(
        batches.cancel(&id, "somebody").await,
        Err(BatchError::NotCancellable { .. })
    ));
    assert!(matches!(batches.cancel("nobody", "x").await, Err(BatchError::NoSuchBatch)));
    drop((batches, lane));
    let lane = bench.run().await;
    assert_eq!(lane.over(&later.batch.batch.id).await.batch.state, BatchState::Committed);
    let view = lane.over(&id).await;
    assert_eq!(view.batch.state, BatchState::Cancelled);
    assert_eq!(view.batch.detail.as_deref(), Some("cancelled by somebody"));
    let listed =
        lane.batches.list(BatchQuery { limit: 10, ..BatchQuery::default() }).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(bench.ports(), ["Z"]);
    lane.stop().await;
}

#[tokio::test]
async fn a_log_that_is_full_takes_nothing_new() {
    let bench = Bench::new().await;
    let (batches, _lane) = bench.open(LaneOptions { log_bytes_max: 1_000, ..options() }).await;
    let mut n_taken = 0;
    let full = loop {
        match send(&batches, wish("ports", RowFormat::Ndjson), TWO_PORTS).await {
            Ok(_) => n_taken += 1,
            Err(error) => break error,
        }
    };
    assert!(n_taken > 0 && matches!(&full, BatchError::Full(_)), "{full}");
    assert!(bench.queue.size_bytes() < 5_000);
}
