//! Whose room it is when the log of batches has little left.

use std::time::Duration;

use bytes::Bytes;
use model::LogId;
use queue::{MemoryQueue, Queue as _};
use store::BatchState;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::batches::desk::LaneOptions;
use crate::batches::error::BatchError;
use crate::batches::face::Batches;
use crate::batches::records::{CancelHead, Head};
use crate::batches::registry::State;
use crate::batches::rules::RowFormat;
use crate::batches::view::UploadWish;
use crate::tests::lane_bench::{Bench, Running, WAIT, begin, options, send, wish};

fn resumable(application: &str) -> UploadWish {
    let application = Some(application.to_owned());
    UploadWish { resumable: true, application, ..wish("ports", RowFormat::Ndjson) }
}

/// A row of a KiB.
fn row(code: &str) -> String {
    format!("{{\"code\":\"{code}\",\"name\":\"{}\"}}\n", "x".repeat(1024))
}

/// An upload of one row that its sender will go on with later.
async fn paused(batches: &Batches, application: &str) -> String {
    let mut upload = begin(batches, resumable(application)).await.unwrap();
    upload.push(Bytes::from(row("p"))).await.unwrap();
    upload.pause().await.unwrap().batch.id
}

/// Nobody is refused meanwhile.
async fn send_many(lane: &Running, name: &str, n_batches: usize) {
    for n in 0..n_batches {
        let row = row(&format!("{name}{n}"));
        let sent = send(&lane.batches, wish("ports", RowFormat::Ndjson), &row);
        let id = sent.await.expect("there is room").batch.batch.id;
        assert_eq!(lane.over(&id).await.batch.state, BatchState::Committed);
    }
}

#[tokio::test]
async fn a_paused_upload_gives_its_room_to_those_who_go_on() {
    let bench = Bench::new().await;
    let log_bytes_max = 64 << 10;
    let little = LaneOptions { log_bytes_max, pause_free: Duration::ZERO, ..options() };
    let lane = bench.run_with(little).await;
    let id = paused(&lane.batches, "a").await;
    // Four fit beside it before it is in the way.
    send_many(&lane, "e", 4).await;
    assert_eq!(
        lane.batches.batch(&id).await.unwrap().unwrap().upload_offset,
        Some(row("p").len() as u64)
    );
    send_many(&lane, "l", 200).await;
    let view = lane.over(&id).await;
    assert_eq!(view.batch.state, BatchState::Cancelled);
    let why = "it was paused, and the log of batches needed its room";
    assert_eq!(view.batch.detail.as_deref(), Some(why));
    let over = lane.batches.resume(&id, 0, "test").await.err().unwrap();
    assert!(matches!(over, BatchError::NotUploading { state: BatchState::Cancelled }), "{over}");
    assert_eq!(bench.ports().len(), 204);
    lane.stop().await;
    assert!(bench.queue.size_bytes() < log_bytes_max / 4, "what is applied is trimmed");
}

#[tokio::test]
async fn whoever_paused_a_moment_ago_keeps_the_room() {
    let bench = Bench::new().await;
    let lane = bench.run_with(LaneOptions { log_bytes_max: 8 << 10, ..options() }).await;
    let id = paused(&lane.batches, "a").await;
    let full = loop {
        match send(&lane.batches, wish("ports", RowFormat::Ndjson), "{\"code\":1}").await {
            Ok(finished) => lane.over(&finished.batch.batch.id).await,
            Err(error) => break error,
        };
    };
    assert!(matches!(&full, BatchError::Full(_)), "{full}");
    assert!(lane.batches.batch(&id).await.unwrap().unwrap().upload_offset.is_some());
    lane.stop().await;
}

#[tokio::test]
async fn what_is_kept_of_batches_that_are_over_is_given_up_only_where_that_gives_room() {
    let bench = Bench::new().await;
    let keep = Duration::from_hours(24);
    let lane = bench.run_with(LaneOptions { keep, keep_bytes_max: 8 << 10, ..options() }).await;
    let id = paused(&lane.batches, "a").await;
    send_many(&lane, "e", 20).await;
    let n_kept = || lane.batches.desk.registry.with(|state| state.kept.len());
    assert_eq!(n_kept(), 20, "the paused upload holds the front: nothing would be won");
    lane.batches.cancel(&id, "somebody").await.unwrap();
    lane.over(&id).await;
    send_many(&lane, "l", 1).await;
    assert!(n_kept() < 10);
    lane.stop().await;
    assert!(bench.queue.size_bytes() < 10 << 10);
}

#[tokio::test]
async fn a_lane_that_has_no_rest_gets_rid_of_uploads_that_nobody_goes_on_with() {
    let bench = Bench::new().await;
    let mut options = LaneOptions { idle_max: Duration::ZERO, ..options() };
    (options.tenancy.look_every, options.tenancy.lease) =
        (Duration::from_hours(1), Duration::from_hours(4));
    let lane = bench.run_with(options);
    let lane = lane.await;
    let id = paused(&lane.batches, "a").await;
    send_many(&lane, "o", 1).await;
    assert_eq!(lane.over(&id).await.batch.state, BatchState::Cancelled);
    lane.stop().await;
}

#[tokio::test]
async fn an_application_has_so_many_open_uploads_and_leaves_room_for_others() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    let mut ids = Vec::new();
    let full = loop {
        match begin(&lane.batches, resumable("a")).await {
            Ok(upload) => ids.push(upload.pause().await.unwrap().batch.id),
            Err(error) => break error,
        }
    };
    assert_eq!(ids.len(), 100);
    assert!(
        matches!(&full, BatchError::Full(why) if why.contains("of this application")),
        "{full}"
    );
    paused(&lane.batches, "b").await;
    lane.batches.cancel(&ids[0], "somebody").await.unwrap();
    paused(&lane.batches, "a").await;
    lane.stop().await;
}

#[tokio::test]
async fn whoever_sends_slowly_leaves_places_for_others() {
    let bench = Bench::new().await;
    let lane = bench.run().await;
    let of = |holder: &str, application: &str| UploadWish {
        holder: holder.to_owned(),
        ..resumable(application)
    };
    let mut slow = Vec::new();
    let full = loop {
        // None of these goes on.
        match begin(&lane.batches, of("application a", "a")).await {
            Ok(upload) => slow.push(upload),
            Err(error) => break error.to_string(),
        }
    };
    assert_eq!(slow.len(), 32);
    assert!(full.contains("application a has 32 of the 64 places"), "{full}");
    // To go on with one takes a place, too.
    let id = slow.pop().unwrap().pause().await.unwrap().batch.id;
    slow.push(begin(&lane.batches, of("application a", "a")).await.unwrap());
    let full = lane.batches.resume(&id, 0, "application a").await.err().unwrap().to_string();
    assert!(full.contains("application a has 32 of the 64 places"), "{full}");
    let dry = UploadWish { dry_run: true, ..of("application a", "a") };
    assert!(matches!(begin(&lane.batches, dry).await, Err(BatchError::Full(_))));
    let sent = send(&lane.batches, of("application b", "b"), &row("b")).await.unwrap();
    assert_eq!(lane.over(&sent.batch.batch.id).await.batch.state, BatchState::Committed);
    for upload in slow {
        upload.abort().await;
    }
    lane.batches.resume(&id, 0, "application a").await.unwrap().abort().await;
    lane.stop().await;
}

/// Fills a log that takes so much with whole batches, until it takes nothing more.
async fn fill(batches: &Batches) -> usize {
    for n in 0.. {
        let row = row(&format!("f{n}"));
        match send(batches, wish("ports", RowFormat::Ndjson), &row).await {
            Ok(_) => {}
            Err(BatchError::Full(_)) => return n,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("it has a bound")
}

/// Fills what is left of a log of 40 KiB, so that not even the word fits that something is over.
async fn fill_up(bench: &Bench) {
    let left = (40 << 10) - usize::try_from(bench.queue.size_bytes()).unwrap();
    let filler = Head::Cancel(CancelHead {
        id: "nobody".to_owned(),
        at_us: 1,
        why: "x".repeat(left.saturating_sub(150)),
    });
    bench.queue.append(vec![filler.encode(&[])]).await.unwrap();
}

#[tokio::test]
async fn an_upload_that_let_go_of_its_parts_ends_once_the_log_takes_that_word() {
    let mut bench = Bench::new().await;
    bench.queue = MemoryQueue::with_bytes_max(LogId::new(7).unwrap(), 40 << 10);
    let (batches, lane) = bench.open(LaneOptions { idle_max: Duration::ZERO, ..options() }).await;
    let id = paused(&batches, "a").await;
    let n_batches = fill(&batches).await;
    fill_up(&bench).await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(lane.run(shutdown.clone(), CancellationToken::new()));
    let is_done = |state: &mut State| state.entries.is_empty().then_some(());
    timeout(WAIT, batches.desk.registry.until(is_done)).await.expect("the lane gets on");
    let view = batches.batch(&id).await.unwrap().unwrap();
    assert_eq!(view.batch.state, BatchState::Cancelled);
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(bench.ports().len(), n_batches);
}

#[tokio::test]
async fn an_upload_that_breaks_off_while_the_log_takes_nothing_ends_once_it_does() {
    for is_killed in [false, true] {
        let mut bench = Bench::new().await;
        bench.queue = MemoryQueue::with_bytes_max(LogId::new(7).unwrap(), 40 << 10);
        let (mut batches, mut lane) = bench.open(options()).await;
        let mut upload = begin(&batches, wish("ports", RowFormat::Ndjson)).await.unwrap();
        let id = upload.id().to_owned();
        upload.push(Bytes::from(row("p"))).await.unwrap();
        let n_batches = fill(&batches).await;
        fill_up(&bench).await;
        if is_killed {
            std::mem::forget(upload);
            drop((batches, lane));
            (batches, lane) = bench.open(options()).await;
        } else {
            upload.abort().await;
        }
        assert_eq!(batches.batch(&id).await.unwrap().unwrap().batch.state, BatchState::Receiving);
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(lane.run(shutdown.clone(), CancellationToken::new()));
        let view = batches.ended(&id, WAIT).await.unwrap().unwrap();
        assert_eq!(view.batch.state, BatchState::Cancelled);
        assert_eq!(view.batch.detail.as_deref(), Some("it was left before its end"));
        let is_done = |state: &mut State| state.decisions.is_empty().then_some(());
        timeout(WAIT, batches.desk.registry.until(is_done)).await.unwrap();
        shutdown.cancel();
        running.await.unwrap().unwrap();
        assert_eq!(bench.ports().len(), n_batches);
    }
}
