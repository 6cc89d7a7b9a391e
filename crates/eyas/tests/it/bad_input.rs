//! Bad input is refused with a code, a place and a hint; nothing of it is stored, and the connection goes on.

use hyper::Method;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::follow::knock;
use crate::http::Answer;
use crate::tcp::Raw;

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const GOOD: &str = r#"{"category":"c","name":"n"}"#;

/// A body that must be refused.
struct Bad {
    path: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
    /// Pointer, or `line:column`, or line; empty where nothing more is demanded.
    place: &'static str,
}

fn bad(
    (path, content_type): (&'static str, &'static str),
    body: impl Into<Vec<u8>>,
    (status, code, place): (u16, &'static str, &'static str),
) -> Bad {
    Bad { path, content_type, body: body.into(), status, code, place }
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

fn envelope(rest: &str) -> String {
    format!(r#"{{"category":"c","name":"n",{rest}}}"#)
}

const EVENTS: (&str, &str) = ("/events", JSON);
const EVENT_LINES: (&str, &str) = ("/events", LINES);
const RAW: (&str, &str) = ("/streams/raw", JSON);
const RAW_LINES: (&str, &str) = ("/streams/raw", LINES);

/// Not JSON, or not text.
fn no_json() -> Vec<Bad> {
    let json = |place| (400, "invalid_json", place);
    vec![
        bad(EVENTS, "", (400, "empty_body", "")),
        bad(EVENTS, " \n ", (400, "empty_body", "")),
        bad(EVENTS, "{\"category\":\"c\",\n\"name\" \"n\"}", json("2:8")),
        bad(EVENTS, "{\"category\":\"c\"", json("")),
        bad(EVENTS, "hello", json("1:1")),
        bad(EVENTS, "{'category':'c'}", json("1:2")),
        bad(EVENTS, r#"{"category":"c","name":"n",}"#, json("")),
        bad(EVENTS, format!("{GOOD}{GOOD}"), json("")),
        bad(EVENTS, format!("[{GOOD},]"), json("")),
        bad(EVENTS, format!("[{GOOD}"), json("")),
        bad(EVENTS, format!("[{GOOD}]]"), json("")),
        bad(EVENTS, envelope(r#""data":01"#), json("")),
        bad(EVENTS, envelope(r#""data":NaN"#), json("")),
        bad(EVENTS, envelope(r#""data":"\x""#), json("")),
        bad(EVENTS, envelope("\"data\":\"\n\""), json("")),
        bad(EVENTS, "category=c&name=n", json("1:1")),
        bad(EVENT_LINES, format!("{GOOD}\n{{\n{GOOD}"), json("2")),
        bad(EVENT_LINES, format!("[{GOOD},\n{GOOD}]"), json("1")),
        bad(RAW, "1 2", json("")),
        bad(RAW, "[1,2", json("")),
        bad(RAW, "tru", json("")),
        bad(RAW, "1.", json("")),
        bad(RAW_LINES, "1\n2\nnope\n4", json("3")),
        bad(RAW_LINES, "1\n2 3", json("2")),
        bad(EVENTS, b"\xef\xbb\xbf{}".to_vec(), (400, "byte_order_mark", "1:1")),
        bad(EVENTS, b"{\"category\":\"\xff\"}".to_vec(), (400, "invalid_utf8", "1:14")),
        bad(RAW_LINES, b"1\n\"\xc3(\"\n".to_vec(), (400, "invalid_utf8", "2")),
        bad(RAW, b"\"\xed\xa0\x80\"".to_vec(), (400, "invalid_utf8", "1:2")),
        bad(RAW, b"\xff\xfe1\0".to_vec(), (400, "invalid_utf8", "")),
    ]
}

/// JSON, but no event.
fn no_event() -> Vec<Bad> {
    let wrong = |place| (422, "wrong_type", place);
    let label = |place| (422, "bad_label", place);
    let long = "x".repeat(257);
    vec![
        bad(EVENTS, "7", wrong("")),
        bad(EVENTS, "null", wrong("")),
        bad(EVENTS, "[7]", wrong("/0")),
        bad(EVENTS, r#"["c","n"]"#, wrong("/0")),
        bad(EVENTS, "{}", (422, "missing_field", "/category")),
        bad(EVENTS, r#"{"category":"c"}"#, (422, "missing_field", "/name")),
        bad(EVENTS, r#"{"category":"c","name":null}"#, (422, "missing_field", "/name")),
        bad(EVENTS, r#"{"category":7,"name":"n"}"#, wrong("/category")),
        bad(EVENTS, r#"{"category":"c","name":["n"]}"#, wrong("/name")),
        bad(EVENTS, envelope(r#""id":7"#), wrong("/id")),
        bad(EVENTS, envelope(r#""session_id":{}"#), wrong("/session_id")),
        bad(EVENTS, envelope(r#""timestamp":1700000000"#), wrong("/timestamp")),
        bad(EVENTS, envelope(r#""colour":"red""#), (422, "unknown_field", "/colour")),
        bad(EVENTS, envelope(r#""a/b~c":1"#), (422, "unknown_field", "/a~1b~0c")),
        bad(EVENTS, envelope(r#""seq":1"#), (422, "unknown_field", "/seq")),
        bad(EVENTS, envelope(r#""application":"x""#), (422, "unknown_field", "/application")),
        bad(EVENTS, envelope(r#""name":"twice""#), (422, "duplicate_field", "/name")),
        bad(EVENTS, envelope(r#""id":"\ud800""#), (422, "lone_surrogate", "/id")),
        bad(EVENTS, envelope(r#""timestamp":"yesterday""#), (422, "bad_timestamp", "/timestamp")),
        bad(
            EVENTS,
            envelope(r#""timestamp":"2026-02-30T00:00:00Z""#),
            (422, "bad_timestamp", "/timestamp"),
        ),
        bad(
            EVENTS,
            envelope(r#""timestamp":"2026-01-01T00:00:00""#),
            (422, "bad_timestamp", "/timestamp"),
        ),
        bad(EVENTS, envelope(r#""timestamp":"""#), (422, "bad_timestamp", "/timestamp")),
        bad(EVENTS, envelope(r#""id":"""#), label("/id")),
        bad(EVENTS, envelope(&format!(r#""id":"{}""#, &long[..129])), label("/id")),
        bad(EVENTS, envelope(&format!(r#""session_id":"{long}""#)), label("/session_id")),
        bad(EVENTS, envelope(r#""session_id":"a\u0000b""#), label("/session_id")),
        bad(EVENTS, r#"{"category":"","name":"n"}"#, label("/category")),
        bad(EVENTS, format!(r#"[{GOOD},{{"category":"c","name":"a\nb"}}]"#), label("/1/name")),
        bad(EVENT_LINES, format!("{GOOD}\n\n{{\"name\":\"n\"}}"), (422, "missing_field", "3")),
        bad(EVENTS, "[]", (422, "empty_batch", "")),
        bad(RAW, "[ ]", (422, "empty_batch", "")),
        bad(EVENT_LINES, "\n \n", (422, "empty_batch", "")),
        bad(("/streams/UPPER", JSON), "1", (422, "bad_stream_name", "")),
        bad(("/streams/a%20b", JSON), "1", (422, "bad_stream_name", "")),
        bad(("/streams/caf%C3%A9", JSON), "1", (422, "bad_stream_name", "")),
        bad(("/events?on_error=skip", JSON), "[7,8]", (422, "nothing_accepted", "")),
    ]
}

/// Too much, or in a form that is not taken.
fn too_much() -> Vec<Bad> {
    let many = format!("[{}]", vec!["1"; 10_001].join(","));
    let long = |n: usize| format!("\"{}\"", "x".repeat(n - 2));
    let unsupported = (415, "unsupported_media_type", "");
    vec![
        bad(RAW, many, (413, "too_many_events", "")),
        bad(RAW_LINES, "1\n".repeat(10_001), (413, "too_many_events", "10001")),
        bad(RAW, long((1 << 20) + 1), (413, "event_too_large", "")),
        bad(RAW_LINES, format!("1\n{}\n", long((1 << 20) + 1)), (413, "event_too_large", "2")),
        bad(RAW_LINES, "1\n".repeat((16 << 20) / 2 + 1), (413, "body_too_large", "")),
        bad(RAW, format!("{{\"a\":{}}}", nested(128)), (400, "too_deep", "")),
        bad(RAW, format!("[{}]", nested(129)), (400, "too_deep", "")),
        bad(RAW_LINES, nested(129), (400, "too_deep", "")),
        bad(RAW_LINES, "[".repeat(500_000), (400, "too_deep", "")),
        bad(EVENTS, envelope(&format!("\"data\":{}", nested(129))), (400, "too_deep", "")),
        bad(("/events", "text/plain"), GOOD, unsupported),
        bad(("/events", "application/x-www-form-urlencoded"), "category=c&name=n", unsupported),
        bad(("/events", "multipart/form-data; boundary=x"), "--x--", unsupported),
        bad(("/events", "application/json; charset=latin1"), GOOD, unsupported),
        bad(("/streams/raw", "application/xml"), "<a/>", unsupported),
        bad(("/events?on_eror=skip", JSON), GOOD, (400, "unknown_parameter", "")),
        bad(("/events?on_error=maybe", JSON), GOOD, (400, "bad_parameter", "")),
    ]
}

/// Whether the problem points at `expected`: by its pointer, or by its line, or by line and column.
fn points_at(problem: &Value, expected: &str) -> bool {
    let (line, column) = (&problem["position"]["line"], &problem["position"]["column"]);
    let places = [line.to_string(), format!("{line}:{column}")];
    problem["pointer"] == expected || places.iter().any(|place| place == expected)
}

/// Status, code, and everything that each problem must say.
fn check_problem(answer: &Answer, status: u16, code: &str, what: &str) -> Value {
    assert_eq!(answer.status, status, "{what}: {}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
    let problem = answer.json();
    assert_eq!(problem["request_id"], answer.header("x-request-id"), "{what}");
    assert_eq!((&problem["code"], &problem["status"]), (&json!(code), &json!(status)), "{what}");
    for member in ["title", "detail", "hint", "request_id"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{what}: {problem}");
    }
    problem
}

async fn nothing_is_stored(app: &TestApp) {
    let mut live = app.live_ws("since=beginning").await;
    let first = live.next().await;
    assert_eq!(first.kind, "caught_up", "stored: {}", first.text);
    // The next Seq shows that nothing was appended either.
    let accepted = app.post_events(GOOD).await.accepted();
    assert_eq!(accepted["seq"], 1);
}

async fn all_are_refused(table: Vec<Bad>) {
    let app = TestApp::start().await;
    for Bad { path, content_type, body, status, code, place: expected } in table {
        let shown: String = String::from_utf8_lossy(&body).chars().take(60).collect();
        let what = format!("{content_type} to {path}: {shown}");
        let answer = app.http.post(path, content_type, body).await;
        let problem = check_problem(&answer, status, code, &what);
        assert_eq!(problem["outcome"], "rejected", "{what}");
        let is_there = expected.is_empty() || points_at(&problem, expected);
        assert!(is_there, "{what}: not {expected}: {problem}");
        assert_eq!(app.get("/healthz").await.status, 200);
    }
    nothing_is_stored(&app).await;
}

#[tokio::test]
async fn what_is_no_json_is_refused_with_its_position() {
    all_are_refused(no_json()).await;
}

#[tokio::test]
async fn what_is_no_event_is_refused_with_its_pointer() {
    all_are_refused(no_event()).await;
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    all_are_refused(too_much()).await;
}

#[tokio::test]
async fn what_is_just_within_the_limits_is_taken() {
    let app = TestApp::start().await;
    let many = format!("[{}]", vec!["1"; 10_000].join(","));
    assert_eq!(app.post_stream("raw", many).await.accepted()["accepted"], 10_000);
    app.post_stream("raw", format!("[{}]", nested(128))).await.accepted();
    app.http.post("/streams/raw", LINES, nested(128)).await.accepted();
    app.post_events(envelope(&format!("\"data\":{}", nested(128)))).await.accepted();
    app.post_stream("raw", format!("\"{}\"", "x".repeat((1 << 20) - 2))).await.accepted();
    let brackets = format!("\"{}\"", "[{".repeat(1000));
    app.post_stream("raw", brackets).await.accepted();
    // A body as long as bodies may be: 15 events of a MiB each, and white space for the rest.
    let event = format!("\"{}\"", "y".repeat((1 << 20) - 2));
    let mut body = vec![event; 15].join("\n");
    body.push_str(&" ".repeat((16 << 20) - body.len()));
    let answer = app.http.post("/streams/raw", LINES, body).await;
    assert_eq!(answer.accepted()["accepted"], 15);
    app.wait_applied().await;
    assert_eq!(app.export_of("/streams/raw").await.len(), 10_000 + 4 + 15);
    // No content type, and others that mean the same.
    app.http.send(Method::POST, "/events", &[], GOOD).await.accepted();
    app.http.post("/events", "Application/JSON; charset=UTF-8", GOOD).await.accepted();
    app.http.post("/events", "application/jsonl", GOOD).await.accepted();
}

#[tokio::test]
async fn bad_questions_are_refused() {
    let app = TestApp::start().await;
    let parameter = (400, "bad_parameter");
    let table = [
        ("/events?limit=0", parameter),
        ("/events?limit=1001", parameter),
        ("/events?limit=many", parameter),
        ("/events?limit=-1", parameter),
        ("/events?order=up", parameter),
        ("/events?valid=maybe", parameter),
        ("/events?after=17", parameter),
        ("/events?after=0badcafe", parameter),
        ("/events?after=0BADCAFE.1", parameter),
        ("/events?after=0badcafe.01", parameter),
        ("/events?after=00000000.1", parameter),
        ("/events?after=0badcafe.9007199254740992", parameter),
        ("/events?category=%ff", parameter),
        ("/events?colour=red", (400, "unknown_parameter")),
        ("/sessions/s?colour=red", (400, "unknown_parameter")),
        ("/status?colour=red", (400, "unknown_parameter")),
        ("/healthz?colour", (400, "unknown_parameter")),
        ("/streams/NO", (422, "bad_stream_name")),
        ("/events/unheard-of", (404, "not_found")),
        ("/nowhere", (404, "no_such_route")),
        ("/events/a/b", (404, "no_such_route")),
        ("/events/%ff", (400, "bad_path")),
    ];
    for (path, (status, code)) in table {
        check_problem(&app.get(path).await, status, code, path);
    }
    let image = app.http.get_as("/live", "image/png").await;
    check_problem(&image, 406, "not_acceptable", "/live");
    for query in ["since=17", "since=yesterday", "colour=red", "valid=x"] {
        let answer = app.http.get_as(&format!("/live?{query}"), "text/event-stream").await;
        assert!((400..=422).contains(&answer.status), "{query}: {answer:?}");
        let answer = knock(app.addr, query, &[]).await;
        assert!(answer.is_err(), "{query}");
    }
    for (method, path, allowed) in [
        (Method::DELETE, "/events", "POST"),
        (Method::PUT, "/streams/raw", "POST"),
        (Method::POST, "/events/x", "GET"),
        (Method::POST, "/status", "GET"),
        (Method::PATCH, "/live", "GET"),
    ] {
        let answer = app.http.send(method.clone(), path, &[], "").await;
        check_problem(&answer, 405, "method_not_allowed", path);
        assert!(answer.header("allow").contains(allowed), "{method} {path}: {answer:?}");
    }
    nothing_is_stored(&app).await;
}

#[tokio::test]
async fn pages_of_other_sites_get_nothing() {
    let app = TestApp::start().await;
    let own = format!("http://{}", app.addr);
    let port = app.addr.port();
    let foreign: [&[(&str, &str)]; 6] = [
        &[("host", "evil.example")],
        &[("host", "127.0.0.1.evil.example")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:1")],
        &[("sec-fetch-site", "cross-site")],
    ];
    for headers in foreign {
        let code = if headers[0].0 == "host" { "foreign_host" } else { "foreign_origin" };
        for (method, path) in
            [(Method::POST, "/events"), (Method::GET, "/events"), (Method::GET, "/live")]
        {
            let answer = app.http.send(method, path, headers, GOOD).await;
            check_problem(&answer, 403, code, &format!("{headers:?} {path}"));
        }
        assert!(knock(app.addr, "", headers).await.is_err(), "{headers:?}");
    }
    // Our own pages are let in.
    assert!(knock(app.addr, "", &[("origin", &own)]).await.is_ok());
    let host = format!("localhost:{port}");
    let origin = format!("http://localhost:{port}");
    let headers = [("host", host.as_str()), ("origin", origin.as_str())];
    assert_eq!(app.http.send(Method::GET, "/events", &headers, "").await.status, 200);
    nothing_is_stored(&app).await;
}

#[tokio::test]
async fn a_refusal_leaves_its_connection_usable() {
    let app = TestApp::start().await;
    let mut raw = Raw::connect(app.addr).await;
    for (n, body) in ["{", "[]", "7", &format!("{GOOD}{GOOD}")].into_iter().enumerate() {
        for (body, good) in [(body, false), (GOOD, true)] {
            let request = format!(
                "POST /events HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
                app.addr,
                body.len()
            );
            raw.send(request).await;
            let answer = raw.answer(crate::app::DEADLINE).await.expect("an answer");
            assert_eq!(answer.status == 202, good, "{answer:?}");
        }
        app.wait_applied().await;
        assert_eq!(app.export("").await.len(), n + 1);
    }
}
