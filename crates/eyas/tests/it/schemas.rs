//! Schemas: what an event has to look like, from the configuration and through the API, and what becomes of the others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hyper::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::app::{Launch, TestApp, eventually};
use crate::command::{eyas, run};
use crate::http::{Answer, Row};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

fn the_eye() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/the-eye")
}

/// What the rules of `examples/the-eye` have to find in its events.
const BROKEN: &[(&str, &[(&str, &str)])] = &[
    ("eye-003", &[("/timestamp", "not_in_the_future")]),
    ("eye-010", &[("/data/host", "const")]),
    ("eye-015", &[("/data/element", "enum")]),
    ("eye-021", &[("/data", "required")]),
    ("eye-037", &[("/data", "required")]),
    ("eye-048", &[("/data/form/first_name", "maxLength")]),
    ("eye-053", &[("/data/host", "const")]),
    ("eye-057", &[("/data/element", "enum"), ("/timestamp", "not_in_the_future")]),
    ("eye-062", &[("/data", "type")]),
    ("eye-066", &[("/data/element", "enum")]),
    ("eye-090", &[("/data/host", "const")]),
    ("eye-101", &[("/timestamp", "not_in_the_future")]),
    ("eye-108", &[("/data/form/first_name", "maxLength")]),
    ("eye-127", &[("/data/element", "enum")]),
    ("eye-138", &[("/data/form/first_name", "type")]),
    ("eye-150", &[("/timestamp", "not_in_the_future")]),
];

fn reasons(row: &Row) -> Vec<(String, String)> {
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    row.errors.iter().map(|error| (text(error, "pointer"), text(error, "rule"))).collect()
}

async fn invalid(app: &TestApp) -> BTreeMap<String, Vec<(String, String)>> {
    app.wait_applied().await;
    let rows = app.export("?stream=*&valid=false").await;
    let rows = rows.iter().map(|line| Row::parse(line));
    rows.map(|row| (row.id.clone(), reasons(&row))).collect()
}

async fn put(app: &TestApp, body: &Value) -> Answer {
    app.http.send(Method::PUT, "/schemas", JSON, body.to_string()).await
}

async fn post(app: &TestApp, path: &str, body: &Value) -> Answer {
    app.http.post(path, "application/json", body.to_string()).await
}

/// Sends one event and answers with its validity and the version of the schema that judged it.
async fn judged(app: &TestApp, event: Value) -> (bool, Value) {
    let answer = post(app, "/events", &event).await.accepted();
    app.wait_applied().await;
    let row = app.get(&format!("/events/{}", answer["id"].as_str().unwrap())).await.row();
    (row.valid, row.rest["schema_version"].clone())
}

#[tokio::test]
async fn the_eye_finds_exactly_the_events_that_break_its_rules() {
    let config = the_eye().join("eyas.toml");
    let checked = run(eyas(&["--config", config.to_str().unwrap(), "config", "check"]), "").await;
    assert_eq!(checked.code, 0, "{checked:?}");
    let app = Launch::new().env("EYAS_CONFIG", config.to_str().unwrap()).start().await;
    let events = std::fs::read(the_eye().join("events.ndjson")).unwrap();
    let answer = app.http.post("/events/", "application/x-ndjson", events).await;
    assert_eq!(answer.accepted()["accepted"], 200);
    let wanted: BTreeMap<_, _> = BROKEN
        .iter()
        .map(|(id, reasons)| {
            let reasons = reasons.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
            ((*id).to_owned(), reasons.collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(invalid(&app).await, wanted);

    let answer = app.get("/invalid").await.json();
    assert_eq!(answer["complete"], true);
    let groups = answer["groups"].as_array().unwrap();
    let count = |name: &str, pointer: &str, rule: &str| {
        let wanted = |group: &&Value| {
            group["name"] == name && group["pointer"] == pointer && group["rule"] == rule
        };
        let group = groups.iter().find(wanted).unwrap_or_else(|| panic!("{name} {pointer} {rule}"));
        assert!(group["first_seen"].as_str() <= group["last_seen"].as_str(), "{group}");
        (group["count"].clone(), group["sample"]["id"].clone())
    };
    assert_eq!(count("cta click", "/data/element", "enum"), (json!(4), json!("eye-127")));
    assert_eq!(count("pageview", "/data/host", "const"), (json!(3), json!("eye-090")));
    assert_eq!(count("submit", "/data/form/first_name", "maxLength").0, 2);
    assert_eq!(count("cta click", "/timestamp", "not_in_the_future").0, 1);
    assert_eq!(groups.len(), 9, "{answer}");
    let none = app.get("/invalid?name=pageview&to=2020-01-01T00:00:00Z").await.json();
    assert_eq!(none, json!({"groups": [], "complete": true}));
    let only = app.get("/invalid?name=submit").await.json();
    assert_eq!(only["groups"].as_array().unwrap().len(), 2);

    let listed = app.get("/schemas").await.json();
    assert_eq!(listed["schemas"].as_array().unwrap().len(), 3, "{listed}");
    assert_eq!(listed["unmatched"][0]["name"], "heartbeat");
    assert_eq!(listed["unmatched"][0]["count"], 20);
}

#[tokio::test]
async fn a_schema_counts_at_once_and_a_bad_one_changes_nothing() {
    let app = TestApp::start().await;
    let click =
        |element: &str| json!({"category": "c", "name": "click", "data": {"element": element}});
    assert_eq!(judged(&app, click("menu")).await, (true, Value::Null));
    let schema = json!({"properties": {"element": {"const": "buy"}}});
    let answer =
        put(&app, &json!({"category": "c", "name": "click", "mode": "keep", "schema": schema}))
            .await;
    assert_eq!((answer.status, answer.json()["version"].clone()), (200, json!(1)), "{answer:?}");
    assert_eq!(judged(&app, click("menu")).await, (false, json!(1)));
    assert_eq!(judged(&app, click("buy")).await, (true, json!(1)));

    for (bad, pointer) in [
        (
            json!({"properties": {"element": {"$ref": "https://example.org/x"}}}),
            "/properties/element/$ref",
        ),
        (json!({"properties": {"element": {"pattern": "(?=a)"}}}), "/properties/element/pattern"),
        (json!({"type": "strange"}), "/type"),
    ] {
        let body = json!({"category": "c", "name": "click", "mode": "reject", "schema": bad});
        let answer = put(&app, &body).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        assert_eq!(
            (&answer.json()["code"], &answer.json()["pointer"]),
            (&json!("bad_schema"), &json!(pointer))
        );
    }
    let listed = app.get("/schemas").await.json()["schemas"][0].clone();
    assert_eq!((&listed["n_versions"], &listed["mode"]), (&json!(1), &json!("keep")));
    assert_eq!(judged(&app, click("menu")).await, (false, json!(1)), "the old one is in force");
}

#[tokio::test]
async fn versions_stay_and_any_of_them_is_put_in_force_also_over_a_restart() {
    let app = TestApp::start().await;
    let schema = |word: &str| json!({"const": word});
    let body = |word: &str, activate: bool| json!({"category": "c", "mode": "keep", "schema": schema(word), "activate": activate});
    let event = |word: &str| json!({"category": "c", "name": "n", "data": word});
    put(&app, &body("one", true)).await;
    put(&app, &body("two", true)).await;
    put(&app, &body("three", false)).await;
    assert_eq!(judged(&app, event("two")).await, (true, json!(2)));
    let app = app.restart().await;
    assert_eq!(judged(&app, event("two")).await, (true, json!(2)));
    let answer = post(&app, "/schemas/activate", &json!({"category": "c", "version": 1})).await;
    assert_eq!(answer.json()["version"], 1, "{answer:?}");
    assert_eq!(judged(&app, event("two")).await, (false, json!(1)));
    assert_eq!(put(&app, &body("two", true)).await.json()["version"], 2, "the same text again");
    let versions = app.get("/schemas/versions?category=c").await.json();
    let shown: Vec<_> = versions["versions"].as_array().unwrap().iter().collect();
    assert_eq!(shown.iter().map(|v| v["version"].clone()).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!((&shown[0]["schema"], &shown[1]["active"]), (&schema("three"), &json!(true)));
    let answer = post(&app, "/schemas/activate", &json!({"category": "c", "version": 9})).await;
    assert_eq!((answer.status, answer.json()["code"].clone()), (404, json!("not_found")));

    let off = app.http.send(Method::DELETE, "/schemas?category=c", &[], "").await;
    assert_eq!(
        (off.json()["mode"].clone(), off.json()["n_versions"].clone()),
        (json!("off"), json!(3))
    );
    assert_eq!(judged(&app, event("x")).await, (true, Value::Null));
    let acts = app.get("/audit").await.json();
    assert_eq!(acts["audit"][0]["act"], "schema.off");
    assert_eq!(acts["audit"][0]["object"], "events/c");
}

#[tokio::test]
async fn what_a_rejecting_schema_refuses_is_nowhere() {
    let app = TestApp::start().await;
    let schema =
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}});
    put(&app, &json!({"stream": "orders", "mode": "reject", "schema": schema})).await;
    let answer = app.post_stream("orders", r#"{"a":"x"}"#).await;
    let problem = answer.json();
    assert_eq!((answer.status, &problem["code"]), (422, &json!("schema_violation")), "{problem}");
    assert_eq!((&problem["pointer"], &problem["outcome"]), (&json!("/data/a"), &json!("rejected")));
    assert!(problem["detail"].as_str().unwrap().contains("type"), "{problem}");
    let many = r#"[{"a":1},{"a":"x"},{},{"a":2}]"#;
    let answer = app.post_stream("orders", many).await;
    assert_eq!((answer.status, answer.json()["pointer"].clone()), (422, json!("/1/data/a")));
    app.wait_applied().await;
    assert_eq!(app.export_of("/streams/orders").await.len(), 0);

    let answer = app.post_stream("orders?on_error=skip", many).await.accepted();
    assert_eq!(
        (&answer["accepted"], &answer["rejected"][0]["code"]),
        (&json!(2), &json!("schema_violation"))
    );
    assert_eq!(
        (&answer["rejected"][1]["index"], &answer["rejected"][1]["pointer"]),
        (&json!(2), &json!("/2/data"))
    );
    app.wait_applied().await;
    assert_eq!(app.export_of("/streams/orders").await.len(), 2);
}

#[tokio::test]
async fn the_most_exact_key_judges() {
    let app = TestApp::start().await;
    for (key, word) in [
        (json!({}), "stream"),
        (json!({"name": "m"}), "other name"),
        (json!({"category": "c"}), "category"),
        (json!({"category": "c", "name": "n"}), "name"),
        (json!({"category": "off"}), "off"),
    ] {
        let mut body =
            json!({"mode": if word == "off" { "off" } else { "keep" }, "schema": {"const": word}});
        body.as_object_mut().unwrap().extend(key.as_object().unwrap().clone());
        assert_eq!(put(&app, &body).await.status, 200);
    }
    let event = |category: &str, name: &str, data: &str| json!({"category": category, "name": name, "data": data});
    for (category, name, word) in [
        ("c", "n", "name"),
        ("c", "x", "category"),
        ("c", "m", "category"),
        ("x", "m", "other name"),
        ("x", "n", "stream"),
    ] {
        assert_eq!(judged(&app, event(category, name, word)).await, (true, json!(1)));
        assert_eq!(judged(&app, event(category, name, "?")).await, (false, json!(1)));
    }
    assert_eq!(judged(&app, event("off", "n", "?")).await, (true, Value::Null));
}

#[tokio::test]
async fn a_schema_is_tried_on_what_is_stored_before_it_counts() {
    let app = TestApp::start().await;
    let schema = json!({"properties": {"n": {"maximum": 50}}});
    put(&app, &json!({"category": "c", "name": "n", "mode": "keep", "schema": schema})).await;
    let events: Vec<Value> = (1..=100)
        .map(|n| json!({"id": format!("e{n}"), "category": "c", "name": "n", "data": {"n": n}}))
        .collect();
    post(&app, "/events", &json!(events)).await.accepted();
    post(&app, "/events", &json!({"category": "other", "name": "n", "data": {"n": 1}})).await;
    app.wait_applied().await;
    let test = |last: u64| json!({"category": "c", "name": "n", "last": last, "schema": {"properties": {"n": {"maximum": 60, "multipleOf": 2}}}});
    let found = post(&app, "/schemas/test", &test(1000)).await.json();
    assert_eq!(
        (&found["examined"], &found["valid"], &found["invalid"], &found["complete"]),
        (&json!(100), &json!(30), &json!(70), &json!(true))
    );
    assert_eq!((&found["newly_valid"], &found["newly_invalid"]), (&json!(5), &json!(25)));
    let groups = found["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    assert_eq!((&groups[0]["rule"], &groups[0]["count"]), (&json!("multipleOf"), &json!(50)));
    assert_eq!(groups[1]["sample"]["id"], "e100");
    assert_eq!(post(&app, "/schemas/test", &test(10)).await.json()["examined"], 10);
    assert_eq!(post(&app, "/schemas/test", &test(10_001)).await.status, 422);

    let file = app.path("tried.json");
    let by_hand = async |schema: &str, code: i32, words: &str| {
        std::fs::write(&file, schema).unwrap();
        let key = ["--category", "c", "--name", "n", "--against", "last:100"];
        let mut command = eyas(&["schema", "test", file.to_str().unwrap(), "--url", &app.url]);
        command.args(key);
        let said = run(command, "").await;
        assert_eq!(said.code, code, "{said:?}");
        assert!(said.stdout.contains(words) || said.stderr.contains(words), "{words}: {said:?}");
    };
    by_hand("{}", 0, "50 would become valid").await;
    by_hand(r#"{"properties":{"n":{"maximum":10}}}"#, 1, "/data/n  maximum").await;
    by_hand(r#"{"$ref":"https://example.org/"}"#, 3, "fetched").await;
    let bad = post(&app, "/schemas/test", &json!({"schema": {"$ref": "file:///etc/passwd"}})).await;
    assert_eq!((bad.status, bad.json()["code"].clone()), (422, json!("bad_schema")));
}

#[tokio::test]
async fn sighup_reads_the_files_again_and_a_bad_one_changes_nothing() {
    let launch = Launch::new();
    let write = |name: &str, text: &str| std::fs::write(launch.dir().join(name), text).unwrap();
    write("c.json", r#"{"const": "one"}"#);
    write("eyas.toml", "[[schemas]]\ncategory = \"c\"\nfile = \"c.json\"\n");
    let app = launch.start().await;
    let event = |word: &str| json!({"category": "c", "name": "n", "data": word});
    assert_eq!(judged(&app, event("one")).await, (true, json!(1)));
    let refused = put(&app, &json!({"category": "c", "mode": "off"})).await;
    assert_eq!(
        (refused.status, refused.json()["code"].clone()),
        (409, json!("schema_from_config"))
    );

    write("c.json", r#"{"pattern": "(?=x)"}"#);
    app.signal(Signal::HUP);
    let reloads = async |n: usize| {
        eventually("the configuration was read", async || {
            let audit = app.get("/audit").await.json();
            let acts = audit["audit"].as_array().unwrap().clone();
            let reloads = acts.iter().filter(|line| line["act"] == "config.reload");
            (reloads.count() == n).then(|| acts[0]["detail"].clone())
        })
        .await
    };
    assert!(reloads(1).await["refused"].as_str().unwrap().contains("linear"));
    assert_eq!(judged(&app, event("one")).await, (true, json!(1)), "the old one is in force");

    write("c.json", r#"{"const": "two"}"#);
    app.signal(Signal::HUP);
    assert_eq!(reloads(2).await["schemas"], 1);
    assert_eq!(judged(&app, event("two")).await, (true, json!(2)));
    // The same text is the same version after a start, and what the configuration forgets is off.
    let app = app.restart().await;
    assert_eq!(app.get("/schemas").await.json()["schemas"][0]["n_versions"], 2);
    let launch = app.kill();
    std::fs::write(launch.dir().join("eyas.toml"), "").unwrap();
    let app = launch.start().await;
    let listed = app.get("/schemas").await.json()["schemas"][0].clone();
    assert_eq!((&listed["mode"], &listed["source"]), (&json!("off"), &json!("api")));
}

#[tokio::test]
async fn a_configuration_with_a_bad_schema_is_refused_with_all_its_problems() {
    let launch = Launch::new();
    std::fs::write(launch.dir().join("c.json"), r#"{"$ref": "https://example.org/"}"#).unwrap();
    let config = "[[schemas]]\nfile = \"c.json\"\n[[schemas]]\nfile = \"none.json\"\ncategory = \"c\"\n\
        [[schemas]]\nfiel = \"c.json\"\n[[schemas]]\nname = \"\"\nfile = \"c.json\"\n\
        [[schemas]]\nmode = \"strict\"\nfile = \"c.json\"\n";
    std::fs::write(launch.dir().join("eyas.toml"), config).unwrap();
    let (code, said) = launch.refused().await;
    assert_eq!(code, 78, "{said}");
    for words in ["fetched", "none.json", "did you mean `file`", "must not be empty", "strict"] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[tokio::test]
async fn neither_a_pattern_nor_a_recursion_holds_up_others() {
    let app = TestApp::start().await;
    let schema = json!({"$defs": {"n": {"properties": {
        "text": {"pattern": "^(a+)+$"},
        "a": {"allOf": [{"$ref": "#/$defs/n"}, {"anyOf": [{"$ref": "#/$defs/n"}, {"required": ["x"]}]}]}
    }}}, "$ref": "#/$defs/n"});
    let answer = put(&app, &json!({"stream": "deep", "mode": "keep", "schema": schema})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = format!("{{\"text\":\"{}!\"}}", "a".repeat(500_000));
    for data in [text, format!("{}1{}", "{\"a\":".repeat(127), "}".repeat(127))] {
        app.post_stream("deep", data).await.accepted();
    }
    let found: Vec<_> = invalid(&app).await.into_values().flatten().collect();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(found, [pair("/data/text", "pattern"), pair("/data", "too_complex")]);
}
