//! `/status` names what limits, in the real binary: idle, under load, behind a locked database; and the history survives.

use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::{Launch, TestApp, eventually};
use crate::beside::Beside;
use crate::small_disk::SmallDisk;

const EVENT: &str = r#"{"category":"c","name":"n"}"#;
/// Events of one request under load.
const IN_ONE: usize = 200;

async fn status(app: &TestApp) -> Value {
    app.get("/status").await.json()
}

fn stage(status: &Value) -> &str {
    status["limits"]["stage"].as_str().unwrap()
}

fn sentence(status: &Value) -> &str {
    status["limits"]["sentence"].as_str().unwrap()
}

/// Waits for a status that `is` so, and answers it.
async fn status_when(app: &TestApp, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || Some(status(app).await).filter(|status| is(status))).await
}

async fn history(app: &TestApp, range: &str) -> Value {
    let answer = app.get(&format!("/status/history?range={range}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn column<'a>(history: &'a Value, name: &str) -> &'a Vec<Value> {
    history["columns"][name].as_array().unwrap()
}

fn measured(values: &[Value]) -> Vec<f64> {
    values.iter().filter_map(Value::as_f64).collect()
}

#[tokio::test]
async fn an_idle_server_says_that_nothing_limits() {
    let app = TestApp::start().await;
    let told = status_when(&app, "the first second is over", |told| {
        sentence(told).starts_with("Healthy. Nothing comes in")
    })
    .await;
    assert_eq!(stage(&told), "idle");
    assert!(told["limits"]["drain_s"].is_null());
    for name in ["accept", "fsync", "apply", "push"] {
        let share = told["limits"]["busy"][name].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&share), "{name}: {share}");
    }
    for name in ["commit_us", "apply_us"] {
        assert!(told["latency"][name].is_null(), "{name} of nothing: {told}");
    }
    assert!(told["disk"]["seconds_left"].is_null());
    assert!(told["disk"]["log_bytes"].as_u64().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_the_stage_is_named_and_the_numbers_are_those_that_were_sent() {
    let app = TestApp::start().await;
    // Many in one request, so that the server has more to do than the client.
    let body = bytes::Bytes::from(format!("[{}{EVENT}]", format!("{EVENT},").repeat(IN_ONE - 1)));
    let is_enough = CancellationToken::new();
    let mut senders = JoinSet::new();
    for _ in 0..8 {
        let (http, body, is_enough) = (app.http.clone(), body.clone(), is_enough.clone());
        senders.spawn(async move {
            let mut n_sent = 0;
            while !is_enough.is_cancelled() {
                http.post("/events", "application/json", body.clone()).await.accepted();
                n_sent += IN_ONE as u64;
            }
            n_sent
        });
    }
    let told = status_when(&app, "the load has a limit", |told| stage(told) != "idle").await;
    is_enough.cancel();
    assert!(["accept", "fsync", "apply"].contains(&stage(&told)), "{told}");
    assert!(!sentence(&told).starts_with("Healthy"), "{told}");
    assert!(told["latency"]["request_us"]["p99"].as_u64().unwrap() > 0);
    assert!(told["latency"]["commit_us"]["p50"].as_u64().unwrap() > 0);
    let n_sent: u64 = senders.join_all().await.into_iter().sum();
    app.wait_applied().await;
    let told = status(&app).await;
    assert_eq!(told["counts"]["accepted"], n_sent);
    assert_eq!(told["lag"]["records"], 0);
    assert!(told["requests"]["2xx"].as_u64().unwrap() >= n_sent / IN_ONE as u64);
    app.post_events("{").await;
    let refused = status(&app).await;
    assert_eq!((&refused["requests"]["4xx"], &refused["requests"]["429"]), (&1.into(), &0.into()));
    status_when(&app, "the load is over", |told| stage(told) == "idle").await;
    eventually("every second is in the history", async || {
        let accepted = measured(column(&history(&app, "5m").await, "accepted"));
        let n: f64 = accepted.iter().sum();
        // A rate is per second of the tick, which is not exactly a second long.
        ((n - n_sent as f64).abs() <= n_sent as f64 / 5.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_locked_database_is_named_with_since_when_and_what_waits() {
    let app = TestApp::start().await;
    app.post_events(EVENT).await.accepted();
    app.wait_applied().await;
    let lock = app.beside().lock();
    for _ in 0..50 {
        app.post_events(EVENT).await.accepted();
    }
    // SQLite says at once that it is locked; PostgreSQL lets one wait without a word.
    let begins =
        if Beside::is_postgres() { "Database silent since " } else { "Database locked since " };
    let told =
        status_when(&app, "the lock is noticed", |told| sentence(told).starts_with(begins)).await;
    assert_eq!(stage(&told), "database");
    let words = sentence(&told);
    assert!(words.contains("Z. Still accepting. 50 queued; disk for about "), "{words}");
    assert_eq!(told["lag"]["records"], 50);
    assert!(told["lag"]["seconds"].as_f64().unwrap() > 1.0);
    app.post_events(EVENT).await.accepted();
    drop(lock);
    app.wait_applied().await;
    status_when(&app, "the lock is gone", |told| stage(told) == "idle").await;
}

#[tokio::test]
async fn a_disk_that_stops_answering_is_named_and_nothing_is_acknowledged_meanwhile() {
    let disk = SmallDisk::new(600);
    let data_dir = disk.root().join("data");
    let app = Launch::new().env("EYAS_DATA_DIR", data_dir.to_str().unwrap()).start().await;
    app.post_events(EVENT).await.accepted();
    app.wait_applied().await;
    let frozen = disk.freeze();
    let http = app.http.clone();
    let waiting =
        tokio::spawn(async move { http.post("/events", "application/json", EVENT).await });
    let told = status_when(&app, "the hanging write is noticed", |told| {
        sentence(told).starts_with("The disk has not answered since ")
    })
    .await;
    assert_eq!(stage(&told), "disk");
    assert!(!waiting.is_finished(), "no answer before the write is safe");
    assert_eq!(told["counts"]["accepted"], 1);
    drop(frozen);
    waiting.await.unwrap().accepted();
    app.wait_applied().await;
    status_when(&app, "the disk answers again", |told| stage(told) == "idle").await;
}

#[tokio::test]
async fn the_history_survives_a_stop_and_most_of_it_a_kill() {
    let app = TestApp::start().await;
    for _ in 0..20 {
        app.post_events(EVENT).await.accepted();
    }
    eventually("some seconds are measured", async || {
        let measured = measured(column(&history(&app, "5m").await, "accepted"));
        (measured.len() >= 2 && measured.iter().sum::<f64>() > 10.0).then_some(())
    })
    .await;
    let before = history(&app, "5m").await;
    let app = app.terminate().await.start().await;
    let after = eventually("the past is back and goes on", async || {
        let after = history(&app, "5m").await;
        let marks: Vec<_> =
            after["marks"].as_array().unwrap().iter().map(|m| m["what"].clone()).collect();
        (marks == ["start", "stop", "start"]).then_some(after)
    })
    .await;
    // The same second has the same value, and every column is as long as the others.
    let shift = |history: &Value, name: &str| {
        let values = measured(column(history, name));
        values.into_iter().take(2).collect::<Vec<_>>()
    };
    assert_eq!(shift(&before, "accepted"), shift(&after, "accepted"));
    for (range, n) in [("5m", 300), ("1h", 360), ("24h", 1440), ("30d", 2880)] {
        let history = history(&app, range).await;
        for (name, values) in history["columns"].as_object().unwrap() {
            assert_eq!(values.as_array().unwrap().len(), n, "{name} of {range}");
        }
    }
    // A kill cannot write anything, so what it leaves is what was saved before.
    let app = app.restart().await;
    eventually("a kill leaves what was saved", async || {
        let marks = history(&app, "30d").await["marks"].as_array().unwrap().len();
        (marks >= 3).then_some(())
    })
    .await;
    assert_eq!(shift(&before, "accepted"), shift(&history(&app, "5m").await, "accepted"));
    assert_eq!(app.get("/status/history?range=2m").await.json()["code"], "bad_parameter");
}
