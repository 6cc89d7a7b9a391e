//! `/live`: where a subscription begins, what it says, and that nothing is missed or repeated over disconnects.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::app::{DEADLINE, Launch, TestApp};
use crate::follow::{Follower, Heard, Way};
use crate::http::{Row, percent};
use crate::seeded::Rng;

/// Sends `from..to` as numbers to the stream `raw`, in requests of 25.
async fn send(app: &TestApp, from: usize, to: usize) {
    for start in (from..to).step_by(25) {
        let lines: Vec<String> = (start..to.min(start + 25)).map(|n| n.to_string()).collect();
        app.http.post("/streams/raw", "application/x-ndjson", lines.join("\n")).await.accepted();
    }
}

fn data(rows: &[Row]) -> Vec<usize> {
    rows.iter().map(|row| row.data().parse().unwrap()).collect()
}

#[tokio::test]
async fn a_subscription_says_hello_then_history_then_caught_up_then_news() {
    let app = TestApp::start().await;
    send(&app, 0, 60).await;
    for way in Way::ALL {
        let follower = Follower::open(app.addr, way, "since=beginning", None).await;
        let mut follower = follower.unwrap();
        let hello = follower.next().await;
        assert_eq!(hello.kind, "hello");
        assert_eq!(hello.json()["instance"], app.instance);
        let mut rows = Vec::new();
        let caught_up = loop {
            let message = follower.next().await;
            match message.kind.as_str() {
                "event" => rows.push(message.row()),
                _ => break message,
            }
        };
        assert_eq!((caught_up.kind.as_str(), rows.len()), ("caught_up", 60), "{way:?}");
        assert_eq!(data(&rows), (0..60).collect::<Vec<_>>());
        assert_eq!(caught_up.json()["head"], rows[59].cursor);
    }
}

#[tokio::test]
async fn now_shows_only_what_comes_after() {
    let app = TestApp::start().await;
    send(&app, 0, 10).await;
    for (way, n) in Way::ALL.into_iter().zip(10..) {
        // `now` is also what nothing means.
        for query in ["since=now", ""] {
            let mut follower = app.follow(way, query).await;
            assert_eq!(follower.next().await.kind, "caught_up", "{way:?} {query}");
        }
        let mut follower = app.follow(way, "since=now").await;
        follower.next_of("caught_up").await;
        send(&app, n, n + 1).await;
        assert_eq!(data(&[follower.next_event().await]), [n], "{way:?}");
    }
}

#[tokio::test]
async fn a_cursor_resumes_after_its_event() {
    let app = TestApp::start().await;
    send(&app, 0, 100).await;
    let rows = app.live_ws("since=beginning").await.events(100).await;
    for at in [0, 41, 98] {
        let since = percent(&rows[at].cursor);
        for way in Way::ALL {
            let mut follower = app.follow(way, &format!("since={since}")).await;
            let expected: Vec<usize> = (at + 1..100).collect();
            assert_eq!(data(&follower.events(99 - at).await), expected, "{way:?}");
        }
        // What an EventSource sends by itself; it goes before `since`.
        let last = Some(rows[at].cursor.as_str());
        let mut sse = Follower::open(app.addr, Way::Sse, "since=beginning", last).await.unwrap();
        assert_eq!(sse.next_event().await.data(), (at + 1).to_string());
    }
    // Every event over SSE carries its cursor as the id that a browser sends back.
    let mut sse = app.live_sse("since=beginning").await;
    let message = sse.next_of("event").await;
    assert_eq!(message.sse_id.as_deref(), Some(message.row().cursor.as_str()));
    // From the newest on there is nothing, and no gap.
    let mut follower = app.live_ws(&format!("since={}", rows[99].cursor)).await;
    assert_eq!(follower.next().await.kind, "caught_up");
}

#[tokio::test]
async fn resume_has_no_gap_and_no_repeat() {
    let app = TestApp::start().await;
    let n_events = 3_000;
    let sending = send(&app, 0, n_events);
    let following = join_all(Way::ALL.into_iter().zip(1..).map(|(way, seed)| {
        let app = &app;
        async move {
            let mut rng = Rng::new(seed);
            let mut rows: Vec<Row> = Vec::new();
            let mut since = "beginning".to_owned();
            while rows.len() < n_events {
                let mut follower = app.follow(way, &format!("since={since}&stream=raw")).await;
                let n_until_cut = (1 + rng.below(200) as usize).min(n_events - rows.len());
                rows.extend(follower.events(n_until_cut).await);
                since = rows.last().unwrap().cursor.clone();
            }
            (way, rows)
        }
    }));
    let ((), all) = tokio::join!(sending, following);
    for (way, rows) in all {
        assert_eq!(data(&rows), (0..n_events).collect::<Vec<_>>(), "{way:?}");
        assert!(rows.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    }
}

#[tokio::test]
async fn two_hundred_subscribers_all_get_all() {
    let app = TestApp::start().await;
    let mut followers = Vec::new();
    for n in 0..200 {
        let way = Way::ALL[n % 3];
        followers.push(app.follow(way, "since=now&stream=raw").await);
    }
    let status = app.get("/status").await.json();
    assert_eq!(status["subscribers"], 200, "{status}");
    let receiving = join_all(followers.iter_mut().map(|follower| follower.events(500)));
    let ((), received) = tokio::join!(send(&app, 0, 500), receiving);
    let expected: Vec<usize> = (0..500).collect();
    assert!(received.iter().all(|rows| data(rows) == expected));
}

#[tokio::test]
async fn filters_hold_for_history_and_for_news() {
    let app = TestApp::start().await;
    let event = |n: usize| {
        let (category, name) = (n % 2, n % 3);
        format!(r#"{{"session_id":"s","category":"c{category}","name":"click {name}","data":{n}}}"#)
    };
    let post = async |range: std::ops::Range<usize>| {
        let lines: Vec<String> = range.map(event).collect();
        app.http.post("/events", "application/x-ndjson", lines.join("\n")).await.accepted();
        app.post_stream("raw", "[-1]").await.accepted();
    };
    post(0..30).await;
    let query = "since=beginning&stream=events&category=c1&name=click+1&name=click+2&session_id=s";
    let mut followers = Vec::new();
    for way in Way::ALL {
        followers.push(app.follow(way, query).await);
    }
    post(30..60).await;
    let expected: Vec<usize> = (0..60).filter(|n| n % 2 == 1 && n % 3 != 0).collect();
    for mut follower in followers {
        assert_eq!(data(&follower.events(expected.len()).await), expected);
    }
}

#[tokio::test]
async fn a_cursor_of_another_log_is_answered_with_a_gap() {
    let app = TestApp::start().await;
    send(&app, 0, 5).await;
    let cursor = app.live_ws("since=beginning").await.next_event().await.cursor;
    let ahead = format!("{}.1000000", cursor.split_once('.').unwrap().0);
    for way in Way::ALL {
        for (since, why) in [("0badcafe.3", "other_log"), (ahead.as_str(), "ahead_of_log")] {
            let mut follower = app.follow(way, &format!("since={since}")).await;
            let gap = follower.next().await;
            assert_eq!(gap.kind, "gap", "{way:?} {since}: {}", gap.text);
            assert_eq!(
                (gap.json()["from"].as_str(), gap.json()["why"].as_str()),
                (Some(since), Some(why))
            );
            if why == "other_log" {
                // This log's own events follow, all of them.
                assert_eq!(data(&follower.events(5).await), [0, 1, 2, 3, 4]);
            }
        }
    }
}

#[tokio::test]
async fn a_stop_says_bye_and_a_restart_resumes() {
    let app = Launch::new().on_fixed_port().start().await;
    send(&app, 0, 20).await;
    let mut followers = Vec::new();
    for way in Way::ALL {
        let mut follower = app.follow(way, "since=beginning").await;
        let cursor = follower.events(20).await[19].cursor.clone();
        follower.next_of("caught_up").await;
        followers.push((way, follower, cursor));
    }
    app.signal_stop();
    let mut cursors = Vec::new();
    for (way, mut follower, cursor) in followers {
        let (messages, code) = follower.until_end().await;
        let bye = messages.last().expect("a last word").clone();
        assert_eq!(bye.kind, "bye", "{way:?} {messages:?}");
        assert_eq!(bye.json()["cursor"], cursor, "{way:?}");
        assert!(bye.json()["reason"].is_string(), "{}", bye.text);
        assert_eq!(code, (way == Way::WebSocket).then_some(1012), "{way:?}");
        cursors.push((way, cursor));
    }
    let app = app.stopped().await.start().await;
    send(&app, 20, 30).await;
    for (way, cursor) in cursors {
        let mut follower = app.follow(way, &format!("since={cursor}")).await;
        assert_eq!(data(&follower.events(10).await), (20..30).collect::<Vec<_>>(), "{way:?}");
    }
}

#[tokio::test]
async fn statistics_come_once_a_second_where_asked_for() {
    let app = TestApp::start().await;
    let mut follower = app.live_ws("since=now&stats=1").await;
    send(&app, 0, 10).await;
    loop {
        let stats = follower.next_of("stats").await.json();
        for member in ["accepted", "stored", "dead", "head_seq", "applied_seq", "lag_records"] {
            assert!(stats[member].is_u64(), "{member}: {stats}");
        }
        if stats["stored"] == 10 {
            assert_eq!(stats["accepted"], 10, "{stats}");
            break;
        }
    }
    let mut without = app.live_ws("since=now").await;
    without.next_of("caught_up").await;
    let silence = timeout(Duration::from_millis(1_500), without.hear()).await;
    assert!(silence.is_err(), "nobody asked: {silence:?}");
}

#[tokio::test]
async fn what_a_websocket_client_says_is_harmless() {
    let app = TestApp::start().await;
    let mut follower = app.live_ws("since=now&stream=raw").await;
    for word in ["hello", "{}", "\u{1f600}"] {
        follower.say(Frame::text(word)).await;
    }
    follower.say(Frame::binary(vec![0_u8; 1000])).await;
    follower.say(Frame::Ping(Vec::new().into())).await;
    send(&app, 0, 3).await;
    assert_eq!(data(&follower.events(3).await), [0, 1, 2]);
    // More than 64 KiB is not listened to: that connection ends, others do not.
    let mut other = app.live_ws("since=now&stream=raw").await;
    follower.say(Frame::text("x".repeat(100_000))).await;
    let (_, code) = follower.until_end().await;
    assert!(code.is_none_or(|code| code == 1009 || code == 1003 || code == 1008), "{code:?}");
    send(&app, 3, 4).await;
    assert_eq!(other.next_event().await.data(), "3");
    // A client that says goodbye is let go.
    other.say(Frame::Close(None)).await;
    let ended =
        timeout(DEADLINE, async { while matches!(other.hear().await, Heard::Message(_)) {} });
    assert!(ended.await.is_ok());
}

#[tokio::test]
async fn a_slow_reader_gets_everything_when_it_reads_again() {
    let app = TestApp::start().await;
    let mut slow = app.live_ws("since=now&stream=raw").await;
    // 24 MB: more than sockets, ring and outgoing buffers hold together.
    let padding = "x".repeat(200_000);
    for n in 0..120 {
        app.post_stream("raw", format!("[{{\"n\":{n},\"padding\":\"{padding}\"}}]"))
            .await
            .accepted();
    }
    for (n, row) in slow.events(120).await.iter().enumerate() {
        assert!(row.data().starts_with(&format!("{{\"n\":{n},")));
    }
}
