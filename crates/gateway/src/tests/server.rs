//! `server` and `service`: connections stay healthy whatever comes over them.

use std::sync::atomic::Ordering;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::limits::Limits;
use crate::tests::app::{App, DEADLINE, answer};

/// Reads one answer with a Content-Length off a connection that stays open.
async fn read_one(stream: &mut tokio::net::TcpStream) -> crate::tests::app::Answer {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let n_read = timeout(DEADLINE, stream.read(&mut piece)).await.unwrap().unwrap();
        assert!(n_read > 0, "closed after {:?}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&piece[..n_read]);
        if memchr::memmem::find(&bytes, b"\r\n\r\n").is_some() {
            let one = answer(&bytes);
            let length: usize = one.header("content-length").unwrap().parse().unwrap();
            if one.body.len() >= length {
                return one;
            }
        }
    }
}

fn post(body: &str) -> Vec<u8> {
    format!(
        "POST /streams/s HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[tokio::test]
async fn a_connection_outlives_refusals() {
    let app = App::start().await;
    let mut stream = app.connect().await;
    for (body, status) in [("1", 202), ("{", 400), ("[]", 422), ("2", 202)] {
        stream.write_all(&post(body)).await.unwrap();
        assert_eq!(read_one(&mut stream).await.status, status, "{body}");
    }
    stream.write_all(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(read_one(&mut stream).await.json()["code"], "no_such_route");
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: evil\r\n\r\n").await.unwrap();
    assert_eq!(read_one(&mut stream).await.json()["code"], "foreign_host");
    stream.write_all(&post("3")).await.unwrap();
    assert_eq!(read_one(&mut stream).await.json()["seq"], 3);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_answered_and_the_connection_goes_on() {
    let app = App::with(Limits { body_bytes_max: 1 << 20, ..Limits::default() }).await;
    let mut stream = app.connect().await;
    let large = format!("\"{}\"", "a".repeat(4 << 20));
    // A client that sends all of it before it reads.
    stream.write_all(&post(&large)).await.unwrap();
    let told = read_one(&mut stream).await;
    assert_eq!((told.status, &told.json()["code"]), (413, &json!("body_too_large")));
    stream.write_all(&post("1")).await.unwrap();
    assert_eq!(read_one(&mut stream).await.json()["seq"], 1);
    // The same in chunks, where the length is not known before.
    stream
        .write_all(
            b"POST /streams/s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        .await
        .unwrap();
    for _ in 0..40 {
        stream.write_all(format!("10000\r\n{}\r\n", "a".repeat(65536)).as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(read_one(&mut stream).await.status, 413);
    stream.write_all(&post("2")).await.unwrap();
    assert_eq!(read_one(&mut stream).await.json()["seq"], 2);
    assert_eq!(app.edge.budget.n_used(), 0);
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_before_it_sends() {
    let app = App::start().await;
    let mut stream = app.connect().await;
    let head = "POST /events HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_one(&mut stream).await.status, 413);
}

#[tokio::test]
async fn chunked_bodies_are_read_whole() {
    let app = App::start().await;
    let body = b"POST /streams/s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\n[1,\r\n4\r\n 2 ]\r\n0\r\n\r\n";
    assert_eq!(app.raw(body).await.json()["accepted"], 2);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let app = App::start().await;
    let mut all = [post("1"), post("{"), post("2")].concat();
    all.extend_from_slice(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut stream = app.connect().await;
    stream.write_all(&all).await.unwrap();
    let mut bytes = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let statuses: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|one| &one[..3]).collect();
    assert_eq!(statuses, ["202", "400", "202", "200"]);
}

#[tokio::test]
async fn every_answer_carries_a_request_id() {
    let app = App::start().await;
    let given = "x-request-id: trace-1/a=b\r\n";
    for what in ["GET /status", "GET /nowhere", "DELETE /events", "POST /events"] {
        let own = app.send(what, given, b"1").await;
        assert_eq!(own.header("x-request-id"), Some("trace-1/a=b"), "{what}");
        if own.status >= 400 {
            assert_eq!(own.json()["request_id"], "trace-1/a=b", "{what}");
        }
        for bad in ["x-request-id: a b\r\n", &format!("x-request-id: {}\r\n", "a".repeat(129)), ""]
        {
            let made = app.send(what, bad, b"1").await;
            assert_eq!(made.header("x-request-id").unwrap().len(), 16, "{what}");
        }
    }
}

#[tokio::test]
async fn head_works_where_get_does() {
    let app = App::start().await;
    for path in ["/events", "/status", "/ui/", "/openapi.json", "/events/nobody"] {
        let (get, head) = (app.get(path).await, app.send(&format!("HEAD {path}"), "", b"").await);
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
    }
    let refused = app.send("PUT /events", "", b"").await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, POST")));
    let preflight = "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n";
    let preflight = app.send("OPTIONS /events", preflight, b"").await;
    assert_eq!(preflight.status, 403);
    assert!(!preflight.head.to_ascii_lowercase().contains("access-control"));
}

#[tokio::test]
async fn shutdown_finishes_what_is_in_flight() {
    let mut app = App::start().await;
    let mut stream = app.connect().await;
    stream
        .write_all(b"POST /streams/s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n\"a")
        .await
        .unwrap();
    let mut idle = app.connect().await;
    idle.write_all(&post("1")).await.unwrap();
    read_one(&mut idle).await;
    app.shutdown.cancel();
    // The idle one is closed soon; its end says that the server is ending.
    assert_eq!(timeout(DEADLINE, idle.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
    assert!(!app.server.is_finished());
    stream.write_all(b"\"").await.unwrap();
    let last = read_one(&mut stream).await;
    assert_eq!((last.status, &last.json()["seq"]), (202, &json!(2)));
    let kept = timeout(DEADLINE, &mut app.server).await.unwrap().unwrap();
    assert!(kept.is_none(), "a server that stops refuses newcomers");
}

#[tokio::test]
async fn after_a_hand_over_newcomers_wait_for_the_next_server() {
    let mut app = App::start().await;
    let mut in_use = app.connect().await;
    in_use.write_all(&post("1")).await.unwrap();
    assert_eq!(read_one(&mut in_use).await.header("connection"), None);
    app.hand_over.cancel();
    app.edge.closing.cancelled().await;
    // In use: told with the next answer, not cut before it.
    in_use.write_all(&post("2")).await.unwrap();
    let told = read_one(&mut in_use).await;
    assert_eq!((told.status, told.header("connection")), (202, Some("close")));
    assert_eq!(in_use.read(&mut [0; 1]).await.unwrap(), 0);
    // It goes on taking connections meanwhile, and stays ready.
    assert_eq!(app.get("/readyz").await.status, 200);
    app.edge.drain.cancelled().await;
    let mut newcomer = app.connect().await;
    newcomer.write_all(&post("3")).await.unwrap();
    let listener = timeout(DEADLINE, &mut app.server).await.unwrap().unwrap();
    let listener = listener.expect("the listening socket comes back");
    let (mut accepted, _) = timeout(DEADLINE, listener.accept()).await.unwrap().unwrap();
    let mut request = vec![0; post("3").len()];
    accepted.read_exact(&mut request).await.unwrap();
    assert_eq!(request, post("3"), "nothing of it is lost");
}

#[tokio::test]
async fn a_connection_without_requests_does_not_hold_up_the_end() {
    let mut app = App::start().await;
    let _silent = app.connect().await;
    let mut begun = app.connect().await;
    begun.write_all(b"GET /status HTT").await.unwrap();
    app.shutdown.cancel();
    timeout(DEADLINE, &mut app.server).await.unwrap().unwrap();
    assert!(app.edge.is_stopping.load(Ordering::Relaxed));
}

#[tokio::test]
async fn connections_over_a_cap_are_told_so_and_closed() {
    let all = Limits { connections_max: 1, ..Limits::default() };
    let own = Limits { connections_per_loopback_max: 1, ..Limits::default() };
    for (limits, why) in [(all, "All 1 connections"), (own, "Your address has 1 connections")] {
        let app = App::with(limits).await;
        let mut first = app.connect().await;
        first.write_all(&post("1")).await.unwrap();
        read_one(&mut first).await;
        // Whether it speaks first or waits to be spoken to.
        for request in [post("2"), Vec::new()] {
            let told = app.raw(&request).await;
            assert_eq!((told.status, told.header("retry-after")), (503, Some("1")));
            let problem = told.json();
            assert_eq!(problem["code"], "too_many_connections");
            assert!(problem["detail"].as_str().unwrap().starts_with(why), "{problem}");
            assert_eq!(Some(problem["request_id"].as_str().unwrap()), told.header("x-request-id"));
        }
        assert_eq!(app.edge.n_connections.load(Ordering::Relaxed), 1);
        first.write_all(&post("3")).await.unwrap();
        assert_eq!(read_one(&mut first).await.json()["seq"], 2, "who is in stays in");
        drop(first);
        let mut second = app.in_at_last().await;
        second.write_all(&post("4")).await.unwrap();
        assert_eq!(read_one(&mut second).await.json()["seq"], 3);
    }
}
