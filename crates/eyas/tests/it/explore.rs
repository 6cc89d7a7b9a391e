//! Facets, histograms and counts over HTTP, and searching everywhere where events are listed.

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::http::percent;

/// 60 events of two categories, of which one is invalid, and three of another stream.
async fn filled() -> TestApp {
    let app = TestApp::start().await;
    let lines: Vec<String> = (0..60)
        .map(|n| {
            let category = if n % 3 == 0 { "shop" } else { "page interaction" };
            let at = if n == 59 { ",\"timestamp\":\"2090-01-01T00:00:00Z\"" } else { "" };
            format!(r#"{{"id":"Event-{n}","session_id":"s{}","category":"{category}","name":"n{}"{at}}}"#, n % 2, n % 30)
        })
        .collect();
    app.http.post("/events", "application/x-ndjson", lines.join("\n")).await.accepted();
    app.post_stream("raw", "[1,2,3]").await.accepted();
    app.wait_applied().await;
    app
}

async fn json(app: &TestApp, path: &str) -> Value {
    let answer = app.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

fn sum(counts: &Value) -> u64 {
    counts.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum()
}

#[tokio::test]
async fn facets_count_the_values_of_each_label() {
    let app = filled().await;
    let all = json(&app, "/events/facets").await;
    assert_eq!((&all["examined"], &all["complete"]), (&json!(60), &json!(true)));
    let facets = &all["facets"];
    assert_eq!(
        facets["category"],
        json!([{"value":"page interaction","count":40},{"value":"shop","count":20}])
    );
    assert_eq!(facets["application"], json!([{"value":null,"count":60}]));
    assert_eq!(facets["stream"], json!([{"value":"events","count":60}]));
    assert_eq!(facets["valid"], json!([{"value":true,"count":59},{"value":false,"count":1}]));
    let names = facets["name"].as_array().unwrap();
    assert_eq!(names.len(), 20, "the twenty most frequent of thirty");
    assert!(names.iter().all(|name| name["count"] == 2));
    let some = json(&app, "/events/facets?category=sh*&valid=true&q=EVENT-1").await;
    assert_eq!(some["facets"]["category"], json!([{"value":"shop","count":3}]), "12, 15, 18");
    let all = json(&app, "/events/facets?stream=*").await;
    assert_eq!(
        all["facets"]["stream"],
        json!([{"value":"events","count":60},{"value":"raw","count":3}])
    );
    let raw = json(&app, "/streams/raw/facets").await;
    assert_eq!(raw["facets"]["stream"], json!([{"value":"raw","count":3}]));
    let none = json(&app, "/events/facets?q=nobody").await;
    assert_eq!(none["facets"]["valid"], json!([]));
}

#[tokio::test]
async fn a_count_is_what_pages_show() {
    let app = filled().await;
    for query in
        ["", "category=shop", "q=event-5", "valid=false", "session_id=s1&name=n1*", "q=nobody"]
    {
        let rows = app.export(&format!("?{query}")).await;
        let count = json(&app, &format!("/events/count?{query}")).await;
        assert_eq!(count, json!({"count": rows.len(), "complete": true}), "{query}");
    }
    assert_eq!(json(&app, "/streams/raw/count").await["count"], 3);
}

#[tokio::test]
async fn a_histogram_holds_every_event_once() {
    let app = filled().await;
    let all = json(&app, "/events/histogram").await;
    assert_eq!((sum(&all["valid"]), sum(&all["invalid"])), (59, 1));
    assert_eq!((&all["complete"], &all["examined"]), (&json!(true), &json!(60)));
    let n = all["valid"].as_array().unwrap().len();
    assert!((1..=60).contains(&n) && all["invalid"].as_array().unwrap().len() == n);
    // The one that says it comes from 2090 stretches the client's clock over decades.
    let event = json(&app, "/events/histogram?clock=event&buckets=10").await;
    let (valid, invalid) =
        (event["valid"].as_array().unwrap(), event["invalid"].as_array().unwrap());
    assert_eq!((&valid[0], &invalid[9]), (&json!(59), &json!(1)), "{event}");
    let range = "from=2026-01-01T00:00:00Z&to=2026-01-01T00:10:00Z&buckets=5";
    let past = json(&app, &format!("/streams/events/histogram?{range}")).await;
    assert_eq!(
        (&past["start"], &past["step_s"]),
        (&json!("2026-01-01T00:00:00.000000Z"), &json!(120))
    );
    assert_eq!(past["valid"], json!([0, 0, 0, 0, 0]));
    for bad in ["buckets=0", "buckets=501", "buckets=x", "limit=5", "q="] {
        assert_eq!(app.get(&format!("/events/histogram?{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_search_is_the_same_in_pages_exports_and_live() {
    let app = filled().await;
    for (q, n_wanted) in
        [("EVENT-1", 11), ("shop", 20), ("S1", 30), ("N29", 2), ("interaction", 40), ("x", 0)]
    {
        let query = format!("q={}", percent(q));
        let page = app.get(&format!("/events?{query}&limit=1000")).await.page();
        assert_eq!((page.events.len(), page.next), (n_wanted, None), "{q}");
        assert_eq!(app.export(&format!("?{query}")).await.len(), n_wanted, "{q}");
        let csv = app.http.get_as(&format!("/events?{query}"), "text/csv").await;
        assert_eq!(csv.text().split("\r\n").count(), n_wanted + 2, "{q}");
        let mut live = app.live_ws(&format!("since=beginning&{query}")).await;
        let mut rows = Vec::new();
        loop {
            let message = live.next().await;
            match message.kind.as_str() {
                "event" => rows.push(message.row().id),
                "caught_up" => break,
                other => assert_eq!(other, "progress", "{q}"),
            }
        }
        let listed: Vec<String> = page.events.into_iter().map(|row| row.id).collect();
        assert_eq!(rows, listed, "{q}");
    }
    let long = "é".repeat(128);
    assert_eq!(app.get(&format!("/events?q={}", percent(&long))).await.status, 200);
    assert_eq!(app.get(&format!("/events?q={}x", percent(&long))).await.status, 400);
    assert_eq!(app.get("/sessions/s1?q=x").await.status, 400, "a session is not searched");
}

#[tokio::test]
async fn events_with_the_names_of_the_summaries_can_be_read() {
    let app = TestApp::start().await;
    for id in ["facets", "histogram", "count"] {
        let body = format!(r#"{{"id":"{id}","category":"c","name":"n"}}"#);
        app.post_events(body).await.accepted();
    }
    app.wait_applied().await;
    for (path, id) in [("%66acets", "facets"), ("%68istogram", "histogram"), ("c%6funt", "count")] {
        assert_eq!(app.get(&format!("/events/{path}")).await.row().id, id);
        assert!(app.get(&format!("/events/{id}")).await.json()["complete"].is_boolean());
    }
}
