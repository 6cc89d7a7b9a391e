//! Tokens at the boundary: an unmodified client of the old collector, every refusal, the commands, restarts and kills.

use hyper::Method;
use serde_json::{Value, json};

use crate::app::{Launch, TestApp, eventually};
use crate::command::{Said, eyas, run};
use crate::http::Answer;

/// What the old collector's clients send.
const OLD: &str = r#"{"session_id":"e2085be5-9137-4e4e-80b5-f1ffddc25423","category":"page interaction","name":"cta click","data":{"host":"www.example.com","path":"/","element":"chat bubble"},"timestamp":"2021-01-01 09:15:27.243860"}"#;

impl TestApp {
    /// As somebody with this token; an empty one is left out.
    async fn ask_as(&self, token: &str, method: Method, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        let n_headers = if token.is_empty() { 1 } else { 2 };
        let sent = self.http.try_send(method, path, &headers[..n_headers], body.to_owned()).await;
        sent.expect("an answer")
    }

    async fn post_as(&self, token: &str, path: &str, body: &str) -> Answer {
        self.ask_as(token, Method::POST, path, body).await
    }

    /// A new token: its text and its id.
    async fn token(&self, admin: &str, wanted: &Value) -> (String, String) {
        let made = self.post_as(admin, "/tokens", &wanted.to_string()).await;
        assert_eq!(made.status, 201, "{made:?}");
        let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
        (text("token"), text("id"))
    }

    /// The application `shop`, and its first token, which may everything.
    async fn with_admin(&self) -> String {
        let made = self.post_as("", "/applications", r#"{"name":"shop"}"#).await;
        assert_eq!(made.status, 201, "{made:?}");
        self.token("", &json!({"application": "shop", "scopes": ["admin"]})).await.0
    }

    /// A client command, with `EYAS_TOKEN`.
    async fn command_as(&self, token: &str, arguments: &[&str]) -> Said {
        let mut command = eyas(arguments);
        command.env("EYAS_URL", &self.url).env("EYAS_TOKEN", token);
        run(command, "").await
    }
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{answer:?}");
}

#[tokio::test]
async fn an_unmodified_client_of_the_old_collector_works_and_all_others_are_refused() {
    let app = TestApp::start().await;
    let admin = app.with_admin().await;
    let writer = json!({"application": "shop", "scopes": ["write"], "label": "the site"});
    let (good, _) = app.token(&admin, &writer).await;
    let (revoked, id) = app.token(&admin, &writer).await;
    app.ask_as(&admin, Method::DELETE, &format!("/tokens/{id}"), "").await;
    let short = json!({"application": "shop", "scopes": ["write"], "expires_in_s": 1});
    let (expired, id) = app.token(&admin, &short).await;
    eventually("the short token expires", async || {
        let tokens = app.ask_as(&admin, Method::GET, "/tokens", "").await.json();
        let tokens = tokens["tokens"].as_array().unwrap().clone();
        let token = tokens.into_iter().find(|token| token["id"] == id.as_str()).unwrap();
        (token["state"] == "expired").then_some(())
    })
    .await;
    let (reader, _) = app.token(&admin, &json!({"application": "shop", "scopes": ["read"]})).await;
    let orders = json!({"application": "shop", "scopes": ["write:orders"]});
    let (orders, _) = app.token(&admin, &orders).await;

    let first = app.post_as(&good, "/events/", OLD).await;
    assert_eq!(first.status, 202, "{first:?}");
    let unknown = format!("eyas_{}", "7".repeat(49));
    for (token, status, code) in [
        ("", 401, "token_missing"),
        (unknown.as_str(), 401, "token_unknown"),
        ("3fa85f64-5717-4562-b3fc-2c963f66afa6", 401, "token_unknown"),
        (&good[..30], 401, "token_unknown"),
        (&expired, 401, "token_expired"),
        (&revoked, 401, "token_revoked"),
        (&reader, 403, "wrong_scope"),
        (&orders, 403, "wrong_stream"),
    ] {
        let answer = app.post_as(token, "/events/", OLD).await;
        refused(&answer, status, code);
        assert_eq!(answer.json()["outcome"], "rejected", "{code}");
        let challenge = answer.headers.get("www-authenticate").map(|value| value.to_str().unwrap());
        assert_eq!(challenge, (status == 401).then_some("Bearer"), "{code}");
    }
    let next = app.post_as(&good, "/events/", OLD).await;
    let seq = |answer: &Answer| answer.json()["seq"].as_u64().unwrap();
    assert_eq!(seq(&next), seq(&first) + 1, "nothing was stored in between");

    let event = app
        .ask_as(
            &reader,
            Method::GET,
            &format!("/events/{}", first.json()["id"].as_str().unwrap()),
            "",
        )
        .await;
    let event = event.json();
    assert_eq!(event["application"], "shop");
    assert_eq!(event["timestamp"], "2021-01-01T09:15:27.243860Z");
}

#[tokio::test]
async fn what_was_revoked_and_who_came_is_known_after_a_kill_and_a_stop() {
    let app = TestApp::start().await;
    let admin = app.with_admin().await;
    let writer = json!({"application": "shop", "scopes": ["write"]});
    let (good, _) = app.token(&admin, &writer).await;
    let (revoked, id) = app.token(&admin, &writer).await;
    assert_eq!(app.post_as(&revoked, "/events", OLD).await.status, 202);
    let answer = app.ask_as(&admin, Method::DELETE, &format!("/tokens/{id}"), "").await;
    assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("revoked")));
    let app = app.restart().await;
    refused(&app.post_as(&revoked, "/events", OLD).await, 401, "token_revoked");
    refused(&app.post_as("", "/events", OLD).await, 401, "token_missing");
    assert_eq!(app.post_as(&good, "/events", OLD).await.status, 202);
    let app = app.terminate().await.start().await;
    let tokens = app.ask_as(&admin, Method::GET, "/tokens", "").await.json();
    assert!(tokens["tokens"][1]["last_used"].is_string(), "{tokens}");
    assert_eq!(tokens["tokens"][0]["prefix"], admin[..9]);
}

#[tokio::test]
async fn with_a_token_it_may_listen_for_others_and_lets_nobody_in_without() {
    let launch = Launch::new();
    let app = launch.start().await;
    let admin = app.with_admin().await;
    app.terminate().await;
    let app = launch.env("EYAS_LISTEN", "0.0.0.0:0").start().await;
    for (path, status) in [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/openapi.json", 200),
        ("/metrics", 401),
        ("/events", 401),
        ("/status", 401),
        ("/live", 401),
    ] {
        assert_eq!(app.get(path).await.status, status, "{path}");
    }
    assert_eq!(app.ask_as(&admin, Method::GET, "/metrics", "").await.status, 200);
    assert_eq!(app.post_as(&admin, "/events", OLD).await.status, 202);
    // The last one revoked opens nothing.
    let tokens = app.ask_as(&admin, Method::GET, "/tokens", "").await.json();
    let id = tokens["tokens"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(app.ask_as(&admin, Method::DELETE, &format!("/tokens/{id}"), "").await.status, 200);
    refused(&app.post_as("", "/events", OLD).await, 401, "token_missing");
    let app = app.restart().await;
    refused(&app.post_as(&admin, "/events", OLD).await, 401, "token_revoked");
}

#[tokio::test]
async fn commands_come_with_the_token_of_their_environment() {
    let app = TestApp::start().await;
    let admin = app.with_admin().await;
    let both = json!({"application": "shop", "scopes": ["write", "read"]});
    let (token, _) = app.token(&admin, &both).await;
    let send = ["send", "--category", "a", "--name", "b", "--json"];
    let sent = app.command_as(&token, &send).await;
    assert_eq!(sent.code, 0, "{sent:?}");
    let without = app.command_as("", &send).await;
    assert_eq!(without.code, 3, "{without:?}");
    assert!(without.stderr.contains("token_missing"), "{without:?}");
    let mistyped = app.command_as(&token[..20], &send).await;
    assert!(mistyped.code == 3 && mistyped.stderr.contains("token_unknown"), "{mistyped:?}");

    let tail = ["tail", "--since", "beginning", "--count", "1", "--json"];
    let seen = app.command_as(&token, &tail).await;
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(seen.stdout.contains(r#""application":"shop""#), "{seen:?}");
    let without = app.command_as("", &tail).await;
    assert!(without.code == 3 && without.stderr.contains("token_missing"), "{without:?}");

    let load = ["load", "--rate", "100", "--for", "500ms", "--connections", "4", "--json"];
    let proven = app.command_as(&token, &load).await;
    assert_eq!(proven.code, 0, "{proven:?}");
    let (writer, _) = app.token(&admin, &json!({"application": "shop", "scopes": ["write"]})).await;
    let blind = app.command_as(&writer, &load).await;
    assert!(blind.code == 3 && blind.stderr.contains("wrong_scope"), "{blind:?}");

    let dir = app.launch.dir().to_str().unwrap().to_owned();
    let doctor = ["doctor", "--json", "--data-dir", dir.as_str()];
    let looked = app.command_as(&token, &doctor).await;
    assert!(looked.stdout.contains("the database has applied"), "{looked:?}");
    let blind = app.command_as("", &doctor).await;
    assert!(blind.stdout.contains("EYAS_TOKEN") && blind.code == 0, "{blind:?}");
}
