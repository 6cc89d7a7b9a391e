//! Rate limits over HTTP. Counted, not timed: what is let in and what is refused always add up.

use hyper::Method;

use crate::app::{Launch, TestApp};
use crate::http::{Answer, Http};

const EVENT: &str = r#"{"category":"c","name":"n"}"#;
/// Requests of a flood: ten times the burst.
const N_FLOOD: usize = 500;

/// How many were let in, and how many told to wait. Nothing else is an answer to a flood.
fn counted(answers: &[Answer]) -> (usize, usize) {
    let n_in = answers.iter().filter(|answer| answer.status == 202).count();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!(n_in + refused.len(), answers.len(), "{answers:?}");
    for answer in &refused {
        let wait_s: u64 = answer.header("retry-after").parse().expect("seconds");
        assert!(wait_s >= 1 && answer.header("ratelimit").contains(";r=0;t="), "{answer:?}");
        assert!(answer.header("ratelimit-policy").contains(";q=50;w="), "{answer:?}");
        let problem = answer.json();
        assert_eq!(
            (&problem["code"], &problem["outcome"]),
            (&"rate_limited".into(), &"rejected".into())
        );
    }
    (n_in, refused.len())
}

async fn flood(http: &Http, headers: &[(&str, &str)]) -> Vec<Answer> {
    let headers = [&[("content-type", "application/json")], headers].concat();
    let send = || http.send(Method::POST, "/events", &headers, EVENT);
    futures_util::future::join_all(std::iter::repeat_with(send).take(N_FLOOD)).await
}

/// The value of one line of `/metrics`.
fn metric(text: &str, series: &str) -> usize {
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("no {series}: {text}")).trim().parse().expect("a number")
}

/// What there is after a stop, asked of a server without limits.
async fn n_stored(app: TestApp) -> usize {
    let launch = app.terminate().await;
    let unlimited =
        launch.env("EYAS_LIMITS_ADDRESS_RATE", "0").env("EYAS_LIMITS_ADDRESS_BURST", "0");
    unlimited.start().await.export("").await.len()
}

#[tokio::test]
async fn a_flood_from_one_address_is_told_to_wait_and_another_is_not() {
    let launch =
        Launch::new().env("EYAS_LIMITS_ADDRESS_RATE", "1").env("EYAS_LIMITS_ADDRESS_BURST", "50");
    let app = launch.start().await;
    let noisy = app.http.calling_from("127.0.0.2".parse().unwrap());
    let (n_in, n_refused) = counted(&flood(&noisy, &[]).await);
    assert!((50..N_FLOOD / 2).contains(&n_in), "the burst, and what came back meanwhile: {n_in}");
    for _ in 0..10 {
        assert_eq!(app.post_events(EVENT).await.status, 202, "its neighbour is let in");
    }
    let limited = &app.get("/status").await.json()["rate_limited"];
    assert_eq!(limited["address"], n_refused, "{limited}");
    assert_eq!((&limited["token"], &limited["refusals"]), (&0.into(), &0.into()));
    let metrics = app.get("/metrics").await;
    let count = |series: &str| metric(metrics.text(), series);
    assert_eq!(count("eyas_rate_limited_total{reason=\"address\"}"), n_refused);
    assert_eq!(count("eyas_http_refusals_total{code=\"rate_limited\"}"), n_refused);
    assert_eq!(n_stored(app).await, n_in + 10, "what was refused is nowhere");
}

#[tokio::test]
async fn a_large_request_is_stored_whole_and_paid_by_the_next() {
    let app = Launch::new().env("EYAS_LIMITS_ADDRESS_RATE", "1").start().await;
    let client = app.http.calling_from("127.0.0.2".parse().unwrap());
    let batch = format!("[{}]", vec![EVENT; 5_000].join(","));
    let answer = client.post("/events", "application/json", batch).await;
    assert_eq!(answer.accepted()["accepted"], 5_000);
    let refused = client.get("/events").await;
    assert_eq!(refused.status, 429, "{refused:?}");
    let wait_s: u64 = refused.header("retry-after").parse().unwrap();
    assert!((4_000..5_000).contains(&wait_s), "it owes the rest: {wait_s} s");
    assert_eq!(n_stored(app).await, 5_000, "and nothing of it is undone");
}
