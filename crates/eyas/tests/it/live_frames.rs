//! `/live?frames=1`: few messages for many events, with counts that are true; lines for `curl -N`; progress.

use std::time::Duration;

use futures_util::future::join_all;
use hyper::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::app::TestApp;
use crate::command::run;
use crate::follow::{Follower, Way};
use crate::seeded::Rng;

/// Sends `from..to` as numbers to the stream `raw`, in requests of `n_each`.
async fn send(app: &TestApp, from: usize, to: usize, n_each: usize) {
    for start in (from..to).step_by(n_each) {
        let lines: Vec<String> = (start..to.min(start + n_each)).map(|n| n.to_string()).collect();
        app.http.post("/streams/raw", "application/x-ndjson", lines.join("\n")).await.accepted();
    }
}

/// What frames told, up to an event count.
#[derive(Default)]
struct Told {
    n_matched: usize,
    n_frames: usize,
    data: Vec<usize>,
    last: String,
}

impl Told {
    fn take(&mut self, frame: &Value) {
        let items = frame["items"].as_array().unwrap();
        assert!(items.len() <= 500 && frame["sent"] == items.len(), "{frame}");
        self.n_matched += frame["matched"].as_u64().unwrap() as usize;
        assert!(frame["matched"].as_u64().unwrap() >= items.len() as u64);
        self.n_frames += 1;
        self.data.extend(items.iter().map(|item| item["data"].as_u64().unwrap() as usize));
        frame["last"].as_str().unwrap().clone_into(&mut self.last);
        for item in items {
            assert!(item.get("type").is_none() && item["stream"] == "raw", "{item}");
            assert!(item["cursor"].as_str().unwrap().ends_with(&format!(".{}", item["seq"])));
        }
    }

    /// Reads until so many events have been counted.
    async fn count(&mut self, follower: &mut Follower, n_matched: usize) {
        while self.n_matched < n_matched {
            let message = follower.next().await;
            match message.kind.as_str() {
                "events" => {
                    self.take(&message.json());
                    assert!(message.sse_id.is_none_or(|id| id == self.last));
                }
                "caught_up" | "progress" => {}
                _ => panic!("{}", message.text),
            }
        }
        assert_eq!(self.n_matched, n_matched, "counts are exact");
    }
}

#[tokio::test]
async fn frames_hold_every_event_in_order_and_at_most_one_comes_each_50_ms() {
    let app = TestApp::start().await;
    send(&app, 0, 1_000, 500).await;
    let begun = Instant::now();
    let mut following = Vec::new();
    for way in Way::ALL {
        following.push((way, app.follow(way, "since=beginning&frames=1&stream=raw").await));
    }
    let reading = join_all(following.iter_mut().map(async |(way, follower)| {
        let mut told = Told::default();
        told.count(follower, 3_000).await;
        assert_eq!(told.data, (0..3_000).collect::<Vec<_>>(), "{way:?}");
        let n_frames_max = begun.elapsed().as_millis() / 50 + 2;
        assert!((6..=n_frames_max).contains(&(told.n_frames as u128)), "{way:?} {}", told.n_frames);
    }));
    tokio::join!(reading, send(&app, 1_000, 3_000, 20));
}

#[tokio::test]
async fn frames_resume_after_their_last_position_without_gap_or_repeat() {
    let app = TestApp::start().await;
    let n_events = 2_000;
    let following = join_all(Way::ALL.into_iter().zip(1..).map(async |(way, seed)| {
        let mut rng = Rng::new(seed);
        let (mut told, mut since) = (Told::default(), "beginning".to_owned());
        while told.n_matched < n_events {
            let mut follower = app.follow(way, &format!("since={since}&frames=1&stream=raw")).await;
            for _ in 0..rng.below(4) {
                if told.n_matched < n_events {
                    told.take(&follower.next_of("events").await.json());
                    since.clone_from(&told.last);
                }
            }
        }
        assert_eq!(told.data, (0..n_events).collect::<Vec<_>>(), "{way:?}");
    }));
    tokio::join!(following, send(&app, 0, n_events, 10));
}

#[tokio::test]
async fn a_sample_shows_few_and_counts_all_also_over_a_reconnect() {
    let app = TestApp::start().await;
    let n_events = 6_000;
    let query = "frames=1&max_rate=50&stream=raw";
    let mut following = Vec::new();
    for way in Way::ALL {
        following.push((way, app.follow(way, &format!("since=now&{query}")).await));
    }
    let begun = Instant::now();
    let reading = join_all(following.into_iter().map(async |(way, mut follower)| {
        let mut told = Told::default();
        while told.n_matched < n_events / 2 {
            told.take(&follower.next_of("events").await.json());
        }
        drop(follower);
        let since = told.last.clone();
        let mut follower = app.follow(way, &format!("since={since}&{query}")).await;
        told.count(&mut follower, n_events).await;
        assert!(told.data.is_sorted_by(|a, b| a < b), "{way:?}");
        // Two connections, each with its own ration.
        let n_max = 2 * 50 * (begun.elapsed().as_secs() as usize + 1);
        assert!((10..=n_max).contains(&told.data.len()), "{way:?}: {}", told.data.len());
    }));
    tokio::join!(reading, send(&app, 0, n_events, 25));
}

#[tokio::test]
async fn curl_gets_one_message_a_line() {
    let app = TestApp::start().await;
    send(&app, 0, 3, 3).await;
    let script = format!(
        "curl -sN '{}/live?since=beginning' > lines & pid=$!
         until [ \"$(wc -l < lines)\" -ge 5 ]; do sleep 0.05; done; kill $pid; cat lines",
        app.url
    );
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &script]).current_dir(app.launch.dir());
    let said = run(shell, "").await;
    let types: Vec<String> = said
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"))
        .map(|message| message["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types, ["hello", "event", "event", "event", "caught_up"], "{said:?}");
}

#[tokio::test]
async fn whoever_takes_anything_gets_lines_and_others_what_they_name() {
    let app = TestApp::start().await;
    let (lines, sse) = ("application/x-ndjson", "text/event-stream");
    for (accept, expected) in [
        (None, lines),
        (Some(""), lines),
        (Some("*/*"), lines),
        (Some("application/jsonl"), lines),
        (Some("text/plain, application/*;q=0.1"), lines),
        (Some("text/event-stream"), sse),
        (Some("*/*, Text/Event-Stream;q=0.5"), sse),
    ] {
        let headers: Vec<(&str, &str)> =
            accept.map(|accept| ("accept", accept)).into_iter().collect();
        let opened = app.http.open(Method::GET, "/live", &headers, "").await.expect("an answer");
        assert_eq!(
            (opened.status().as_u16(), &opened.headers()["content-type"]),
            (200, &expected.parse().unwrap()),
            "{accept:?}"
        );
    }
}

#[tokio::test]
async fn a_scan_that_matches_nothing_says_where_it_is() {
    let app = TestApp::start().await;
    let mut follower = app.live_sse("since=now&stream=rare").await;
    follower.next_of("caught_up").await;
    // What others send goes by; some time after it has, the follower is told how far it has come.
    let mut n_sent = 0;
    let sending = async {
        loop {
            send(&app, n_sent, n_sent + 1, 1).await;
            n_sent += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let progress = tokio::select! {
        () = sending => unreachable!("it never ends"),
        progress = tokio::time::timeout(Duration::from_secs(40), follower.hear()) => progress,
    };
    let crate::follow::Heard::Message(progress) = progress.expect("a progress") else {
        panic!("the connection is over")
    };
    let json = progress.json();
    assert_eq!(json["type"], "progress", "{}", progress.text);
    let cursor = json["cursor"].as_str().unwrap();
    assert_eq!(progress.sse_id.as_deref(), Some(cursor), "a browser resumes there");
    app.post_stream("rare", "7").await.accepted();
    let mut resumed = app.live_sse(&format!("since={cursor}&stream=rare")).await;
    assert_eq!(resumed.next_event().await.data(), "7");
}
