//! What one client can take away from all others. Clients are told apart by their addresses, of which this machine has many.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use crate::limits::Limits;
use crate::queries::published::STREAMS_MAX;
use crate::reads::READS_MAX;
use crate::tests::app::{Answer, App, DEADLINE, answer};

/// The address of the one who takes all it can get.
const GREEDY: [u8; 4] = [127, 0, 0, 2];
const LINES: &str = "Accept: application/x-ndjson\r\n";

/// A connection from an address of this machine.
async fn connect(app: &App, from: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let address: SocketAddr = app.address.parse().unwrap();
    socket.connect(address).await.unwrap()
}

/// Asks, and reads nothing.
async fn ask(app: &App, from: [u8; 4], path: &str, headers: &str) -> TcpStream {
    let head = "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    send(app, from, &format!("GET {path} {head}{headers}\r\n")).await
}

async fn send(app: &App, from: [u8; 4], request: &str) -> TcpStream {
    let mut stream = connect(app, from).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn whole(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    answer(&bytes)
}

async fn until(is_so: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "it does not come to that");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Everything that somebody else wants is there: events come in and into the database, pages, every query in every form.
async fn others_are_served(app: &App) {
    let event = r#"{"category":"c","name":"n"}"#;
    let headers = "Content-Type: application/json\r\nPrefer: wait=10\r\n";
    let stored = app.send("POST /events", headers, event.as_bytes()).await;
    assert_eq!(stored.status, 201, "{}", stored.text());
    assert_eq!(app.get("/events").await.status, 200);
    assert_eq!(app.send("GET /events", LINES, b"").await.status, 200);
    for path in ["/my/echo?t=x", "/my/numbers.csv"] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
    assert_eq!(app.send("GET /my/series?n=3", LINES, b"").await.text().lines().count(), 3);
    assert_eq!(app.post("/sql", r#"{"sql":"SELECT 1 AS one"}"#).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_floods_a_slow_query_leaves_the_database_to_others() {
    let app = App::start().await;
    let n_all = app.edge.stores.sql.statements_max();
    let mut flood = Vec::new();
    for _ in 0..4 * n_all {
        flood.push(ask(&app, GREEDY, "/my/long", "").await);
    }
    until(|| app.edge.statements.n_free() == n_all / 2).await;
    others_are_served(&app).await;
    assert_eq!(app.edge.statements.n_free(), n_all / 2, "and it still has no more");
    // Each waits as long as its query may take, then is told whose fault that is.
    let late = whole(ask(&app, GREEDY, "/my/endless", "").await).await;
    assert_eq!((late.status, &late.json()["code"]), (503, &"too_many_queries".into()));
    assert_eq!(late.header("retry-after"), Some("1"));
    let detail = late.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("address 127.0.0.2 has 4 of the 8 places"), "{detail}");
    let plan = whole(ask(&app, GREEDY, "/queries/endless/plan", "").await).await;
    assert_eq!((plan.status, &plan.json()["code"]), (503, &"too_many_queries".into()));
    drop(flood);
    until(|| app.edge.statements.n_free() == n_all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_lines_slowly_leaves_lines_to_others() {
    let app = App::start().await;
    let mut slow = Vec::new();
    for _ in 0..2 * STREAMS_MAX {
        slow.push(ask(&app, GREEDY, "/my/slow", LINES).await);
    }
    until(|| app.edge.queries.streams.n_free() == STREAMS_MAX / 2).await;
    others_are_served(&app).await;
    let late = whole(ask(&app, GREEDY, "/my/endless", LINES).await).await;
    assert_eq!((late.status, &late.json()["code"]), (503, &"too_many_exports".into()));
    let detail = late.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("address 127.0.0.2 has 2 of the 4 places"), "{detail}");
    drop(slow);
    until(|| app.edge.queries.streams.n_free() == STREAMS_MAX).await;
}

#[tokio::test]
async fn who_floods_pages_waits_behind_itself() {
    let app = App::start().await;
    // As many as are being read for it already.
    let read: Vec<_> =
        std::iter::from_fn(|| app.edge.reads.take("address 127.0.0.2", 1).ok()).collect();
    assert_eq!(read.len(), READS_MAX / 2);
    let more = ask(&app, GREEDY, "/events", "").await;
    others_are_served(&app).await;
    drop(read);
    assert_eq!(whole(more).await.status, 200);
    // A place is given back when the answer begins, also that of an answer without an end.
    let live = ask(&app, GREEDY, "/live?since=now", "").await;
    assert_eq!(app.edge.reads.n_free(), READS_MAX);
    drop(live);
}

#[tokio::test]
async fn who_does_not_end_large_bodies_leaves_memory_to_others() {
    let app = App::with(Limits { budget_bytes_max: 2 << 20, ..Limits::default() }).await;
    let body = format!("\"{}\"", "x".repeat(300 << 10));
    let head = |n_bytes: usize| {
        format!(
            "POST /streams/s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
            Content-Type: application/json\r\nContent-Length: {n_bytes}\r\n\r\n"
        )
    };
    let large = head(body.len()) + &body;
    // All but the last byte. Each has four places of 32.
    let mut unended = Vec::new();
    for n in 1..=4 {
        let mut stream = connect(&app, GREEDY).await;
        stream.write_all(&large.as_bytes()[..large.len() - 1]).await.unwrap();
        unended.push(stream);
        until(|| app.edge.budget.large.n_free() == 32 - 4 * n).await;
    }
    let refused = whole(send(&app, GREEDY, &large).await).await;
    assert_eq!((refused.status, &refused.json()["code"]), (503, &"overloaded".into()));
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("address 127.0.0.2 has 16 of the 32 places"), "{detail}");
    // Its small ones still go through, and others' large ones.
    let small = head(1) + "1";
    assert_eq!(whole(send(&app, GREEDY, &small).await).await.status, 202);
    assert_eq!(app.post("/streams/s", &body).await.status, 202);
    let mut first = unended.remove(0);
    first.write_all(b"\"").await.unwrap();
    assert_eq!(whole(first).await.status, 202);
    drop(unended);
    until(|| app.edge.budget.n_used() == 0).await;
    assert_eq!(app.edge.budget.large.n_free(), 32);
}
