//! Bodies cut, counted and announced in every way that HTTP/1 knows, and in some that it does not.

use crate::app::{DEADLINE, TestApp};
use crate::tcp::Raw;

const GOOD: &str = r#"{"category":"c","name":"n"}"#;

fn request(head: &str, body: &str) -> String {
    format!("{head}\r\nHost: 127.0.0.1\r\n\r\n{body}")
}

fn post(headers: &str, body: &str) -> String {
    request(&format!("POST /events HTTP/1.1\r\n{headers}"), body)
}

async fn n_stored(app: &TestApp) -> usize {
    app.wait_applied().await;
    app.export("").await.len()
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_not_stored() {
    let app = TestApp::start().await;
    // Even where what came is a whole event by itself.
    for headers in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        let body =
            if headers.starts_with('C') { GOOD.to_owned() } else { format!("1b\r\n{GOOD}\r\n") };
        let mut raw = Raw::connect(app.addr).await;
        raw.send(post(headers, &body)).await;
        drop(raw);
    }
    app.post_events(GOOD).await.accepted();
    assert_eq!(n_stored(&app).await, 1);
}

#[tokio::test]
async fn a_body_longer_than_announced_is_read_up_to_its_length() {
    let app = TestApp::start().await;
    let mut raw = Raw::connect(app.addr).await;
    raw.send(post(&format!("Content-Length: {}", GOOD.len()), &format!("{GOOD}{GOOD}"))).await;
    assert_eq!(raw.answer(DEADLINE).await.expect("an answer").status, 202);
    // The rest would be the next request, and is none.
    assert_eq!(raw.answer(DEADLINE).await.expect("an answer").status, 400);
    assert_eq!(n_stored(&app).await, 1);
}

#[tokio::test]
async fn chunked_bodies_are_taken_however_they_are_cut() {
    let app = TestApp::start().await;
    let mut raw = Raw::connect(app.addr).await;
    raw.send(post("Transfer-Encoding: chunked", "")).await;
    for byte in GOOD.bytes() {
        raw.send(format!("1;x=y\r\n{}\r\n", char::from(byte))).await;
    }
    raw.send("0\r\nTrailer: 1\r\n\r\n").await;
    assert_eq!(raw.answer(DEADLINE).await.expect("an answer").status, 202);
    // And a body without an announced length that never ends is cut at the limit.
    raw.send(post("Transfer-Encoding: chunked\r\nContent-Type: application/x-ndjson", "")).await;
    let chunk = format!("10000\r\n{}\r\n", "1\n".repeat(0x8000));
    for _ in 0..300 {
        if !raw.send(&chunk).await {
            break;
        }
    }
    raw.send("0\r\n\r\n").await;
    let answer = raw.answer(DEADLINE).await.expect("an answer");
    assert_eq!((answer.status, answer.body.contains("body_too_large")), (413, true), "{answer:?}");
    assert_eq!(n_stored(&app).await, 1);
}

#[tokio::test]
async fn expect_100_continue_is_honoured() {
    let app = TestApp::start().await;
    let mut raw = Raw::connect(app.addr).await;
    raw.send(post(&format!("Expect: 100-continue\r\nContent-Length: {}", GOOD.len()), "")).await;
    assert_eq!(raw.answer(DEADLINE).await.expect("an answer").status, 100);
    raw.send(GOOD).await;
    assert_eq!(raw.answer(DEADLINE).await.expect("an answer").status, 202);
    assert_eq!(n_stored(&app).await, 1);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let app = TestApp::start().await;
    let mut raw = Raw::connect(app.addr).await;
    let good = post(&format!("Content-Length: {}", GOOD.len()), GOOD);
    let bad = post("Content-Length: 1", "{");
    raw.send([good.as_str(), &bad, &good, &bad, &good].concat()).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(raw.answer(DEADLINE).await.expect("an answer").status);
    }
    assert_eq!(statuses, [202, 400, 202, 400, 202]);
    assert_eq!(n_stored(&app).await, 3);
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_next_request() {
    let app = TestApp::start().await;
    let mut raw = Raw::connect(app.addr).await;
    let good = post(&format!("Content-Length: {}", GOOD.len()), GOOD);
    // The next request has begun already, and goes on only after this one's answer.
    raw.send([&good, &good[..20]].concat()).await;
    assert_eq!(raw.answer(DEADLINE).await.expect("an answer").status, 202);
    raw.send(&good[20..]).await;
    assert_eq!(raw.answer(DEADLINE).await.expect("an answer").status, 202);
    assert_eq!(n_stored(&app).await, 2);
}

#[tokio::test]
async fn http_1_0_and_connection_close_are_served() {
    let app = TestApp::start().await;
    for head in [
        "GET /status HTTP/1.0\r\n\r\n",
        "GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ] {
        let mut raw = Raw::connect(app.addr).await;
        raw.send(head).await;
        assert_eq!(raw.answer(DEADLINE).await.expect("an answer").status, 200, "{head}");
        assert!(raw.is_closed(DEADLINE).await, "{head}");
    }
}
