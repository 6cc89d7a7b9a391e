//! `POST /tables/{table}/batches` and what belongs to it, against the real server: each answer that docs/http-api.md names.

use std::io::Write as _;

use http_body_util::BodyExt as _;
use hyper::Method;
use serde_json::{Value, json};

use crate::app::{Launch, TestApp, eventually};
use crate::http::{Answer, Http};

/// A server with tables of ports and regions, a region possibly below a later one.
pub(crate) fn launch() -> Launch {
    let launch = Launch::new();
    let migrations = launch.dir().join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    std::fs::write(
        migrations.join("0001_ports.sql"),
        "CREATE TABLE regions (slug text NOT NULL PRIMARY KEY, name text NOT NULL,
             parent_slug text REFERENCES regions (slug) DEFERRABLE INITIALLY DEFERRED);
         CREATE TABLE ports (code text NOT NULL PRIMARY KEY, size integer,
             parent_slug text NOT NULL REFERENCES regions (slug) DEFERRABLE INITIALLY DEFERRED);",
    )
    .unwrap();
    let tables = "[tables.ports]\nmigrations = \"migrations/\"\n[tables.regions]\nmigrations = \"migrations/\"\n";
    std::fs::write(launch.dir().join("eyas.toml"), tables).unwrap();
    launch
}

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const CSV: (&str, &str) = ("content-type", "text/csv");
const PART: (&str, &str) = ("content-type", "application/partial-upload");
const WAIT: (&str, &str) = ("prefer", "wait=20");

async fn post(app: &TestApp, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    app.http.send(Method::POST, path, headers, body.to_vec()).await
}

async fn regions(app: &TestApp, headers: &[(&str, &str)], body: &str) -> Answer {
    post(app, "/tables/regions/batches", headers, body.as_bytes()).await
}

fn check(answer: &Answer, status: u16, code: &str) -> Value {
    let json = answer.json();
    assert_eq!((answer.status, json["code"].as_str().unwrap_or("")), (status, code), "{json}");
    json
}

async fn n_committed(app: &TestApp) -> usize {
    let list = app.http.get("/batches?state=committed").await.json();
    list["batches"].as_array().unwrap().len()
}

#[tokio::test]
async fn rows_of_every_format_and_coding_go_in_whole() {
    let app = launch().start().await;
    let gzip = |text: &str| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(text.as_bytes()).unwrap();
        out.finish().unwrap()
    };
    let zstd = |text: &str| zstd::stream::encode_all(text.as_bytes(), 1).unwrap();
    let json = ("content-type", "application/json");
    let (by_gzip, by_zstd) = (("content-encoding", "gzip"), ("content-encoding", "zstd"));
    let csv = "slug,name\nd,\"D, \"\"d\"\"\"\n";
    for (headers, body) in [
        (
            vec![NDJSON],
            b"{\"slug\":\"a\",\"name\":\"A\"}\n{\"slug\":\"b\",\"name\":\"B\"}".to_vec(),
        ),
        (vec![json], b"[{\"slug\":\"c\",\"name\":\"C\"}]".to_vec()),
        (vec![CSV], csv.as_bytes().to_vec()),
        (vec![CSV, by_gzip], gzip("slug,name\ne,E\n")),
        (
            vec![NDJSON, by_gzip],
            [gzip("{\"slug\":\"f\",\"name\":\"F\"}\n"), gzip("{\"slug\":\"f2\",\"name\":\"F\"}\n")]
                .concat(),
        ),
        (vec![NDJSON, by_zstd], zstd("{\"slug\":\"g\",\"name\":\"G\"}\n")),
        (vec![CSV, by_zstd], [zstd("slug,name\n"), zstd("h,H\n")].concat()),
    ] {
        let headers = [headers, vec![WAIT]].concat();
        let answer = post(&app, "/tables/regions/batches", &headers, &body).await;
        let batch = check(&answer, 201, "");
        assert_eq!(batch["state"], "committed", "{batch}");
        assert_eq!(
            answer.header("location"),
            format!("/batches/{}", batch["id"].as_str().unwrap())
        );
        assert_eq!(batch["bytes"], body.len());
    }
    let all = app.http.get("/batches?limit=3").await.json();
    assert_eq!(all["batches"].as_array().unwrap().len(), 3);
    let rest =
        app.http.get(&format!("/batches?after={}", all["next"].as_str().unwrap())).await.json();
    assert_eq!((rest["batches"].as_array().unwrap().len(), &rest["next"]), (4, &Value::Null));
    let next = all["next"].as_str().unwrap().to_uppercase();
    for after in ["xx", "", "1", next.as_str()] {
        let said = app.http.get(&format!("/batches?after={after}")).await;
        assert!(check(&said, 400, "bad_parameter")["detail"].as_str().unwrap().contains("after"));
    }
    let status = app.http.get("/status").await.json();
    assert_eq!(status["batches"]["counts"]["rows_committed"], 9, "{status}");
}

#[tokio::test]
async fn wrong_rows_are_named_and_nothing_of_them_is_stored() {
    let app = launch().start().await;
    let rows =
        "{\"slug\":\"a\",\"name\":\"A\"}\n\n{\"slug\":1,\"nome\":\"A\"}\n{\"slug\":\"c\"}\n{";
    let said = check(&regions(&app, &[NDJSON], rows).await, 422, "rows_rejected");
    assert_eq!(
        (&said["outcome"], &said["batch"]["state"]),
        (&json!("rejected"), &json!("rejected"))
    );
    let errors = said["errors"].as_array().unwrap();
    let lines: Vec<u64> = errors.iter().map(|error| error["line"].as_u64().unwrap()).collect();
    assert!(lines.starts_with(&[3]) && lines.contains(&4) && lines.contains(&5), "{said}");
    assert!(
        errors.iter().any(|error| error["pointer"] == "/slug" && error["rule"] == "type"),
        "{said}"
    );
    let path = format!("/batches/{}/errors", said["batch"]["id"].as_str().unwrap());
    let first = app.http.get(&format!("{path}?limit=1")).await.json();
    assert_eq!((first["errors"][0].clone(), &first["next"]), (errors[0].clone(), &json!("1")));
    let accept = [("accept", "application/x-ndjson")];
    let all = app.http.send(Method::GET, &path, &accept, "").await.text().to_owned();
    assert_eq!(all.lines().count(), errors.len());

    // What only the database knows: no such region. A dry run keeps no trace.
    let port = "{\"code\":\"P\",\"parent_slug\":\"nowhere\"}";
    let said = check(
        &post(&app, "/tables/ports/batches", &[NDJSON, WAIT], port.as_bytes()).await,
        422,
        "rows_rejected",
    );
    assert_eq!(said["errors"][0]["rule"], "foreign_key", "{said}");
    let n_batches = |list: Value| list["batches"].as_array().unwrap().len();
    let before = n_batches(app.http.get("/batches").await.json());
    let tried =
        post(&app, "/tables/regions/batches?dry_run=true", &[CSV], b"slug,name\na,A\n,B,C\n").await;
    let tried = check(&tried, 200, "");
    assert_eq!((&tried["dry_run"], &tried["rows"]), (&json!(true), &json!(2)), "{tried}");
    assert_eq!(tried["errors"][0]["line"], 3, "{tried}");
    assert_eq!(n_batches(app.http.get("/batches").await.json()), before);
    assert_eq!(n_committed(&app).await, 0);
}

#[tokio::test]
async fn a_key_names_one_content() {
    let app = launch().start().await;
    let key = ("idempotency-key", "monday");
    let row = "{\"slug\":\"a\",\"name\":\"A\"}";
    let first = check(&regions(&app, &[NDJSON, key, WAIT], row).await, 201, "");
    let again = check(&regions(&app, &[CSV, key, WAIT], "slug,name\na,A\n").await, 201, "");
    assert_eq!(first["id"], again["id"], "the same rows, otherwise written");
    let other = check(
        &regions(&app, &[NDJSON, key], "{\"slug\":\"a\",\"name\":\"B\"}").await,
        409,
        "idempotency_conflict",
    );
    assert_eq!(other["batch"]["id"], first["id"]);
    let found = app.http.get("/batches?table=regions&idempotency_key=monday").await.json();
    assert_eq!(found["batches"][0]["id"], first["id"]);
    let part = [NDJSON, key, ("upload-complete", "?0")];
    assert_eq!(
        check(&regions(&app, &part, row).await, 409, "upload_over")["batch"]["id"],
        first["id"]
    );
    check(&app.http.get("/batches?idempotency_key=monday").await, 400, "bad_parameter");
    assert_eq!(n_committed(&app).await, 1);
}

#[tokio::test]
async fn an_upload_in_parts_goes_on_at_its_last_whole_row_over_a_kill() {
    let launch = launch().on_fixed_port();
    let mut app = launch.start().await;
    let (more, last) = (("upload-complete", "?0"), ("upload-complete", "?1"));
    let key = ("idempotency-key", "parts");
    let begun = regions(&app, &[CSV, more, key], "slug,name\na,A\nb,\"B").await;
    let id = check(&begun, 201, "")["id"].as_str().unwrap().to_owned();
    let path = format!("/batches/{id}");
    assert_eq!((begun.header("upload-offset"), begun.header("upload-complete")), ("14", "?0"));
    check(&regions(&app, &[CSV, key], "slug,name\na,A\n").await, 409, "batch_in_progress");
    let patch = async |app: &TestApp, headers: &[(&str, &str)], body: &str| {
        app.http.send(Method::PATCH, &path, headers, body.to_owned()).await
    };
    let wrong = patch(&app, &[PART, more, ("upload-offset", "3")], "x").await;
    check(&wrong, 409, "wrong_offset");
    assert_eq!(wrong.header("upload-offset"), "14");
    check(&patch(&app, &[PART, more], "x").await, 400, "bad_upload");
    check(
        &patch(&app, &[CSV, more, ("upload-offset", "14")], "x").await,
        415,
        "unsupported_media_type",
    );
    let part = patch(&app, &[PART, more, ("upload-offset", "14")], "b,\"B\nb\"\nc,").await;
    assert_eq!((part.status, part.header("upload-offset")), (204, "22"));

    app.kill();
    app = launch.start().await;
    let seen = app.http.get(&path).await;
    assert_eq!((seen.header("upload-offset"), seen.json()["rows"].clone()), ("22", json!(2)));
    let end = [PART, last, WAIT, ("upload-offset", "22")];
    let done = check(&patch(&app, &end, "c,C\n").await, 201, "");
    assert_eq!((&done["state"], &done["rows"]), (&json!("committed"), &json!(3)));
    check(&patch(&app, &end, "c,C\n").await, 409, "upload_over");
    check(&app.http.send(Method::DELETE, &path, &[], "").await, 409, "batch_not_cancellable");
}

#[tokio::test]
async fn a_batch_can_be_cancelled_while_it_comes() {
    let app = launch().start().await;
    let more = ("upload-complete", "?0");
    let begun =
        check(&regions(&app, &[NDJSON, more], "{\"slug\":\"a\",\"name\":\"A\"}\n").await, 201, "");
    let path = format!("/batches/{}", begun["id"].as_str().unwrap());
    let gone = check(&app.http.send(Method::DELETE, &path, &[], "").await, 200, "");
    assert_eq!(gone["state"], "cancelled");
    // `?1` would say that all of it has come, and a client would forget its file.
    let seen = app.http.get(&path).await;
    assert_eq!((seen.header("upload-offset"), seen.header("upload-complete")), ("0", "?0"));
    let part = [PART, more, ("upload-offset", "26")];
    let said =
        check(&app.http.send(Method::PATCH, &path, &part, "{").await, 409, "batch_cancelled");
    assert!(said["detail"].as_str().unwrap().contains("cancelled by "), "{said}");
    check(&app.http.send(Method::DELETE, "/batches/none", &[], "").await, 404, "not_found");
}

#[tokio::test]
async fn what_is_no_batch_is_refused_and_leaves_nothing() {
    let app = launch().start().await;
    let row = b"{\"slug\":\"a\",\"name\":\"A\"}";
    let tables = "/tables/regions/batches";
    for (path, headers, body, status, code) in [
        ("/tables/none/batches", vec![NDJSON], &row[..], 404, "no_such_table"),
        (tables, vec![], row, 415, "unsupported_media_type"),
        (
            tables,
            vec![("content-type", "text/csv; charset=latin1")],
            row,
            415,
            "unsupported_media_type",
        ),
        (tables, vec![NDJSON, ("content-encoding", "br")], row, 415, "unsupported_encoding"),
        (tables, vec![NDJSON, ("content-encoding", "gzip")], row, 400, "bad_encoding"),
        (tables, vec![NDJSON, ("content-encoding", "zstd")], row, 400, "bad_encoding"),
        (tables, vec![NDJSON, ("upload-complete", "1")], row, 400, "bad_upload"),
        (
            tables,
            vec![NDJSON, ("content-encoding", "gzip"), ("upload-complete", "?0")],
            row,
            415,
            "unsupported_encoding",
        ),
        (tables, vec![NDJSON, ("idempotency-key", "a b")], row, 400, "bad_idempotency_key"),
        ("/tables/regions/batches?mode=replace", vec![NDJSON], row, 400, "unknown_parameter"),
        ("/tables/regions/batches?dry_run=yes", vec![NDJSON], row, 400, "bad_parameter"),
    ] {
        let said = check(&post(&app, path, &headers, body).await, status, code);
        let is_in_parts = headers.iter().any(|(name, _)| *name == "upload-complete");
        assert!(is_in_parts || said["outcome"] == "rejected", "{said}");
    }
    let long = format!("{{\"slug\":\"{}\"}}", "a".repeat(2 << 20));
    check(&regions(&app, &[NDJSON], &long).await, 413, "row_too_long");
    // A body that grows without end is given up long before its end.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..20_000 {
        bomb.write_all(&[b'\n'; 1024]).unwrap();
    }
    let packed = [NDJSON, ("content-encoding", "gzip")];
    check(&post(&app, tables, &packed, &bomb.finish().unwrap()).await, 413, "body_too_large");
    assert_eq!(n_committed(&app).await, 0);
}

#[tokio::test]
async fn a_token_sends_to_its_tables_and_sees_what_is_its_own() {
    let mut app = launch().start().await;
    let (_, admin) = app.make_token("office", &["admin"]).await;
    app.http = app.http.another().bearing(&admin);
    let bearing = async |app: &TestApp, name: &str, scopes: &[&str]| {
        let (_, token) = app.make_token(name, scopes).await;
        app.http.another().bearing(&token)
    };
    let loader = bearing(&app, "loader", &["write:regions"]).await;
    let other = bearing(&app, "other", &["write"]).await;
    let reader = bearing(&app, "reader", &["read"]).await;
    let send = async |http: &crate::http::Http, table: &str| {
        let headers = [NDJSON, ("upload-complete", "?0"), ("idempotency-key", "k")];
        let path = format!("/tables/{table}/batches");
        http.send(Method::POST, &path, &headers, "{\"slug\":\"a\",\"name\":\"A\"}\n").await
    };
    check(&send(&loader, "ports").await, 403, "wrong_stream");
    check(&send(&reader, "regions").await, 403, "wrong_scope");
    check(&send(&app.http.another(), "regions").await, 401, "token_missing");
    // A key belongs to its application.
    let own = check(&send(&loader, "regions").await, 201, "");
    let foreign = check(&send(&other, "regions").await, 201, "");
    assert_eq!((&own["application"], &foreign["application"]), (&json!("loader"), &json!("other")));

    let (own, foreign) = (&own["id"], format!("/batches/{}", foreign["id"].as_str().unwrap()));
    let listed = loader.get("/batches").await.json();
    assert_eq!(listed["batches"].as_array().unwrap().len(), 1);
    assert_eq!(&listed["batches"][0]["id"], own);
    let tables = loader.get("/tables").await.json();
    assert_eq!(
        (tables["tables"].as_array().unwrap().len(), &tables["tables"][0]["name"]),
        (1, &json!("regions"))
    );
    check(&loader.get(&foreign).await, 404, "not_found");
    check(&loader.send(Method::DELETE, &foreign, &[], "").await, 404, "not_found");
    assert_eq!(reader.get("/batches").await.json()["batches"].as_array().unwrap().len(), 2);
    check(&reader.send(Method::DELETE, &foreign, &[], "").await, 403, "wrong_scope");
    check(&app.http.send(Method::DELETE, &foreign, &[], "").await, 200, "");
    let audit = app.http.get("/audit?limit=1").await.json();
    assert_eq!(audit["audit"][0]["act"], "batch.cancel", "{audit}");
}

#[tokio::test]
async fn a_batch_is_one_request_to_the_rate_however_many_rows_it_has() {
    let limits = ("EYAS_LIMITS_ADDRESS_RATE", "EYAS_LIMITS_ADDRESS_BURST");
    let app = launch().env(limits.0, "1").env(limits.1, "2").start().await;
    let row = |n| format!("{{\"slug\":\"s{n}\",\"name\":\"S\"}}");
    let rows = (0..1_000).map(row).collect::<Vec<_>>().join("\n");
    let batch = check(&regions(&app, &[NDJSON], &rows).await, 202, "");
    // As events they would keep everybody at this address out for a quarter of an hour.
    let path = format!("/batches/{}", batch["id"].as_str().unwrap());
    check(&app.http.get(&path).await, 200, "");
    let limited = eventually("the limit is in force", async || {
        let answer = app.http.get(&path).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    check(&limited, 429, "rate_limited");
}

#[tokio::test]
async fn a_list_of_errors_breaks_off_with_the_right_to_it() {
    let app = launch().start().await;
    // Twenty errors a row, and more of them than all buffers on the way hold.
    let member = |n: usize| format!("\"{n}{}\":1", "x".repeat(300));
    let row = format!("{{{}}}\n", (0..20).map(member).collect::<Vec<_>>().join(","));
    let said = check(&regions(&app, &[NDJSON], &row.repeat(2_000)).await, 422, "rows_rejected");
    let path = format!("/batches/{}/errors", said["batch"]["id"].as_str().unwrap());
    let made = app.http.post("/applications", "application/json", r#"{"name":"shop"}"#).await;
    assert_eq!(made.status, 201, "{made:?}");
    let token = async |http: &Http| {
        let wanted = r#"{"application":"shop","scopes":["admin"]}"#;
        let made = http.post("/tokens", "application/json", wanted).await.json();
        let text = |key: &str| made[key].as_str().unwrap().to_owned();
        (text("token"), text("id"))
    };
    let (admin, _) = token(&app.http).await;
    let reader = token(&app.http.another().bearing(&admin)).await;
    let accept = [("accept", "application/x-ndjson")];
    let of = |token: &str| app.http.another().bearing(token);
    let whole = of(&admin).send(Method::GET, &path, &accept, "").await;
    assert_eq!(whole.text().lines().count(), 40_000);
    let lines = of(&reader.0).open(Method::GET, &path, &accept, "").await.unwrap();
    assert_eq!(lines.status(), 200);
    let gone = of(&admin).send(Method::DELETE, &format!("/tokens/{}", reader.1), &[], "").await;
    assert_eq!(gone.status, 200, "{gone:?}");
    assert!(lines.into_body().collect().await.is_err(), "what breaks off is no end");
}

#[tokio::test]
async fn a_key_knows_wrong_rows_as_they_were_written() {
    let app = launch().start().await;
    let key = [NDJSON, ("idempotency-key", "k")];
    let wrong = "{\"slug\":\"a\",\"name\":1}";
    let first = check(&regions(&app, &key, wrong).await, 422, "rows_rejected");
    let again = check(&regions(&app, &key, wrong).await, 422, "rows_rejected");
    assert_eq!(first["batch"]["id"], again["batch"]["id"]);
    let packed = [("content-type", "application/json"), key[1]];
    let again = check(&regions(&app, &packed, &format!("[{wrong}]")).await, 422, "rows_rejected");
    assert_eq!(first["batch"]["id"], again["batch"]["id"]);
    let spelled = wrong.replace(',', ", ");
    check(&regions(&app, &key, &spelled).await, 409, "idempotency_conflict");
    // Good rows are the same however they are written.
    let key = [NDJSON, ("idempotency-key", "good")];
    let good = "{\"slug\":\"a\",\"name\":\"A\"}";
    let first = check(&regions(&app, &key, good).await, 202, "");
    let csv = [CSV, key[1]];
    let again = check(&regions(&app, &csv, "name,slug\nA,a\n").await, 202, "");
    assert_eq!(first["id"], again["id"]);
}
