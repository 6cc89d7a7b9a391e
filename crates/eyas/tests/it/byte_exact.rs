//! The bytes of `data` come back as they went in, on every way out.

use crate::app::TestApp;
use crate::follow::{Follower, Way};
use crate::http::{Row, percent};

/// JSON values on which careless programs stumble.
fn hard_values() -> Vec<String> {
    let mut values: Vec<String> = [
        "12345678901234567890",
        "-9223372036854775809",
        "9007199254740993",
        "1.0",
        "-0",
        "-0.0",
        "1E400",
        "1e-400",
        "1E+2",
        "123456789.123456789123456789123456789",
        "0.1e1",
        r#""\u0000""#,
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#""\ud83d\ude00""#,
        "\"\u{1f600}\"",
        r#""\/""#,
        r#""/""#,
        r#"{"b":1,"a":2}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"":1}"#,
        r#"{ "a" : [ 1 , 2 ] }"#,
        "[]",
        "{}",
        "null",
        "true",
        r#""""#,
        r#""\u2028\u2029""#,
        "\"\u{2028}\u{2029}\"",
        r#""<script>alert(1)</script>""#,
        "\"\u{202e}abc\"",
        r#"{"__proto__":{"x":1},"constructor":null}"#,
        "[1,2.50,3e5,-1.10E+2]",
        r#""\"\\\b\f\n\r\t""#,
        "\"\u{7f}\u{80}\u{feff}\"",
        r#""=cmd|calc!A1""#,
        r#"{"type":"bye","seq":-1,"cursor":"x","id":[],"data":{"data":null}}"#,
        "{\t\"tab\"\t:\t[\t]\t}",
    ]
    .map(str::to_owned)
    .to_vec();
    values.push(format!("{}1{}", "[".repeat(20), "]".repeat(20)));
    values.push(format!("\"{}\"", "a".repeat(60_000)));
    values.push(format!("{{\"k{}\":1}}", "\u{e9}".repeat(2_000)));
    values
}

/// Values that span lines: only `GET /events/{id}` gives the breaks back.
const BROKEN_LINES: [&str; 3] =
    ["{\r\n  \"a\": [\n1,\r2\n]\n}", "[\n\n]", "{\"text\":\"no \\n break\",\r\n\"b\":1.0}"];

fn on_one_line(value: &str) -> String {
    value.replace(['\r', '\n'], " ")
}

async fn checked_everywhere(app: &TestApp, stream: &str, expected: &[String], live: Vec<Follower>) {
    app.wait_applied().await;
    let check = |way: &str, rows: &[Row]| {
        assert_eq!(rows.len(), expected.len(), "{way}");
        for (row, value) in rows.iter().zip(expected) {
            assert_eq!(row.data(), on_one_line(value), "{way}");
        }
    };
    let path = if stream == "events" { "/events".to_owned() } else { format!("/streams/{stream}") };
    let page = app.get(&format!("{path}?limit=1000")).await;
    check("page", &page.page().events);
    let lines = app.export_of(&path).await;
    let rows: Vec<Row> = lines.iter().map(|line| Row::parse(line)).collect();
    check("export", &rows);
    for mut follower in live {
        check("live", &follower.events(expected.len()).await);
        drop(follower);
    }
    let mut history = app.live_ws(&format!("since=beginning&stream={stream}")).await;
    check("history", &history.events(rows.len()).await);
    for (row, value) in rows.iter().zip(expected) {
        let one = app.get(&format!("/events/{}?stream={stream}", percent(&row.id))).await.row();
        assert_eq!(one.data(), value, "GET by id");
        assert_eq!(one.seq, row.seq);
    }
}

async fn followers(app: &TestApp, stream: &str) -> Vec<Follower> {
    let mut live = Vec::new();
    for way in Way::ALL {
        live.push(app.follow(way, &format!("since=now&stream={stream}")).await);
    }
    live
}

#[tokio::test]
async fn data_in_envelopes_comes_back_byte_for_byte() {
    let app = TestApp::start().await;
    let live = followers(&app, "events").await;
    let mut expected = Vec::new();
    // One by one, as an array and as NDJSON: three parsers' ways through the same bytes.
    let envelope = |value: &String| format!(r#"{{"category":"c","name":"n","data":{value}}}"#);
    let values = hard_values();
    for value in &values {
        app.post_events(envelope(value)).await.accepted();
        expected.push(value.clone());
    }
    let array = values.iter().map(envelope).collect::<Vec<_>>();
    app.post_events(format!("[{}]", array.join(" ,\n"))).await.accepted();
    expected.extend(values.iter().cloned());
    app.http.post("/events", "application/x-ndjson", array.join("\n")).await.accepted();
    expected.extend(values);
    checked_everywhere(&app, "events", &expected, live).await;
}

#[tokio::test]
async fn raw_events_come_back_byte_for_byte() {
    let app = TestApp::start().await;
    let live = followers(&app, "raw").await;
    let values = hard_values();
    let mut expected = Vec::new();
    app.http.post("/streams/raw", "application/x-ndjson", values.join("\r\n")).await.accepted();
    expected.extend(values.iter().cloned());
    app.post_stream("raw", format!("[{}]", values.join(","))).await.accepted();
    expected.extend(values.iter().cloned());
    // With `application/json` an array is many events, so arrays are left out here.
    for value in values.iter().filter(|value| !value.starts_with('[')) {
        app.post_stream("raw", value.clone()).await.accepted();
        expected.push(value.clone());
    }
    checked_everywhere(&app, "raw", &expected, live).await;
}

#[tokio::test]
async fn line_breaks_inside_data_become_spaces_everywhere_but_by_id() {
    let app = TestApp::start().await;
    let live = followers(&app, "events").await;
    for value in BROKEN_LINES {
        let body = format!("{{\n\"category\":\"c\",\r\n\"name\":\"n\",\"data\":\n{value}\r\n}}\n");
        app.post_events(body).await.accepted();
    }
    checked_everywhere(&app, "events", &BROKEN_LINES.map(str::to_owned), live).await;

    let live = followers(&app, "raw").await;
    let one = "{\n\"a\":\r1}";
    app.post_stream("raw", format!(" \n{one}\r\n")).await.accepted();
    checked_everywhere(&app, "raw", &[one.to_owned()], live).await;
}

#[tokio::test]
async fn data_is_the_same_before_and_after_a_crash() {
    let app = TestApp::start().await;
    let values = hard_values();
    app.http.post("/streams/raw", "application/x-ndjson", values.join("\n")).await.accepted();
    let app = app.restart().await;
    checked_everywhere(&app, "raw", &values, Vec::new()).await;
}
