//! `auth/standing`: a right that outlives a request ends with what it stands on.

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::http::Extensions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::auth::identify::identify;
use crate::auth::principal::Principal;
use crate::auth::refusal::Refusal;
use crate::auth::standing::Standing;
use crate::tests::app::{Answer, App, DEADLINE, answer};
use crate::tests::tokens::{EVENT, refused};

impl App {
    /// The headers of a console that has signed in with this token.
    async fn sign_in(&self, token: &str) -> String {
        let origin = format!("Origin: http://{}\r\nX-Requested-By: console\r\n", self.address);
        let proof = format!("{{\"token\":\"{token}\"}}");
        let headers = format!("Content-Type: application/json\r\n{origin}");
        let let_in = self.send("POST /session", &headers, proof.as_bytes()).await;
        assert_eq!(let_in.status, 204, "{}", let_in.text());
        let cookie = let_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        format!("{origin}Cookie: {cookie}\r\n")
    }
}

#[tokio::test]
async fn a_guest_of_the_open_server_is_never_taken_for_the_machine() {
    let app = App::start().await;
    let guest = identify(&app.edge.registry, &HeaderMap::new(), &Extensions::new());
    let stands =
        |principal: &Principal| Standing::new(Arc::clone(&app.edge), principal.clone()).look();
    assert_eq!(stands(&guest), Ok(()));
    app.with_admin().await;
    // Let in before the first token, but only now on the way to its answer.
    assert_eq!(stands(&guest), Err(Refusal::Missing));
    assert_eq!(stands(&Principal::local()), Ok(()));
}

/// A request whose head was let in, and whose body lacks its last byte.
async fn held(app: &App, (what, headers, body): (&str, &str, &str)) -> TcpStream {
    let mut stream = app.connect().await;
    let head = format!(
        "{what} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nExpect: 100-continue\r\n{headers}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        app.address,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // It is asked for the body only after its head was looked at.
    let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut said = vec![0; go_on.len()];
    timeout(DEADLINE, stream.read_exact(&mut said)).await.unwrap().unwrap();
    assert_eq!(said, go_on, "{what}");
    stream.write_all(&body.as_bytes()[..body.len() - 1]).await.unwrap();
    stream
}

/// The answer once the last byte has come.
async fn let_go(mut stream: TcpStream) -> Answer {
    stream.write_all(b"}").await.unwrap();
    let mut bytes = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    answer(&bytes)
}

#[tokio::test]
async fn a_body_that_comes_after_the_right_to_it_has_ended_changes_nothing() {
    let app = App::start().await;
    let asks = [
        ("POST /tokens", r#"{"application":"shop","scopes":["admin"]}"#),
        ("PUT /schemas", r#"{"mode":"off"}"#),
        ("POST /events", EVENT),
    ];
    let all_held = async |headers: &str| {
        let mut all = Vec::new();
        for (what, body) in asks {
            all.push(held(&app, (what, headers, body)).await);
        }
        all
    };
    let all_refused = async |all: Vec<TcpStream>, code| {
        for stream in all {
            refused(&let_go(stream).await, 401, code);
        }
    };
    let guest = all_held("").await;
    let admin = app.with_admin().await;
    all_refused(guest, "token_missing").await;

    let (token, id) = app.scoped(&admin, &["admin"]).await;
    let revoked = all_held(&format!("Authorization: Bearer {token}\r\n")).await;
    app.ask(&admin, &format!("DELETE /tokens/{id}"), "").await;
    all_refused(revoked, "token_revoked").await;

    let cookie = app.sign_in(&admin).await;
    let signed_out = all_held(&cookie).await;
    assert_eq!(app.send("DELETE /session", &cookie, b"").await.status, 204);
    all_refused(signed_out, "token_missing").await;

    let stays = all_held(&format!("Authorization: Bearer {admin}\r\n")).await;
    // This server has nowhere to keep schemas, which it finds out where it would change them.
    for (stream, wanted) in stays.into_iter().zip([201, 503, 202]) {
        let answer = let_go(stream).await;
        assert_eq!(answer.status, wanted, "{}", answer.text());
    }
    assert_eq!(app.edge.registry.table().trust.tokens.len(), 3);
}

/// Exports that nobody reads: of a stream, and of a session.
async fn exports(app: &App, headers: &str) -> [TcpStream; 2] {
    let export = async |path| {
        let mut export = app.connect().await;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Accept: application/x-ndjson\r\n{headers}\r\n",
            app.address
        );
        export.write_all(head.as_bytes()).await.unwrap();
        export.readable().await.unwrap();
        export
    };
    [export("/events").await, export("/sessions/one").await]
}

async fn broken_off(exports: [TcpStream; 2]) {
    for mut export in exports {
        let mut bytes = Vec::new();
        timeout(DEADLINE, export.read_to_end(&mut bytes)).await.unwrap().unwrap();
        assert!(bytes.starts_with(b"HTTP/1.1 200"));
        assert!(!bytes.ends_with(b"\r\n0\r\n\r\n"), "it looks complete: {} bytes", bytes.len());
    }
}

#[tokio::test]
async fn an_export_breaks_off_with_the_right_to_it() {
    let app = App::start().await;
    // More than all buffers on the way hold, so that it is under way as long as nobody reads.
    let n_events = 60;
    let event = format!(
        r#"{{"category":"a","name":"b","session_id":"one","data":"{}"}}"#,
        "a".repeat(500_000)
    );
    for _ in 0..n_events {
        assert_eq!(app.post("/events", &event).await.status, 202);
    }
    app.applied(n_events).await;
    let of_guests = exports(&app, "").await;
    let admin = app.with_admin().await;
    broken_off(of_guests).await;

    let (reader, id) = app.scoped(&admin, &["read"]).await;
    let by_token = exports(&app, &format!("Authorization: Bearer {reader}\r\n")).await;
    app.ask(&admin, &format!("DELETE /tokens/{id}"), "").await;
    broken_off(by_token).await;

    let cookie = app.sign_in(&admin).await;
    let by_cookie = exports(&app, &cookie).await;
    assert_eq!(app.send("DELETE /session", &cookie, b"").await.status, 204);
    broken_off(by_cookie).await;
}
