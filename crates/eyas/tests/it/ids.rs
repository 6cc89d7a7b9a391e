//! An id names one event for ever: sending it again stores nothing twice.

use futures_util::future::join_all;
use serde_json::json;

use crate::app::TestApp;
use crate::http::{Answer, percent};

fn event(id: &str, data: &str) -> String {
    format!(r#"{{"id":{},"category":"c","name":"n","data":{data}}}"#, json!(id))
}

#[tokio::test]
async fn the_same_event_again_is_a_duplicate_at_the_same_place() {
    let app = TestApp::start().await;
    let first = app.post_events(event("a", "1")).await.accepted();
    assert_eq!(first["duplicate"], json!(null), "{first}");
    let again = app.post_events(event("a", "1")).await.accepted();
    assert_eq!((&again["duplicate"], &again["seq"]), (&json!(true), &first["seq"]));
    app.wait_applied().await;
    let later = app.post_events(event("a", "1")).await.accepted();
    assert_eq!((&later["duplicate"], &later["seq"]), (&json!(true), &first["seq"]));
    let app = app.restart().await;
    let after_crash = app.post_events(event("a", "1")).await.accepted();
    assert_eq!((&after_crash["duplicate"], &after_crash["seq"]), (&json!(true), &first["seq"]));
    app.wait_applied().await;
    assert_eq!(app.export("").await.len(), 1);
}

#[tokio::test]
async fn other_content_under_a_known_id_is_refused() {
    let app = TestApp::start().await;
    let first = app.post_events(event("a", "1")).await.accepted();
    let others = [
        event("a", "1.0"),
        event("a", "{}"),
        r#"{"id":"a","category":"c","name":"other","data":1}"#.to_owned(),
        r#"{"id":"a","session_id":"s","category":"c","name":"n","data":1}"#.to_owned(),
    ];
    for applied in [false, true] {
        if applied {
            app.wait_applied().await;
        }
        for other in &others {
            let answer = app.post_events(other.clone()).await;
            assert_eq!(
                (answer.status, &answer.json()["code"]),
                (409, &json!("id_conflict")),
                "{other}"
            );
            assert_eq!(answer.json()["seq"], first["seq"]);
        }
    }
    // All or nothing: neither is the new one stored that came along, nor one that contradicts itself.
    let answer = app.post_events(format!("[{},{}]", event("new", "1"), event("a", "2"))).await;
    assert_eq!((answer.status, &answer.json()["pointer"]), (409, &json!("/1/id")));
    let answer = app.post_events(format!("[{},{}]", event("x", "1"), event("x", "2"))).await;
    assert_eq!(answer.status, 409);
    let skipping = format!("[{},{},{}]", event("new", "1"), event("a", "2"), event("new", "1"));
    let answer = app.http.post("/events?on_error=skip", "application/json", skipping).await;
    assert_eq!(answer.accepted()["rejected"][0]["code"], "id_conflict");
    app.wait_applied().await;
    let lines = app.export("").await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(app.get("/events/x").await.status, 404);
}

#[tokio::test]
async fn one_id_sent_by_fifty_at_once_is_one_event() {
    let app = TestApp::start().await;
    let mut live = app.live_ws("since=now").await;
    for round in 0..4 {
        let id = format!("round-{round}");
        let answers = join_all((0..50).map(|_| app.post_events(event(&id, "1")))).await;
        let accepted: Vec<_> = answers.iter().map(crate::http::Answer::accepted).collect();
        assert!(accepted.iter().all(|answer| answer["seq"] == accepted[0]["seq"]), "{accepted:?}");
        let n_new = accepted.iter().filter(|answer| answer["duplicate"] != json!(true)).count();
        assert_eq!(n_new, 1);
        assert_eq!(live.next_event().await.id, id);
    }
    app.wait_applied().await;
    assert_eq!(app.export("").await.len(), 4);
}

#[tokio::test]
async fn of_two_contents_racing_for_an_id_one_wins() {
    let app = TestApp::start().await;
    for round in 0..10 {
        let id = format!("race-{round}");
        let (one, other) =
            tokio::join!(app.post_events(event(&id, "1")), app.post_events(event(&id, "2")));
        // Where the database does not answer in time, both are taken and the consumer decides: the first one wins.
        let place = |answer: &Answer| match answer.status {
            202 => answer.json()["seq"].as_u64().expect("an accepted event has its place"),
            409 => u64::MAX,
            _ => panic!("{one:?} {other:?}"),
        };
        let places = [place(&one), place(&other)];
        assert_ne!(places[0], places[1], "{one:?} {other:?}");
        let winner = if places[0] < places[1] { "1" } else { "2" };
        app.wait_applied().await;
        assert_eq!(app.get(&format!("/events/{id}")).await.row().data(), winner);
    }
}

#[tokio::test]
async fn any_printable_text_is_an_id() {
    let app = TestApp::start().await;
    let longest = "x".repeat(128);
    for id in ["a/b", "caf\u{e9} \u{1f600}", "%2F", "?#&=", "..", "\u{202e}rtl", "\"q\\", &longest]
    {
        app.post_events(event(id, "1")).await.accepted();
        let row = app.get(&format!("/events/{}", percent(id))).await;
        assert_eq!(row.row().id, id);
    }
}

#[tokio::test]
async fn an_id_is_unique_within_its_stream() {
    let app = TestApp::start().await;
    app.post_events(event("same", "1")).await.accepted();
    // Raw streams choose no ids, so what the server gives is asked for with the stream's name.
    let raw = app.post_stream("raw", "1").await.accepted();
    app.wait_applied().await;
    let id = raw["id"].as_str().unwrap();
    assert_eq!(app.get(&format!("/events/{id}?stream=raw")).await.row().stream, "raw");
    assert_eq!(app.get(&format!("/events/{id}?stream=events")).await.status, 404);
    assert_eq!(app.get("/events/same?stream=events").await.row().id, "same");
}
