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

#[tokio::test]
async fn a_flood_with_one_token_is_told_to_wait_and_another_token_is_not() {
    let mut app = TestApp::start().await;
    let (_, admin) = app.make_token("admin", &["admin"]).await;
    app.http = app.http.another().bearing(&admin);
    let (_, noisy) = app.make_token("noisy", &["write"]).await;
    let (_, quiet) = app.make_token("quiet", &["write"]).await;
    let rate = r#"{"rate":{"events_per_s":1,"burst":50}}"#;
    let json_type = [("content-type", "application/json")];
    let changed = app.http.send(Method::PATCH, "/applications/noisy", &json_type, rate).await;
    assert_eq!(changed.status, 200, "{changed:?}");

    let (noisy, quiet) = (app.http.another().bearing(&noisy), app.http.another().bearing(&quiet));
    let (flooded, calm) = futures_util::future::join(flood(&noisy, &[]), flood(&quiet, &[])).await;
    let (n_in, n_refused) = counted(&flooded);
    assert!((50..N_FLOOD / 2).contains(&n_in), "the burst, and what came back meanwhile: {n_in}");
    assert_eq!(counted(&calm), (N_FLOOD, 0), "the other token is not told anything");

    let limited = &app.get("/status").await.json()["rate_limited"];
    assert_eq!(limited["token"], n_refused, "{limited}");
    let applications = serde_json::json!([{ "application": "noisy", "count": n_refused }]);
    assert_eq!(limited["applications"], applications);
    let (_, narrow) = app.make_token("quiet", &["read:events"]).await;
    let narrow = app.http.another().bearing(&narrow).get("/status").await.json();
    assert_eq!(narrow["rate_limited"]["token"], n_refused);
    assert_eq!(narrow["rate_limited"]["applications"], serde_json::json!([]), "no names for some");
    let metrics = app.get("/metrics").await;
    let series = "eyas_rate_limited_application_total{application=\"noisy\"}";
    assert_eq!(metric(metrics.text(), series), n_refused);
    app.wait_applied().await;
    assert_eq!(app.export("?application=noisy").await.len(), n_in, "what was refused is nowhere");
    assert_eq!(app.export("?application=quiet").await.len(), N_FLOOD);
}

#[tokio::test]
async fn whoever_tries_tokens_is_told_to_wait_and_a_good_token_is_not() {
    let launch =
        Launch::new().env("EYAS_LIMITS_REFUSALS_RATE", "1").env("EYAS_LIMITS_REFUSALS_BURST", "50");
    let mut app = launch.start().await;
    let (_, admin) = app.make_token("admin", &["admin"]).await;
    app.http = app.http.another().bearing(&admin);
    let guesses = flood(&app.http.another().bearing("eyas_guess"), &[]).await;
    let n_unknown = guesses.iter().filter(|answer| answer.status == 401).count();
    let n_refused = guesses.iter().filter(|answer| answer.status == 429).count();
    assert_eq!(n_unknown + n_refused, N_FLOOD);
    assert!((50..N_FLOOD / 2).contains(&n_unknown), "{n_unknown} answers about guesses");
    for answer in guesses.iter().filter(|answer| answer.status == 429) {
        assert!(answer.header("ratelimit").starts_with("\"refusals\";r=0;t="), "{answer:?}");
        assert_eq!(answer.json()["outcome"], "rejected");
    }
    for _ in 0..10 {
        assert_eq!(app.post_events(EVENT).await.status, 202, "from the same address");
    }
    let status = app.get("/status").await.json();
    assert_eq!(status["rate_limited"]["refusals"], n_refused);
    assert_eq!(status["counts"]["accepted"], 10);
}
