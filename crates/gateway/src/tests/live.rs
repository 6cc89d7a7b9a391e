//! `/live` over both roads.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::limits::Limits;
use crate::tests::app::{App, DEADLINE};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn socket(app: &App, query: &str) -> Socket {
    connect_async(format!("ws://{}/live{query}", app.address)).await.unwrap().0
}

async fn next(socket: &mut Socket) -> Message {
    timeout(DEADLINE, socket.next()).await.unwrap().unwrap().unwrap()
}

async fn told(socket: &mut Socket) -> Value {
    loop {
        match next(socket).await {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_websocket_gets_history_then_what_is_new() {
    let app = App::start().await;
    app.post("/streams/s", "[1,2]").await;
    let mut socket = socket(&app, "?since=beginning").await;
    let hello = told(&mut socket).await;
    for (key, value) in [
        ("type", "hello"),
        ("instance", "test-instance"),
        ("head", "0a1b2c3d.2"),
        ("oldest", "0a1b2c3d.0"),
    ] {
        assert_eq!(hello[key], value);
    }
    for seq in [1, 2] {
        let event = told(&mut socket).await;
        assert_eq!(
            (&event["type"], &event["seq"], &event["data"]),
            (&json!("event"), &json!(seq), &json!(seq))
        );
    }
    assert_eq!(told(&mut socket).await, json!({"type": "caught_up", "head": "0a1b2c3d.2"}));
    app.post("/streams/s", "3").await;
    assert_eq!(told(&mut socket).await["cursor"], "0a1b2c3d.3");
    assert_eq!(app.get("/status").await.json()["subscribers"], 1);
}

#[tokio::test]
async fn filters_and_cursors_hold_on_live() {
    let app = App::start().await;
    app.post("/streams/a", "[1,2]").await;
    app.post("/streams/b", "3").await;
    let mut socket = socket(&app, "?since=0a1b2c3d.1&stream=a").await;
    told(&mut socket).await;
    assert_eq!(told(&mut socket).await["seq"], 2);
    assert_eq!(told(&mut socket).await["type"], "caught_up");
    let mut foreign =
        connect_async(format!("ws://{}/live?since=ffffffff.1", app.address)).await.unwrap().0;
    told(&mut foreign).await;
    let gap = told(&mut foreign).await;
    assert_eq!((&gap["type"], &gap["why"]), (&json!("gap"), &json!("other_log")));
}

#[tokio::test]
async fn stats_come_once_a_second_when_asked_for() {
    let app = App::start().await;
    app.post("/streams/a", "1").await;
    app.applied(1).await;
    let mut socket = socket(&app, "?stats=1&since=now").await;
    let stats = loop {
        let message = told(&mut socket).await;
        if message["type"] == "stats" {
            break message;
        }
    };
    assert_eq!(
        (&stats["accepted"], &stats["head_seq"], &stats["applied_seq"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(stats["invalid"], 0);
}

#[tokio::test]
async fn shutdown_says_bye_with_a_cursor_and_closes_1012() {
    let mut app = App::start().await;
    app.post("/streams/a", "1").await;
    let mut socket = socket(&app, "?since=beginning").await;
    while told(&mut socket).await["type"] != "caught_up" {}
    app.shutdown.cancel();
    let bye = told(&mut socket).await;
    assert_eq!(
        (&bye["type"], &bye["reason"], &bye["cursor"]),
        (&json!("bye"), &json!("shutdown"), &json!("0a1b2c3d.1"))
    );
    assert!((100..=2000).contains(&bye["retry_after_ms"].as_u64().unwrap()));
    let Message::Close(Some(close)) = next(&mut socket).await else { panic!("no close") };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1012, "0a1b2c3d.1"));
    drop(socket);
    timeout(DEADLINE, &mut app.server).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_clients_say_is_ignored_up_to_64_kib() {
    let app = App::start().await;
    let mut socket = socket(&app, "").await;
    told(&mut socket).await;
    assert_eq!(told(&mut socket).await["type"], "caught_up");
    socket.send(Message::text("a".repeat(60 << 10))).await.unwrap();
    app.post("/streams/a", "1").await;
    assert_eq!(told(&mut socket).await["seq"], 1);
    let _ = socket.send(Message::text("a".repeat(70 << 10))).await;
    let ended = timeout(DEADLINE, async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                return;
            }
        }
    });
    assert!(ended.await.is_ok());
}

#[tokio::test]
async fn live_refusals_are_problems() {
    let app = App::with(Limits { subscriptions_max: 1, ..Limits::default() }).await;
    let image = app.send("GET /live", "Accept: image/png\r\n", b"").await;
    assert_eq!((image.status, &image.json()["code"]), (406, &json!("not_acceptable")));
    for (query, code) in [
        ("max_rate=10", "bad_parameter"),
        ("frames=1&max_rate=0", "bad_parameter"),
        ("frames=1&max_rate=10001", "bad_parameter"),
        ("frames=2", "bad_parameter"),
    ] {
        assert_eq!(app.get(&format!("/live?{query}")).await.json()["code"], code, "{query}");
    }
    let sse = "Accept: text/event-stream\r\n";
    assert_eq!(app.send("GET /live?sice=now", sse, b"").await.json()["code"], "unknown_parameter");
    let last = format!("{sse}Last-Event-ID: 42\r\n");
    assert_eq!(app.send("GET /live", &last, b"").await.json()["code"], "bad_parameter");
    let upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 12\r\n";
    assert_eq!(app.send("GET /live", upgrade, b"").await.json()["code"], "bad_upgrade");
    let mut one = socket(&app, "").await;
    told(&mut one).await;
    assert_eq!(app.send("GET /live", sse, b"").await.json()["code"], "too_many_subscribers");
    let request = format!("ws://{}/live", app.address);
    let mut request =
        tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(request)
            .unwrap();
    request.headers_mut().insert("Origin", "http://evil.example".parse().unwrap());
    match connect_async(request).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 403),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn server_sent_events_resume_by_their_last_id() {
    let mut app = App::start().await;
    app.post("/streams/s", "[1,2,3]").await;
    let mut stream = app.connect().await;
    let head = format!(
        "GET /live?since=beginning HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nLast-Event-ID: {}.2\r\n\r\n",
        app.address, app.log
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    read_until(&mut stream, &mut text, "caught_up").await;
    assert!(
        text.contains("content-type: text/event-stream") && text.contains("x-accel-buffering: no"),
        "{text}"
    );
    assert!(text.contains("retry: 1000\n\ndata: {\"type\":\"hello\""), "{text}");
    assert!(!text.contains("\"seq\":2"), "{text}");
    assert!(text.contains("id: 0a1b2c3d.3\ndata: {\"type\":\"event\""), "{text}");
    app.shutdown.cancel();
    read_until(
        &mut stream,
        &mut text,
        "\"type\":\"bye\",\"reason\":\"shutdown\",\"cursor\":\"0a1b2c3d.3\"",
    )
    .await;
    timeout(DEADLINE, &mut app.server).await.unwrap().unwrap();
}

async fn read_until(stream: &mut tokio::net::TcpStream, text: &mut String, mark: &str) {
    while !text.contains(mark) {
        let mut piece = [0; 4096];
        let n_read = timeout(DEADLINE, stream.read(&mut piece)).await.unwrap().unwrap();
        assert!(n_read > 0, "ended without {mark}: {text}");
        text.push_str(std::str::from_utf8(&piece[..n_read]).unwrap());
    }
}
