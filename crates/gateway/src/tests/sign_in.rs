//! Sign-ins over HTTP: who gets one, what it costs, and how it ends.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::auth::codes::Invitation;
use crate::tests::app::{Answer, App, DEADLINE};
use crate::tests::tokens::refused;

/// The cookie of who signs in with this.
async fn cookie(app: &App, proof: Value) -> String {
    let answer = app.ask("", "POST /session", &proof.to_string()).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// With the cookie, from a page of ours.
async fn with_cookie(app: &App, cookie: &str, what: &str) -> Answer {
    let own = "X-Requested-By: console\r\nSec-Fetch-Site: same-origin\r\n";
    app.send(what, &format!("Cookie: {cookie}\r\n{own}"), b"").await
}

#[tokio::test]
async fn no_sign_in_and_no_code_outlives_the_time_when_everybody_may_everything() {
    let app = App::start().await;
    refused(&app.ask("", "POST /session/codes", "").await, 409, "not_needed");
    for proof in [json!({ "code": "c" }), json!({ "token": "t" })] {
        let answer = app.ask("", "POST /session", &proof.to_string()).await;
        refused(&answer, 409, "not_needed");
        assert_eq!(answer.header("set-cookie"), None);
    }
    let admin = app.with_admin().await;
    assert_eq!(app.ask(&admin, "POST /session/codes", "").await.status, 201);
}

#[tokio::test]
async fn an_administrator_ends_all_sign_ins_and_codes() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let machine = app.edge.codes.make(Invitation::MACHINE, pipeline::now()).unwrap();
    let machine = cookie(&app, json!({ "code": machine.text })).await;
    let made = with_cookie(&app, &machine, "POST /session/codes").await;
    assert_eq!(made.status, 201, "{}", made.text());
    let (reader, _) = app.scoped(&admin, &["read"]).await;
    let token = cookie(&app, json!({ "token": reader })).await;
    refused(&app.ask(&reader, "DELETE /session/all", "").await, 403, "wrong_scope");
    refused(&app.ask("", "DELETE /session/all", "").await, 401, "token_missing");
    for cookie in [&machine, &token] {
        assert_eq!(with_cookie(&app, cookie, "GET /events").await.status, 200);
    }
    assert_eq!(app.ask(&admin, "DELETE /session/all", "").await.status, 204);
    for cookie in [&machine, &token] {
        refused(&with_cookie(&app, cookie, "GET /events").await, 401, "token_missing");
    }
    let proof = json!({ "code": made.json()["code"] }).to_string();
    refused(&app.ask("", "POST /session", &proof).await, 401, "bad_code");
    let trail = app.ask(&admin, "GET /audit?limit=1", "").await.json();
    assert_eq!(trail["audit"][0]["act"], "session.end_all");
}

#[tokio::test]
async fn signing_out_without_a_sign_in_wakes_nobody() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let good = cookie(&app, json!({ "token": admin })).await;
    let mut changed = std::pin::pin!(app.edge.registry.changed());
    for cookie in ["eyas_session=nonsense", "eyas_session=", "a=b"] {
        let out = with_cookie(&app, cookie, "DELETE /session").await;
        assert_eq!((out.status, out.header("set-cookie").is_some()), (204, true), "{cookie}");
    }
    // Whoever waits would have been woken before the answer.
    assert!(timeout(Duration::ZERO, changed.as_mut()).await.is_err());
    assert_eq!(with_cookie(&app, &good, "DELETE /session").await.status, 204);
    assert!(timeout(DEADLINE, changed).await.is_ok());
    refused(&with_cookie(&app, &good, "GET /events").await, 401, "token_missing");
}

#[tokio::test]
async fn signing_in_costs_what_any_request_of_the_token_costs() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let slow = r#"{"name":"slow","rate":{"events_per_s":1,"burst":2}}"#;
    assert_eq!(app.ask(&admin, "POST /applications", slow).await.status, 201);
    let (reader, _) = app.token(&admin, json!({"application":"slow","scopes":["read"]})).await;
    // What it has sent counts: a thousand requests of debt cannot be paid back within this test.
    let principal = app.edge.registry.resolve(reader.as_bytes()).unwrap();
    app.edge.limiter.admit(&principal, None).unwrap().settle(1_000);
    let answer = app.ask("", "POST /session", &json!({ "token": reader }).to_string()).await;
    refused(&answer, 429, "rate_limited");
}
