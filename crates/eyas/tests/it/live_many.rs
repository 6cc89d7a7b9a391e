//! Many subscribers at once: each gets everything, also those who stop reading for a while, and all of them when they come
//! back together; and what they cost in memory is shown.
//!
//! `EYAS_LIVE_SOCKETS` says how many; `cargo xtask sockets` runs it optimised with 10,000.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::app::{DEADLINE, Launch, TestApp};

/// In the suite.
const SOCKETS: usize = 1_000;
/// One of so many reads nothing for a while.
const ONE_STALLS_OF: usize = 100;
/// Events of one round, in requests of five.
const ROUND: usize = 200;
/// Of these so many one after the other.
const SINGLY: usize = 20;
/// What a socket may cost in the server at most, in an unoptimised build and while everything moves.
const SOCKET_BYTES_MAX: u64 = 64 << 10;

struct Reader {
    socket: WebSocketStream<TcpStream>,
    /// The number that the next event has.
    next: usize,
    /// Of the last event that came.
    cursor: String,
    latencies_us: Vec<u32>,
}

/// Since 1970: one clock for both sides, as they share the machine.
fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}

impl Reader {
    /// Connects, and waits until it has caught up. Spread over a few source addresses, so that ports never run out.
    async fn connect(addr: SocketAddr, at: usize, next: usize, since: &str) -> Self {
        let stream = loop {
            let socket = TcpSocket::new_v4().unwrap();
            let source = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1 + (at % 8) as u8));
            socket.bind(SocketAddr::new(source, 0)).unwrap();
            if let Ok(stream) = socket.connect(addr).await {
                break stream;
            }
        };
        let config = WebSocketConfig::default().read_buffer_size(2 << 10).write_buffer_size(0);
        let url = format!("ws://{addr}/live?since={since}");
        let opened = client_async_with_config(url, stream, Some(config)).await;
        let socket = opened.expect("a WebSocket").0;
        Self { socket, next, cursor: since.to_owned(), latencies_us: Vec::new() }
    }

    /// Reads until the event before `end`, or until it is caught up. Every event comes once and in order.
    async fn read(&mut self, end: Option<usize>) {
        while end != Some(self.next) {
            let frame = timeout(6 * DEADLINE, self.socket.next()).await;
            let frame = frame.unwrap_or_else(|_| panic!("nothing comes after {}", self.next));
            match frame.expect("a connection").expect("a frame") {
                Frame::Text(text) if text.starts_with("{\"type\":\"event\"") => self.take(&text),
                Frame::Text(text)
                    if text.starts_with("{\"type\":\"caught_up\"") && end.is_none() =>
                {
                    return;
                }
                Frame::Text(text) if text.starts_with("{\"type\":\"caught_up\"") => {}
                Frame::Text(text) => assert!(text.starts_with("{\"type\":\"hello\""), "{text}"),
                _ => {}
            }
        }
    }

    fn take(&mut self, text: &str) {
        assert_eq!(number(text, "\"n\":") as usize, self.next, "nothing missing, nothing twice");
        self.next += 1;
        let cursor = text.split("\"cursor\":\"").nth(1).and_then(|rest| rest.split('"').next());
        cursor.expect("a cursor").clone_into(&mut self.cursor);
        let latency_us = now_us().saturating_sub(number(text, "\"at\":"));
        self.latencies_us.push(latency_us as u32);
    }

    /// The server's goodbye: how long to wait, and that its cursor is the right one.
    async fn bye(&mut self) -> u64 {
        loop {
            let frame = timeout(6 * DEADLINE, self.socket.next()).await.expect("a goodbye");
            if let Frame::Text(text) = frame.expect("a connection").expect("a frame")
                && text.starts_with("{\"type\":\"bye\"")
            {
                let bye: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(bye["reason"], "shutdown");
                assert_eq!(bye["cursor"], self.cursor);
                return bye["retry_after_ms"].as_u64().unwrap();
            }
        }
    }
}

/// The number behind a mark. Not by a JSON reader, which would cost more than all that is measured here.
fn number(text: &str, mark: &str) -> u64 {
    let digits = text.split(mark).nth(1).expect("such a member");
    digits[..digits.find(|sign: char| !sign.is_ascii_digit()).unwrap()].parse().unwrap()
}

/// Sends the events `from..to`, five at a time, each with the time at which it was sent.
async fn send(app: &TestApp, from: usize, to: usize) {
    for start in (from..to).step_by(5) {
        let event =
            |n| format!("{{\"n\":{n},\"at\":{},\"padding\":\"{}\"}}", now_us(), "x".repeat(100));
        let lines: Vec<String> = (start..to.min(start + 5)).map(event).collect();
        app.http.post("/streams/raw", "application/x-ndjson", lines.join("\n")).await.accepted();
    }
}

async fn connect_all(
    addr: SocketAddr,
    n: usize,
    n_at_once: usize,
    next: usize,
    since: &str,
) -> Vec<Reader> {
    let connecting = (0..n).map(async |at| {
        let mut reader = Reader::connect(addr, at, next, since).await;
        reader.read(None).await;
        reader
    });
    stream::iter(connecting).buffer_unordered(n_at_once).collect().await
}

/// What each reader has is read at the same time.
async fn read_all(readers: &mut [Reader], end: usize) {
    join_all(readers.iter_mut().map(|reader| reader.read(Some(end)))).await;
}

fn percentile(readers: &mut [Reader], part: f64) -> f64 {
    let mut all: Vec<u32> =
        readers.iter().flat_map(|reader| reader.latencies_us.iter().copied()).collect();
    all.sort_unstable();
    f64::from(all[((all.len() - 1) as f64 * part) as usize]) / 1000.0
}

fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).expect("the soft limit may be raised to the hard one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_subscribers_get_everything_and_come_back_together() {
    let n: usize = std::env::var("EYAS_LIVE_SOCKETS").map_or(SOCKETS, |n| n.parse().unwrap());
    raise_file_limit();
    let app = Launch::new().on_fixed_port().start().await;
    send(&app, 0, ROUND).await;
    let idle_bytes = app.resident_bytes();
    let per_socket = |app: &TestApp| app.resident_bytes().saturating_sub(idle_bytes) / n as u64;

    let begun = Instant::now();
    let mut readers = connect_all(app.addr, n, 256, 0, "beginning").await;
    let quiet = per_socket(&app);
    println!("{n} sockets connected and caught up in {:.1?}: {quiet} bytes each", begun.elapsed());
    assert!(readers.iter().all(|reader| reader.next == ROUND));

    // One of a hundred reads nothing while the others follow: one event at a time, then as many as go through.
    let (stalled, lively) = readers.split_at_mut(n.div_ceil(ONE_STALLS_OF));
    for reader in lively.iter_mut() {
        reader.latencies_us.clear();
    }
    for at in ROUND..ROUND + SINGLY {
        tokio::join!(send(&app, at, at + 1), read_all(lively, at + 1));
    }
    let (p50, p99) = (percentile(lively, 0.5), percentile(lively, 0.99));
    println!("one event to {} of them: p50 {p50:.1} ms, p99 {p99:.1} ms", lively.len());
    let (begun, cpu_before) = (Instant::now(), app.cpu_time());
    tokio::join!(send(&app, ROUND + SINGLY, 2 * ROUND), read_all(lively, 2 * ROUND));
    let n_delivered = (lively.len() * (ROUND - SINGLY)) as f64;
    println!(
        "{} events to all of them in {:.1?}: {:.1} us of the server's processor each time, {} bytes a socket",
        ROUND - SINGLY,
        begun.elapsed(),
        app.cpu_time().saturating_sub(cpu_before).as_secs_f64() * 1e6 / n_delivered,
        per_socket(&app),
    );
    read_all(stalled, 2 * ROUND).await;
    assert!(per_socket(&app) <= SOCKET_BYTES_MAX, "{} bytes a socket", per_socket(&app));

    // All are cut off, something comes meanwhile, and all come back at once to where they were.
    let since = readers[0].cursor.clone();
    drop(readers);
    send(&app, 2 * ROUND, 3 * ROUND).await;
    let begun = Instant::now();
    let mut readers = connect_all(app.addr, n, n, 2 * ROUND, &since).await;
    println!("all back at once in {:.1?}: {} bytes each", begun.elapsed(), per_socket(&app));
    assert!(readers.iter().all(|reader| reader.next == 3 * ROUND));
    assert!(per_socket(&app) <= SOCKET_BYTES_MAX, "{} bytes a socket", per_socket(&app));

    // The server is replaced: everybody is told when to come back, and nobody waits for that.
    app.signal_stop();
    let waits = join_all(readers.iter_mut().map(Reader::bye)).await;
    let (shortest, longest) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    println!("asked to come back after {shortest} to {longest} ms");
    let spread_max = (n as u64).clamp(1_900, 30_000);
    assert!(*shortest >= 100 && *longest <= 100 + spread_max && *longest > spread_max / 2);
    let since = readers[0].cursor.clone();
    drop(readers);
    let app = app.stopped().await.start().await;
    let begun = Instant::now();
    let (mut readers, ()) = tokio::join!(
        connect_all(app.addr, n, n, 3 * ROUND, &since),
        send(&app, 3 * ROUND, 4 * ROUND),
    );
    read_all(&mut readers, 4 * ROUND).await;
    println!(
        "after a restart all back at once in {:.1?}: {} bytes each",
        begun.elapsed(),
        per_socket(&app)
    );
    assert!(per_socket(&app) <= SOCKET_BYTES_MAX, "{} bytes a socket", per_socket(&app));
}
