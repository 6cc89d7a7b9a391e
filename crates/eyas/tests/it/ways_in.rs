//! The other ways in: compressed bodies, CloudEvents, keys for sending again, answers that wait.

use std::io::Write as _;

use hyper::Method;

use crate::app::{Launch, TestApp};
use crate::http::{Answer, percent};

async fn post(
    app: &TestApp,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> Answer {
    let body: Vec<u8> = body.into();
    app.http.send(Method::POST, path, headers, body).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const LINES: (&str, &str) = ("content-type", "application/x-ndjson");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn compressed_bodies_are_stored_byte_for_byte() {
    let app = TestApp::start().await;
    let lines: Vec<String> = (0..5_000).map(|n| format!("[{n}, 1.0,\"é\"]\n")).collect();
    let body = lines.concat();
    let (first, rest) = body.as_bytes().split_at(30_001);
    let members = [gzip(first), gzip(rest)].concat();
    let packed = zstd::stream::encode_all(body.as_bytes(), 1).unwrap();
    for (coding, packed) in [("gzip", members), ("zstd", packed)] {
        let path = format!("/streams/{coding}");
        let answer = post(&app, &path, &[LINES, ("content-encoding", coding)], packed).await;
        assert_eq!(answer.accepted()["accepted"], 5_000);
        app.wait_applied().await;
        let lines = app.export_of(&path).await;
        let data: String = lines
            .iter()
            .map(|line| {
                line.split_once("\"data\":").unwrap().1.strip_suffix('}').unwrap().to_owned() + "\n"
            })
            .collect();
        assert!(data == body, "{coding}");
    }
}

#[tokio::test]
async fn bombs_and_unknown_codings_store_nothing() {
    let app = TestApp::start().await;
    let bomb = format!("\"{}\"", " ".repeat(12 << 20));
    let check = async |coding: &str, body: Vec<u8>, status: u16, code: &str| {
        let answer = post(&app, "/streams/x", &[JSON, ("content-encoding", coding)], body).await;
        let json = answer.json();
        assert_eq!((answer.status, json["code"].as_str()), (status, Some(code)), "{json}");
        assert_eq!(json["outcome"], "rejected");
        answer
    };
    check("gzip", gzip(bomb.as_bytes()), 413, "body_too_large").await;
    let packed = zstd::stream::encode_all(bomb.as_bytes(), 1).unwrap();
    check("zstd", packed, 413, "body_too_large").await;
    check("gzip", gzip(b"1")[..12].to_vec(), 400, "bad_encoding").await;
    let refused = check("br", b"1".to_vec(), 415, "unsupported_encoding").await;
    assert_eq!(refused.header("accept-encoding"), "gzip, zstd");
    post(&app, "/streams/x", &[JSON, ("content-encoding", "identity")], "7").await.accepted();
    app.wait_applied().await;
    assert_eq!(app.get("/events?stream=*").await.page().events.len(), 1);
}

#[tokio::test]
async fn cloud_events_are_events() {
    let app = TestApp::start().await;
    let one = ("content-type", "application/cloudevents+json; charset=utf-8");
    let batch = ("content-type", "application/cloudevents-batch+json");
    let body = r#"{"specversion":"1.0","id":"7","source":"/a","type":"t","subject":"s","time":"2026-11-01T08:00:00Z","data": {"b":1.0,"a":1e400}}"#;
    let accepted = post(&app, "/events", &[one], body).await.accepted();
    assert_eq!(accepted["id"], "/a 7");
    let again = post(&app, "/events/", &[one], body).await.accepted();
    assert_eq!((&again["duplicate"], &again["seq"]), (&true.into(), &accepted["seq"]));
    let other = post(&app, "/events", &[one], body.replace("1.0,\"a\"", "2,\"a\"")).await;
    assert_eq!((other.status, other.json()["code"].as_str()), (409, Some("id_conflict")));
    // The same id of another source is another event; what has more attributes is kept whole.
    let whole = r#"{ "specversion":"1.0","id":"7","source":"/b","type":"t", "traceparent":"00-1","data":1 }"#;
    let accepted = post(&app, "/events", &[batch], format!("[{whole}]")).await.accepted();
    assert_eq!(accepted["ids"][0], "/b 7");
    app.wait_applied().await;
    let row = app.get(&format!("/events/{}", percent("/a 7"))).await.row();
    assert_eq!(row.data(), r#"{"b":1.0,"a":1e400}"#);
    assert_eq!((row.category.as_deref(), row.name.as_deref()), (Some("/a"), Some("t")));
    assert_eq!(row.session_id.as_deref(), Some("s"));
    assert_eq!(row.timestamp.as_deref(), Some("2026-11-01T08:00:00.000000Z"));
    assert_eq!(app.get(&format!("/events/{}", percent("/b 7"))).await.row().data(), whole);
    let late = r#"[{"specversion":"1.0","id":"8","source":"/a","type":"t","time":"yesterday"}]"#;
    let refused = post(&app, "/events", &[batch], late).await.json();
    assert_eq!(
        (&refused["code"], &refused["pointer"]),
        (&"bad_timestamp".into(), &"/0/time".into())
    );
    let source =
        format!(r#"{{"specversion":"1.0","id":"8","source":"/{}","type":"t"}}"#, "a".repeat(300));
    let refused = post(&app, "/events", &[one], source).await.json();
    assert_eq!((&refused["code"], &refused["pointer"]), (&"bad_label".into(), &"/source".into()));
    assert_eq!(post(&app, "/streams/x", &[one], body).await.status, 415);
    let skip = format!("[{},{{}}]", body.replace("\"7\"", "\"9\""));
    let answer = post(&app, "/events?on_error=skip", &[batch], skip).await.accepted();
    assert_eq!((&answer["accepted"], &answer["rejected"][0]["index"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn a_keyed_request_can_be_sent_again_over_a_kill() {
    let app = Launch::new().on_fixed_port().start().await;
    let keyed = |key: &'static str| [JSON, ("idempotency-key", key)];
    let one = post(&app, "/streams/s", &keyed("k-1"), "[1]").await.accepted();
    assert_eq!(one["ids"][0], "k-1/0");
    let many = post(&app, "/streams/s", &keyed("k-2"), "[1,2,3]").await.accepted();
    assert_eq!(post(&app, "/streams/s", &keyed("\"k-3\""), "5").await.accepted()["id"], "k-3");
    let app = app.restart().await;
    let again = post(&app, "/streams/s", &keyed("k-2"), "[1,2,3]").await.accepted();
    assert_eq!((&again["duplicates"], &again["ids"]), (&3.into(), &many["ids"]));
    let again = post(&app, "/streams/s", &keyed("k-3"), "5").await.accepted();
    assert_eq!(again["duplicate"], true);
    let other = post(&app, "/streams/s", &keyed("k-2"), "[1,2,4]").await;
    assert_eq!((other.status, other.json()["code"].as_str()), (409, Some("id_conflict")));
    // In another stream it is another key; an event's own id goes before it.
    post(&app, "/streams/t", &keyed("k-2"), "[1,2,4]").await.accepted();
    let own = r#"[{"id":"own","category":"c","name":"n"},{"category":"c","name":"n"}]"#;
    let answer = post(&app, "/events", &keyed("k-4"), own).await.accepted();
    assert_eq!(answer["ids"], serde_json::json!(["own", "k-4/1"]));
    assert_eq!(post(&app, "/streams/s", &keyed("a/b"), "1").await.status, 400);
    app.wait_applied().await;
    assert_eq!(app.export_of("/streams/s").await.len(), 5);
}

#[tokio::test]
async fn an_answer_that_waits_can_be_read_at_once() {
    let app = TestApp::start().await;
    let wait = [JSON, ("prefer", "wait=30")];
    for n in 0..20 {
        let body = format!(r#"{{"id":"e-{n}","category":"c","name":"n","data":{n}}}"#);
        let answer = post(&app, "/events", &wait, body).await;
        assert_eq!((answer.status, answer.json()["state"].as_str()), (201, Some("stored")));
        assert_eq!(answer.header("preference-applied"), "wait=30");
        assert_eq!(
            app.get("/events?order=desc&limit=1").await.page().events[0].data(),
            n.to_string()
        );
    }
    let late = r#"[{"category":"c","name":"n","timestamp":"2200-01-01T00:00:00Z"},{"category":"c","name":"n"},{"id":"e-3","category":"c","name":"n","data":3}]"#;
    let answer = post(&app, "/events", &wait, late).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["states"], serde_json::json!(["invalid", "stored", "stored"]));
    let answer = post(&app, "/streams/raw", &[JSON, ("prefer", "wait=nonsense")], "1").await;
    assert_eq!((answer.status, answer.header("preference-applied")), (202, ""));
    assert!(answer.json().get("state").is_none());
}

#[tokio::test]
async fn an_answer_waits_no_longer_than_it_may() {
    let app = TestApp::start().await;
    post(&app, "/streams/s", &[JSON, ("prefer", "wait=30")], "1").await;
    // Somebody else writes to the database, so the consumer cannot.
    let lock = app.beside().lock();
    let answer = post(&app, "/streams/s", &[JSON, ("prefer", "wait=1")], "2").await;
    assert_eq!((answer.status, answer.header("preference-applied")), (202, "wait=1"));
    assert!(answer.json().get("state").is_none());
    drop(lock);
    app.wait_applied().await;
    assert_eq!(app.export_of("/streams/s").await.len(), 2);
}
