//! Tokens for some streams, or for some acts: what they see of the rest, which is nothing.

use model::Timestamp;
use serde_json::json;
use store::Claim;

use crate::tests::app::App;
use crate::tests::tokens::refused;

#[tokio::test]
async fn a_reader_of_some_streams_sees_nothing_else() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    for (stream, id) in [("events", "e"), ("orders", "o"), ("secret", "s")] {
        let headers = format!("Authorization: Bearer {admin}\r\nIdempotency-Key: {id}\r\n");
        let body = r#"{"category":"a","name":"b","session_id":"one"}"#;
        let sent = app.send(&format!("POST /streams/{stream}"), &headers, body.as_bytes()).await;
        assert_eq!(sent.status, 202, "{}", sent.text());
    }
    app.applied(3).await;
    let (reader, _) = app.scoped(&admin, &["read:orders", "read:events"]).await;
    let streams = async |path: &str| {
        let answer = app.ask(&reader, &format!("GET {path}"), "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let page = answer.json();
        let events = page["events"].as_array().unwrap().iter();
        events.map(|event| event["stream"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(streams("/events").await, ["events"]);
    assert_eq!(streams("/events?stream=*").await, ["events", "orders"]);
    assert_eq!(streams("/events?stream=o*&stream=secret").await, ["orders"]);
    assert_eq!(streams("/streams/orders").await, ["orders"]);
    assert_eq!(streams("/sessions/one").await, ["events"]);
    for path in [
        "/events?stream=secret",
        "/streams/secret",
        "/events/s?stream=secret",
        "/live?stream=secret",
    ] {
        refused(&app.ask(&reader, &format!("GET {path}"), "").await, 403, "wrong_stream");
    }
    refused(&app.ask(&reader, "GET /events/s", "").await, 404, "not_found");
    assert_eq!(app.ask(&reader, "GET /events/o", "").await.status, 200);
    refused(&app.ask(&reader, "GET /status/history", "").await, 403, "wrong_stream");
    for (path, status) in [
        ("/events/count?stream=*", 200),
        ("/events/facets?stream=*", 200),
        ("/streams/orders/histogram", 200),
        ("/streams/secret/count", 403),
        ("/events/facets?stream=secret", 403),
    ] {
        let answer = app.ask(&reader, &format!("GET {path}"), "").await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(!answer.text().contains("\"secret\"}"), "{}", answer.text());
    }
    let count = app.ask(&reader, "GET /events/count?stream=*", "").await;
    assert_eq!(count.json()["count"], 2);
    let (only, _) = app.scoped(&admin, &["read:orders"]).await;
    refused(&app.ask(&only, "GET /events", "").await, 403, "wrong_stream");
    assert_eq!(app.ask(&only, "GET /sessions/one", "").await.json()["events"], json!([]));
    let (writer, _) = app.scoped(&admin, &["write"]).await;
    refused(&app.ask(&writer, "GET /events", "").await, 403, "wrong_scope");
    let export = format!("Authorization: Bearer {reader}\r\nAccept: application/x-ndjson\r\n");
    let lines = app.send("GET /events?stream=*", &export, b"").await.text();
    assert_eq!(lines.lines().count(), 2);
    let lines = app.send("GET /sessions/one", &export, b"").await.text();
    assert!(!lines.contains("\"secret\""), "{lines}");
}

#[tokio::test]
async fn an_id_of_another_stream_hides_nothing_wherever_it_stands() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let (reader, _) = app.scoped(&admin, &["read:b"]).await;
    let headers = format!(
        "Content-Type: application/json\r\nIdempotency-Key: 1\r\nAuthorization: Bearer {admin}\r\n"
    );
    let sent = app.send("POST /streams/a", &headers, b"{}").await;
    assert_eq!(sent.status, 202, "{}", sent.text());
    app.applied(1).await;
    // Another consumer has the database from now on: what comes waits in the log.
    let at = |seconds: i64| Timestamp::from_micros(4_000_000_000_000_000 + seconds * 1_000_000);
    let (now, until) = (at(0), at(1_000));
    let claim = Claim { holder: "another".to_owned(), log: app.log, now, until };
    app.edge.stores.events.claim(claim).await.unwrap();
    refused(&app.ask(&reader, "GET /events/1", "").await, 404, "not_found");
    let sent = app.send("POST /streams/b", &headers, b"{}").await;
    assert_eq!(sent.status, 202, "{}", sent.text());
    let found = app.ask(&reader, "GET /events/1", "").await;
    assert_eq!(found.status, 200, "{}", found.text());
    let found = found.json();
    assert_eq!((&found["stream"], &found["state"]), (&json!("b"), &json!("queued")));
    let found = app.ask(&admin, "GET /events/1", "").await;
    refused(&found, 409, "ambiguous_id");
    assert_eq!(found.json()["streams"], json!(["a", "b"]));
    let found = app.ask(&admin, "GET /events/1?stream=a", "").await.json();
    assert_eq!((&found["stream"], &found["state"]), (&json!("a"), &json!("stored")));
}

#[tokio::test]
async fn who_may_only_read_tries_no_schemas() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let (reader, _) = app.scoped(&admin, &["read"]).await;
    let body = r#"{"schema":{}}"#;
    refused(&app.ask(&reader, "POST /schemas/test", body).await, 403, "wrong_scope");
    assert_eq!(app.ask(&admin, "POST /schemas/test", body).await.status, 200);
}
