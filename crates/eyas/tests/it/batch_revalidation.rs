//! `POST /batches/{id}/revalidate` against the real server: what the database refused is there once, as soon as the cause is mended, whenever the process dies.

use hyper::Method;
use serde_json::{Value, json};

use crate::app::{DEADLINE, Launch, TestApp, eventually};
use crate::beside::Beside;
use crate::http::{Answer, Http};

const CONFIG: &str =
    "[tables.points]\nmigrations = \"sql\"\n[tables.ports]\nmigrations = \"sql\"\n";
const TABLES: &str = "CREATE TABLE ports (code text NOT NULL PRIMARY KEY);
    CREATE TABLE points (n integer NOT NULL, words text, port text NOT NULL
        REFERENCES ports (code) DEFERRABLE INITIALLY DEFERRED);";
const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const WAIT: (&str, &str) = ("prefer", "wait=20");
/// Enough for three records of the log.
const N_ROWS: usize = 12_000;

fn launch() -> Launch {
    let launch = Launch::new().kept_after_failure();
    std::fs::create_dir(launch.dir().join("sql")).unwrap();
    std::fs::write(launch.dir().join("sql/0001_points.sql"), TABLES).unwrap();
    std::fs::write(launch.dir().join("eyas.toml"), CONFIG).unwrap();
    launch
}

/// Rows that lead to a port; that is what the database refuses while there is none.
fn body() -> String {
    let words = "x".repeat(100);
    let row = |n| format!("{{\"n\":{n},\"words\":\"{words}\",\"port\":\"P\"}}\n");
    (1..=N_ROWS).map(row).collect()
}

/// Asks the database, or changes it, beside the server.
fn sql(launch: &Launch, sql: &str) -> String {
    match launch.beside() {
        Beside::Sqlite(dir) => {
            let database = rusqlite::Connection::open(dir.join("tables.db")).unwrap();
            database.busy_timeout(DEADLINE).unwrap();
            let mut rows = database.prepare(sql).unwrap();
            let mut rows = rows.query([]).unwrap();
            let first = rows.next().unwrap();
            first.map_or(String::new(), |row| row.get::<_, i64>(0).unwrap().to_string())
        }
        Beside::Postgres(database) => database.sql(sql).trim().to_owned(),
    }
}

fn n_rows(launch: &Launch) -> usize {
    sql(launch, "SELECT count(*) FROM points").parse().unwrap()
}

fn mend(launch: &Launch) {
    sql(launch, "INSERT INTO ports VALUES ('P')");
}

async fn post(http: &Http, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    http.send(Method::POST, path, headers, body.to_owned()).await
}

fn check(answer: &Answer, status: u16, code: &str) -> Value {
    let json = answer.json();
    assert_eq!((answer.status, json["code"].as_str().unwrap_or("")), (status, code), "{json}");
    json
}

fn again(id: &Value) -> String {
    format!("/batches/{}/revalidate", id.as_str().unwrap())
}

async fn all(app: &TestApp) -> Vec<Value> {
    app.get("/batches?table=points").await.json()["batches"].as_array().unwrap().clone()
}

#[tokio::test]
async fn refused_rows_are_checked_again_by_whoever_may_send_them() {
    let launch = launch();
    let mut app = launch.start().await;
    let (_, admin) = app.make_token("office", &["admin"]).await;
    app.http = app.http.another().bearing(&admin);
    let mut bearing = Vec::new();
    for (name, scope) in [("loader", "write"), ("other", "write"), ("reader", "read")] {
        let (_, token) = app.make_token(name, &[scope]).await;
        bearing.push(app.http.another().bearing(&token));
    }
    let [loader, other, reader] = &bearing[..] else { panic!() };
    let path = "/tables/points/batches?label=points.ndjson";
    let rows =
        "\n{\"n\":1,\"words\":\"\",\"port\":\"P\"}\n{\"n\":2,\"words\":null,\"port\":\"P\"}\n";
    let keyed = [NDJSON, WAIT, ("idempotency-key", "k")];
    let refused = check(&post(loader, path, &keyed, rows).await, 422, "rows_rejected");
    let first = &refused["batch"];
    assert_eq!((&first["rows_kept"], &first["revalidates"]), (&json!(true), &json!(null)));
    let path_again = again(&first["id"]);

    check(&post(other, &path_again, &[], "").await, 404, "not_found");
    check(&post(reader, &path_again, &[], "").await, 403, "wrong_scope");
    check(&post(loader, &format!("{path_again}?x=1"), &[], "").await, 400, "unknown_parameter");
    check(&post(loader, "/batches/none/revalidate", &[], "").await, 404, "not_found");

    // Nothing is mended yet: the same rows and lines are told.
    let said = check(&post(loader, &path_again, &[WAIT], "").await, 422, "rows_rejected");
    assert_eq!(said["errors"], refused["errors"]);
    assert_eq!((&said["errors"][0]["row"], &said["errors"][0]["line"]), (&json!(1), &json!(2)));
    assert_eq!(said["batch"]["revalidates"], first["id"]);

    mend(&launch);
    // An administrator has it done for the loader, whose batch it stays.
    let answer = post(&app.http, &path_again, &[WAIT], "").await;
    let done = check(&answer, 201, "");
    assert_eq!(answer.header("location"), format!("/batches/{}", done["id"].as_str().unwrap()));
    for member in ["application", "label", "idempotency_key", "rows", "bytes", "hash"] {
        assert_eq!(done[member], first[member], "{member}");
    }
    assert_eq!((&done["state"], &done["revalidates"]), (&json!("committed"), &first["id"]));
    assert_ne!(done["sent_by"], first["sent_by"]);
    let audit = app.http.get("/audit?limit=1").await.json();
    assert_eq!(audit["audit"][0]["act"], "batch.revalidate", "{audit}");
    assert_eq!(sql(&launch, "SELECT count(*) FROM points WHERE words = ''"), "1");

    // Whoever asks or sends again is answered with what is there.
    assert_eq!(check(&post(loader, &path_again, &[], "").await, 202, "")["id"], done["id"]);
    assert_eq!(check(&post(loader, path, &keyed, rows).await, 201, "")["id"], done["id"]);
    assert_eq!(n_rows(&launch), 2);
    check(&post(loader, &again(&done["id"]), &[], "").await, 409, "batch_not_rejected");
    let wrong = check(&post(loader, path, &[NDJSON], "{\"n\":\"?\"}").await, 422, "rows_rejected");
    let said =
        check(&post(loader, &again(&wrong["batch"]["id"]), &[], "").await, 410, "rows_not_kept");
    assert_eq!(said["batch"]["rows_kept"], false, "{said}");
    app.terminate().await;
}

/// The first life has the rows refused, the second dies while they are checked again, the third finds all of them or none.
async fn survives(point: &str, nth: u64) {
    let launch = launch();
    let app = launch.clone().start().await;
    let refused = post(&app.http, "/tables/points/batches", &[NDJSON, WAIT], &body()).await;
    let refused = check(&refused, 422, "rows_rejected");
    app.terminate().await;
    mend(&launch);

    let place = format!("{point}:{nth}");
    let app = launch.clone().env("KILL_EYAS_AT", &place).start().await;
    let path = again(&refused["batch"]["id"]);
    let before = app.http.try_send(Method::POST, &path, &[], "").await.ok();
    let stderr = app.killed().await;
    assert!(stderr.ends_with(&format!("killed at {point}\n")), "{place}: {stderr}");
    let n = n_rows(&launch);
    assert!(n == 0 || n == N_ROWS, "{place}: half a batch: {n}");

    let app = launch.start().await;
    let done = check(&post(&app.http, &path, &[WAIT], "").await, 201, "");
    if let Some(before) = before {
        assert_eq!(before.json()["id"], done["id"], "{place}: whoever got a 202 has what it names");
    }
    assert_eq!(n_rows(&launch), N_ROWS, "{place}");
    let all = eventually("every batch is over", async || {
        let all = all(&app).await;
        all.iter().all(|batch| batch["ended_at"].is_string()).then_some(all)
    })
    .await;
    let n = |state: &str| all.iter().filter(|batch| batch["state"] == state).count();
    assert_eq!((n("committed"), n("rejected")), (1, 1), "{place}: {all:?}");
    app.terminate().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_while_rows_are_read_back_leaves_the_first_to_be_asked_for_again() {
    for (point, nth) in [("upload.after_rows", 1), ("upload.before_end", 1)] {
        survives(point, nth).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_once_they_count_leaves_all_rows_once() {
    for (point, nth) in
        [("upload.after_end", 1), ("batch.before_commit", 1), ("batch.after_commit", 1)]
    {
        survives(point, nth).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_around_a_refusal_keeps_the_rows() {
    for point in ["batch.before_settle", "batch.after_settle"] {
        let launch = launch();
        let app = launch.clone().env("KILL_EYAS_AT", &format!("{point}:1")).start().await;
        let sent = app.http.try_send(Method::POST, "/tables/points/batches", &[NDJSON], body());
        let sent = sent.await.ok().map(|answer| answer.status);
        assert!(sent.is_none_or(|status| status == 202), "{sent:?}");
        app.killed().await;

        let app = launch.start().await;
        let first = eventually("the database has refused it", async || {
            all(&app).await.into_iter().find(|batch| batch["state"] == "rejected")
        })
        .await;
        assert_eq!(first["rows_kept"], true, "{point}: {first}");
        mend(&launch);
        check(&post(&app.http, &again(&first["id"]), &[WAIT], "").await, 201, "");
        assert_eq!(n_rows(&launch), N_ROWS, "{point}");
        app.terminate().await;
    }
}
