//! A start while PostgreSQL is away: what the server kept of it in `data_dir` is enough for intake and push. Once the database
//! is back the server goes over to it by itself, through all the checks of a start.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hyper::Method;
use serde_json::json;
use testbed::Postgres;

use crate::app::{Launch, TestApp, eventually};
use crate::batch_senders::make_table;
use crate::follow::{Follower, Way};
use crate::http::{Answer, Http, Row};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// On a cluster of its own, without patience.
fn hasty(cluster: &Postgres) -> Launch {
    Launch::on(cluster.server()).env("EYAS_STORE_CONNECT_WAIT", "0s")
}

/// Waits until the snapshot speaks of all of these.
async fn kept(launch: &Launch, words: &[&str]) {
    eventually("the snapshot has it all", async || {
        let text = fs::read_to_string(launch.dir().join("snapshot")).unwrap_or_default();
        words.iter().all(|word| text.contains(word)).then_some(())
    })
    .await;
}

/// Starts it while the database is away.
async fn start_without(launch: &Launch) -> TestApp {
    let app = launch.start().await;
    assert!(app.stderr().contains("the server begins without its database"), "{}", app.stderr());
    app
}

/// Waits until the database is asked again.
async fn gone_over(http: &Http) {
    eventually("the server has gone over to its database", async || {
        let status = http.get("/status").await.json();
        (status["database"]["state"] == "up" && status["consumer"]["state"] == "running")
            .then_some(())
    })
    .await;
}

async fn send(http: &Http, n: u64) -> Answer {
    let event = json!({"id": format!("e-{n}"), "session_id": "s", "category": "order", "name": "paid", "data": {"n": n}});
    http.post("/events", "application/json", event.to_string()).await
}

/// Waits until exactly these are stored, in order.
async fn all_stored(http: &Http, n_events: u64) {
    let wanted: Vec<String> = (0..n_events).map(|n| format!("e-{n}")).collect();
    eventually("all is stored", async || {
        let rows = http.get_as("/events", "application/x-ndjson").await;
        let ids: Vec<String> = rows.text().lines().map(|line| Row::parse(line).id).collect();
        (ids == wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_the_database_is_no_outage_of_intake() {
    let mut cluster = Postgres::start();
    let launch = hasty(&cluster);
    make_table(launch.dir());
    let mut app = launch.start().await;
    let (_, admin) = app.make_token("shop", &["admin"]).await;
    app.http = app.http.clone().bearing(&admin);
    let (writer_id, writer) = app.make_token("shop", &["write", "read"]).await;
    let (doomed_id, doomed) = app.make_token("shop", &["write"]).await;
    let schema = json!({"properties": {"n": {"type": "integer"}}});
    let schema =
        json!({"stream": "events", "category": "order", "schema": schema, "mode": "reject"});
    let made = app.http.send(Method::PUT, "/schemas", JSON, schema.to_string()).await;
    assert_eq!(made.status, 200, "{made:?}");
    let http = app.http.another().bearing(&writer);
    send(&http, 0).await.accepted();
    app.wait_applied().await;
    kept(&launch, &[&writer_id, &doomed_id, "integer"]).await;
    let mode = fs::metadata(launch.dir().join("snapshot")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let launch = app.kill();
    // Of this the server learns only from the database.
    launch.beside().run(&format!("UPDATE tokens SET revoked_at_us = 1 WHERE id = '{doomed_id}'"));
    cluster.stop();

    let app = start_without(&launch).await;
    let http = app.http.another().bearing(&writer);
    let mut live = Follower::open_as(app.addr, Way::WebSocket, "since=now", None, Some(&writer))
        .await
        .unwrap();
    for n in 1..5 {
        send(&http, n).await.accepted();
        assert_eq!(live.next_event().await.id, format!("e-{n}"));
    }
    let good = json!({"category": "order", "name": "paid", "data": {"n": 5}}).to_string();
    for (token, data, status) in [
        (None, &good, 401),
        (Some("eyas_0000000000000000000000000000000000000000000"), &good, 401),
        (Some(writer.as_str()), &good.replace('5', "true"), 422),
    ] {
        let http = token.iter().fold(app.http.another(), |http, token| http.bearing(token));
        let answer = http.post("/events", "application/json", data.clone()).await;
        assert_eq!(answer.status, status, "{token:?}: {answer:?}");
    }
    send(&app.http.another().bearing(&doomed), 5).await.accepted();
    assert_it_says_what_is_away(&http, &app.http.another().bearing(&admin)).await;

    // Once more, and what was taken meanwhile is in the log.
    let app = start_without(&app.kill()).await;
    let http = app.http.another().bearing(&writer);
    send(&http, 6).await.accepted();
    let mut live =
        Follower::open_as(app.addr, Way::Sse, "since=now", None, Some(&writer)).await.unwrap();
    cluster.start_again();
    gone_over(&http).await;
    let (messages, _) = live.until_end().await;
    assert!(messages.iter().all(|message| message.kind != "event"), "{messages:?}");
    send(&http, 7).await.accepted();
    assert_eq!(send(&app.http.another().bearing(&doomed), 8).await.status, 401, "revoked");
    all_stored(&http, 8).await;
    let live = Follower::open_as(app.addr, Way::Lines, "since=beginning", None, Some(&writer));
    let mut live = live.await.unwrap();
    for n in 0..8 {
        assert_eq!(live.next_event().await.id, format!("e-{n}"), "each once and in order");
    }
    assert_eq!(http.get("/tables").await.json()["tables"][0]["name"], "readings");
    app.terminate().await;
}

/// Whoever probes is told to go on sending; whoever needs the database, that it is away.
async fn assert_it_says_what_is_away(http: &Http, admin: &Http) {
    assert_eq!(http.get("/healthz").await.status, 200);
    let ready = http.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["consumer"]["state"]), (200, &json!("waiting")));
    let status = http.get("/status").await.json();
    assert_eq!(status["database"]["state"], "down", "{status}");
    assert!(status["database"]["detail"].as_str().unwrap().contains("when the server started"));
    let rows = ("content-type", "text/csv");
    for answer in [
        http.get("/events").await,
        http.get("/events/e-0").await,
        http.get("/tables").await,
        http.get("/batches").await,
        http.send(Method::POST, "/tables/readings/batches", &[rows], "batch,n,value\nb,1,2\n")
            .await,
        admin.get("/audit").await,
        admin.send(Method::POST, "/applications", JSON, r#"{"name":"other"}"#).await,
        admin.get("/dead-letters").await,
    ] {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.json()["code"], "database_unavailable");
        assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_start_refuses_is_refused_once_the_database_is_back() {
    let mut cluster = Postgres::start();
    let launch = hasty(&cluster);
    let app = launch.start().await;
    app.post_stream("raw", "1").await.accepted();
    app.wait_applied().await;
    kept(&launch, &["instance"]).await;
    let launch = app.terminate().await;
    launch.beside().run(
        "INSERT INTO migrations SELECT n, 'later', '' FROM generate_series(2, 50) n ON CONFLICT DO NOTHING",
    );
    cluster.stop();
    let app = start_without(&launch).await;
    app.post_stream("raw", "2").await.accepted();
    cluster.start_again();
    let (code, said) = app.ended().await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("written by a newer eyas"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_cannot_be_trusted_is_none() {
    let mut cluster = Postgres::start();
    let launch = hasty(&cluster);
    let app = launch.start().await;
    app.make_token("shop", &["write"]).await;
    kept(&launch, &["shop"]).await;
    let launch = app.terminate().await;
    cluster.stop();
    let path = launch.dir().join("snapshot");
    let whole = fs::read_to_string(&path).unwrap();
    let other = format!("postgres://postgres@127.0.0.1:{}/other", cluster.port());
    let (here, elsewhere) = (launch.clone(), launch.clone().env("EYAS_STORE_URL", &other));
    for (launch, text, words) in [
        (&here, whole.replace("write", "admin"), "is damaged"),
        (&here, whole.replacen("eyas-snapshot 1", "eyas-snapshot 2", 1), "another version of eyas"),
        (&here, whole[..whole.len() / 2].to_owned(), "is damaged"),
        (&elsewhere, whole.clone(), "is of another database"),
    ] {
        fs::write(&path, text).unwrap();
        let (code, said) = launch.refused().await;
        assert_eq!(code, 69, "{said}");
        assert!(said.contains(words) && said.contains("Is PostgreSQL running"), "{said}");
    }
    fs::write(&path, &whole).unwrap();
    // A log that was taken away is not begun anew while nobody can say what the database has of it.
    let log = launch.dir().join("log/events");
    fs::rename(&log, launch.dir().join("away")).unwrap();
    let (code, said) = launch.refused().await;
    assert_eq!(code, 69, "{said}");
    assert!(said.contains("there is no log in"), "{said}");
    fs::remove_dir_all(&log).unwrap();
    fs::rename(launch.dir().join("away"), &log).unwrap();
    start_without(&launch).await;
    fs::remove_file(&path).unwrap();
    let (code, said) = launch.refused().await;
    assert_eq!(code, 69, "{said}");
    assert!(said.contains("to begin from"), "{said}");
}
