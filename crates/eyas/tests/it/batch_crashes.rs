//! Death at every named point of the way of a batch: no row of it is there or all are, its state is true, and the same key sent
//! again makes it one batch.
//!
//! The server kills itself where `KILL_EYAS_AT` says, as in `kill_points`.

use hyper::Method;
use serde_json::Value;

use crate::app::{DEADLINE, Launch, TestApp, eventually};
use crate::beside::Beside;

const CONFIG: &str = "[tables.points]\nmigrations = \"sql\"\n";
const TABLE: &str = "CREATE TABLE points (n INTEGER NOT NULL, words TEXT NOT NULL);";
/// Enough for three records of the log.
const N_ROWS: usize = 12_000;
const KEY: &str = "the-one";

fn launch() -> Launch {
    let launch = Launch::new().kept_after_failure();
    std::fs::create_dir(launch.dir().join("sql")).unwrap();
    std::fs::write(launch.dir().join("sql/0001_points.sql"), TABLE).unwrap();
    std::fs::write(launch.dir().join("eyas.toml"), CONFIG).unwrap();
    launch
}

/// A body of rows, the last of which may be wrong.
fn body(is_wrong: bool) -> String {
    let words = "x".repeat(100);
    let row = |n: usize| match n {
        N_ROWS if is_wrong => format!("{{\"n\":\"?\",\"words\":\"{words}\"}}\n"),
        _ => format!("{{\"n\":{n},\"words\":\"{words}\"}}\n"),
    };
    (1..=N_ROWS).map(row).collect()
}

/// Rows of the table, seen from beside the server.
fn n_rows(launch: &Launch) -> usize {
    let sql = "SELECT count(*) FROM points";
    let n = match launch.beside() {
        Beside::Sqlite(dir) => {
            let database = rusqlite::Connection::open(dir.join("tables.db")).unwrap();
            database.busy_timeout(DEADLINE).unwrap();
            database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap().to_string()
        }
        Beside::Postgres(database) => database.sql(sql),
    };
    n.trim().parse().unwrap()
}

async fn send(app: &TestApp, body: String) -> Option<(u16, Value)> {
    let headers = [("content-type", "application/x-ndjson"), ("idempotency-key", KEY)];
    let sent = app.http.try_send(Method::POST, "/tables/points/batches", &headers, body).await;
    sent.ok().map(|answer| (answer.status, answer.json()))
}

async fn batch(app: &TestApp, id: &str) -> Value {
    app.get(&format!("/batches/{id}")).await.json()
}

/// Waits for the end of a batch; at every look its table has none or all of the rows.
async fn ended(app: &TestApp, id: &str) -> Value {
    eventually("the batch is over", async || {
        let n = n_rows(&app.launch);
        assert!(n == 0 || n == N_ROWS, "half a batch: {n}");
        let batch = batch(app, id).await;
        let state = batch["state"].as_str().unwrap_or_else(|| panic!("{batch}"));
        ["committed", "rejected", "cancelled"].contains(&state).then_some(batch)
    })
    .await
}

async fn all(app: &TestApp) -> Vec<Value> {
    app.get("/batches?limit=100").await.json()["batches"].as_array().unwrap().clone()
}

/// One run: two lives of a server, the first of which ends at a point.
async fn survives(point: &str, nth: u64, is_wrong: bool) {
    let launch = launch();
    let place = format!("{point}:{nth}");
    let app = launch.clone().env("KILL_EYAS_AT", &place).start().await;
    let before = send(&app, body(is_wrong)).await;
    let stderr = app.killed().await;
    assert!(stderr.ends_with(&format!("killed at {point}\n")), "{place}: {stderr}");
    let n = n_rows(&launch);
    assert!(n == 0 || n == N_ROWS, "{place}: half a batch: {n}");

    let app = launch.start().await;
    // Whoever got a 202 finds the batch, and it gets to its end without anybody's help.
    if let Some((202, batch)) = &before {
        let id = batch["id"].as_str().unwrap();
        assert_eq!(ended(&app, id).await["state"], "committed", "{place}");
    }
    let (status, again) = send(&app, body(is_wrong)).await.expect("an answer");
    let again = if is_wrong {
        assert_eq!(status, 422, "{place}: {again}");
        again["batch"].clone()
    } else {
        assert_eq!(status, 202, "{place}: {again}");
        again
    };
    let over = ended(&app, again["id"].as_str().unwrap()).await;
    assert_eq!(over["state"], if is_wrong { "rejected" } else { "committed" }, "{place}");
    assert_eq!(over["rows"], N_ROWS, "{place}");
    assert_eq!(n_rows(&launch), if is_wrong { 0 } else { N_ROWS }, "{place}");
    let all = eventually("every batch is over", async || {
        let all = all(&app).await;
        let is_over = |batch: &Value| batch["ended_at"].is_string();
        all.iter().all(is_over).then_some(all)
    })
    .await;
    let counts = |state: &str| all.iter().filter(|batch| batch["state"] == state).count();
    let (n_whole, n_cancelled) = (counts("committed") + counts("rejected"), counts("cancelled"));
    assert_eq!(n_whole, 1, "{place}: {all:?}");
    assert_eq!(n_whole + n_cancelled, all.len(), "{place}: {all:?}");
    app.terminate().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_while_rows_arrive_leaves_no_row() {
    for (point, nth) in [
        ("upload.before_rows", 1),
        ("upload.after_rows", 1),
        ("upload.before_rows", 2),
        ("upload.after_rows", 2),
        ("upload.before_end", 1),
    ] {
        survives(point, nth, false).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_once_the_batch_counts_leaves_all_rows() {
    for point in ["upload.after_end", "batch.before_begin", "batch.after_lease"] {
        survives(point, 1, false).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_in_a_transaction_of_the_lane_leaves_all_rows() {
    for (point, nth) in [
        ("lane.mid_rows", 2),
        ("batch.before_commit", 1),
        ("batch.after_commit", 1),
        // The first time is at the start.
        ("lane.before_trim", 2),
    ] {
        survives(point, nth, false).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_around_a_rejection_leaves_no_row_and_every_word() {
    for point in
        ["upload.before_end", "upload.after_end", "batch.before_settle", "batch.after_settle"]
    {
        survives(point, 1, true).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_waits_for_the_database_is_applied_when_it_is_back() {
    let launch = launch();
    let app = launch.start().await;
    let path = launch.dir().join("tables.db");
    let lock = rusqlite::Connection::open(path).unwrap();
    lock.busy_timeout(DEADLINE).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (status, batch) = send(&app, body(false)).await.unwrap();
    assert_eq!(status, 202, "{batch}");
    let id = batch["id"].as_str().unwrap();
    // SQLite itself has waited in vain then, and the lane is between two tries.
    eventually("the lane waits for the database", async || {
        let state = self::batch(&app, id).await["state"].clone();
        assert!(state == "queued" || state == "applying", "{state}");
        let lane = app.get("/status").await.json()["batches"]["consumer"]["state"].clone();
        (lane == "waiting").then_some(())
    })
    .await;
    drop(lock);
    assert_eq!(ended(&app, id).await["state"], "committed");
    assert_eq!(n_rows(&launch), N_ROWS);
    app.terminate().await;
}
