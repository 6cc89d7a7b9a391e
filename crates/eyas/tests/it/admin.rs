//! Administration: over the socket of the data directory, on the directory itself, and from elsewhere with a token.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use hyper::Method;
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::app::{DEADLINE, Launch, TestApp, eventually};
use crate::command::{Said, eyas, run, run_eyas, run_shell};

const GOOD: &str = r#"{"category":"c","name":"n"}"#;

/// `eyas … --data-dir DIR --json`: what it answered.
async fn json(dir: &Path, arguments: &[&str]) -> Value {
    let said = on(dir, &[arguments, &["--json"]].concat()).await;
    assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
    serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {said:?}"))
}

async fn on(dir: &Path, arguments: &[&str]) -> Said {
    run_eyas(&[arguments, &["--data-dir", dir.to_str().unwrap()]].concat()).await
}

/// A new token of the application `shop`: its id and its text.
async fn token(dir: &Path, scope: &str) -> (String, String) {
    let made = json(dir, &["token", "create", "--app", "shop", "--scope", scope]).await;
    let text = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    (text("id"), text("token"))
}

async fn post(app: &TestApp, token: &str) -> (u16, String) {
    let bearer = format!("Bearer {token}");
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let answer = app.http.another().try_send(Method::POST, "/events", &headers, GOOD).await;
    let answer = answer.expect("an answer");
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

/// One raw request over the socket, and the whole answer.
async fn over_socket(dir: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(dir.join("admin.sock")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn only_the_owner_can_open_the_socket_and_there_no_token_is_asked_for() {
    let app = TestApp::start().await;
    let socket = app.path("admin.sock");
    let facts = std::fs::metadata(&socket).unwrap();
    assert!(facts.file_type().is_socket());
    assert_eq!(facts.permissions().mode() & 0o777, 0o600);
    json(app.launch.dir(), &["app", "create", "shop"]).await;
    token(app.launch.dir(), "write").await;
    // Another host, another origin, a wrong token: none of that counts here, and all of it does elsewhere.
    let request = "GET /tokens HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\
        Authorization: Bearer eyas_wrong\r\nConnection: close\r\n\r\n";
    let answer = over_socket(app.launch.dir(), request).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let headers = [("authorization", "Bearer eyas_wrong")];
    let elsewhere = app.http.another().try_send(Method::GET, "/tokens", &headers, "").await;
    assert_eq!(elsewhere.unwrap().status, 401);
    let launch = app.terminate().await;
    assert!(!socket.exists(), "it goes away with the server");
    // What a killed server leaves is replaced.
    let app = launch.start().await;
    let launch = app.kill();
    assert!(launch.dir().join("admin.sock").exists());
    let app = launch.start().await;
    assert_eq!(json(app.launch.dir(), &["app", "list"]).await["applications"][0]["name"], "shop");
}

#[tokio::test]
async fn a_token_is_made_before_the_first_start_and_works_after_it() {
    let launch = Launch::new();
    let dir = launch.dir().join("not/yet");
    let said = on(&dir, &["token", "list"]).await;
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains("--data-dir") && !dir.exists(), "{said:?}");
    json(&dir, &["app", "create", "shop"]).await;
    assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    let (_, text) = token(&dir, "write").await;
    let app = launch.env("EYAS_DATA_DIR", dir.to_str().unwrap()).start().await;
    assert_eq!(post(&app, &text).await.0, 202);
    assert_eq!(post(&app, &text.to_uppercase()).await, (401, "token_unknown".to_owned()));
    assert_eq!(app.post_events(GOOD).await.status, 401);
    // Its folder goes away with it.
    let _launch = app.terminate().await;
    let lines = json(&dir, &["audit"]).await;
    let acts: Vec<&str> =
        lines["audit"].as_array().unwrap().iter().map(|it| it["act"].as_str().unwrap()).collect();
    assert!(acts.contains(&"token.create") && acts.contains(&"application.create"), "{lines}");
}

#[tokio::test]
async fn a_revoked_token_is_refused_with_the_next_request_also_after_a_restart() {
    let app = TestApp::start().await;
    let dir = app.launch.dir().to_owned();
    json(&dir, &["app", "create", "shop"]).await;
    let (id, text) = token(&dir, "write").await;
    assert_eq!(post(&app, &text).await.0, 202);
    let rotated = json(&dir, &["token", "rotate", &id, "--overlap", "1h"]).await;
    let next = rotated["token"].as_str().unwrap().to_owned();
    assert_eq!((post(&app, &text).await.0, post(&app, &next).await.0), (202, 202));
    let revoked = json(&dir, &["token", "revoke", &id]).await;
    assert_eq!(revoked["state"], "revoked");
    assert_eq!(post(&app, &text).await, (401, "token_revoked".to_owned()));
    assert_eq!(post(&app, &next).await.0, 202);
    json(&dir, &["app", "disable", "shop"]).await;
    assert_eq!(post(&app, &next).await, (401, "application_disabled".to_owned()));
    let launch = app.terminate().await;
    // Without a server, on the directory itself.
    json(&dir, &["app", "set", "shop", "--enable"]).await;
    let app = launch.start().await;
    assert_eq!(post(&app, &next).await.0, 202);
    assert_eq!(post(&app, &text).await.1, "token_revoked");
    let said = on(&dir, &["token", "revoke", "nobody"]).await;
    assert_eq!(said.code, 3, "{said:?}");
}

#[tokio::test]
async fn a_command_finds_the_server_through_a_restart() {
    let app = TestApp::start().await;
    let dir = app.launch.dir().to_owned();
    json(&dir, &["app", "create", "shop"]).await;
    app.signal(Signal::USR2);
    // From the first moment to the last: over the old server's socket, the new one's, or waiting between the two.
    while app.lines().len() < 2 {
        assert_eq!(json(&dir, &["app", "list"]).await["applications"][0]["n_tokens"], 0);
    }
    json(&dir, &["token", "create", "--app", "shop", "--scope", "read"]).await;
    app.terminate().await;
}

#[tokio::test]
async fn what_it_prints_for_people_works_as_printed() {
    let app = TestApp::start().await;
    let dir = app.launch.dir().to_owned();
    on(&dir, &["app", "create", "shop"]).await;
    let said = on(&dir, &["token", "create", "--app", "shop", "--scope", "write"]).await;
    let token = said.stdout.trim();
    assert!(token.starts_with("eyas_") && !token.contains(char::is_whitespace), "{said:?}");
    let script: String = said
        .stderr
        .lines()
        .skip_while(|line| !line.contains("export"))
        .collect::<Vec<_>>()
        .join("\n");
    let ran = run_shell(&script).await;
    let accepted: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    assert!(accepted["id"].is_string(), "{accepted}");
    let said = on(&dir, &["token", "list"]).await;
    assert!(!said.stdout.contains(token) && said.stdout.contains("active"), "{said:?}");
    let url = on(&dir, &["login"]).await;
    assert!(url.stdout.starts_with(&format!("{}/ui/#code=", app.url)), "{url:?}");
}

#[tokio::test]
async fn from_elsewhere_the_token_decides() {
    let app = TestApp::start().await;
    let dir = app.launch.dir().to_owned();
    json(&dir, &["app", "create", "shop"]).await;
    let (_, write) = token(&dir, "write").await;
    let (_, admin) = token(&dir, "admin").await;
    let with = async |token: Option<&str>| {
        let mut command = eyas(&["app", "list", "--json", "--url", &app.url]);
        command.envs(token.map(|token| ("EYAS_TOKEN", token)));
        run(command, "").await
    };
    assert_eq!(with(Some(&admin)).await.code, 0);
    for (token, code) in [(None, "token_missing"), (Some(write.as_str()), "wrong_scope")] {
        let said = with(token).await;
        assert_eq!((said.code, said.stderr.contains(code)), (3, true), "{said:?}");
    }
    let mut command = eyas(&["app", "list"]);
    command.env("EYAS_URL", "http://127.0.0.1:1");
    let said = run(command, "").await;
    assert_eq!(said.code, 4, "{said:?}");
}

#[tokio::test]
async fn a_folder_so_deep_that_no_socket_address_holds_it_works_too() {
    let launch = Launch::new();
    let dir = launch.dir().join("deep".repeat(20)).join("deep".repeat(20));
    let app = launch.env("EYAS_DATA_DIR", dir.to_str().unwrap()).start().await;
    assert!(dir.join("admin.sock").exists());
    json(&dir, &["app", "create", "shop"]).await;
    // It was the server that did it: it knows at once.
    let (_, text) = token(&dir, "write").await;
    assert_eq!(post(&app, &text).await.0, 202);
}

#[tokio::test]
async fn schemas_are_tried_stored_and_changed_back() {
    let app = TestApp::start().await;
    let dir = app.launch.dir().to_owned();
    app.post_events(r#"{"category":"shop","name":"order","data":{"n":1}}"#).await.accepted();
    app.wait_applied().await;
    let file = app.path("strict.json");
    std::fs::write(&file, r#"{"type":"object","required":["total"]}"#).unwrap();
    let file = file.to_str().unwrap();
    let key = ["--category", "shop", "--name", "order"];
    let test = [&["schema", "test", file, "--against", "last:10"][..], &key].concat();
    let said = on(&dir, &test).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.stdout.contains("required") && said.stdout.contains("1 would be invalid"),
        "{said:?}"
    );
    let put = [&["schema", "put", file, "--mode", "reject"][..], &key].concat();
    assert_eq!(json(&dir, &put).await["version"], 1);
    let refused = app.post_events(r#"{"category":"shop","name":"order","data":{"n":1}}"#).await;
    assert_eq!(refused.status, 422);
    std::fs::write(file, "{}").unwrap();
    assert_eq!(json(&dir, &put).await["version"], 2);
    let activate = [&["schema", "activate", "1"][..], &key].concat();
    assert_eq!(json(&dir, &activate).await["version"], 1);
    let versions = json(&dir, &[&["schema", "versions"][..], &key].concat()).await;
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2);
    assert_eq!(json(&dir, &[&["schema", "off"][..], &key].concat()).await["mode"], "off");
    std::fs::write(file, "{").unwrap();
    let said = on(&dir, &put).await;
    assert_eq!(said.code, 2, "{said:?}");
    let said = on(&dir, &["schema", "list"]).await;
    assert!(said.stdout.contains("shop") && said.stdout.contains("off"), "{said:?}");
}

#[tokio::test]
async fn a_wrong_command_line_says_what_is_wrong() {
    for (arguments, words) in [
        (&["token", "create", "--app", "a"][..], "--scope"),
        (&["token", "rotate", "x", "--overlap", "5"], "unit"),
        (&["schema", "test", "f", "--against", "first:3"], "last:1000"),
        (&["app", "list", "--url", "http://127.0.0.1:1", "--data-dir", "x"], "cannot be used"),
        (&["replay", "--seq", "1", "--reason", "r"], "cannot be used"),
        (&["app", "set", "a", "--rate", "1", "--no-rate"], "cannot be used"),
    ] {
        let said = run_eyas(arguments).await;
        assert_eq!(said.code, 2, "{arguments:?}: {said:?}");
        assert!(said.stderr.contains(words), "{arguments:?}: {said:?}");
    }
}

#[tokio::test]
async fn a_server_waits_for_a_command_that_has_the_directory() {
    let launch = Launch::new();
    let lock = std::fs::File::create(launch.dir().join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    std::fs::write(launch.dir().join("lock"), r#"{"pid":1,"is_command":true}"#).unwrap();
    // A lock that is only held for a look would have been given up by then.
    let app = launch.start_after("waiting for a command of administration", || drop(lock)).await;
    eventually("it serves", async || (app.get("/readyz").await.status == 200).then_some(())).await;
}

#[tokio::test]
async fn dead_letters_are_replayed_with_a_server_and_without_one() {
    let app = TestApp::start().await;
    let dir = app.launch.dir().to_owned();
    app.beside().refuse("CAST(new.data AS text) IN ('1', '2')", "none of these here");
    let lines = app.http.post("/streams/raw", "application/x-ndjson", "0\n1\n2\n3").await;
    let first = lines.accepted()["first_seq"].as_u64().unwrap();
    app.wait_applied().await;
    let preview = json(&dir, &["replay", "--stream", "raw", "--dry-run"]).await;
    assert_eq!(preview["count"], 2, "{preview}");
    assert_eq!(json(&dir, &["replay", "--stream", "other", "--yes"]).await["count"], 0);
    let said = on(&dir, &["replay"]).await;
    assert_eq!((said.code, said.stderr.contains("--yes")), (2, true), "{said:?}");
    let said = on(&dir, &["replay", "--yes"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stdout.starts_with("0 replayed, 2 died again"), "{said:?}");
    app.beside().heal();
    let seq = (first + 1).to_string();
    let done = json(&dir, &["replay", "--yes", "--seq", &seq]).await;
    assert_eq!((&done["state"], &done["ok"]), (&Value::from("done"), &Value::from(1)), "{done}");
    let launch = app.terminate().await;
    let said = on(&dir, &["replay", "--yes"]).await;
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (0, "1 replayed, 0 died again, 0 left as they are\n")
    );
    let jobs = json(&dir, &["jobs"]).await;
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 3, "{jobs}");
    let id = jobs["jobs"][0]["id"].as_str().unwrap();
    assert_eq!(json(&dir, &["jobs", "show", id]).await["state"], "done");
    assert_eq!(on(&dir, &["jobs", "cancel", "nobody"]).await.code, 3);
    let app = launch.start().await;
    assert_eq!(app.export_of("/streams/raw").await.len(), 4);
}
