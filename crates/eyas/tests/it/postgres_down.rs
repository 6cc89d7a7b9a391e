//! What PostgreSQL may do to a server: be away, be killed, refuse connections, go back in time, stand behind a pooler.
//!
//! Each test has a cluster of its own, whatever database the others run on. Through all of it a sender is answered 202, a
//! subscriber sees each event once and in order, and in the end the database holds each once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hyper::Method;
use serde_json::json;
use testbed::{Pooler, Postgres};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::app::{Launch, TestApp, eventually};
use crate::batch_senders::make_table;
use crate::follow::{Follower, Way};
use crate::http::{Http, Row};

/// Longest a page may take to say that there is no database.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

/// Sends numbers to the stream `raw`, one after the other, until it is stopped. Each must be accepted.
struct Sender {
    is_over: Arc<AtomicBool>,
    /// How many were accepted.
    n_sent: Arc<AtomicU64>,
    running: JoinHandle<()>,
}

impl Sender {
    fn start(http: &Http) -> Self {
        let (is_over, n_sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (over, sent, http) = (Arc::clone(&is_over), Arc::clone(&n_sent), http.clone());
        let running = tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let n = sent.load(Ordering::Relaxed);
                let answer = http.post("/streams/raw", "application/json", n.to_string()).await;
                assert_eq!(answer.status, 202, "number {n}: {answer:?}");
                sent.store(n + 1, Ordering::Relaxed);
            }
        });
        Self { is_over, n_sent, running }
    }

    /// Waits until many more are accepted.
    async fn goes_on(&self) {
        let n_before = self.n_sent.load(Ordering::Relaxed);
        eventually("it goes on", async || {
            (self.n_sent.load(Ordering::Relaxed) > n_before + 50).then_some(())
        })
        .await;
    }

    /// How many it sent.
    async fn stop(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.running.await.expect("every number is accepted");
        self.n_sent.load(Ordering::Relaxed)
    }
}

/// The numbers of what is stored, once they are so many.
async fn stored(app: &TestApp, n_events: u64) -> Vec<u64> {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let answer = app.http.get_as("/streams/raw", "application/x-ndjson").await;
        let numbers: Vec<u64> = match answer.status {
            200 => answer.text().lines().map(|l| Row::parse(l).data().parse().unwrap()).collect(),
            _ => Vec::new(),
        };
        if numbers.len() as u64 >= n_events {
            return numbers;
        }
        assert!(
            Instant::now() < end,
            "{} of {n_events} are stored: {answer:?}\nstderr:\n{}",
            numbers.len(),
            app.stderr()
        );
        sleep(Duration::from_millis(50)).await;
    }
}

/// Everything from the beginning to now, each once and in order.
async fn assert_shown(follower: &mut Follower, n_events: u64) {
    for n in 0..n_events {
        assert_eq!(follower.next_event().await.data(), n.to_string(), "each once and in order");
    }
}

async fn database(app: &TestApp) -> serde_json::Value {
    app.get("/status").await.json()["database"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_away_events_are_taken_and_shown_and_afterwards_stored() {
    let mut cluster = Postgres::start();
    let app = Launch::on(cluster.server()).start().await;
    assert_eq!(database(&app).await["state"], "up");
    let mut live = app.follow(Way::Sse, "since=beginning&stream=raw").await;
    let sender = Sender::start(&app.http);
    eventually("events are stored", async || {
        (app.export_of("/streams/raw").await.len() > 10).then_some(())
    })
    .await;
    // In mid transaction: the consumer has no rest under load.
    cluster.kill();
    let down = eventually("the server notices", async || {
        let database = database(&app).await;
        (database["state"] == "down").then_some(database)
    })
    .await;
    assert!(down["since"].is_string() && down["detail"].is_string(), "{down}");
    let asked = Instant::now();
    let page = app.get("/events").await;
    assert_eq!((page.status, page.header("retry-after").is_empty()), (503, false), "{page:?}");
    assert!(asked.elapsed() < REFUSED_WITHIN, "{:?}", asked.elapsed());
    let last = app.post_stream("seen", "true").await.accepted()["id"].clone();
    let mut other = app.follow(Way::WebSocket, "since=now&stream=raw").await;
    other.next_event().await;
    sender.goes_on().await;

    cluster.start_again();
    eventually("the server notices", async || {
        (database(&app).await["state"] == "up").then_some(())
    })
    .await;
    let n_sent = sender.stop().await;
    assert!(n_sent > 100, "{n_sent}");
    assert_eq!(stored(&app, n_sent).await, (0..n_sent).collect::<Vec<_>>());
    assert_shown(&mut live, n_sent).await;
    app.wait_applied().await;
    let row = app.get(&format!("/events/{}", last.as_str().unwrap())).await.row();
    assert_eq!(row.rest["state"], "stored");
    assert_eq!(app.get("/status").await.json()["counts"]["dead"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_the_database_as_long_as_it_is_told_and_then_says_what_to_do() {
    let mut cluster = Postgres::start();
    let launch = Launch::on(cluster.server());
    cluster.stop();
    let hasty = launch.clone().env("EYAS_STORE_CONNECT_WAIT", "0s");
    let (code, said) = hasty.refused().await;
    assert_eq!(code, 69, "{said}");
    for words in ["Connection refused", "Is PostgreSQL running", "store.connect_wait", "systemd"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let patient = launch.env("EYAS_STORE_CONNECT_WAIT", "1m");
    let app = patient.start_after("waiting for it up to 60 s", || cluster.start_again()).await;
    app.post_stream("raw", "1").await.accepted();
    assert_eq!(stored(&app, 1).await, [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_went_back_in_time_is_filled_again_from_the_log() {
    for is_restarted in [false, true] {
        let mut cluster = Postgres::start();
        let mut app = Launch::on(cluster.server()).on_fixed_port().start().await;
        app.beside().refuse("CAST(new.data AS text) LIKE '%77'", "none of these");
        let is_good = |n: &u64| n % 100 != 77;
        let mut live = app.follow(Way::WebSocket, "since=beginning&stream=raw").await;
        let send = async |app: &TestApp, from: u64, to: u64| {
            for first in (from..to).step_by(50) {
                let lines: Vec<String> = (first..first + 50).map(|n| n.to_string()).collect();
                let lines = lines.join("\n");
                app.http.post("/streams/raw", "application/x-ndjson", lines).await.accepted();
            }
            app.wait_applied().await;
        };
        send(&app, 0, 1_000).await;
        cluster.stop();
        let earlier = cluster.snapshot();
        cluster.start_again();
        send(&app, 1_000, 2_000).await;
        let before = app.export_of("/streams/raw").await;
        assert_eq!(before.len(), 1_980);

        if is_restarted {
            let launch = app.terminate().await;
            cluster.stop();
            cluster.restore(&earlier);
            cluster.start_again();
            app = launch.start().await;
        } else {
            cluster.stop();
            cluster.restore(&earlier);
            cluster.start_again();
            // Whoever begins before the server has noticed reads what the database lost from the log.
            let mut early = app.follow(Way::Lines, "since=beginning&stream=raw").await;
            assert_shown(&mut early, 2_000).await;
        }
        let all: Vec<u64> = (0..2_000).filter(is_good).collect();
        assert_eq!(stored(&app, 1_980).await, all);
        assert_eq!(app.export_of("/streams/raw").await, before, "the same at the same places");
        let dead = app.get("/dead-letters").await.json();
        assert_eq!(dead["counts"], json!({"open": 20, "replayed": 0, "discarded": 0}));
        // Nothing of what was applied again is shown again.
        send(&app, 2_000, 2_050).await;
        if is_restarted {
            live = app.follow(Way::WebSocket, "since=beginning&stream=raw").await;
        }
        assert_shown(&mut live, 2_050).await;
        assert_eq!(stored(&app, 2_030).await.len(), 2_030);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_no_connection_left_is_waited_for() {
    let cluster = Postgres::start_with(&["max_connections=20"]);
    let launch = Launch::on(cluster.server());
    let app = launch.start().await;
    let sender = Sender::start(&app.http);
    let beside = launch.beside();
    let crate::beside::Beside::Postgres(database) = &beside else { panic!("on PostgreSQL") };
    // Others take every place as it becomes free.
    let mut others = Vec::new();
    let end_ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE application_name <> 'psql' AND backend_type = 'client backend'";
    let mut boss = database.session();
    eventually("no place is left", async || {
        boss.run(&format!("{end_ours};"));
        let mut other = database.session();
        let is_in = other.try_run("SELECT 1;").is_ok();
        if is_in {
            others.push(other);
        }
        (!is_in).then_some(())
    })
    .await;
    sender.goes_on().await;
    drop(others);
    let n_sent = sender.stop().await;
    assert_eq!(stored(&app, n_sent).await, (0..n_sent).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_backends_cost_nothing() {
    let cluster = Postgres::start();
    let app = Launch::on(cluster.server()).start().await;
    let mut live = app.follow(Way::Lines, "since=beginning&stream=raw").await;
    let sender = Sender::start(&app.http);
    let all = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE application_name <> 'psql' AND backend_type = 'client backend'";
    let mut n_ended = 0;
    while n_ended < 20 {
        n_ended += app.beside().column(all)[0].parse::<u64>().unwrap();
        sender.goes_on().await;
    }
    let n_sent = sender.stop().await;
    assert_eq!(stored(&app, n_sent).await, (0..n_sent).collect::<Vec<_>>());
    assert_shown(&mut live, n_sent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_behind_a_transaction_pooler() {
    let mut cluster = Postgres::start();
    let pooler = Pooler::before(&cluster, 2);
    let launch = Launch::on_pooled(cluster.server(), pooler.server()).on_fixed_port();
    let mut app = launch.start().await;
    app.beside().refuse("CAST(new.data AS text) = '13'", "none of these");
    // Pages, exports, counts and sessions at once: far more readers than backends.
    let sender = Sender::start(&app.http);
    let reads = [
        "/events",
        "/streams/raw?order=desc",
        "/events?category=c&from=2026-01-01T00:00:00Z",
        "/dead-letters",
        "/status",
        "/audit",
        "/jobs",
        "/schemas",
        "/events/facets",
    ];
    for turn in 0..10 {
        let asked = reads.map(|path| {
            let http = app.http.clone();
            tokio::spawn(async move { (path, http.get(path).await) })
        });
        for answer in asked {
            let (path, answer) = answer.await.unwrap();
            assert_ne!(answer.status / 100, 5, "{path}, turn {turn}: {answer:?}");
        }
    }
    let n_sent = sender.stop().await;
    assert!(n_sent > 14, "{n_sent}");
    app.wait_applied().await;
    let mut all: Vec<u64> = (0..n_sent).filter(|n| *n != 13).collect();
    assert_eq!(stored(&app, n_sent - 1).await, all);

    // A restart of everything in turn.
    app = app.restart().await;
    assert_eq!(stored(&app, n_sent - 1).await, all);
    cluster.kill();
    cluster.start_again();
    app.post_stream("raw", n_sent.to_string()).await.accepted();
    all.push(n_sent);
    assert_eq!(stored(&app, n_sent).await, all);

    // What administration does, and a replay.
    app.beside().heal();
    let answer =
        app.http.post("/dead-letters/replay", "application/json", r#"{"filter":{}}"#).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    all.insert(13, 13);
    assert_eq!(stored(&app, n_sent + 1).await, all);
    let (_, token) = app.make_token("shop", &["admin"]).await;
    app.http = app.http.clone().bearing(&token);
    assert_eq!(app.get("/tokens").await.status, 200);
    let launch = app.terminate().await;
    let app = launch.start().await;
    assert_eq!(app.get("/events").await.status, 401, "the token is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_comes_again_while_it_is_away_is_the_first_one() {
    let mut cluster = Postgres::start();
    let launch = Launch::on(cluster.server());
    make_table(launch.dir());
    let app = launch.start().await;
    let post = async |value: &str, wait: u32| {
        let (path, prefer) = ("/tables/readings/batches", format!("wait={wait}"));
        let csv = ("content-type", "text/csv");
        let headers = [csv, ("idempotency-key", "k"), ("prefer", prefer.as_str())];
        let rows = format!("batch,n,value\nb,1,{value}\nb,2,{value}\n");
        app.http.another().send(Method::POST, path, &headers, rows).await
    };
    let first = post("same", 30).await;
    assert_eq!(first.status, 201, "{first:?}");
    let id = first.json()["id"].as_str().unwrap().to_owned();
    cluster.kill();
    let unknown = post("same", 0).await.accepted()["id"].as_str().unwrap().to_owned();
    // Cancelled it comes again under a third id: a cancelled batch has no key.
    let cancel = async |id: &str| {
        app.http.another().send(Method::DELETE, &format!("/batches/{id}"), &[], "").await
    };
    let cancelled = cancel(&unknown).await;
    let detail = cancelled.json()["detail"].as_str().unwrap_or("").to_owned();
    assert!(cancelled.status == 200 && detail.contains("once the database answers"), "{detail}");
    let third = post("same", 0).await.accepted()["id"].as_str().unwrap().to_owned();
    let other = post("other", 0).await;
    assert_eq!((other.status, &other.json()["code"]), (409, &json!("idempotency_conflict")));
    let back = async {
        eventually("it is queued", async || {
            let status = app.get("/status").await.json();
            (status["batches"]["queued"] == 1).then_some(())
        })
        .await;
        cluster.start_again();
    };
    let (waited, ()) = tokio::join!(post("same", 60), back);
    assert_eq!((waited.status, &waited.json()["id"]), (201, &json!(id)), "{waited:?}");
    for again in [unknown, third] {
        let again = app.get(&format!("/batches/{again}")).await.json();
        let stands = (&again["state"], &again["same_as"]);
        assert_eq!(stands, (&json!("cancelled"), &json!(id)), "{again}");
    }
    assert_eq!(app.beside().rows("readings").count_all(), 2, "once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_stands_is_for_administrators() {
    let mut cluster = Postgres::start();
    let launch = Launch::on(cluster.server());
    make_table(launch.dir());
    let mut app = launch.start().await;
    let (_, admin) = app.make_token("shop", &["admin"]).await;
    app.http = app.http.clone().bearing(&admin);
    let (_, reader) = app.make_token("shop", &["read"]).await;
    let (_, writer) = app.make_token("shop", &["write"]).await;
    cluster.stop();
    let place = format!("127.0.0.1:{}", cluster.port());
    let csv = [("content-type", "text/csv"), ("idempotency-key", "k")];
    let rows = "batch,n,value\nb,1,2\n";
    for (token, is_told) in [(&admin, true), (&reader, false), (&writer, false)] {
        let http = app.http.another().bearing(token);
        let answers = [
            http.get("/events").await,
            http.get("/events/e-0").await,
            http.get("/batches").await,
            http.get("/batches/none").await,
            http.send(Method::POST, "/tables/readings/batches", &csv, rows).await,
        ];
        let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
        assert!(!refused.is_empty(), "{answers:?}");
        for answer in &refused {
            assert_eq!(answer.json()["code"], "database_unavailable", "{answer:?}");
        }
        let tells = answers.iter().any(|answer| answer.text().contains(&place));
        assert_eq!(tells, is_told, "{answers:?}");
    }
    assert!(app.stderr().contains(&place), "the log says it whoever asked");
}
