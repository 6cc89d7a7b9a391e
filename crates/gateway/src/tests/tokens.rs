//! Tokens: who is let in, how far, and what is said to the others.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::limits::{Limits, Patience};
use crate::tests::app::{Answer, App, DEADLINE};

pub(crate) const EVENT: &str = r#"{"category":"a","name":"b"}"#;

impl App {
    /// With the token `bearer`, unless that is empty.
    pub(crate) async fn ask(&self, bearer: &str, what: &str, body: &str) -> Answer {
        let bearer = match bearer {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        let headers = format!("Content-Type: application/json\r\n{bearer}");
        self.send(what, &headers, body.as_bytes()).await
    }

    /// A new application and an administrator's token of it, the first of all.
    pub(crate) async fn with_admin(&self) -> String {
        let made = self.ask("", "POST /applications", r#"{"name":"shop"}"#).await;
        assert_eq!(made.status, 201, "{}", made.text());
        self.token("", json!({ "application": "shop", "scopes": ["admin"] })).await.0
    }

    /// A new token: its text and its id.
    pub(crate) async fn token(&self, admin: &str, wanted: Value) -> (String, String) {
        let made = self.ask(admin, "POST /tokens", &wanted.to_string()).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
        (text("token"), text("id"))
    }

    pub(crate) async fn scoped(&self, admin: &str, scopes: &[&str]) -> (String, String) {
        self.token(admin, json!({ "application": "shop", "scopes": scopes })).await
    }
}

pub(crate) fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (status, &json!(code)),
        "{}",
        answer.text()
    );
    let challenge = (status == 401).then_some("Bearer");
    assert_eq!(answer.header("www-authenticate"), challenge);
}

#[tokio::test]
async fn tokens_are_needed_from_the_first_one_on() {
    let app = App::start().await;
    for what in ["GET /events", "GET /applications", "GET /audit", "GET /status", "GET /metrics"] {
        assert_eq!(app.ask("", what, "").await.status, 200, "{what}");
    }
    // Nothing is asked for, so nothing is looked at.
    assert_eq!(app.ask("eyas_nonsense", "POST /events", EVENT).await.status, 202);
    let admin = app.with_admin().await;
    for what in ["GET /events", "GET /applications", "GET /audit", "GET /status", "GET /live"] {
        refused(&app.ask("", what, "").await, 401, "token_missing");
    }
    refused(&app.ask("", "POST /applications", r#"{"name":"b"}"#).await, 401, "token_missing");
    for what in
        ["GET /healthz", "GET /readyz", "GET /openapi.json", "GET /docs", "GET /ui/", "GET /"]
    {
        assert_eq!(app.ask("", what, "").await.status, 200, "{what}");
    }
    // Only this machine can ask for its numbers.
    assert_eq!(app.ask("", "GET /metrics", "").await.status, 200);
    assert_eq!(app.ask(&admin, "GET /audit", "").await.status, 200);
    assert_eq!(app.ask(&admin, "POST /events", EVENT).await.status, 202);
}

#[tokio::test]
async fn a_server_that_others_can_reach_is_never_open() {
    let app = App::public().await;
    refused(&app.ask("", "GET /events", "").await, 401, "token_missing");
    refused(&app.ask("", "POST /events", EVENT).await, 401, "token_missing");
    refused(&app.ask("", "POST /tokens", "{}").await, 401, "token_missing");
    refused(&app.ask("", "GET /metrics", "").await, 401, "token_missing");
    assert_eq!(app.ask("", "GET /readyz", "").await.status, 200);
    assert!(app.edge.registry.is_locked_out());
}

#[tokio::test]
async fn every_refusal_of_a_write_says_why_and_stores_nothing() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let first = app.ask(&admin, "POST /events", EVENT).await.json()["seq"].as_u64().unwrap();

    let (read, _) = app.scoped(&admin, &["read", "write:orders"]).await;
    let (reader, _) = app.scoped(&admin, &["read"]).await;
    let (revoked, id) = app.scoped(&admin, &["write"]).await;
    assert_eq!(
        app.ask(&admin, &format!("DELETE /tokens/{id}"), "").await.json()["state"],
        "revoked"
    );
    let (rotated, id) = app.scoped(&admin, &["write"]).await;
    let at_once = r#"{"overlap_s":0}"#;
    assert_eq!(app.ask(&admin, &format!("POST /tokens/{id}/rotate"), at_once).await.status, 201);
    let other = app.ask(&admin, "POST /applications", r#"{"name":"other"}"#).await;
    assert_eq!(other.status, 201);
    let (disabled, _) = app.token(&admin, json!({"application":"other","scopes":["write"]})).await;
    let off = app.ask(&admin, "PATCH /applications/other", r#"{"disabled":true}"#).await;
    assert_eq!((off.status, &off.json()["disabled"]), (200, &json!(true)));

    let unknown = crate::auth::token_text::spell([9; 32]);
    let cut = &admin[..admin.len() - 1];
    let long = "a".repeat(5000);
    for (token, status, code) in [
        ("", 401, "token_missing"),
        (unknown.as_str(), 401, "token_unknown"),
        (cut, 401, "token_unknown"),
        ("two words", 401, "token_unknown"),
        (&long, 401, "token_unknown"),
        (&revoked, 401, "token_revoked"),
        (&rotated, 401, "token_expired"),
        (&disabled, 401, "application_disabled"),
        (&reader, 403, "wrong_scope"),
        (&read, 403, "wrong_stream"),
    ] {
        for body in [EVENT, "not even JSON"] {
            let answer = app.ask(token, "POST /events/", body).await;
            refused(&answer, status, code);
            assert_eq!(answer.json()["outcome"], "rejected", "{code}");
        }
    }
    for header in ["Basic eyas_x", "Bearer", "Bearer ", "eyas_x"] {
        let headers = format!("Authorization: {header}\r\n");
        refused(&app.send("POST /events", &headers, EVENT.as_bytes()).await, 401, "token_unknown");
    }
    let twice = format!("Authorization: Bearer {admin}\r\n").repeat(2);
    refused(&app.send("POST /events", &twice, EVENT.as_bytes()).await, 401, "token_unknown");

    let headers = format!("authorization: bEARER {admin}\r\n");
    let next = app.send("POST /events", &headers, EVENT.as_bytes()).await;
    assert_eq!(next.json()["seq"], first + 1, "nothing was stored in between");
    let orders = app.ask(&read, "POST /streams/orders", "1").await;
    assert_eq!(orders.json()["seq"], first + 2);
    refused(&app.ask(&reader, "GET /tokens", "").await, 403, "wrong_scope");
}

#[tokio::test]
async fn events_name_their_application_and_ids_are_its_own() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    app.ask(&admin, "POST /applications", r#"{"name":"other"}"#).await;
    let (other, _) = app.token(&admin, json!({"application":"other","scopes":["write"]})).await;
    let event = r#"{"id":"one","category":"a","name":"b"}"#;
    for (token, is_duplicate) in [(&admin, false), (&other, false), (&other, true)] {
        let answer = app.ask(token, "POST /events", event).await;
        assert_eq!(answer.status, 202);
        assert_eq!(answer.json().get("duplicate").is_some(), is_duplicate);
    }
    app.applied(2).await;
    let page = app.ask(&admin, "GET /events", "").await.json();
    let applications: Vec<_> =
        page["events"].as_array().unwrap().iter().map(|event| &event["application"]).collect();
    assert_eq!(applications, ["shop", "other"]);
    refused(&app.ask(&admin, "GET /events/one", "").await, 409, "ambiguous_id");
    let one = app.ask(&admin, "GET /events/one?application=other", "").await;
    assert_eq!(one.json()["application"], "other");
    // A repetition is told what became of the first, which is another application's no more than its own.
    let headers = format!("Authorization: Bearer {other}\r\nPrefer: wait=5\r\n");
    let again = app.send("POST /events", &headers, event.as_bytes()).await;
    assert_eq!((again.status, &again.json()["seq"]), (201, &json!(2)));
}

#[tokio::test]
async fn uses_are_noted_and_kept_when_the_server_ends() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let (writer, id) = app.scoped(&admin, &["write"]).await;
    let last_used = async || {
        let tokens = app.ask(&admin, "GET /tokens", "").await.json();
        let tokens = tokens["tokens"].as_array().unwrap().clone();
        let token = tokens.into_iter().find(|token| token["id"] == id.as_str()).unwrap();
        token["last_used"].clone()
    };
    assert_eq!(last_used().await, Value::Null);
    app.ask(&writer, "POST /events", EVENT).await;
    let used = last_used().await;
    assert!(used.as_str().is_some(), "{used}");
    // A refused token was not used.
    app.ask(&admin, &format!("DELETE /tokens/{id}"), "").await;
    app.ask(&writer, "POST /events", EVENT).await;
    assert_eq!(last_used().await, used);
    let applications = app.ask(&admin, "GET /applications", "").await.json();
    assert_eq!(applications["applications"][0]["n_tokens"], 1);
    assert!(applications["applications"][0]["last_used"].is_string());

    app.shutdown.cancel();
    app.edge.tasks.wait().await;
    let kept = app.edge.stores.trust.trust().await.unwrap();
    let kept = kept.tokens.iter().find(|token| token.id == id).unwrap();
    assert_eq!(kept.last_used.map(|at| at.to_string()).as_deref(), used.as_str());
    // Twice the same is not saved twice.
    app.edge.registry.save_uses().await.unwrap();
}

#[tokio::test]
async fn every_act_leaves_its_line_and_no_secret() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let (writer, id) =
        app.token(&admin, json!({"application":"shop","scopes":["write"],"label":"till 4"})).await;
    let rotated = app.ask(&admin, &format!("POST /tokens/{id}/rotate"), "").await;
    let heir = rotated.json();
    assert_eq!(
        (rotated.status, &heir["label"], &heir["scopes"]),
        (201, &json!("till 4"), &json!(["write"]))
    );
    // Both work until the overlap is over.
    for token in [writer.as_str(), heir["token"].as_str().unwrap()] {
        assert_eq!(app.ask(token, "POST /events", EVENT).await.status, 202);
    }
    app.ask(&admin, &format!("DELETE /tokens/{id}"), "").await;
    refused(&app.ask(&admin, &format!("POST /tokens/{id}/rotate"), "").await, 409, "token_ended");
    app.ask(&admin, "PATCH /applications/shop", r#"{"rate":{"events_per_s":5,"burst":9}}"#).await;
    let audit = app.ask(&admin, "GET /audit", "").await;
    let lines = audit.json()["audit"].as_array().unwrap().clone();
    let acts: Vec<_> = lines.iter().rev().map(|line| line["act"].as_str().unwrap()).collect();
    assert_eq!(
        acts,
        [
            "application.create",
            "token.create",
            "token.create",
            "token.rotate",
            "token.revoke",
            "application.change"
        ]
    );
    assert_eq!(lines[5]["actor"], "local");
    assert!(lines[0]["actor"].as_str().unwrap().starts_with("shop, token "));
    assert_eq!(lines[0]["detail"], json!({"rate":{"events_per_s":5,"burst":9}}));
    assert_eq!((&lines[2]["object"], &lines[2]["detail"]["new"]), (&json!(id), &heir["id"]));
    let listed = app.ask(&admin, "GET /tokens", "").await.text();
    for secret in [&admin, &writer] {
        assert!(!audit.text().contains(secret.as_str()) && !listed.contains(secret.as_str()));
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_place() {
    let app = App::start().await;
    assert_eq!(app.post("/applications", r#"{"name":"shop"}"#).await.status, 201);
    for (path, body, status, code, pointer) in [
        ("/applications", r#"{"name":"shop"}"#, 409, "application_exists", None),
        ("/applications", r#"{"name":"a b"}"#, 422, "bad_value", Some("/name")),
        ("/applications", r#"{"name":1}"#, 422, "wrong_type", None),
        ("/applications", r#"{"nome":"a"}"#, 422, "unknown_field", None),
        ("/applications", "{}", 422, "missing_field", None),
        ("/applications", r#"{"name":"a","name":"b"}"#, 422, "duplicate_field", None),
        (
            "/applications",
            r#"{"name":"a","rate":{"events_per_s":0,"burst":1}}"#,
            422,
            "bad_value",
            Some("/rate/events_per_s"),
        ),
        ("/applications", "{", 400, "invalid_json", None),
        ("/applications", "[]", 422, "wrong_type", None),
        ("/applications", r#"["a"]"#, 422, "wrong_type", None),
        ("/applications", r#"{"name":"a","rate":[1,2]}"#, 422, "wrong_type", None),
        ("/tokens", r#" ["shop",["read"]]"#, 422, "wrong_type", None),
        ("/applications", "", 400, "empty_body", None),
        // Bodies with a schema are read by the same rules, the members of their key too.
        ("/schemas/activate", r#"["events",null,null,1]"#, 422, "wrong_type", None),
        ("/schemas/activate", r#"{"category":"a"}"#, 422, "missing_field", None),
        ("/schemas/activate", r#"{"version":1,"nome":"a"}"#, 422, "unknown_field", None),
        (
            "/schemas/activate",
            r#"{"name":"a","version":1,"name":"b"}"#,
            422,
            "duplicate_field",
            None,
        ),
        ("/schemas/activate", r#"{"version":1.5}"#, 422, "wrong_type", None),
        ("/schemas/test", r#"{"stream":"A B","schema":{}}"#, 422, "wrong_type", Some("/stream")),
        (
            "/tokens",
            r#"{"application":"nobody","scopes":["read"]}"#,
            422,
            "bad_value",
            Some("/application"),
        ),
        (
            "/tokens",
            r#"{"application":"shop","scopes":["fly"]}"#,
            422,
            "bad_value",
            Some("/scopes/0"),
        ),
        ("/tokens/none/rotate", "", 404, "not_found", None),
    ] {
        let answer = app.post(path, body).await;
        refused(&answer, status, code);
        assert_eq!(answer.json()["pointer"].as_str(), pointer, "{body}");
    }
    let large = format!("{{\"name\":\"{}\"}}", "a".repeat(70_000));
    refused(&app.post("/applications", &large).await, 413, "body_too_large");
    let text = app.send("POST /applications", "Content-Type: text/plain\r\n", b"{}").await;
    refused(&text, 415, "unsupported_media_type");
    let patch = app.send("PATCH /applications/none", "", b"{}").await;
    refused(&patch, 404, "not_found");
    refused(&app.send("DELETE /tokens/none", "", b"").await, 404, "not_found");
}

#[tokio::test]
async fn a_live_connection_ends_with_the_right_to_it() {
    let patience = Patience { live_keep_alive: Duration::from_millis(50), ..Patience::default() };
    let app = App::with(Limits { patience, ..Limits::default() }).await;
    // Without tokens everybody may follow: until there is one.
    let mut open = follow(&app, "").await;
    let admin = app.with_admin().await;
    assert!(rest(&mut open).await.contains(r#""reason":"token_missing""#));

    let (reader, id) = app.scoped(&admin, &["read"]).await;
    let (_, other) = app.scoped(&admin, &["read"]).await;
    let mut live = follow(&app, &reader).await;
    app.ask(&admin, &format!("DELETE /tokens/{other}"), "").await;
    assert_eq!(
        app.ask(&admin, "POST /events", r#"{"id":"seen","category":"a","name":"b"}"#).await.status,
        202
    );
    let mut text = String::new();
    while !text.contains(r#""seen""#) {
        text.push_str(&piece(&mut live).await);
    }
    app.ask(&admin, &format!("DELETE /tokens/{id}"), "").await;
    assert!(rest(&mut live).await.contains(r#""reason":"token_revoked""#));

    let short = json!({"application":"shop","scopes":["read"],"expires_in_s":1});
    let (short, _) = app.token(&admin, short).await;
    let mut live = follow(&app, &short).await;
    assert!(rest(&mut live).await.contains(r#""reason":"token_expired""#));
}

async fn follow(app: &App, token: &str) -> tokio::net::TcpStream {
    let bearer = match token {
        "" => String::new(),
        token => format!("Authorization: Bearer {token}\r\n"),
    };
    let mut stream = app.connect().await;
    let head = format!("GET /live HTTP/1.1\r\nHost: {}\r\n{bearer}\r\n", app.address);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    while !text.contains(r#""type":"hello""#) {
        text.push_str(&piece(&mut stream).await);
    }
    stream
}

async fn piece(stream: &mut tokio::net::TcpStream) -> String {
    let mut bytes = [0; 4096];
    let n_read = timeout(DEADLINE, stream.read(&mut bytes)).await.unwrap().unwrap();
    assert!(n_read > 0, "the connection ended");
    String::from_utf8_lossy(&bytes[..n_read]).into_owned()
}

async fn rest(stream: &mut tokio::net::TcpStream) -> String {
    let mut text = String::new();
    while !text.contains(r#""type":"bye""#) {
        text.push_str(&piece(stream).await);
    }
    text
}
