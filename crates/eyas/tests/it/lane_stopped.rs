//! A batch that PostgreSQL does not take, through no fault of its rows: everybody is told which, events go on, and whoever cancels
//! it lets the others pass; also while there is no database to write that down.

use std::time::Instant;

use hyper::Method;
use serde_json::Value;
use testbed::Postgres;

use crate::app::{DEADLINE, Launch, TestApp, eventually};
use crate::http::Answer;

const TABLES: &str = "CREATE TABLE ports (code text); CREATE TABLE prices (price integer);";
const CONFIG: &str = "[store]\nrefused_retry = \"1h\"\n\
    [tables.ports]\nmigrations = \"sql\"\n[tables.prices]\nmigrations = \"sql\"\n";

async fn send(app: &TestApp, table: &str, csv: &str, wait: u32) -> Value {
    let path = format!("/tables/{table}/batches");
    let prefer = format!("wait={wait}");
    let headers = [("content-type", "text/csv"), ("prefer", prefer.as_str())];
    app.http.send(Method::POST, &path, &headers, csv.to_owned()).await.accepted()
}

async fn cancel(app: &TestApp, batch: &Value) -> Answer {
    let path = format!("/batches/{}", batch["id"].as_str().unwrap());
    app.http.another().send(Method::DELETE, &path, &[], "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_in_the_way_is_named_everywhere_and_can_be_cancelled() {
    let mut cluster = Postgres::start();
    let launch = Launch::on(cluster.server());
    std::fs::create_dir(launch.dir().join("sql")).unwrap();
    std::fs::write(launch.dir().join("sql/0001_tables.sql"), TABLES).unwrap();
    std::fs::write(launch.dir().join("eyas.toml"), CONFIG).unwrap();
    let app = launch.start().await;
    app.beside().run("ALTER TABLE ports RENAME TO havens");
    let first = send(&app, "ports", "code\nNOOSL\n", 0).await;
    let second = send(&app, "prices", "price\n1\n", 0).await;
    let id = first["id"].as_str().unwrap();
    let status = eventually("the lane is what limits", async || {
        let status = app.get("/status").await.json();
        (status["limits"]["stage"] == "batches").then_some(status)
    })
    .await;
    let reason = status["batches"]["consumer"]["reason"].as_str().unwrap();
    let sentence = status["limits"]["sentence"].as_str().unwrap();
    for words in [id, "the table \"ports\"", "relation \"public.ports\" does not exist"] {
        assert!(reason.contains(words) && sentence.contains(words), "{words}: {status}");
    }
    let front = app.get(&format!("/batches/{id}")).await.json();
    assert_eq!(front["state"], "queued");
    assert!(front["detail"].as_str().unwrap().contains("does not exist"), "{front}");
    let metrics = app.get("/metrics").await;
    for line in
        ["eyas_batch_lane_state{state=\"stopped\"} 1", "eyas_limiting_stage{stage=\"batches\"} 1"]
    {
        assert!(metrics.text().contains(line), "{line}");
    }
    assert_eq!(app.get("/readyz").await.status, 200, "events go on");
    let begun = Instant::now();
    assert_eq!(cancel(&app, &first).await.status, 200);
    eventually("the next one is there", async || {
        let path = format!("/batches/{}", second["id"].as_str().unwrap());
        (app.get(&path).await.json()["state"] == "committed").then_some(())
    })
    .await;
    assert!(begun.elapsed() < DEADLINE, "not at the next try");
    // What is cancelled is cancelled, also where nobody can write down who did it.
    cluster.stop();
    let third = send(&app, "prices", "price\n2\n", 0).await;
    let cancelled = eventually("it is cancelled", async || {
        let answer = cancel(&app, &third).await;
        // While the lane tries, it is too late; that it tries in vain is what comes next.
        let is_tried = answer.status == 409;
        assert!(is_tried || answer.status == 200, "{answer:?}");
        (!is_tried).then(|| answer.json())
    })
    .await;
    assert_eq!(cancelled["state"], "cancelled");
    eventually("the log has what the audit trail misses", async || {
        let told = app.stderr();
        let mut lines = told.lines().filter(|line| line.contains("the audit trail misses an act"));
        let id = third["id"].as_str().unwrap();
        lines.any(|line| line.contains("batch.cancel") && line.contains(id)).then_some(())
    })
    .await;
    cluster.start_again();
}
