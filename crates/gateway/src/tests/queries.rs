//! Published queries and `POST /sql` over HTTP, on SQLite.

use crate::queries::paths::check_path;
use crate::tests::app::App;
use crate::tests::tokens::refused;

#[tokio::test]
async fn values_are_bound_and_rows_come_in_each_form() {
    let app = App::start().await;
    let evil = "%27%3B+DROP+TABLE+events%3B+--";
    let answer = app.get(&format!("/my/echo/?t={evil}&d=2021-1-8&x=%ff")).await;
    assert_eq!(
        answer.text(),
        r#"{"echo":[{"t":"'; DROP TABLE events; --","d":"2021-01-08","i":7}]}"#
    );
    let numbers = app.get("/my/numbers").await;
    assert_eq!(
        numbers.text(),
        r#"{"numbers":[{"big":9007199254740993,"f":"=1+1","neg":-1,"empty":null}]}"#
    );
    let csv = app.get("/my/numbers.csv").await;
    assert_eq!(csv.text(), "big,f,neg,empty\r\n9007199254740993,'=1+1,-1,\r\n");
    assert!(csv.header("content-type").unwrap().starts_with("text/csv"));
    let csv = app.send("GET /my/numbers", "Accept: text/csv\r\n", b"").await;
    assert!(csv.text().starts_with("big,"));
    let codes = app.get("/my/codes?codes=a%22b&codes=c,d").await;
    assert_eq!(codes.text(), r#"{"codes":[{"code":"a\"b"},{"code":"c,d"}]}"#);
    let head = app
        .head(b"HEAD /my/numbers HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await;
    assert!(
        head.starts_with("HTTP/1.1 200")
            && head.contains(&format!("content-length: {}", numbers.body.len())),
        "{head}"
    );
}

#[tokio::test]
async fn bad_requests_are_told_why_and_harm_nobody() {
    let app = App::start().await;
    for (path, status, code) in [
        ("/my/echo", 400, "bad_parameter"),
        ("/my/echo?t=", 400, "bad_parameter"),
        ("/my/echo?t=x&d=2021-02-30", 400, "bad_parameter"),
        ("/my/echo?t=x&i=%EF%BC%91", 400, "bad_parameter"),
        ("/my/endless", 422, "query_timeout"),
        ("/my/fails?t=x", 422, "sql_failed"),
        ("/my/series?n=1001", 422, "result_too_large"),
        ("/my/series.csv?n=1001", 422, "result_too_large"),
        ("/my/nulls", 422, "result_too_large"),
        ("/my/names", 422, "result_too_large"),
        ("/my/escapes", 422, "result_too_large"),
        ("/my/broken", 503, "query_broken"),
        ("/my", 404, "no_such_route"),
        ("/my/echo/x", 404, "no_such_route"),
    ] {
        let answer = app.get(path).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str().unwrap()),
            (status, code),
            "{path}"
        );
        assert_eq!(app.get("/my/echo?t=x").await.status, 200);
    }
    let answer = app.post("/my/echo?t=x", "{}").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
    assert!(!app.get("/my/broken").await.text().contains("nowhere"), "words of the database");
}

#[tokio::test]
async fn the_databases_words_are_for_administrators() {
    let (open, public) = (App::start().await, App::public().await);
    let of_admin = open.get("/my/fails?t=x").await.json();
    assert!(of_admin["detail"].as_str().unwrap().contains("malformed JSON"), "{of_admin}");
    for accept in ["application/json", "text/csv", "application/x-ndjson"] {
        let accept = format!("Accept: {accept}\r\n");
        let answer = public.send("GET /my/fails?t=x", &accept, b"").await;
        let said = answer.json();
        assert_eq!((answer.status, &said["code"]), (422, &"sql_failed".into()));
        assert_eq!(said["detail"], "The database has no answer for these values.");
        assert!(!said["request_id"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn lines_have_all_rows() {
    let app = App::start().await;
    let accept = "Accept: application/x-ndjson\r\n";
    let answer = app.send("GET /my/series?n=20000", accept, b"").await;
    let text = answer.text();
    assert_eq!(text.lines().count(), 20_000);
    assert_eq!(text.lines().next(), Some(r#"{"i":1,"t":"x1"}"#));
    assert_eq!(text.lines().last(), Some(r#"{"i":20000,"t":"x20000"}"#));
    let answer = app.send("GET /my/endless", accept, b"").await;
    assert_eq!(answer.json()["code"], "query_timeout");
}

#[tokio::test]
async fn an_answer_that_the_client_has_is_not_sent_again() {
    let app = App::start().await;
    let first = app.get("/my/series?n=3").await;
    assert_eq!(first.header("cache-control"), Some("public, max-age=60"));
    assert_eq!(first.header("vary"), Some("accept"));
    let tag = first.header("etag").unwrap();
    for known in [tag.to_owned(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let again =
            app.send("GET /my/series?n=3", &format!("If-None-Match: {known}\r\n"), b"").await;
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert_eq!(again.header("etag"), Some(tag));
    }
    let other = app.send("GET /my/series?n=4", &format!("If-None-Match: {tag}\r\n"), b"").await;
    assert_eq!(other.status, 200);
    assert_eq!(app.get("/my/numbers").await.header("cache-control"), Some("no-cache"));
}

#[tokio::test]
async fn who_may_ask_is_configured() {
    let app = App::public().await;
    assert_eq!(app.get("/my/numbers").await.status, 200);
    for path in ["/my/read", "/my/read.csv", "/my/admin", "/queries"] {
        assert_eq!(app.get(path).await.status, 401, "{path}");
    }
    assert_eq!(app.post("/sql", "{\"sql\":\"SELECT 1\"}").await.status, 401);
    let open = App::start().await;
    for path in ["/my/read", "/my/admin"] {
        assert_eq!(open.get(path).await.status, 200, "{path}");
    }
    open.get("/my/read").await;
    let list = open.get("/queries").await.json();
    let read =
        list["queries"].as_array().unwrap().iter().find(|query| query["name"] == "read").unwrap();
    assert_eq!((&read["calls"], &read["scope"]), (&2.into(), &"read".into()));
    assert!(read["mean_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(read["sql"], "SELECT 1 AS one");
    let paths = &open.get("/openapi.json").await.json()["paths"];
    let params = &paths["/my/echo"]["get"]["parameters"];
    assert_eq!(params[0]["required"], true);
    assert_eq!(params[1]["schema"]["format"], "date");
    assert_eq!(
        (&params[2]["required"], &params[2]["schema"]["default"]),
        (&false.into(), &7.into())
    );
    let list = &paths["/my/some"]["get"]["parameters"][0];
    assert_eq!((&list["required"], &list["schema"]["default"]), (&false.into(), &["x"][..].into()));
    assert!(paths["/my/echo.csv"]["get"]["responses"]["200"].is_object());
}

#[tokio::test]
async fn a_plan_is_told_to_administrators_for_what_was_asked() {
    let app = App::start().await;
    let told = app.get("/queries/a/plan?id=x'").await;
    assert_eq!((told.status, told.header("cache-control")), (200, Some("no-store")));
    let told = told.json();
    assert_eq!(told["database"], "sqlite");
    assert_eq!(told["plan"].as_array().unwrap().len(), 1);
    assert!(told["plan"][0].as_str().unwrap().starts_with("SEARCH eyas.events USING"), "{told}");
    // It says at once of one that never ends how it would run.
    assert_eq!(app.get("/queries/endless/plan").await.status, 200);
    for (path, status, code) in [
        ("/queries/nobody/plan", 404, "no_such_query"),
        ("/queries/a%2Fplan/plan", 404, "no_such_query"),
        ("/queries/%ff/plan", 400, "bad_path"),
        ("/queries/a/plan", 400, "bad_parameter"),
        ("/queries/a/plan?id=x&ID=x", 400, "unknown_parameter"),
        ("/queries/echo/plan?t=x&d=never", 400, "bad_parameter"),
        ("/queries/broken/plan", 422, "sql_refused"),
    ] {
        let answer = app.get(path).await;
        let code_of = answer.json()["code"].clone();
        assert_eq!((answer.status, code_of.as_str().unwrap()), (status, code), "{path}");
    }
    let app = App::public().await;
    assert_eq!(app.get("/queries/a/plan?id=x").await.status, 401);
    let app = App::start().await;
    let admin = app.with_admin().await;
    let (reader, _) = app.scoped(&admin, &["read", "write"]).await;
    for name in ["a", "admin", "nobody"] {
        let what = format!("GET /queries/{name}/plan?id=x");
        refused(&app.ask("", &what, "").await, 401, "token_missing");
        refused(&app.ask(&reader, &what, "").await, 403, "wrong_scope");
    }
    assert_eq!(app.ask(&admin, "GET /queries/a/plan?id=x", "").await.status, 200);
}

#[tokio::test]
async fn what_became_of_requests_is_counted_by_query() {
    let app = App::start().await;
    for path in
        ["/my/fails?t=1", "/my/fails?t=2", "/my/fails.csv?t=3", "/my/fails", "/my/fails?t=x"]
    {
        app.get(path).await;
    }
    app.get("/queries/fails/plan?t=1").await;
    let list = app.get("/queries").await.json();
    let of = |name: &str| {
        list["queries"].as_array().unwrap().iter().find(|query| query["name"] == name).unwrap()
    };
    let fails = of("fails");
    let counts = ["calls", "refused", "failed"].map(|name| fails[name].as_u64().unwrap());
    assert_eq!(counts, [3, 1, 1], "a plan is no call");
    let (mean, p99) = (fails["mean_ms"].as_f64().unwrap(), fails["p99_ms"].as_f64().unwrap());
    assert!(0.0 < mean && mean <= p99, "{mean} {p99}");
    let never = of("slow");
    assert_eq!(
        (&never["calls"], &never["mean_ms"], &never["p99_ms"]),
        (&0.into(), &().into(), &().into())
    );
}

#[tokio::test]
async fn administrators_ask_what_they_like_within_limits() {
    let app = App::start().await;
    let asked = r#"{"sql":"SELECT :a AS a, :b AS b, :c AS c, :n AS n","params":{"a":9007199254740993,"b":"x'y","c":true,"n":null}}"#;
    let answer = app.post("/sql", asked).await.json();
    assert_eq!(answer["columns"][0]["name"], "a");
    assert_eq!(answer["rows"], serde_json::json!([[9_007_199_254_740_993_i64, "x'y", 1, null]]));
    assert_eq!(answer["truncated"], false);
    let many = r#"{"sql":"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n"}"#;
    let answer = app.post("/sql", many).await.json();
    assert_eq!(
        (&answer["rows"], &answer["truncated"]),
        (&serde_json::json!([[1], [2], [3]]), &true.into())
    );
    let list = r#"{"sql":"SELECT value FROM json_each(:l)","params":{"l":[1,2]}}"#;
    assert_eq!(app.post("/sql", list).await.json()["rows"], serde_json::json!([[1], [2]]));
    // How it would run, without running it.
    let plan =
        r#"{"sql":"SELECT id FROM eyas.events WHERE id = :id","params":{"id":"x"},"plan":true}"#;
    let plan = app.post("/sql", plan).await.json();
    assert_eq!((&plan["columns"][0]["name"], &plan["truncated"]), (&"plan".into(), &false.into()));
    assert!(plan["rows"][0][0].as_str().unwrap().starts_with("SEARCH eyas.events"), "{plan}");
    let noted = &app.get("/audit").await.json()["audit"][0];
    assert_eq!(noted["act"], "sql.plan");
    for (body, code) in [
        (r#"{"sql":"SELECT 1","plan":1}"#, "wrong_type"),
        (r#"{"sql":"DELETE FROM eyas.events","plan":true}"#, "sql_refused"),
        (r#"{"sql":"DELETE FROM eyas.events"}"#, "sql_refused"),
        (r#"{"sql":"WITH x AS (SELECT 1) DELETE FROM eyas.events"}"#, "sql_refused"),
        (r#"{"sql":"SELECT 1; SELECT 2"}"#, "sql_refused"),
        (r#"{"sql":"ATTACH 'control.db' AS c"}"#, "sql_refused"),
        (r#"{"sql":"SELECT * FROM sqlite_master, nowhere"}"#, "sql_refused"),
        (r#"{"sql":"SELECT :a"}"#, "sql_refused"),
        (r#"{"sql":"SELECT 1","params":{"a":1}}"#, "sql_refused"),
        (r#"{"sql":""}"#, "sql_refused"),
        (r#"{"sql":"SELECT json('x')"}"#, "sql_failed"),
        (r#"{"sql":"SELECT 1","params":{"a":{}}}"#, "bad_value"),
        (r#"{"sql":"SELECT 1","params":{"a":[1,"x"]}}"#, "bad_value"),
        (r#"{"sql":"SELECT 1","x":1}"#, "unknown_field"),
        (r#"{"sql":1}"#, "wrong_type"),
        ("{}", "missing_field"),
    ] {
        let answer = app.post("/sql", body).await;
        assert_eq!((answer.status, answer.json()["code"].as_str().unwrap()), (422, code), "{body}");
    }
    let audit = app.get("/audit?limit=1000").await.json();
    let noted = &audit["audit"].as_array().unwrap()[0];
    assert_eq!((&noted["act"], &noted["actor"]), (&"sql.run".into(), &"local".into()));
}

#[test]
fn a_query_takes_no_path_of_ours() {
    for path in ["/rates", "/my/events", "/v1/rates.json", "/a-b_c~d", "/Events"] {
        assert_eq!(check_path(path), Ok(()), "{path}");
    }
    for path in [
        "",
        "/",
        "rates",
        "/events",
        "/events/mine",
        "/status",
        "/status.csv",
        "/ui/x",
        "/queries/mine",
        "/sql",
        "/a b",
        "/a//b",
        "/a/",
        "/{id}",
        "/*",
        "/a/../b",
        "/ä",
        "/a?b",
        "/a%20b",
        "/rates.csv",
        "/a#b",
        "/openapi.json",
    ] {
        assert!(check_path(path).is_err(), "{path}");
    }
    assert!(check_path(&format!("/{}", "x".repeat(200))).is_err());
}
