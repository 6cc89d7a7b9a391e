//! Reading in every form: CSV, previews, compressed answers, and exports that nobody takes.

use std::io::Read as _;

use http_body_util::BodyExt as _;
use hyper::Method;

use crate::app::{DEADLINE, TestApp, eventually};
use crate::http::{Row, percent};
use crate::tcp::Raw;

/// One event with everything in it, one with nothing, both in one session.
async fn filled() -> TestApp {
    let app = TestApp::start().await;
    let body = r#"[{"id":"=1+1","session_id":"s","category":"shop, or \"so\"","name":"-n","timestamp":"2026-11-01T08:00:00Z","data":{"a" :
 [1.0,"x,\"y"]}},{"id":"b","session_id":"s","category":"c","name":"n"}]"#;
    app.post_events(body).await.accepted();
    app.wait_applied().await;
    app
}

#[tokio::test]
async fn csv_has_a_header_and_every_event_as_a_row() {
    let app = filled().await;
    let header = "id,seq,cursor,stream,application,session_id,category,name,timestamp,received_at,valid,errors,data";
    for path in ["/events", "/streams/events", "/sessions/s"] {
        let answer = app.http.get_as(path, "text/csv").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
        let rows: Vec<&str> = answer.text().split("\r\n").collect();
        assert_eq!(rows.len(), 4, "header, two events, nothing: {rows:?}");
        assert_eq!((rows[0], rows[3]), (header, ""));
        assert!(rows[1].starts_with("'=1+1,1,"), "{}", rows[1]);
        assert!(rows[1].contains(r#",s,"shop, or ""so""",'-n,2026-11-01T08:00:00.000000Z,"#));
        assert!(rows[1].ends_with(r#",true,[],"{""a"" :  [1.0,""x,\""y""]}""#), "{}", rows[1]);
        assert!(rows[2].starts_with("b,2,") && rows[2].ends_with(",true,[],null"), "{}", rows[2]);
    }
    let one = app.http.get_as("/events?limit=1&data=preview", "text/csv").await;
    let rows: Vec<&str> = one.text().split("\r\n").collect();
    assert!(rows[0].ends_with(",errors,preview,data_bytes") && rows.len() == 3, "{rows:?}");
    let none = app.http.get_as("/events?name=nobody", "text/csv").await;
    assert_eq!(none.text(), format!("{header}\r\n"), "an empty table still has its header");
}

#[tokio::test]
async fn previews_show_the_beginning_and_the_length_of_data() {
    let app = TestApp::start().await;
    let big = format!("\"x{}\"", "é".repeat(500_000));
    let (big_bytes, small) = (big.len(), r#"{"a":1}"#);
    for data in [&big, small] {
        let body = format!(r#"{{"session_id":"s","category":"c","name":"n","data":{data}}}"#);
        app.post_events(body).await.accepted();
    }
    app.wait_applied().await;
    for path in ["/events", "/streams/events", "/sessions/s"] {
        let answer = app.get(&format!("{path}?data=preview")).await;
        assert!(answer.body.len() < 3_000, "{} bytes", answer.body.len());
        let page = answer.json();
        let first = page["events"][0].as_object().unwrap();
        assert!(!first.contains_key("data"));
        assert_eq!(first["data_bytes"], big_bytes);
        let preview = first["preview"].as_str().unwrap();
        assert_eq!((preview.len(), big.starts_with(preview)), (512, true));
        assert_eq!(page["events"][1]["preview"], small);
        assert_eq!(page["events"][1]["data_bytes"], small.len());
        let lines = app.export_of(&format!("{path}?data=preview")).await;
        assert_eq!(lines.len(), 2);
        assert!(lines[0].contains(&format!("\"data_bytes\":{big_bytes}}}")));
        let whole = app.get(&format!("{path}?data=full")).await.page();
        assert_eq!(whole.events[0].data(), big);
    }
    assert_eq!(app.get("/events?data=some").await.status, 400);
}

fn unpacked(coding: &str, packed: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "gzip" => drop(flate2::read::GzDecoder::new(packed).read_to_end(&mut out).unwrap()),
        _ => out = zstd::stream::decode_all(packed).unwrap(),
    }
    out
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_ask() {
    let app = TestApp::start().await;
    let lines: Vec<String> = (0..2_000).map(|n| format!("{{\"n\":{n}}}")).collect();
    app.http.post("/streams/raw", "application/x-ndjson", lines.join("\n")).await.accepted();
    app.wait_applied().await;
    for (path, accept) in [
        ("/streams/raw", "application/json"),
        ("/streams/raw", "application/x-ndjson"),
        ("/streams/raw", "text/csv"),
        ("/openapi.json", "application/json"),
    ] {
        let plain = app.http.get_as(path, accept).await;
        assert_eq!(plain.header("content-encoding"), "");
        for coding in ["gzip", "zstd"] {
            let headers = [("accept", accept), ("accept-encoding", coding)];
            let answer = app.http.send(Method::GET, path, &headers, "").await;
            assert_eq!(answer.header("content-encoding"), coding, "{path} {accept}");
            let varies = answer.headers.get_all("vary").iter();
            assert!(varies.into_iter().any(|value| value == "accept-encoding"), "{answer:?}");
            assert!(answer.body.len() * 3 < plain.body.len(), "{path} {accept} {coding}");
            assert!(unpacked(coding, &answer.body) == plain.body, "{path} {accept} {coding}");
        }
    }
    let accept = [("accept-encoding", "gzip, zstd")];
    let short = app.http.send(Method::GET, "/healthz", &accept, "").await;
    assert_eq!(short.header("content-encoding"), "");
    // A live stream is never held back by an encoder.
    let headers = [("accept", "text/event-stream"), accept[0]];
    let live = app.http.open(Method::GET, "/live?since=beginning", &headers, "").await.unwrap();
    assert!(!live.headers().contains_key("content-encoding"));
}

/// Large events, so that an export fills every buffer on its way.
async fn large() -> TestApp {
    let app = TestApp::start().await;
    let data = format!("\"{}\"", "x".repeat(500_000));
    for _ in 0..60 {
        app.post_stream("large", data.clone()).await.accepted();
    }
    app.wait_applied().await;
    app
}

#[tokio::test]
async fn an_export_that_nobody_reads_holds_nothing_up() {
    let app = large().await;
    let mut reader = Raw::connect(app.addr).await;
    let head = format!(
        "GET /streams/large HTTP/1.1\r\nHost: {}\r\nAccept: application/x-ndjson\r\n\r\n",
        app.addr
    );
    reader.send(head).await;
    app.post_events(r#"{"category":"c","name":"n","data":1}"#).await.accepted();
    app.wait_applied().await;
    eventually("cleaning up is not held up", async || (!app.beside().is_held_up()).then_some(()))
        .await;
    app.post_events(r#"{"category":"c","name":"n","data":2}"#).await.accepted();
    app.wait_applied().await;
    assert_eq!(app.get("/events").await.page().events.len(), 2);
    drop(reader);
}

#[tokio::test]
async fn an_export_that_breaks_off_is_never_complete() {
    let app = large().await;
    let headers = [("accept", "application/x-ndjson")];
    let response = app.http.open(Method::GET, "/streams/large", &headers, "").await.unwrap();
    let mut body = response.into_body();
    body.frame().await.expect("it has begun").unwrap();
    drop(app.kill());
    let rest = tokio::time::timeout(DEADLINE, body.collect()).await.expect("an end");
    assert!(rest.is_err(), "a killed server's export does not look complete");
}

#[tokio::test]
async fn ranges_of_time_and_rare_labels_are_read_page_by_page() {
    let app = TestApp::start().await;
    for hour in 0..24 {
        let lines: Vec<String> = (0..250)
            .map(|n| {
                let category = if n == 100 { "rare" } else { "common" };
                format!(
                    r#"{{"category":"{category}","name":"n{}","timestamp":"2026-11-01T{hour:02}:00:00Z","data":{}}}"#,
                    n % 3,
                    hour * 250 + n
                )
            })
            .collect();
        app.http.post("/events", "application/x-ndjson", lines.join("\n")).await.accepted();
    }
    app.wait_applied().await;
    let read = async |query: &str| -> Vec<u64> {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = app.get(&format!("/events?limit=7&{query}{after}")).await.page();
            found.extend(page.events.iter().map(|row: &Row| row.data().parse::<u64>().unwrap()));
            let Some(next) = page.next else { return found };
            after = format!("&after={}", percent(&next));
        }
    };
    let rare: Vec<u64> = (0..24).map(|hour| hour * 250 + 100).collect();
    assert_eq!(read("category=rare").await, rare);
    assert_eq!(
        read("category=ra*&order=desc").await,
        rare.iter().rev().copied().collect::<Vec<_>>()
    );
    let between = "clock=event&from=2026-11-01T05:00:00Z&to=2026-11-01T08:00:00Z";
    assert_eq!(read(&format!("{between}&category=rare")).await, rare[5..8]);
    let all: Vec<u64> = (5 * 250..8 * 250).collect();
    assert_eq!(read(&format!("{between}&category=*")).await, all);
    assert_eq!(read("name=n1&name=n2&category=rare").await, rare);
}
