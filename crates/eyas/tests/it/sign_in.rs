//! Signing in to the console: what a cookie may, when it ends, and that no other page can use it.

use std::io::Read as _;
use std::process::{Command, Stdio};

use hyper::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::app::{DEADLINE, Launch, TestApp, binary};
use crate::follow::{Follower, Heard, knock};
use crate::http::{Answer, Http};

const EVENT: &str = r#"{"category":"c","name":"n"}"#;
const JSON: (&str, &str) = ("content-type", "application/json");
const CONSOLE: (&str, &str) = ("x-requested-by", "console");

/// A server with an administrator, whose token `app.http` bears.
async fn guarded() -> (TestApp, String) {
    let mut app = TestApp::start().await;
    let (_, token) = app.make_token("admin", &["admin"]).await;
    app.http = app.http.another().bearing(&token);
    (app, token)
}

async fn prove(app: &TestApp, proof: &Value) -> Answer {
    app.http.another().send(Method::POST, "/session", &[JSON], proof.to_string()).await
}

/// The cookie that an answer gives.
fn cookie(answer: &Answer) -> String {
    assert_eq!(answer.status, 204, "{answer:?}");
    let given = answer.header("set-cookie");
    assert!(given.contains("; HttpOnly; SameSite=Strict; Path=/"), "{given}");
    given.split(';').next().expect("a name and a value").to_owned()
}

/// A browser that has signed in.
async fn browser(app: &TestApp, proof: &Value) -> (Http, String) {
    let cookie = cookie(&prove(app, proof).await);
    (app.http.another().saying("cookie", &cookie), cookie)
}

async fn code_of(
    http: &Http,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, String) {
    let answer = http.send(method, path, headers, EVENT).await;
    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    (answer.status, code)
}

#[tokio::test]
async fn an_open_server_asks_nobody_to_sign_in() {
    let app = TestApp::start().await;
    let session = app.get("/session").await.json();
    assert_eq!(session["required"], false);
    assert_eq!(session["roles"], json!(["read", "admin"]));
    assert_eq!(session["insecure"], false);
}

#[tokio::test]
async fn a_cookie_may_what_the_token_may_and_ends_with_it() {
    let (app, _) = guarded().await;
    let stranger = app.http.another();
    let session = stranger.get("/session").await.json();
    assert_eq!((&session["required"], &session["signed_in"]), (&true.into(), &false.into()));
    assert_eq!((&session["roles"], &session["actor"]), (&json!([]), &Value::Null));
    assert_eq!(stranger.get("/events").await.status, 401);

    let (id, token) = app.make_token("viewer", &["read"]).await;
    let (browser, _) = browser(&app, &json!({ "token": token })).await;
    let session = browser.get("/session").await.json();
    assert_eq!((&session["signed_in"], &session["roles"]), (&true.into(), &json!(["read"])));
    assert!(session["expires_at"].is_string() && session["actor"].is_string(), "{session}");
    assert_eq!(browser.get("/events").await.status, 200);
    assert_eq!(
        code_of(&browser, Method::GET, "/audit", &[]).await,
        (403, "wrong_scope".to_owned())
    );

    let revoked = app.http.send(Method::DELETE, &format!("/tokens/{id}"), &[], "").await;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    assert_eq!(
        code_of(&browser, Method::GET, "/events", &[]).await,
        (401, "token_revoked".to_owned())
    );
    assert_eq!(browser.get("/session").await.json()["signed_in"], false);
}

#[tokio::test]
async fn a_token_that_can_see_nothing_cannot_sign_in() {
    let (app, _) = guarded().await;
    let (_, token) = app.make_token("sender", &["write"]).await;
    for (proof, status, code) in [
        (json!({ "token": token }), 403, "wrong_scope"),
        (json!({ "token": "eyas_nonsense" }), 401, "token_unknown"),
        (json!({ "code": "nonsense" }), 401, "bad_code"),
        (json!({ "code": "" }), 401, "bad_code"),
        (json!({}), 422, "missing_field"),
        (json!({ "code": "a", "token": "b" }), 422, "missing_field"),
        (json!({ "password": "a" }), 422, "unknown_field"),
    ] {
        let answer = prove(&app, &proof).await;
        assert_eq!((answer.status, &answer.json()["code"]), (status, &code.into()), "{proof}");
        assert_eq!(answer.header("set-cookie"), "", "{proof}");
    }
}

#[tokio::test]
async fn a_code_signs_in_once_and_may_what_its_maker_may() {
    let (app, token) = guarded().await;
    let (_, reader) = app.make_token("viewer", &["read"]).await;
    let refused =
        app.http.another().bearing(&reader).send(Method::POST, "/session/codes", &[], "").await;
    assert_eq!(refused.status, 403, "only an administrator makes codes");
    let made = app.http.send(Method::POST, "/session/codes", &[], "").await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let code = made["code"].as_str().expect("a code");
    assert_eq!(made["url"], format!("{}/ui/#code={code}", app.url));
    let (browser, _) = browser(&app, &json!({ "code": code })).await;
    assert_eq!(browser.get("/session").await.json()["roles"], json!(["read", "admin"]));
    let again = prove(&app, &json!({ "code": code })).await;
    assert_eq!((again.status, &again.json()["code"]), (401, &"bad_code".into()));

    let audit = browser.get("/audit").await;
    let acts: Vec<_> =
        audit.json()["audit"].as_array().unwrap().iter().map(|line| line["act"].clone()).collect();
    assert_eq!(acts[..2], ["session.begin", "session.code"], "{acts:?}");
    assert!(
        !audit.text().contains(code) && !audit.text().contains(&token),
        "no secret in the trail"
    );
}

#[tokio::test]
async fn a_sign_in_survives_a_restart_and_ends_with_signing_out() {
    let (app, token) = guarded().await;
    let (_, cookie) = browser(&app, &json!({ "token": token })).await;
    let app = app.restart().await;
    let browser = app.http.another().saying("cookie", &cookie);
    assert_eq!(browser.get("/events").await.status, 200);
    let own = [CONSOLE, ("origin", app.url.as_str())];
    let out = browser.send(Method::DELETE, "/session", &own, "").await;
    assert_eq!(out.status, 204, "{out:?}");
    assert!(out.header("set-cookie").ends_with("Max-Age=0"), "{out:?}");
    assert_eq!(browser.get("/events").await.status, 401);
    assert_eq!(browser.send(Method::DELETE, "/session", &own, "").await.status, 204);
    let app = app.restart().await;
    let browser = app.http.another().saying("cookie", &cookie);
    assert_eq!(browser.get("/events").await.status, 401, "also after a restart");
}

#[tokio::test]
async fn only_a_page_of_ours_can_change_anything_with_the_cookie() {
    let (app, token) = guarded().await;
    let (browser, _) = browser(&app, &json!({ "token": token })).await;
    let origin = ("origin", app.url.as_str());
    let changes = [
        (Method::POST, "/events"),
        (Method::POST, "/applications"),
        (Method::POST, "/session/codes"),
        (Method::DELETE, "/session"),
    ];
    for (method, path) in &changes {
        for forged in [
            &[JSON][..],
            &[JSON, origin],
            &[JSON, CONSOLE],
            &[JSON, origin, ("x-requested-by", "XMLHttpRequest")],
        ] {
            let said = code_of(&browser, method.clone(), path, forged).await;
            assert_eq!(said, (403, "csrf".to_owned()), "{method} {path} {forged:?}");
        }
        for foreign in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
        ] {
            let said = code_of(&browser, method.clone(), path, &[JSON, CONSOLE, foreign]).await;
            assert_eq!(said, (403, "foreign_origin".to_owned()), "{method} {path} {foreign:?}");
        }
    }
    // A neighbour on the same site can make a browser send the cookie: it is as good as none.
    let near = [JSON, CONSOLE, origin, ("sec-fetch-site", "same-site")];
    let said = code_of(&browser, Method::POST, "/events", &near).await;
    assert_eq!(said, (401, "token_missing".to_owned()));
    assert_eq!(
        browser.send(Method::GET, "/events", &[("sec-fetch-site", "same-site")], "").await.status,
        401
    );

    for own in [&[JSON, CONSOLE, origin][..], &[JSON, CONSOLE, ("sec-fetch-site", "same-origin")]] {
        assert_eq!(browser.send(Method::POST, "/events", own, EVENT).await.status, 202, "{own:?}");
    }
    app.http.get("/status").await;
    let stored = app.get("/status").await.json()["counts"]["accepted"].clone();
    assert_eq!(stored, 2, "nothing of what was forged was taken");
}

#[tokio::test]
async fn live_events_end_with_signing_out() {
    let (app, token) = guarded().await;
    let (browser, cookie) = browser(&app, &json!({ "token": token })).await;
    let own = ("origin", app.url.as_str());
    let headers = [("cookie", cookie.as_str()), own];
    let (socket, _) = knock(app.addr, "since=now", &headers).await.expect("the cookie lets in");
    let mut live = Follower::WebSocket(Box::new(socket));
    assert_eq!(browser.send(Method::DELETE, "/session", &[CONSOLE, own], "").await.status, 204);
    let end = loop {
        if let Heard::End(code) = timeout(DEADLINE, live.hear()).await.expect("an end") {
            break code;
        }
    };
    assert_eq!(end, Some(1008));
}

/// Starts the server as a person does, in a terminal: what that shows, to the end of the banner.
async fn banner_on_a_terminal(launch: &Launch) -> String {
    let serve = format!(
        "echo pid $$; exec {} serve --listen 127.0.0.1:0 --data-dir {}",
        binary(),
        launch.dir().display()
    );
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--flush", "--command", &serve, "/dev/null"]);
    terminal.stdin(Stdio::null()).stdout(Stdio::piped());
    terminal.envs(launch.beside().url().map(|url| ("EYAS_STORE_URL", url)));
    let mut terminal = terminal.spawn().expect("script(1) of util-linux makes a terminal");
    let mut screen = terminal.stdout.take().expect("its screen is piped");
    let reading = tokio::task::spawn_blocking(move || {
        let (mut shown, mut chunk) = (String::new(), [0; 4096]);
        while let Ok(n @ 1..) = screen.read(&mut chunk) {
            shown.push_str(&String::from_utf8_lossy(&chunk[..n]));
            if shown.contains("Ctrl-C") {
                break;
            }
        }
        shown
    });
    let shown = timeout(DEADLINE, reading).await.expect("a banner").unwrap();
    let pid = shown.split_once("pid ").and_then(|(_, rest)| rest.lines().next());
    let pid = pid.and_then(|pid| Pid::from_raw(pid.trim().parse().unwrap())).expect("a pid");
    kill_process(pid, Signal::KILL).unwrap();
    terminal.wait().unwrap();
    shown
}

#[tokio::test]
async fn a_code_is_shown_to_a_terminal_and_where_one_is_needed() {
    let app = TestApp::start().await;
    let launch = app.terminate().await;
    let shown = banner_on_a_terminal(&launch).await;
    assert!(
        shown.contains("/ui/\r\n") && !shown.contains("code="),
        "nobody has to sign in: {shown}"
    );

    let app = launch.start().await;
    app.make_token("admin", &["admin"]).await;
    let launch = app.terminate().await;
    let shown = banner_on_a_terminal(&launch).await;
    let code = shown.split("/ui/#code=").nth(1).and_then(|rest| rest.get(..32));
    assert!(code.is_some_and(|code| code.bytes().all(|b| b.is_ascii_hexdigit())), "{shown}");
    let (mut child, banner) = launch.start_for_people().await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        banner.contains("/ui/\n") && !banner.contains("code="),
        "kept by whoever reads: {banner}"
    );
}

#[tokio::test]
async fn live_events_come_with_the_cookie_and_its_own_origin_only() {
    let (app, token) = guarded().await;
    let (_, cookie) = browser(&app, &json!({ "token": token })).await;
    let cookie = ("cookie", cookie.as_str());
    let own = ("origin", app.url.as_str());
    assert!(knock(app.addr, "since=now", &[cookie, own]).await.is_ok());
    for headers in [
        &[own][..],
        &[cookie, ("origin", "https://evil.example")],
        &[cookie, ("origin", "null")],
        &[cookie, own, ("sec-fetch-site", "same-site")],
    ] {
        assert!(knock(app.addr, "since=now", headers).await.is_err(), "{headers:?}");
    }
}
