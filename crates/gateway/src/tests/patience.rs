//! Clients that dawdle, over real sockets and with short patience: each is cut or answered, and others are served.
//!
//! Every test waits for the cut itself, so a slow machine only makes it later. That nobody is cut too early is shown
//! without a clock, in `watch`.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits::{Limits, Patience};
use crate::tests::app::{Answer, App, DEADLINE, answer};

/// All waits are far beyond the deadline of a test, but the one that it is about.
fn with(change: impl FnOnce(&mut Patience)) -> Limits {
    let never = Duration::from_hours(1);
    let mut patience = Patience {
        tick: Duration::from_millis(20),
        head_max: never,
        body_grace: never,
        body_bytes_per_s_min: 1024,
        request_max: never,
        batch_max: never,
        idle_max: never,
        write_stall_max: never,
        live_stall_max: never,
        live_ping_every: never,
        live_keep_alive: never,
    };
    change(&mut patience);
    Limits { patience, ..Limits::default() }
}

const SHORT: Duration = Duration::from_millis(100);

/// What came until the end of the connection.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A connection that is cut with bytes unread ends in a reset.
    let _ = timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.expect("it is never cut");
    bytes
}

/// Sends `piece` again and again, until the server answers or hangs up.
async fn drip(stream: &mut TcpStream, piece: &[u8]) -> Vec<u8> {
    let (mut read, mut write) = stream.split();
    let mut bytes = Vec::new();
    let sending = async {
        while write.write_all(piece).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        std::future::pending::<()>().await;
    };
    let reading = async {
        let _ = read.read_to_end(&mut bytes).await;
    };
    timeout(DEADLINE, async {
        tokio::select! { () = sending => {}, () = reading => {} }
    })
    .await
    .expect("it is never cut");
    bytes
}

async fn others_are_served(app: &App, seq: u64) {
    assert_eq!(app.post("/streams/s", "1").await.json()["seq"], seq, "nothing else was stored");
}

fn too_slow(bytes: &[u8]) -> Answer {
    let answer = answer(bytes);
    let problem = answer.json();
    assert_eq!((answer.status, &problem["code"]), (408, &"too_slow".into()));
    assert_eq!(problem["outcome"], "rejected");
    answer
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut() {
    let app = App::with(with(|patience| patience.head_max = SHORT)).await;
    let mut silent = app.connect().await;
    silent.write_all(b"POST /streams/s HTTP/1.1\r\nHost: loc").await.unwrap();
    assert_eq!(rest(&mut silent).await, b"");
    let mut dripping = app.connect().await;
    dripping.write_all(b"POST /streams/s HTTP/1.1\r\nX: ").await.unwrap();
    assert_eq!(drip(&mut dripping, b"x").await, b"");
    app.left_alone().await;
    others_are_served(&app, 1).await;
}

#[tokio::test]
async fn a_body_below_its_pace_is_answered_408() {
    let app = App::with(with(|patience| patience.body_grace = SHORT)).await;
    for head in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let mut stream = app.connect().await;
        let head = format!("POST /streams/s HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        too_slow(&rest(&mut stream).await);
    }
    others_are_served(&app, 1).await;
}

#[tokio::test]
async fn a_body_in_pace_that_never_ends_is_answered_408() {
    let app = App::with(with(|patience| patience.request_max = SHORT * 3)).await;
    let mut stream = app.connect().await;
    let head = "POST /streams/s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
    too_slow(&drip(&mut stream, chunk.as_bytes()).await);
    others_are_served(&app, 1).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let app = App::with(with(|patience| patience.idle_max = SHORT)).await;
    let mut silent = app.connect().await;
    assert_eq!(rest(&mut silent).await, b"");
    let mut kept = app.connect().await;
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(answer(&rest(&mut kept).await).status, 200);
}

/// Events of a MiB, so many that no pair of socket buffers holds them.
async fn filled(app: &App) {
    let event = format!("\"{}\"", "x".repeat((1 << 20) - 2));
    let body = vec![event; 15].join("\n");
    for _ in 0..2 {
        app.post_lines("/streams/s", &body).await;
    }
    app.applied(30).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut() {
    let app = App::with(with(|patience| patience.write_stall_max = SHORT)).await;
    filled(&app).await;
    app.left_alone().await;
    let mut stream = app.connect().await;
    let request =
        "GET /streams/s HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    // Its first byte says that the answer has begun.
    stream.readable().await.unwrap();
    app.left_alone().await;
    let n_read = rest(&mut stream).await.len();
    assert!(n_read < 30 << 20, "all {n_read} bytes came");
    others_are_served(&app, 31).await;
}

#[tokio::test]
async fn a_live_client_that_does_not_read_is_cut_by_its_own_bound() {
    let limits = with(|patience| {
        patience.live_stall_max = SHORT;
        // Not by this one.
        patience.write_stall_max = Duration::from_hours(1);
    });
    let app = App::with(limits).await;
    filled(&app).await;
    app.left_alone().await;
    let mut stream = app.connect().await;
    let request = "GET /live?since=beginning HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.readable().await.unwrap();
    app.left_alone().await;
    others_are_served(&app, 31).await;
}
