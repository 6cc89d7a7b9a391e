//! Pages and exports cover everything that matches, once, in order.

use crate::app::TestApp;
use crate::http::{Row, percent};

/// 60 events over 3 categories, 4 names, 5 sessions; every tenth is in the future.
async fn filled() -> TestApp {
    let app = TestApp::start().await;
    let lines: Vec<String> = (0..60)
        .map(|n| {
            let (category, name, session) = (n % 3, n % 4, n % 5);
            let at = if n % 10 == 0 { ",\"timestamp\":\"2036-01-01T00:00:00Z\"" } else { "" };
            format!(r#"{{"session_id":"s{session}","category":"c{category}","name":"click {name}","data":{n}{at}}}"#)
        })
        .collect();
    app.http.post("/events", "application/x-ndjson", lines.join("\n")).await.accepted();
    app.post_stream("raw", "[1,2,3]").await.accepted();
    app.wait_applied().await;
    app
}

/// Follows `next` to the end.
async fn all_pages(app: &TestApp, query: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut after = String::new();
    loop {
        let page = app.get(&format!("/events?{query}{after}")).await.page();
        rows.extend(page.events);
        let Some(next) = page.next else { return rows };
        after = format!("&after={}", percent(&next));
    }
}

fn data(rows: &[Row]) -> Vec<usize> {
    rows.iter().map(|row| row.data().parse().unwrap()).collect()
}

#[tokio::test]
async fn pages_cover_everything_once_in_both_orders() {
    let app = filled().await;
    let (up, down): (Vec<usize>, Vec<usize>) = ((0..60).collect(), (0..60).rev().collect());
    for limit in [1, 7, 59, 60, 61, 1000] {
        assert_eq!(data(&all_pages(&app, &format!("limit={limit}")).await), up, "{limit}");
        let rows = all_pages(&app, &format!("limit={limit}&order=desc")).await;
        assert_eq!(data(&rows), down, "{limit}");
    }
    assert_eq!(app.get("/events?limit=1000&order=asc").await.page().next, None);
    let answer = app.get("/events?limit=5").await;
    let next = answer.page().next.expect("there is more");
    let link = answer.header("link");
    assert!(link.contains("rel=\"next\"") || link.contains("rel=next"), "{link}");
    assert!(link.contains(&next), "{link}");
}

#[tokio::test]
async fn filters_take_exactly_what_they_name() {
    let app = filled().await;
    let check = async |query: &str, wanted: &dyn Fn(usize) -> bool| {
        let expected: Vec<usize> = (0..60).filter(|&n| wanted(n)).collect();
        assert_eq!(data(&all_pages(&app, &format!("{query}&limit=4")).await), expected, "{query}");
        let lines = app.export(&format!("?{query}")).await;
        let rows: Vec<Row> = lines.iter().map(|line| Row::parse(line)).collect();
        assert_eq!(data(&rows), expected, "export {query}");
        let live = app.live_ws(&format!("since=beginning&stream=events&{query}")).await;
        assert_eq!(data(&{ live }.events(expected.len()).await), expected, "live {query}");
    };
    check("category=c1", &|n| n % 3 == 1).await;
    check("category=c1&category=c2", &|n| n % 3 != 0).await;
    check("name=click%202", &|n| n % 4 == 2).await;
    check("name=click+2", &|n| n % 4 == 2).await;
    check("name=click*", &|_| true).await;
    check("name=nothing*", &|_| false).await;
    check("session_id=s3", &|n| n % 5 == 3).await;
    check("valid=false", &|n| n % 10 == 0).await;
    check("valid=true&category=c0", &|n| n % 10 != 0 && n % 3 == 0).await;
    check("category=c0&name=click%200&session_id=s0", &|n| n % 60 == 0).await;
    check("category=C1", &|_| false).await;
}

#[tokio::test]
async fn an_export_has_everything_in_order() {
    let app = TestApp::start().await;
    let n_events = 4_000;
    for start in (0..n_events).step_by(1_000) {
        let lines: Vec<String> = (start..start + 1_000).map(|n| n.to_string()).collect();
        app.http.post("/streams/raw", "application/x-ndjson", lines.join("\n")).await.accepted();
    }
    app.wait_applied().await;
    let lines = app.export_of("/streams/raw").await;
    let rows: Vec<Row> = lines.iter().map(|line| Row::parse(line)).collect();
    assert_eq!(data(&rows), (0..n_events).collect::<Vec<_>>());
    assert!(rows.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    let after = percent(&rows[n_events / 2].cursor);
    let rest = app.export_of(&format!("/streams/raw?after={after}")).await;
    assert_eq!(rest, lines[n_events / 2 + 1..]);
}

#[tokio::test]
async fn a_cursor_of_another_log_is_answered_with_gone() {
    let app = filled().await;
    let answer = app.get("/events?after=0badcafe.3").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (410, Some("other_log")));
    // A cursor that is not from this log's past shows nothing, rather than something wrong.
    let cursor = app.get("/events?order=desc&limit=1").await.page().events[0].cursor.clone();
    assert_eq!(app.get(&format!("/events?after={cursor}")).await.page().events.len(), 0);
}

#[tokio::test]
async fn times_cut_out_what_lies_between_them() {
    let app = TestApp::start().await;
    for n in 0..10 {
        let at = format!("2026-01-01T00:00:0{n}Z");
        app.post_events(format!(r#"{{"category":"c","name":"n","timestamp":"{at}","data":{n}}}"#))
            .await
            .accepted();
    }
    app.post_events(r#"{"category":"c","name":"n","data":10}"#).await.accepted();
    app.wait_applied().await;
    let event = "clock=event&from=2026-01-01T00:00:03Z&to=2026-01-01%2000:00:07";
    assert_eq!(data(&all_pages(&app, event).await), [3, 4, 5, 6], "from is in, to is out");
    // By the clock of receipt all came just now.
    let times: Vec<String> =
        all_pages(&app, "").await.into_iter().map(|row| row.received_at).collect();
    let (from, to) = (&times[4], &times[9]);
    let received: Vec<usize> = (0..11).filter(|&n| times[n] >= *from && times[n] < *to).collect();
    assert_eq!(data(&all_pages(&app, &format!("from={from}&to={to}")).await), received);
    assert_eq!(all_pages(&app, "to=2026-01-02T00:00:00Z").await.len(), 0);
}

#[tokio::test]
async fn all_streams_can_be_read_as_one() {
    let app = filled().await;
    let rows = all_pages(&app, "stream=*&limit=10").await;
    assert_eq!(rows.len(), 63);
    assert!(rows.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert_eq!(all_pages(&app, "stream=raw").await.len(), 3);
    assert_eq!(app.export("?stream=*").await.len(), 63);
    assert_eq!(app.export("?stream=*&limit=7").await.len(), 7);
}

#[tokio::test]
async fn a_page_in_progress_is_not_disturbed_by_new_events() {
    let app = filled().await;
    let first = app.get("/events?limit=30&order=desc").await.page();
    app.post_events(r#"{"category":"c0","name":"n","data":60}"#).await.accepted();
    app.wait_applied().await;
    let after = percent(&first.next.expect("there is more"));
    let second = app.get(&format!("/events?limit=30&order=desc&after={after}")).await.page();
    let seen: Vec<usize> = [data(&first.events), data(&second.events)].concat();
    assert_eq!(seen, (0..60).rev().collect::<Vec<_>>());
}
