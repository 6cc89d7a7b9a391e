//! Uploads that come in pieces, hang, or are left before their end.

use bytes::Bytes;
use store::BatchState;

use crate::batches::error::BatchError;
use crate::batches::rules::RowFormat;
use crate::batches::view::UploadWish;
use crate::clock;
use crate::tests::lane_bench::{Bench, TWO_PORTS, begin, options, send, wish};

#[tokio::test]
async fn an_upload_that_pauses_over_restarts_is_the_batch_that_goes_in_one_go() {
    let body = "code,name\nA,\"a\nb\"\nB,b\nC,c\n";
    let array = "[{\"code\":\"A\",\"name\":\"a\\nb\"},{\"code\":\"B\",\"name\":\"b\"},\n{\"code\":\"C\",\"name\":\"c\"}]";
    let mut hashes = Vec::new();
    for (format, body) in [(RowFormat::Csv, body), (RowFormat::JsonArray, array)] {
        let bench = Bench::new().await;
        let wish = UploadWish { resumable: true, ..wish("ports", format) };
        let (batches, lane) = bench.open(options()).await;
        let upload = begin(&batches, wish).await.unwrap();
        let id = upload.id().to_owned();
        let mut offset = upload.pause().await.unwrap().upload_offset.unwrap();
        drop((batches, lane));
        // One byte more each time; what was no whole row is sent again.
        let mut n = 0;
        loop {
            n += 1;
            let (batches, lane) = bench.open(options()).await;
            let wrong = batches.resume(&id, offset + 1, "test").await.err().unwrap();
            assert!(matches!(wrong, BatchError::WrongOffset { offset: is } if is == offset));
            let mut upload = batches.resume(&id, offset, "test").await.unwrap();
            let end = (offset as usize + n).min(body.len());
            upload
                .push(Bytes::copy_from_slice(&body.as_bytes()[offset as usize..end]))
                .await
                .unwrap();
            if end == body.len() {
                hashes.push(upload.finish().await.unwrap().batch.batch.hash);
                drop((batches, lane));
                break;
            }
            let now_at = upload.pause().await.unwrap().upload_offset.unwrap();
            if now_at > offset {
                n = 0;
            }
            offset = now_at;
            drop((batches, lane));
        }
        let lane = bench.run().await;
        let view = lane.over(&id).await;
        assert_eq!(view.batch.state, BatchState::Committed, "{view:?}");
        assert_eq!(view.batch.n_rows, 3);
        assert_eq!(bench.ports(), ["A", "B", "C"]);
        lane.stop().await;
    }
    let bench = Bench::new().await;
    let lane = bench.run().await;
    for (format, body) in [(RowFormat::Csv, body), (RowFormat::JsonArray, array)] {
        let dry = UploadWish { dry_run: true, ..wish("ports", format) };
        hashes.push(send(&lane.batches, dry, body).await.unwrap().batch.batch.hash);
    }
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    assert!(bench.ports().is_empty(), "a dry run keeps nothing");
    lane.stop().await;
}

#[tokio::test]
async fn an_upload_without_a_byte_for_a_day_is_cancelled() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    let wish = UploadWish { resumable: true, ..wish("ports", RowFormat::Ndjson) };
    let mut upload = begin(&lane.batches, wish).await.unwrap();
    let id = upload.id().to_owned();
    upload.push(Bytes::from_static(b"{\"code\":\"A\",\"name\":\"a\"}\n{\"c")).await.unwrap();
    // A connection that breaks is a pause.
    drop(upload);
    let is_paused = async || {
        let view = lane.batches.batch(&id).await.unwrap().unwrap();
        view.upload_offset == Some(24)
    };
    while !is_paused().await {
        tokio::task::yield_now().await;
    }
    let later =
        |hours: i64| model::Timestamp::from_micros(clock::now().micros() + hours * 3_600_000_000);
    lane.batches.desk.abandon_idle(later(23)).await.unwrap();
    assert_eq!(lane.batches.batch(&id).await.unwrap().unwrap().batch.state, BatchState::Receiving);
    lane.batches.desk.abandon_idle(later(25)).await.unwrap();
    let view = lane.over(&id).await;
    assert_eq!(view.batch.state, BatchState::Cancelled);
    assert_eq!(view.batch.detail.as_deref(), Some("no byte of it came for 24 h"));
    lane.stop().await;
}

#[tokio::test]
async fn whoever_goes_on_with_an_upload_takes_it_from_a_connection_that_hangs() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    let wish = UploadWish { resumable: true, ..wish("ports", RowFormat::Ndjson) };
    let mut hanging = begin(&lane.batches, wish).await.unwrap();
    let id = hanging.id().to_owned();
    hanging.push(Bytes::from_static(TWO_PORTS.as_bytes())).await.unwrap();
    let mut upload = lane.batches.resume(&id, 0, "test").await.unwrap();
    assert!(matches!(hanging.finish().await, Err(BatchError::Busy)));
    upload.push(Bytes::from_static(TWO_PORTS.as_bytes())).await.unwrap();
    upload.finish().await.unwrap();
    assert_eq!(lane.over(&id).await.batch.n_rows, 2);
    lane.stop().await;
}

#[tokio::test]
async fn a_plain_upload_does_not_outlive_the_process() {
    let bench = Bench::new().await;
    let (batches, lane) = bench.open(options()).await;
    let mut upload = begin(&batches, wish("ports", RowFormat::Ndjson)).await.unwrap();
    let id = upload.id().to_owned();
    upload.push(Bytes::from_static(TWO_PORTS.as_bytes())).await.unwrap();
    // As a process that dies: nobody says goodbye.
    std::mem::forget(upload);
    drop((batches, lane));
    let lane = bench.run().await;
    assert_eq!(lane.over(&id).await.batch.state, BatchState::Cancelled);
    assert!(bench.ports().is_empty());
    lane.stop().await;
}
