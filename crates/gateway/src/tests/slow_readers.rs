//! Readers that pause, and readers that never come back.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::limits::{Limits, Patience};
use crate::tests::app::{App, DEADLINE};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

fn patience(change: impl FnOnce(&mut Patience)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits.patience);
    limits
}

async fn socket(app: &App, query: &str) -> Socket {
    connect_async(format!("ws://{}/live{query}", app.address)).await.unwrap().0
}

/// More than the sockets of both sides hold.
async fn post_much(app: &App, n_events: usize) {
    let padding = "x".repeat(500_000);
    for n in 0..n_events {
        let answer =
            app.post("/streams/much", &format!("{{\"n\":{n},\"padding\":\"{padding}\"}}")).await;
        assert_eq!(answer.status, 202);
    }
}

async fn subscribers(app: &App, n: usize) {
    let end = Instant::now() + DEADLINE;
    while app.edge.live.n_subscriptions() != n {
        assert!(Instant::now() < end, "still {} subscribers", app.edge.live.n_subscriptions());
        sleep(Duration::from_millis(5)).await;
    }
}

/// The `seq` of events up to the end, the goodbye, and how the connection was closed.
async fn read_to_end(socket: &mut Socket) -> (Vec<u64>, Option<Value>, Option<(u16, String)>) {
    let (mut seqs, mut bye) = (Vec::new(), None);
    while let Some(Ok(message)) = timeout(DEADLINE, socket.next()).await.unwrap() {
        match message {
            Message::Text(text) => {
                let value: Value = serde_json::from_str(&text).unwrap();
                match value["type"].as_str().unwrap() {
                    "event" => seqs.push(value["seq"].as_u64().unwrap()),
                    "bye" => bye = Some(value),
                    _ => {}
                }
            }
            Message::Close(Some(close)) => {
                return (seqs, bye, Some((close.code.into(), close.reason.to_string())));
            }
            _ => {}
        }
    }
    (seqs, bye, None)
}

#[tokio::test]
async fn a_websocket_that_reads_nothing_is_cut_with_1013_and_resumes_exactly() {
    let stall = Duration::from_millis(300);
    let app = App::with(patience(|patience| patience.live_stall_max = stall)).await;
    let mut stalled = socket(&app, "?since=now").await;
    post_much(&app, 40).await;
    subscribers(&app, 0).await;
    // What is left for it to read: as much as was sent, and a goodbye that names just that.
    let (mut seqs, bye, close) = read_to_end(&mut stalled).await;
    let bye = bye.expect("a goodbye");
    assert_eq!((&bye["reason"], bye["retry_after_ms"].is_u64()), (&json!("stalled"), true));
    let cursor = bye["cursor"].as_str().unwrap().to_owned();
    assert_eq!(close, Some((1013, cursor.clone())));
    assert!(!seqs.is_empty() && seqs.len() < 40, "{}", seqs.len());
    assert_eq!(cursor, format!("{}.{}", app.log, seqs.last().unwrap()));

    let mut resumed = socket(&app, &format!("?since={cursor}")).await;
    while seqs.len() < 40 {
        if let Message::Text(text) =
            timeout(DEADLINE, resumed.next()).await.unwrap().unwrap().unwrap()
        {
            let value: Value = serde_json::from_str(&text).unwrap();
            seqs.extend(value["seq"].as_u64());
        }
    }
    assert_eq!(seqs, (1..=40).collect::<Vec<_>>(), "nothing twice, nothing missing");
}

#[tokio::test]
async fn a_websocket_without_a_sign_of_life_is_told_where_to_resume() {
    let ping = Duration::from_millis(30);
    let app = App::with(patience(|patience| patience.live_ping_every = ping)).await;
    app.post("/streams/a", "1").await;
    let mut silent = socket(&app, "?since=beginning").await;
    // Not reading means not answering pings.
    subscribers(&app, 0).await;
    let (seqs, bye, close) = read_to_end(&mut silent).await;
    assert_eq!((seqs, bye.unwrap()["reason"].clone()), (vec![1], json!("stalled")));
    assert_eq!(close, Some((1013, "0a1b2c3d.1".to_owned())));
    // One that reads answers them, and stays.
    let mut lively = socket(&app, "?since=now").await;
    let reading = timeout(10 * ping, async {
        while let Some(Ok(message)) = lively.next().await {
            assert!(!message.is_close());
        }
    });
    assert!(reading.await.is_err(), "it is still there");
}

#[tokio::test]
async fn lines_and_server_sent_events_are_kept_alive() {
    let app =
        App::with(patience(|patience| patience.live_keep_alive = Duration::from_millis(20))).await;
    for (accept, mark) in
        [("application/x-ndjson", "\n\n\n"), ("text/event-stream", "\n\n:\n\n:\n\n")]
    {
        let mut stream = app.connect().await;
        let head =
            format!("GET /live HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\n\r\n", app.address);
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut text = String::new();
        let end = Instant::now() + DEADLINE;
        // Chunks are framed by their sizes, which are no part of what a client sees.
        while !text.replace("\r\n1\r\n", "").replace("\r\n3\r\n", "").contains(mark) {
            assert!(Instant::now() < end, "{text:?}");
            let mut piece = [0; 4096];
            let n_read = timeout(DEADLINE, stream.read(&mut piece)).await.unwrap().unwrap();
            assert!(n_read > 0, "{text:?}");
            text.push_str(std::str::from_utf8(&piece[..n_read]).unwrap());
        }
        assert!(text.contains(&format!("content-type: {accept}")), "{text:?}");
    }
}
