//! Stored events are judged again after a schema has changed: exactly the wanted ones, with exact counts, also over a kill.

use hyper::Method;
use serde_json::{Value, json};

use crate::app::{Launch, TestApp, eventually};
use crate::follow::Way;
use crate::http::{Answer, Row};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

async fn post(app: &TestApp, path: &str, body: &Value) -> Answer {
    app.http.post(path, "application/json", body.to_string()).await
}

/// Puts a schema in force that lets `n` be this large.
async fn put(app: &TestApp, mode: &str, maximum: u64) {
    let schema = json!({"properties": {"n": {"maximum": maximum}}});
    let body = json!({"category": "c", "mode": mode, "schema": schema});
    assert_eq!(app.http.send(Method::PUT, "/schemas", JSON, body.to_string()).await.status, 200);
}

/// Events of the key and of another one, numbered from 1.
async fn send(app: &TestApp, n_events: u64) {
    let events: Vec<Value> = (1..=n_events)
        .map(|n| json!({"id": format!("e{n}"), "category": "c", "name": if n % 2 == 0 { "even" } else { "odd" }, "data": {"n": n}}))
        .collect();
    post(app, "/events", &json!(events)).await.accepted();
    post(app, "/events", &json!({"id": "other", "category": "x", "name": "y", "data": {"n": 999}}))
        .await
        .accepted();
    app.wait_applied().await;
}

/// The numbers of the events that are invalid.
async fn invalid(app: &TestApp) -> Vec<u64> {
    let rows = app.export("?valid=false").await;
    rows.iter().map(|line| Row::parse(line).id[1..].parse().unwrap()).collect()
}

/// How many `GET /invalid` counts.
async fn grouped(app: &TestApp) -> u64 {
    let answer = app.get("/invalid").await.json();
    answer["groups"].as_array().unwrap().iter().map(|one| one["count"].as_u64().unwrap()).sum()
}

async fn begin(app: &TestApp, wish: &Value) -> String {
    let answer = post(app, "/invalid/revalidate", wish).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.json()["job"]["kind"], "revalidate");
    answer.json()["job"]["id"].as_str().unwrap().to_owned()
}

async fn job(app: &TestApp, id: &str) -> Value {
    app.get(&format!("/jobs/{id}")).await.json()
}

/// The end of a job: its state, total, changed and unchanged.
async fn ended(app: &TestApp, id: &str) -> (String, u64, u64, u64) {
    let job = eventually("the end of the job", async || {
        let job = job(app, id).await;
        (!job["ended_at"].is_null()).then_some(job)
    })
    .await;
    let number = |name: &str| job[name].as_u64().unwrap();
    assert_eq!((number("failed"), number("done")), (0, number("ok") + number("skipped")), "{job}");
    let state = job["state"].as_str().unwrap().to_owned();
    (state, number("total"), number("ok"), number("skipped"))
}

fn done(total: u64, ok: u64, skipped: u64) -> (String, u64, u64, u64) {
    ("done".to_owned(), total, ok, skipped)
}

#[tokio::test]
async fn a_mended_schema_turns_exactly_those_valid_that_it_should() {
    let app = TestApp::start().await;
    put(&app, "keep", 50).await;
    send(&app, 100).await;
    assert_eq!((invalid(&app).await, grouped(&app).await), ((51..=100).collect(), 50));

    let mended = json!({"category": "c", "schema": {"properties": {"n": {"maximum": 80}}}});
    let preview = post(&app, "/schemas/test", &mended).await.json();
    assert_eq!((&preview["newly_valid"], &preview["newly_invalid"]), (&json!(30), &json!(0)));
    put(&app, "keep", 80).await;
    assert_eq!(invalid(&app).await.len(), 50, "a verdict stays until somebody asks");

    let dry = json!({"category": "c", "dry_run": true});
    let counted = post(&app, "/invalid/revalidate", &dry).await;
    assert_eq!((counted.status, counted.json()), (200, json!({"count": 50, "complete": true})));
    let all = json!({"category": "c", "all": true, "dry_run": true});
    assert_eq!(post(&app, "/invalid/revalidate", &all).await.json()["count"], 100);
    let none = json!({"application": "nobody", "to": "2020-01-01T00:00:00Z", "dry_run": true});
    assert_eq!(post(&app, "/invalid/revalidate", &none).await.json()["count"], 0);
    assert_eq!(app.get("/jobs").await.json()["jobs"], json!([]), "counting begins nothing");

    // Only the even ones: thirty of fifty would be valid, half of all of them are even.
    let id = begin(&app, &json!({"category": "c*", "name": "even", "rate": 10_000})).await;
    assert_eq!(ended(&app, &id).await, done(25, 25, 0));
    let odd: Vec<u64> = (51..=100).filter(|n| n % 2 == 1 || *n > 80).collect();
    assert_eq!(invalid(&app).await, odd);
    let row = app.get("/events/e90").await.row();
    assert_eq!((row.valid, &row.rest["schema_version"]), (false, &json!(2)), "by the one in force");
    let row = app.get("/events/e62").await.row();
    assert_eq!((row.valid, row.errors.len(), row.data()), (true, 0, "{\"n\":62}"));

    let id = begin(&app, &json!({})).await;
    assert_eq!(ended(&app, &id).await, done(35, 25, 10), "ten were judged by this version already");
    assert_eq!((invalid(&app).await, grouped(&app).await), ((81..=100).collect(), 20));
    let audit = app.get("/audit").await.json();
    let line = &audit["audit"][0];
    assert_eq!((&line["act"], &line["object"]), (&json!("invalid.revalidate"), &json!(id)));
    // Judging what is stored is not counted as what came in.
    assert_eq!(app.get("/schemas").await.json()["schemas"][0]["seen"], 100);
}

#[tokio::test]
async fn valid_ones_are_judged_when_asked_and_a_refusing_schema_keeps_what_is_stored() {
    let app = TestApp::start().await;
    send(&app, 20).await;
    let future = json!({"id": "e99", "category": "c", "name": "odd", "timestamp": "2999-01-01T00:00:00Z", "data": {"n": 1}});
    post(&app, "/events", &future).await.accepted();
    app.wait_applied().await;
    put(&app, "reject", 15).await;
    let id = begin(&app, &json!({})).await;
    assert_eq!(ended(&app, &id).await, done(1, 1, 0), "a version has judged it now");
    assert_eq!(invalid(&app).await, [99], "a rule of time is no schema's");
    let id = begin(&app, &json!({"all": true})).await;
    assert_eq!(ended(&app, &id).await, done(22, 20, 2));
    assert_eq!(invalid(&app).await, [16, 17, 18, 19, 20, 99]);
    // Without a schema there is nothing to break but the rule of time.
    app.http.send(Method::DELETE, "/schemas?category=c", &[], "").await;
    let id = begin(&app, &json!({})).await;
    assert_eq!(ended(&app, &id).await, done(6, 6, 0));
    assert_eq!(invalid(&app).await, [99]);
    let row = app.get("/events/e20").await.row();
    assert_eq!((row.valid, &row.rest["schema_version"]), (true, &Value::Null));
}

#[tokio::test]
async fn who_listens_is_told_of_new_verdicts() {
    let app = TestApp::start().await;
    put(&app, "keep", 1).await;
    send(&app, 3).await;
    for (way, maximum, state) in [(Way::ALL[0], 3, "stored"), (Way::ALL[1], 0, "invalid")] {
        let mut live = app.follow(way, "since=now&category=c").await;
        while live.next().await.kind != "caught_up" {}
        put(&app, "keep", maximum).await;
        let id = begin(&app, &json!({"all": true, "name": "odd"})).await;
        assert_eq!(ended(&app, &id).await.2, 2);
        for n in [1, 3] {
            let message = live.next_of("status").await.json();
            let seq = app.get(&format!("/events/e{n}")).await.row().seq;
            assert_eq!((&message["seq"], &message["state"]), (&json!(seq), &json!(state)));
        }
    }
}

#[tokio::test]
async fn one_job_runs_at_a_time_and_bad_wishes_are_refused() {
    let app = TestApp::start().await;
    put(&app, "keep", 1).await;
    send(&app, 50).await;
    let id = begin(&app, &json!({"rate": 1})).await;
    let busy = post(&app, "/invalid/revalidate", &json!({})).await;
    assert_eq!(
        (busy.status, &busy.json()["code"], &busy.json()["job"]),
        (409, &json!("job_running"), &json!(id))
    );
    for (wish, code, pointer) in [
        (json!({"category": ""}), "bad_value", json!("/category")),
        (json!({"from": "yesterday"}), "bad_value", json!("/from")),
        (json!({"rate": 0}), "bad_value", json!("/rate")),
        (json!({"all": 1}), "wrong_type", Value::Null),
        (json!({"filter": {}}), "unknown_field", Value::Null),
    ] {
        let answer = post(&app, "/invalid/revalidate", &wish).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (422, Some(code)),
            "{answer:?}"
        );
        assert_eq!(answer.json()["pointer"], pointer, "{wish}");
    }
    let cancel = format!("/jobs/{id}/cancel");
    assert_eq!(app.http.post(&cancel, "application/json", "").await.json()["state"], "cancelled");
}

/// 400 invalid events, 200 of which are valid by the schema in force now.
async fn misjudged(launch: &Launch) -> TestApp {
    let app = launch.start().await;
    put(&app, "keep", 0).await;
    send(&app, 400).await;
    assert_eq!(grouped(&app).await, 400);
    put(&app, "keep", 200).await;
    app
}

#[tokio::test]
async fn it_goes_on_after_kill_9_and_its_counts_are_exact() {
    let app = misjudged(&Launch::new()).await;
    let id = begin(&app, &json!({"rate": 200})).await;
    eventually("a quarter of the work", async || {
        (job(&app, &id).await["done"].as_u64().unwrap() >= 100).then_some(())
    })
    .await;
    let app = app.restart().await;
    assert_eq!(ended(&app, &id).await, done(400, 400, 0));
    assert_eq!((invalid(&app).await, grouped(&app).await), ((201..=400).collect(), 200));
}

#[tokio::test]
async fn death_between_the_verdicts_and_their_note_counts_nothing_twice() {
    for point in [
        "revalidate.before_commit",
        "revalidate.after_commit",
        "job.before_progress",
        "job.after_progress",
    ] {
        let launch = misjudged(&Launch::new()).await.terminate().await;
        let app = launch.clone().env("KILL_EYAS_AT", &format!("{point}:3")).start().await;
        let id = begin(&app, &json!({"rate": 500})).await;
        let said = app.killed().await;
        assert!(said.contains(point), "{said}");
        let app = launch.start().await;
        assert_eq!(ended(&app, &id).await, done(400, 400, 0), "{point}");
        assert_eq!(invalid(&app).await, (201..=400).collect::<Vec<_>>());
    }
}
