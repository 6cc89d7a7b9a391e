//! `examples/rates` as it is shipped: its tables, its data, `GET /rates` against answers that were written down, and
//! what a rates service must survive. On the database that `EYAS_TEST_STORE` names.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{Launch, TestApp, eventually};
use crate::beside::Beside;
use crate::command::run_eyas;

const GOLDEN: &str = include_str!("../golden/rates.jsonl");
const GOOD: &str = "/rates?date_from=2021-01-08&date_to=2021-01-09&orig_code=CNSGH&dest_code=NOOSL";
/// What costs too much, and what fails.
const MORE: &str = "
[queries.endless]
path = \"/endless\"
sqlite = \"queries/endless.sql\"
postgres = \"queries/endless.sql\"
public = true
timeout = \"200ms\"

[queries.slow]
path = \"/slow\"
sqlite = \"queries/endless.sql\"
postgres = \"queries/slow.sql\"
public = true
timeout = \"60s\"

[queries.fails]
path = \"/fails\"
sqlite = \"queries/fails.sqlite.sql\"
postgres = \"queries/fails.postgres.sql\"
params = { n = \"int\" }
public = true
";

fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/rates")
}

/// The example's own files in a folder of the test's, with some queries more.
fn launch() -> Launch {
    let launch = Launch::new();
    for folder in ["migrations", "queries", "schemas"] {
        std::fs::create_dir_all(launch.dir().join(folder)).unwrap();
        for entry in std::fs::read_dir(example().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap();
            std::fs::copy(&path, launch.dir().join(folder).join(name)).unwrap();
        }
    }
    let write = |name: &str, text: &str| std::fs::write(launch.dir().join(name), text).unwrap();
    let config = std::fs::read_to_string(example().join("eyas.toml")).unwrap();
    write("eyas.toml", &(config + MORE));
    write(
        "queries/endless.sql",
        // As some editors write it, with a byte order mark.
        "\u{feff}WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i > 0) SELECT count(*) AS n FROM n",
    );
    write("queries/slow.sql", "SELECT 1 AS n FROM pg_sleep(600)");
    write("queries/fails.postgres.sql", "SELECT 1 / (:n - :n) AS n");
    write("queries/fails.sqlite.sql", "SELECT json('[' || :n) AS n");
    launch
}

/// With the example's data. How batches bring it is the matter of other tests.
async fn filled() -> TestApp {
    let app = launch().start().await;
    let mut sql = "BEGIN;".to_owned();
    for table in ["regions", "ports", "prices"] {
        let text = std::fs::read_to_string(example().join(format!("data/{table}.csv"))).unwrap();
        for line in text.lines().skip(1) {
            let values: Vec<String> = line
                .split(',')
                .map(|cell| if cell.is_empty() { "NULL".to_owned() } else { format!("'{cell}'") })
                .collect();
            let _ = write!(sql, "INSERT INTO {table} VALUES ({});", values.join(","));
        }
    }
    sql.push_str("COMMIT;");
    match app.launch.beside() {
        Beside::Sqlite(dir) => {
            rusqlite::Connection::open(dir.join("tables.db")).unwrap().execute_batch(&sql).unwrap();
        }
        Beside::Postgres(database) => drop(database.sql(&sql)),
    }
    app
}

async fn is_healthy(app: &TestApp) {
    let answer = app.http.get(GOOD).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["rates"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn every_written_down_request_is_answered_as_written_down() {
    let app = filled().await;
    let mut n_lines = 0;
    for line in GOLDEN.lines() {
        let golden: Value = serde_json::from_str(line).unwrap();
        let answer = app.http.get(&format!("/rates?{}", golden["query"].as_str().unwrap())).await;
        assert_eq!(u64::from(answer.status), golden["status"].as_u64().unwrap(), "{line}");
        if answer.status != 200 {
            assert_eq!(answer.json()["code"], golden["code"], "{line}");
            continue;
        }
        let (found, wanted) = (answer.json()["rates"].clone(), golden["rates"].clone());
        assert_eq!(found.as_array().unwrap().len(), wanted.as_array().unwrap().len(), "{line}");
        for (row, wanted) in found.as_array().unwrap().iter().zip(wanted.as_array().unwrap()) {
            assert_eq!((&row["day"], &row["count"]), (&wanted[0], &wanted[1]), "{line}");
            match wanted[2].as_f64() {
                None => assert_eq!(row["price"], Value::Null, "{line}"),
                Some(price) => {
                    let found = row["price"].as_f64().unwrap();
                    assert!((found - price).abs() < 1e-9, "{found} is not {price}: {line}");
                }
            }
        }
        n_lines += 1;
    }
    assert!(n_lines >= 10);
    app.terminate().await;
}

#[tokio::test]
async fn bad_requests_leave_rates_healthy() {
    let app = filled().await;
    let evil = "%27%3B+DROP+TABLE+prices%3B--";
    for (path, status) in [
        ("/rates?date_from=2021-02-30&date_to=x&orig_code=CNSGH&dest_code=NOOSL".to_owned(), 400),
        (
            format!(
                "/rates?date_from=2021-01-08&date_to=2021-01-09&orig_code={evil}&dest_code={evil}"
            ),
            200,
        ),
        (format!("/rates?date_from={evil}&date_to=2021-01-09&orig_code=a&dest_code=b"), 400),
        ("/endless".to_owned(), 422),
        ("/fails?n=1".to_owned(), 422),
        (GOOD.replace("2021-01-08", "0001-01-01").replace("2021-01-09", "9999-12-31"), 422),
    ] {
        let answer = app.http.get(&path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        is_healthy(&app).await;
    }
    if Beside::is_postgres() {
        for _ in 0..4 {
            app.launch.beside().column(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            );
            is_healthy(&app).await;
        }
    }
    app.terminate().await;
}

#[tokio::test]
async fn who_floods_a_slow_query_stands_in_nobodys_way() {
    let app = filled().await;
    let greedy = Arc::new(app.http.calling_from([127, 0, 0, 2].into()));
    let mut flood = JoinSet::new();
    for _ in 0..40 {
        let greedy = Arc::clone(&greedy);
        flood.spawn(async move { greedy.try_send(Method::GET, "/slow", &[], "").await.is_ok() });
    }
    // It has all that it gets once its next request finds nothing in time.
    let has =
        if Beside::is_postgres() { "has 8 of the 16 places" } else { "has 4 of the 8 places" };
    eventually("the flood has its share", async || {
        let answer = greedy.get("/endless").await;
        let is_so = answer.status == 503 && answer.json()["detail"].as_str()?.contains(has);
        is_so.then_some(())
    })
    .await;
    let event = r#"{"category":"c","name":"n"}"#;
    let waiting = app.http.another().saying("prefer", "wait=30");
    let stored = waiting.post("/events", "application/json", event).await;
    assert_eq!(stored.status, 201, "{}", stored.text());
    assert_eq!(app.get("/events").await.page().events.len(), 1);
    is_healthy(&app).await;
    assert_eq!(app.http.get_as(GOOD, "application/x-ndjson").await.text().lines().count(), 2);
    flood.shutdown().await;
    app.terminate().await;
}

#[tokio::test]
async fn every_query_is_checked_against_the_database() {
    let app = filled().await;
    let dir = app.launch.dir().to_str().unwrap().to_owned();
    let config = format!("{dir}/eyas.toml");
    let check = ["--config", &config, "query", "check", "--json", "--data-dir", &dir];
    let said = run_eyas(&check).await;
    assert_eq!(said.code, 0, "{said:?}");
    let expected = json!({ "ok": true, "queries": 4, "problems": [] });
    assert_eq!(serde_json::from_str::<Value>(&said.stdout).unwrap(), expected);
    for file in ["fails.sqlite.sql", "fails.postgres.sql"] {
        std::fs::write(format!("{dir}/queries/{file}"), "SELECT :n AS n FROM no_such_table")
            .unwrap();
    }
    std::fs::write(format!("{dir}/queries/endless.sql"), "SELECT 1 AS a, 2 AS a").unwrap();
    let said = run_eyas(&check).await;
    assert_eq!(said.code, 1, "{said:?}");
    for part in ["no_such_table", "fails", "two columns", "endless"] {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
    std::fs::write(format!("{dir}/queries/endless.sql"), "SELECT :what").unwrap();
    let said = run_eyas(&check).await;
    assert_eq!(said.code, 78, "{said:?}");
    assert!(said.stderr.contains(":what") && said.stderr.contains("endless.sql"), "{said:?}");
    // What was published goes on as it was. A start refuses what a file says wrong by itself, and takes what only the database
    // knows better.
    is_healthy(&app).await;
    let launch = app.terminate().await;
    let (code, said) = launch.refused().await;
    assert!(code == 78 && said.contains(":what"), "{code}: {said}");
    std::fs::write(format!("{dir}/queries/endless.sql"), "SELECT n FROM no_such_table").unwrap();
    let app = launch.start().await;
    app.post_stream("raw", "1").await.accepted();
    app.terminate().await;
}

#[tokio::test]
async fn a_query_is_listed_and_run_by_its_name_from_the_command_line() {
    let app = filled().await;
    let eyas = async |arguments: &[&str]| {
        run_eyas(&[&["query"], arguments, &["--url", &app.url]].concat()).await
    };
    let listed = eyas(&["list"]).await;
    assert_eq!(listed.code, 0, "{listed:?}");
    assert!(
        listed.stdout.contains("/rates") && listed.stdout.contains("date_from=date"),
        "{listed:?}"
    );
    let good: Vec<&str> = GOOD.split_once('?').unwrap().1.split('&').collect();
    let params: Vec<&str> = good.iter().flat_map(|pair| ["--param", pair]).collect();
    let run = async |format: &str, accept: &str| {
        let said = eyas(&[&["run", "rates", "--format", format], &params[..]].concat()).await;
        assert_eq!(said.code, 0, "{said:?}");
        let answer = app.http.get_as(GOOD, accept).await;
        (said.stdout, answer.text().to_owned())
    };
    for (format, accept) in [("csv", "text/csv"), ("ndjson", "application/x-ndjson")] {
        let (said, answer) = run(format, accept).await;
        assert_eq!(said, answer);
    }
    let (said, answer) = run("json", "application/json").await;
    assert_eq!(said.trim_end(), answer);
    let (said, answer) = run("table", "text/csv").await;
    let heading = answer.lines().next().unwrap().replace(',', " ");
    assert_eq!(
        said.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" "),
        heading
    );
    assert!(said.ends_with("(2 rows)\n"), "{said}");

    let planned = eyas(&[&["plan", "rates"], &params[..]].concat()).await;
    assert!(planned.code == 0 && planned.stdout.contains("prices"), "{planned:?}");
    assert!(planned.stdout.lines().any(|line| line.starts_with("  ")), "{planned:?}");
    let told = eyas(&[&["plan", "rates", "--json"], &params[..]].concat()).await;
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    let lines = told["plan"].as_array().unwrap();
    assert_eq!(lines.len(), planned.stdout.lines().count(), "{told}");
    let wrong = eyas(&["plan", "rates", "--param", "date=2021-01-01"]).await;
    assert_eq!(wrong.code, 3, "{wrong:?}");
    assert!(wrong.stderr.contains("\"date\"") && wrong.stderr.contains("date_from"), "{wrong:?}");

    let wrong = eyas(&["run", "rates", "--param", "date_from=never"]).await;
    assert_eq!(wrong.code, 3, "{wrong:?}");
    assert!(wrong.stderr.contains("rates takes date_from=date"), "{wrong:?}");
    // Over HTTP it would be ignored, and the answer would not be the one that was meant.
    let slip = eyas(&[&["run", "rates", "--param", "orig=CNSGH"], &params[..]].concat()).await;
    assert_eq!(slip.code, 3, "{slip:?}");
    assert!(slip.stderr.contains("there is no parameter \"orig\""), "{slip:?}");
    let nobody = eyas(&["run", "nobody"]).await;
    assert!(
        nobody.code == 3 && nobody.stderr.contains("there are endless, fails, rates"),
        "{nobody:?}"
    );
    assert_eq!(eyas(&["run", "rates", "--param", "x"]).await.code, 2);
}
