//! Rows whose values are at the edge of what their columns take, sent to the real server: what docs/tables.md says of them.

use hyper::Method;
use serde_json::{Value, json};

use crate::app::{Launch, TestApp};
use crate::beside::Beside;
use crate::http::Answer;

const CSV: (&str, &str) = ("content-type", "text/csv");
const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const WAIT: (&str, &str) = ("prefer", "wait=20");

/// A server with one table, `t`; any object is a good row to its schema.
async fn start(columns: &str) -> TestApp {
    start_with(columns, columns).await
}

/// The same, of other columns on PostgreSQL.
async fn start_with(sqlite: &str, postgres: &str) -> TestApp {
    let launch = Launch::new();
    let dir = launch.dir();
    std::fs::create_dir(dir.join("sql")).unwrap();
    for (database, columns) in [("sqlite", sqlite), ("postgres", postgres)] {
        let file = dir.join(format!("sql/0001_t.{database}.sql"));
        std::fs::write(file, format!("CREATE TABLE t ({columns});")).unwrap();
    }
    std::fs::write(dir.join("row.json"), "{\"type\":\"object\"}").unwrap();
    let table = "[tables.t]\nmigrations = \"sql/\"\nschema = \"row.json\"\n";
    std::fs::write(dir.join("eyas.toml"), table).unwrap();
    launch.start().await
}

async fn send(app: &TestApp, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let headers = [headers, &[WAIT]].concat();
    let path = "/tables/t/batches";
    let answer: Answer = app.http.send(Method::POST, path, &headers, body.to_owned()).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn json_in_a_field_is_refused_where_it_is_too_deep_and_the_server_lives_on() {
    let app = start("j JSON").await;
    let nested = |n: usize| format!("j\n\"{}{}\"\n", "[".repeat(n), "]".repeat(n));
    for n in [128, 10_000] {
        let (status, said) = send(&app, &[CSV], &nested(n)).await;
        assert_eq!((status, &said["code"]), (422, &json!("rows_rejected")), "{said}");
        let error = &said["errors"][0];
        assert_eq!((&error["line"], &error["pointer"]), (&json!(2), &json!("/j")), "{said}");
    }
    assert_eq!(send(&app, &[CSV], &nested(127)).await.0, 201);
}

#[tokio::test]
async fn a_body_that_ends_inside_of_quotes_is_no_batch() {
    let app = start("a TEXT, d TEXT").await;
    let (status, said) = send(&app, &[CSV], "a,d\n1,\"unterminated\n2,x\n3,y\n").await;
    assert_eq!((status, &said["code"]), (422, &json!("rows_rejected")), "{said}");
    assert_eq!(said["errors"][0]["line"], 2, "{said}");
    // In parts, too: only the last one can know.
    let open = [CSV, ("upload-complete", "?0")];
    let begun = send(&app, &open, "a,d\n1,x\n2,\"un").await.1;
    let path = format!("/batches/{}", begun["id"].as_str().unwrap());
    let part = [
        ("content-type", "application/partial-upload"),
        ("upload-offset", "8"),
        ("upload-complete", "?1"),
    ];
    let said = app.http.send(Method::PATCH, &path, &part, "2,\"unterminated\n3,y\n").await;
    assert_eq!((said.status, &said.json()["errors"][0]["line"]), (422, &json!(3)));
    let list = app.http.get("/batches?state=committed").await.json();
    assert_eq!(list["batches"], json!([]));
}

#[tokio::test]
async fn a_key_knows_a_decimal_whatever_its_zeros() {
    let app = start("n NUMERIC(12,4), f NUMERIC").await;
    let keyed = [NDJSON, ("idempotency-key", "k")];
    let (status, first) = send(&app, &keyed, "{\"n\":1.5,\"f\":1000}").await;
    assert_eq!(status, 201, "{first}");
    for body in [
        "{\"n\":1.50,\"f\":1000.0}",
        "{\"n\":15e-1,\"f\":1e3}",
        "{\"f\":\"1000\",\"n\":\"1.5000\"}",
    ] {
        let (status, said) = send(&app, &keyed, body).await;
        assert_eq!((status, &said["id"]), (201, &first["id"]), "{body} {said}");
    }
    let (status, said) = send(&app, &keyed, "{\"n\":1.51,\"f\":1000}").await;
    assert_eq!((status, &said["code"]), (409, &json!("idempotency_conflict")), "{said}");
}

#[tokio::test]
async fn arrays_and_times_with_an_offset_go_in_as_they_were_sent() {
    let app = start_with("i ANY, t ANY, z ANY", "i int[], t text[], z timetz").await;
    // SQLite has neither.
    let Beside::Postgres(database) = app.beside() else { return };
    let row = json!({"i": [[1, 2], [3, null]], "t": ["a,b", "", "NULL", "q\"\\{}", null], "z": "08:00:00+05:30"});
    let (status, said) = send(&app, &[NDJSON], &row.to_string()).await;
    assert_eq!(status, 201, "{said}");
    let text = "{\"i\":\"{{1,2},{3,NULL}}\",\"t\":\"{}\",\"z\":\"08:00\"}";
    assert_eq!(send(&app, &[NDJSON], text).await.0, 201);
    let sql =
        "SELECT array_to_json(i)::text || array_to_json(t)::text || z::text FROM t ORDER BY z";
    let stored = database.sql(sql);
    assert_eq!(
        stored.trim(),
        "[[1,2],[3,null]][\"a,b\",\"\",\"NULL\",\"q\\\"\\\\{}\",null]08:00:00+05:30\n[[1,2],[3,null]][]08:00:00+00"
    );
    let (status, said) = send(&app, &[NDJSON], "{\"i\":[1,[2]]}").await;
    assert_eq!((status, &said["errors"][0]["pointer"]), (422, &json!("/i")), "{said}");
    let (status, said) = send(&app, &[NDJSON], "{\"i\":[\"x\"]}").await;
    assert_eq!((status, &said["batch"]["state"]), (422, &json!("rejected")), "{said}");
}
