//! What is accepted stands everywhere: by id, on pages, in the export, in its session, and on `/live`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, eventually};
use crate::follow::Way;
use crate::http::{Row, percent};

/// A time of day for the clock that runs `ahead` of ours, as `YYYY-MM-DDThh:mm:ssZ`.
fn clock(ahead: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_micros();
    model::Timestamp::from_micros(now as i64 + ahead * 1_000_000).to_string()
}

#[tokio::test]
async fn an_accepted_event_stands_everywhere() {
    let app = TestApp::start().await;
    let mut live = Vec::new();
    for way in Way::ALL {
        live.push(app.follow(way, "since=now").await);
    }
    let body = r#"{"id":"e 1","session_id":"s","category":"page","name":"click","timestamp":"2026-11-01T09:00:00.5+01:00","data":{"a":1}}"#;
    let accepted = app.post_events(body).await.accepted();
    assert_eq!(accepted["id"], "e 1");
    assert_eq!(accepted["durability"], "disk");
    let seq = accepted["seq"].as_u64().expect("a number");

    let check = |row: &Row| {
        assert_eq!((row.id.as_str(), row.seq, row.stream.as_str()), ("e 1", seq, "events"));
        assert_eq!(row.session_id.as_deref(), Some("s"));
        assert_eq!((row.category.as_deref(), row.name.as_deref()), (Some("page"), Some("click")));
        assert_eq!(row.timestamp.as_deref(), Some("2026-11-01T08:00:00.500000Z"));
        assert!(row.received_at.ends_with('Z') && row.received_at.len() == 27, "{row:?}");
        assert!(row.valid && row.errors.is_empty());
        assert_eq!(row.data(), r#"{"a":1}"#);
        assert!(row.cursor.ends_with(&format!(".{seq}")), "{row:?}");
    };
    for mut follower in live {
        check(&follower.next_event().await);
    }
    // By id it has an answer at once, whether the consumer was there yet or not.
    let at_once = app.get("/events/e%201").await.row();
    check(&at_once);
    assert!(["queued", "stored"].contains(&at_once.rest["state"].as_str().unwrap()), "{at_once:?}");
    app.wait_applied().await;
    assert_eq!(app.get("/events/e%201").await.row().rest["state"], "stored");
    check(&app.get("/events").await.page().events[0]);
    check(&app.get("/streams/events").await.page().events[0]);
    check(&app.get("/sessions/s").await.page().events[0]);
    check(&Row::parse(&app.export("").await[0]));
}

#[tokio::test]
async fn an_event_needs_only_category_and_name() {
    let app = TestApp::start().await;
    let accepted = app.post_events(r#"{"category":"c","name":"n"}"#).await.accepted();
    app.wait_applied().await;
    let row = app.get(&format!("/events/{}", accepted["id"].as_str().unwrap())).await.row();
    assert_eq!(row.data(), "null");
    assert_eq!((row.timestamp, row.session_id), (None, None));
    // Ids of the server are UUIDs of version 7.
    assert_eq!((row.id.len(), &row.id[14..15]), (36, "7"));
}

#[tokio::test]
async fn many_events_in_one_request_stand_in_their_order() {
    let app = TestApp::start().await;
    let event = |n: usize| format!(r#"{{"category":"c","name":"n","data":{n}}}"#);
    let array = format!("[{}]", (0..50).map(event).collect::<Vec<_>>().join(","));
    let accepted = app.post_events(array).await.accepted();
    assert_eq!((&accepted["accepted"], &accepted["rejected"]), (&json!(50), &json!([])));
    let (first, last) = (accepted["first_seq"].as_u64(), accepted["last_seq"].as_u64());
    assert_eq!(last.unwrap() - first.unwrap(), 49, "one request is one append");
    let mut ids: Vec<Value> = accepted["ids"].as_array().unwrap().clone();

    let lines = (50..100).map(event).collect::<Vec<_>>().join("\n");
    for content_type in ["application/x-ndjson", "application/x-ndjson; charset=utf-8"] {
        let answer = app.http.post("/events", content_type, format!("\n{lines}\n\n")).await;
        let accepted = answer.accepted();
        assert_eq!(accepted["accepted"], 50);
        ids.extend(accepted["ids"].as_array().unwrap().iter().cloned());
    }
    app.wait_applied().await;
    let rows = app.get("/events?limit=1000").await.page().events;
    let data: Vec<String> = rows.iter().map(|row| row.data().to_owned()).collect();
    let expected: Vec<String> = (0..100).chain(50..100).map(|n: usize| n.to_string()).collect();
    assert_eq!(data, expected);
    assert_eq!(rows.iter().map(|row| json!(row.id)).collect::<Vec<_>>(), ids);
}

#[tokio::test]
async fn skip_takes_the_good_ones_and_names_the_bad_ones() {
    let app = TestApp::start().await;
    let good = r#"{"category":"c","name":"n"}"#;
    let lines = format!("{good}\n{{\n\n{good}\n{{\"category\":\"c\"}}\n{good}");
    let accepted =
        app.http.post("/events?on_error=skip", "application/x-ndjson", lines).await.accepted();
    assert_eq!(accepted["accepted"], 3);
    let rejected = accepted["rejected"].as_array().unwrap();
    assert_eq!(rejected.len(), 2);
    assert_eq!((&rejected[0]["index"], &rejected[0]["code"]), (&json!(1), &json!("invalid_json")));
    assert_eq!((&rejected[1]["index"], &rejected[1]["code"]), (&json!(3), &json!("missing_field")));
    assert_eq!(rejected[1]["pointer"], "/name");

    let array = format!(r#"[{good},{{"category":"c","name":"n","timestamp":"noon"}},7]"#);
    let accepted =
        app.http.post("/events?on_error=skip", "application/json", array).await.accepted();
    assert_eq!(accepted["accepted"], 1);
    let rejected = accepted["rejected"].as_array().unwrap();
    assert_eq!((&rejected[0]["index"], &rejected[0]["code"]), (&json!(1), &json!("bad_timestamp")));
    assert_eq!(rejected[0]["pointer"], "/1/timestamp");
    assert_eq!((&rejected[1]["index"], &rejected[1]["code"]), (&json!(2), &json!("wrong_type")));
    app.wait_applied().await;
    assert_eq!(app.export("").await.len(), 4);
}

#[tokio::test]
async fn without_skip_one_bad_event_keeps_all_out() {
    let app = TestApp::start().await;
    let good = r#"{"id":"good","category":"c","name":"n"}"#;
    let bad = r#"{"category":"c","name":7}"#;
    let answer = app.post_events(format!("[{good},{bad}]")).await;
    assert_eq!((answer.status, &answer.json()["pointer"]), (422, &json!("/1/name")));
    let lines = format!("{good}\n{bad}");
    let answer = app.http.post("/events", "application/x-ndjson", lines).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.json()["position"]["line"], 2);
    let answer = app.post_stream("raw", "[1,2,]").await;
    assert_eq!(answer.status, 400);
    // The next Seq shows that nothing was appended in between.
    let accepted = app.post_events(r#"{"category":"c","name":"n"}"#).await.accepted();
    assert_eq!(accepted["seq"], 1);
    app.wait_applied().await;
    assert_eq!(app.export("").await.len(), 1);
    assert_eq!(app.get("/events/good").await.status, 404);
}

#[tokio::test]
async fn a_raw_stream_takes_any_json() {
    let app = TestApp::start().await;
    assert_eq!(app.post_stream("a.b_c-1", "[1,[2],{}]").await.accepted()["accepted"], 3);
    let one = app.post_stream("a.b_c-1", "\"text\"").await.accepted();
    assert!(one["id"].is_string() && one["seq"].is_u64(), "{one}");
    let lines = "[1,2]\n[]\n3";
    let many = app.http.post("/streams/a.b_c-1", "application/x-ndjson", lines).await.accepted();
    assert_eq!(many["accepted"], 3, "each line is one event, even an array");
    app.wait_applied().await;
    let rows = app.get("/streams/a.b_c-1").await.page().events;
    let data: Vec<&str> = rows.iter().map(Row::data).collect();
    assert_eq!(data, ["1", "[2]", "{}", "\"text\"", "[1,2]", "[]", "3"]);
    assert!(rows.iter().all(|row| row.stream == "a.b_c-1" && row.category.is_none()));
    assert_eq!(app.get("/streams/other").await.page().events.len(), 0);
    assert_eq!(app.get("/events").await.page().events.len(), 0, "`events` is a stream like others");
}

#[tokio::test]
async fn a_trailing_slash_changes_nothing() {
    let app = TestApp::start().await;
    let event = r#"{"id":"x","session_id":"s","category":"c","name":"n"}"#;
    app.http.post("/events/", "application/json", event).await.accepted();
    app.http.post("/streams/raw/", "application/json", "1").await.accepted();
    app.wait_applied().await;
    for path in ["/events/", "/streams/raw/", "/sessions/s/"] {
        assert_eq!(app.get(path).await.page().events.len(), 1, "{path}");
    }
    for path in ["/events/x/", "/status/", "/healthz/", "/readyz/", "/openapi.json/"] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
    assert_eq!(app.get("/events/?limit=1").await.page().events.len(), 1);
}

#[tokio::test]
async fn both_spellings_of_a_timestamp_name_the_same_time() {
    let app = TestApp::start().await;
    let spellings = [
        ("2026-11-01T08:00:00.296Z", "2026-11-01T08:00:00.296000Z"),
        ("2026-11-01t10:00:00.296+02:00", "2026-11-01T08:00:00.296000Z"),
        ("2026-11-01 08:00:00.296", "2026-11-01T08:00:00.296000Z"),
        ("2026-11-01 08:00:00.296000Z", "2026-11-01T08:00:00.296000Z"),
        ("2026-11-01 08:00:00", "2026-11-01T08:00:00.000000Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
    ];
    for (given, _) in spellings {
        let body = format!(r#"{{"category":"c","name":"n","timestamp":"{given}"}}"#);
        app.post_events(body).await.accepted();
    }
    app.wait_applied().await;
    let rows = app.get("/events").await.page().events;
    for (row, (given, expected)) in rows.iter().zip(spellings) {
        assert_eq!(row.timestamp.as_deref(), Some(expected), "{given}");
        assert!(row.valid, "{given}");
    }
}

#[tokio::test]
async fn exactly_the_events_from_the_future_are_kept_as_invalid() {
    let app = TestApp::start().await;
    let mut live = app.live_ws("since=now&valid=false").await;
    for ahead in [-3600, 0, 240, 360, 86_400] {
        let at = clock(ahead);
        app.post_events(format!(
            r#"{{"category":"c","name":"n","timestamp":"{at}","data":{ahead}}}"#
        ))
        .await
        .accepted();
    }
    app.wait_applied().await;
    let invalid = app.get("/events?valid=false").await.page().events;
    assert_eq!(invalid.iter().map(Row::data).collect::<Vec<_>>(), ["360", "86400"]);
    for row in &invalid {
        assert_eq!(row.errors.len(), 1);
        assert_eq!(row.errors[0]["rule"], "not_in_the_future");
        assert_eq!(row.errors[0]["pointer"], "/timestamp");
        let state = app.get(&format!("/events/{}", row.id)).await.row().rest["state"].clone();
        assert_eq!(state, "invalid");
    }
    let valid = app.get("/events?valid=true").await.page().events;
    assert_eq!(valid.iter().map(Row::data).collect::<Vec<_>>(), ["-3600", "0", "240"]);
    assert_eq!(live.events(2).await[1].data(), "86400");
}

#[tokio::test]
async fn a_session_shows_its_events_in_the_order_in_which_they_occurred() {
    let app = TestApp::start().await;
    let session = "sess/\u{e9} 1";
    for (second, data) in [(30, 3), (10, 1), (20, 2), (30, 4)] {
        let body = json!({"session_id": session, "category": "c", "name": "n",
            "timestamp": format!("2026-01-01T00:00:{second}Z"), "data": data});
        app.post_events(body.to_string()).await.accepted();
    }
    // Without a timestamp the time of receipt orders: this one comes last.
    app.post_events(
        json!({"session_id": session, "category": "c", "name": "n", "data": 5}).to_string(),
    )
    .await
    .accepted();
    app.post_events(r#"{"session_id":"other","category":"c","name":"n","data":9}"#)
        .await
        .accepted();
    app.wait_applied().await;
    let path = format!("/sessions/{}", percent(session));
    let rows = app.get(&path).await.page().events;
    assert_eq!(rows.iter().map(Row::data).collect::<Vec<_>>(), ["1", "2", "3", "4", "5"]);
    let mut paged = Vec::new();
    let mut next = Some(String::new());
    while let Some(after) = next {
        let after = if after.is_empty() { after } else { format!("&after={}", percent(&after)) };
        let page = app.get(&format!("{path}?limit=2{after}")).await.page();
        paged.extend(page.events.into_iter().map(|row| row.data().to_owned()));
        next = page.next;
    }
    assert_eq!(paged, ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn status_and_probes_tell_the_truth() {
    let app = TestApp::start().await;
    for path in ["/healthz", "/readyz", "/openapi.json", "/docs", "/ui/", "/", "/status"] {
        let answer = app.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
        let head = app.http.send(Method::HEAD, path, &[], "").await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    }
    let browser = app.http.get_as("/", "text/html").await;
    assert_eq!((browser.status, browser.header("location")), (301, "/ui/"));
    let named = app.http.send(Method::GET, "/status", &[("x-request-id", "mine-1")], "").await;
    assert_eq!(named.header("x-request-id"), "mine-1");
    let openapi = app.get("/openapi.json").await.json();
    assert!(openapi["openapi"].as_str().unwrap().starts_with("3.1"), "{}", openapi["openapi"]);
    assert!(openapi["paths"]["/events"]["post"].is_object());
    app.post_stream("raw", "[1,2,3]").await.accepted();
    app.wait_applied().await;
    let status = app.get("/status").await.json();
    assert_eq!(status["instance"], app.instance);
    assert_eq!(status["counts"]["accepted"], 3, "{status}");
    assert_eq!(status["consumer"]["state"], "running");
    eventually("the stored ones are counted", async || {
        let status = app.get("/status").await.json();
        (status["counts"]["stored"] == 3).then_some(())
    })
    .await;
}
