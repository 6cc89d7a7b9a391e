//! `Edge::carry_out`: a client that hangs up in the middle of an act leaves store, memory and audit trail as one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use futures_util::FutureExt as _;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, COOKIE};
use tokio::time::timeout;

use crate::auth::codes::{Bearer, Invitation};
use crate::auth::principal::Principal;
use crate::routes::{dead_letters, session, tokens};
use crate::tests::app::{App, DEADLINE};
use crate::watch::Watch;

/// Begins an act and drops it, as the connection does once the client has gone.
fn hang_up(act: impl Future) {
    let _ = act.now_or_never();
}

async fn comes_true(mut is_true: impl AsyncFnMut() -> bool) {
    let looks = async {
        while !is_true().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, looks).await.expect("it has not come true");
}

fn request(what: &str, body: &'static str) -> Request {
    let (method, uri) = what.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(uri).extension(Arc::new(Watch::new()));
    let request = request.extension(Principal::local()).header(CONTENT_TYPE, "application/json");
    request.body(Body::from(body)).unwrap()
}

#[tokio::test]
async fn a_revocation_is_in_force_though_nobody_waits_for_it() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let (reader, id) = app.scoped(&admin, &["read"]).await;
    let revoke = request(&format!("DELETE /tokens/{id}"), "");
    let edge = State(Arc::clone(&app.edge));
    hang_up(tokens::revoke(edge, Extension(Principal::local()), revoke));
    comes_true(async || app.edge.registry.resolve(reader.as_bytes()).is_err()).await;
}

#[tokio::test]
async fn a_sign_in_has_ended_though_nobody_waits_for_it() {
    let app = App::start().await;
    let now = pipeline::now();
    let invitation = Invitation { bearer: Bearer::Machine, maker: None };
    let begun = app.edge.sessions.begin(invitation, "local (console)", now).await.unwrap();
    let secret = begun.expect("whoever has no maker needs none");
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, format!("eyas_session={secret}").parse().unwrap());
    assert!(app.edge.sessions.find(secret.as_bytes(), now).is_some());
    let edge = State(Arc::clone(&app.edge));
    hang_up(session::sign_out(edge, Extension(Principal::local()), headers));
    comes_true(async || app.edge.sessions.find(secret.as_bytes(), now).is_none()).await;
}

#[tokio::test]
async fn an_act_on_dead_letters_leaves_its_line_though_nobody_waits_for_it() {
    let app = App::start().await;
    let discard = request("POST /dead-letters/discard", r#"{"seqs":[1],"note":"typos"}"#);
    let edge = State(Arc::clone(&app.edge));
    hang_up(dead_letters::discard(edge, Extension(Principal::local()), discard));
    comes_true(async || {
        let lines = app.edge.stores.audit.audited(None, 10).await.unwrap();
        lines.iter().any(|line| line.entry.act == "dead_letter.discard")
    })
    .await;
}
