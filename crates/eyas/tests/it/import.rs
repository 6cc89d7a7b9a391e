//! `eyas import`: files and dumps go in whole, once, whatever is killed meanwhile; what is wrong is shown and kept.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::app::{Launch, TestApp, eventually};
use crate::batches_http::launch;
use crate::command::{Said, eyas, run, run_eyas};

const DUMP: &str = include_str!("data/small_dump.sql");

fn file(launch: &Launch, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = launch.dir().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

async fn import(app: &TestApp, path: &Path, arguments: &[&str]) -> Said {
    let path = path.to_str().unwrap();
    run_eyas(&[&["import", path, "--url", &app.url], arguments].concat()).await
}

/// The batches of a report.
fn batches(said: &Said) -> Vec<Value> {
    assert_eq!(said.code, 0, "{said:?}");
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    report["batches"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_file_goes_in_once() {
    let launch = launch();
    let app = launch.start().await;
    let path = file(&launch, "regions.csv", "slug,name\na,A\nb,B\n");
    let into = ["--into", "regions", "--json"];
    let first = batches(&import(&app, &path, &into).await);
    assert_eq!((&first[0]["rows"], &first[0]["state"]), (&json!(2), &json!("committed")));
    // The same content under another name, too.
    let copy = file(&launch, "copy.csv", std::fs::read(&path).unwrap());
    let again = batches(&import(&app, &copy, &into).await);
    assert_eq!((&again[0]["id"], &again[0]["repeated"]), (&first[0]["id"], &json!(true)));
    let words = import(&app, &path, &["--into", "regions"]).await;
    assert!(words.code == 0 && words.stdout.contains("committed before"), "{words:?}");

    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"{\"slug\":\"c\",\"name\":\"C\"}\n").unwrap();
    let packed = file(&launch, "more.ndjson.gz", gzip.finish().unwrap());
    assert_eq!(batches(&import(&app, &packed, &into).await)[0]["rows"], 1);
    let zstd = zstd::stream::encode_all(&b"[{\"slug\":\"d\",\"name\":\"D\"}]"[..], 1).unwrap();
    let packed = file(&launch, "more.json.zst", zstd);
    assert_eq!(batches(&import(&app, &packed, &into).await)[0]["rows"], 1);
    let stdin =
        eyas(&["import", "-", "--into", "regions", "--format", "csv", "--json", "--url", &app.url]);
    assert_eq!(batches(&run(stdin, "slug,name\ne,E\n").await)[0]["rows"], 1);
}

#[tokio::test]
async fn a_dump_goes_in_table_by_table() {
    let launch = launch();
    let app = launch.start().await;
    let path = file(&launch, "dump.sql", DUMP);
    let strict = import(&app, &path, &["--from-dump", "--strict"]).await;
    assert!(strict.code == 3 && strict.stderr.contains("secrets"), "{strict:?}");
    assert_eq!(app.get("/batches").await.json()["batches"], json!([]));

    let said = import(&app, &path, &["--from-dump", "--json"]).await;
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(report["skipped"], json!(["secrets"]));
    let seen: Vec<_> =
        batches(&said).iter().map(|one| (one["table"].clone(), one["rows"].clone())).collect();
    assert_eq!(seen, [(json!("regions"), json!(3)), (json!("ports"), json!(2))]);
    let again = batches(&import(&app, &path, &["--from-dump", "--json"]).await);
    assert!(again.iter().all(|batch| batch["repeated"] == true), "{again:?}");

    // The same rows as they are meant have the same hash: the escapes were read as PostgreSQL reads them.
    let rows = "slug,name,parent_slug\nnorway,Nor\\way\twith a tab,north\nchina,China,\nnorth,\"The \"\"north\"\", Måløy\",\n";
    let key = key_of(&app, "regions").await;
    let headers = [("content-type", "text/csv"), ("idempotency-key", key.as_str())];
    let path = "/tables/regions/batches";
    let tried = app.http.send(hyper::Method::POST, path, &headers, rows).await;
    assert_eq!(tried.status, 202, "{}", tried.text());

    let inserts = file(&launch, "inserts.sql", "INSERT INTO public.ports VALUES (1);\n");
    let said = import(&app, &inserts, &["--from-dump"]).await;
    assert!(said.code == 1 && said.stderr.contains("without --inserts"), "{said:?}");
}

/// How the batches stand, the latest first.
async fn states(app: &TestApp) -> Vec<String> {
    let list = app.get("/batches").await.json();
    let states = list["batches"].as_array().unwrap().iter();
    states.map(|one| one["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_file_at_fault_leaves_no_upload_behind() {
    let launch = launch();
    let app = launch.start().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all("{\"slug\":\"a\",\"name\":\"A\"}\n".repeat(1000).as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    let cut = file(&launch, "cut.ndjson.gz", &packed[..packed.len() - 20]);
    let said = import(&app, &cut, &["--into", "regions"]).await;
    assert!(said.code == 1 && said.stderr.contains("was cancelled"), "{said:?}");
    let dump = "COPY public.regions (slug, name) FROM stdin;\na\tA\nb\n\\.\n";
    let dump = file(&launch, "uneven.sql", dump);
    let said = import(&app, &dump, &["--from-dump"]).await;
    assert!(said.code == 1 && said.stderr.contains("has not 2 values"), "{said:?}");
    assert_eq!(states(&app).await, ["cancelled", "cancelled"]);
}

#[tokio::test]
async fn an_interrupted_pipe_leaves_no_upload_behind() {
    let launch = launch();
    let app = launch.start().await;
    let arguments = ["import", "-", "--into", "regions", "--format", "csv", "--url", &app.url];
    let mut command = eyas(&arguments);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut import = command.spawn().unwrap();
    let mut rows = import.stdin.take().unwrap();
    let name = "a long name ".repeat(100);
    let text = (0..5000).fold("slug,name\n".to_owned(), |text, n| text + &format!("{n},{name}\n"));
    rows.write_all(text.as_bytes()).unwrap();
    eventually("a part is durable", async || {
        let list = app.get("/batches?state=receiving").await.json();
        list["batches"][0]["upload_offset"].as_u64().filter(|&offset| offset > 0)
    })
    .await;
    let pid = rustix::process::Pid::from_child(&import);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ended = tokio::task::spawn_blocking(move || import.wait_with_output().unwrap());
    let said = ended.await.unwrap();
    drop(rows);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert_eq!(states(&app).await, ["cancelled"]);
}

async fn key_of(app: &TestApp, table: &str) -> String {
    let list = app.get(&format!("/batches?table={table}")).await.json();
    list["batches"][0]["idempotency_key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_rejected_is_shown_kept_and_tried_anew() {
    let launch = launch();
    let app = launch.start().await;
    let rows: String = (0..30).fold("slug,name\n".to_owned(), |rows, n| rows + &format!("{n},\n"));
    let path = file(&launch, "bad.csv", rows + "x,X,Y\n");
    let tried = import(&app, &path, &["--into", "regions", "--dry-run"]).await;
    assert!(tried.code == 5 && tried.stdout.contains("nothing was stored"), "{tried:?}");
    assert_eq!(app.get("/batches").await.json()["batches"], json!([]));

    let said = import(&app, &path, &["--into", "regions"]).await;
    assert!(said.code == 5 && said.stderr.contains("line 32"), "{said:?}");
    let errors = std::fs::read_to_string(launch.dir().join("bad.csv.errors.ndjson")).unwrap();
    let last: Value = serde_json::from_str(errors.lines().last().unwrap()).unwrap();
    assert_eq!(last["line"], 32);

    // What the database refused once may be right later: the rows that it has kept are checked again.
    let ports = file(&launch, "ports.csv", "code,parent_slug\nP,later\n");
    let into = ["--into", "ports"];
    let said = import(&app, &ports, &into).await;
    assert!(said.code == 5 && said.stderr.contains("/revalidate"), "{said:?}");
    let region = file(&launch, "later.csv", "slug,name\nlater,Later\n");
    assert_eq!(import(&app, &region, &["--into", "regions"]).await.code, 0);
    let said = import(&app, &ports, &into).await;
    assert!(said.code == 0 && said.stdout.contains("committed"), "{said:?}");
    assert!(said.stderr.contains("the server has all rows already"), "{said:?}");
    let list = app.get("/batches?table=ports").await.json();
    let (last, first) = (&list["batches"][0], &list["batches"][1]);
    assert_eq!(last["revalidates"], first["id"], "{list}");
    assert_eq!(import(&app, &region, &["--into", "none"]).await.code, 3);
}

#[tokio::test]
async fn an_import_goes_on_where_it_was_killed() {
    let launch = launch().on_fixed_port();
    let app = launch.start().await;
    let mut rows = "slug,name\n".to_owned();
    let name = "a long name ".repeat(80);
    for n in 0..20_000 {
        writeln!(rows, "{n},{name}").unwrap();
    }
    let path = file(&launch, "many.csv", rows);
    let path_text = path.to_str().unwrap();
    let mut command = eyas(&["import", path_text, "--into", "regions", "--url", &app.url]);
    let mut first = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("a part is durable", async || {
        let list = app.get("/batches?state=receiving").await.json();
        list["batches"][0]["upload_offset"].as_u64().filter(|&offset| offset > 0)
    })
    .await;
    first.kill().unwrap();
    first.wait().unwrap();
    let app = app.kill().start().await;
    let said = import(&app, &path, &["--into", "regions"]).await;
    assert!(said.code == 0 && said.stderr.contains("going on at byte"), "{said:?}");
    let list = app.get("/batches").await.json();
    let states: Vec<_> = list["batches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["state"], &one["rows"]))
        .collect();
    assert_eq!(states, [(&json!("committed"), &json!(20_000))]);
}
