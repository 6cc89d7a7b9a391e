//! Events older than their age are gone from every reader, and every reader is told.

use std::fs;

use serde_json::Value;

use crate::app::{Launch, TestApp, eventually};
use crate::follow::{Follower, Way};
use crate::http::{Row, percent};

fn launch(retention: &str) -> Launch {
    let launch = Launch::new().kept_after_failure();
    fs::write(launch.dir().join("eyas.toml"), format!("[retention]\n{retention}\n")).unwrap();
    launch
}

/// Sends numbers; the answer.
async fn send(app: &TestApp, stream: &str, from: usize, to: usize) -> Value {
    let lines: Vec<String> = (from..to).map(|n| n.to_string()).collect();
    let path = format!("/streams/{stream}");
    app.http.post(&path, "application/x-ndjson", lines.join("\n")).await.accepted()
}

async fn status(app: &TestApp) -> Value {
    app.get("/status").await.json()["retention"].clone()
}

/// Waits until a stream holds nothing of what was accepted.
async fn emptied(app: &TestApp, stream: &str) {
    app.wait_applied().await;
    eventually("the stream is empty", async || {
        app.get(&format!("/streams/{stream}")).await.page().events.is_empty().then_some(())
    })
    .await;
}

fn data(rows: &[Row]) -> Vec<usize> {
    rows.iter().map(|row| row.data().parse().unwrap()).collect()
}

#[tokio::test]
async fn old_events_are_gone_and_every_reader_is_told() {
    let app = launch("short = \"2s\"").start().await;
    let (short, long) = (send(&app, "short", 0, 40).await, send(&app, "long", 40, 50).await);
    let log = app.get("/status").await.json()["log"]["id"].as_str().unwrap().to_owned();
    let cursor = |seq: &Value| format!("{log}.{seq}");
    let (first, horizon) = (cursor(&short["first_seq"]), cursor(&short["last_seq"]));
    emptied(&app, "short").await;
    let path = |answer: &Value| format!("/events/{}", answer["ids"][0].as_str().unwrap());
    let gone = app.get(&path(&short)).await;
    assert_eq!((gone.status, &gone.json()["code"]), (404, &Value::from("not_found")));
    assert!(gone.json()["hint"].as_str().unwrap().contains("retention"), "{gone:?}");
    assert_eq!(app.get(&path(&long)).await.status, 200);
    // A page behind a cursor that is gone goes on with what is kept.
    let page = app.get(&format!("/events?stream=*&after={}", percent(&first))).await.page();
    assert_eq!(data(&page.events), (40..50).collect::<Vec<_>>());
    for way in Way::ALL {
        let since = format!("since={}", percent(&first));
        let follower = Follower::open(app.addr, way, &format!("{since}&stream=short"), None).await;
        let mut follower = follower.unwrap();
        assert_eq!(follower.next().await.json()["oldest"], horizon, "{way:?}");
        let gap = follower.next().await.json();
        assert_eq!((&gap["type"], &gap["why"]), (&Value::from("gap"), &Value::from("retention")));
        assert_eq!((&gap["from"], &gap["to"]), (&first.clone().into(), &horizon.clone().into()));
        assert_eq!(follower.next().await.kind, "caught_up", "{way:?}");
        // What is kept of other streams comes behind the gap.
        let mut follower = app.follow(way, &since).await;
        assert_eq!(follower.next().await.kind, "gap", "{way:?}");
        assert_eq!(data(&follower.events(10).await), (40..50).collect::<Vec<_>>());
        // From the beginning means from what is kept, and there is nothing to tell.
        let mut follower = app.follow(way, "since=beginning").await;
        assert_eq!(data(&follower.events(10).await), (40..50).collect::<Vec<_>>());
        let mut follower = app.follow(way, &format!("{since}&stream=long")).await;
        assert_eq!(data(&follower.events(10).await), (40..50).collect::<Vec<_>>());
    }
    let retention = status(&app).await;
    assert_eq!(retention["default_s"], Value::Null);
    assert_eq!(retention["deleted_rows"], 40);
    assert_eq!(retention["streams"][0]["stream"], "short");
    assert_eq!(
        (&retention["streams"][0]["age_s"], &retention["streams"][0]["horizon"]),
        (&2.into(), &short["last_seq"])
    );
    let metrics = app.get("/metrics").await;
    assert!(
        metrics.text().contains("\neyas_retention_deleted_rows_total 40\n"),
        "{}",
        metrics.text()
    );
    assert!(app.stderr().contains("were deleted"), "{}", app.stderr());
}

#[tokio::test]
async fn a_deletion_survives_a_kill_and_a_change_of_mind() {
    let app = launch("default = \"2s\"\nkept = \"forever\"").start().await;
    send(&app, "kept", 0, 5).await;
    for from in (0..10_000).step_by(2_000) {
        send(&app, "many", from, from + 2_000).await;
    }
    app.wait_applied().await;
    eventually("the first slice is gone", async || {
        (status(&app).await["deleted_rows"].as_u64()? > 0).then_some(())
    })
    .await;
    let app = app.kill().start().await;
    emptied(&app, "many").await;
    let kept = app.get("/streams/kept").await.page().events;
    assert_eq!(data(&kept), (0..5).collect::<Vec<_>>());
    let horizon = |status: &Value| {
        let streams = status["streams"].as_array().unwrap();
        streams
            .iter()
            .find(|one| one["stream"] == "many")
            .map(|one| one["horizon"].as_u64().unwrap())
    };
    assert_eq!(horizon(&status(&app).await), Some(10_005));
    // Without retention the horizon stays, and what comes now is kept.
    let launch = app.terminate().await;
    fs::remove_file(launch.dir().join("eyas.toml")).unwrap();
    let app = launch.start().await;
    assert_eq!(horizon(&status(&app).await), Some(10_005));
    let mut follower =
        app.follow(Way::Sse, &format!("stream=many&since={}", percent(&kept[0].cursor))).await;
    assert_eq!(follower.next().await.json()["why"], "retention");
    send(&app, "many", 0, 3).await;
    assert_eq!(data(&follower.events(3).await), [0, 1, 2]);
}

#[tokio::test]
async fn an_id_that_was_deleted_may_be_used_again() {
    let app = launch("events = \"2s\"").start().await;
    let body = |n: usize| format!(r#"{{"id":"order-1","category":"c","name":"n","data":{n}}}"#);
    let first = app.post_events(body(1)).await.accepted()["seq"].as_u64().unwrap();
    emptied(&app, "events").await;
    let again = app.post_events(body(2)).await.accepted();
    assert!(again["seq"].as_u64().unwrap() > first && again.get("duplicate").is_none(), "{again}");
    assert_eq!(app.get("/events/order-1").await.row().data(), "2");
}

#[tokio::test]
async fn a_follower_hears_everything_while_the_old_is_deleted_behind_it() {
    let app = launch("default = \"1s\"").start().await;
    let mut follower = app.live_ws("since=beginning").await;
    let mut seen = Vec::new();
    for from in (0..200).step_by(50) {
        send(&app, "raw", from, from + 50).await;
        seen.extend(data(&follower.events(50).await));
        eventually("what was heard is deleted", async || {
            (status(&app).await["deleted_rows"] == from + 50).then_some(())
        })
        .await;
    }
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
}
