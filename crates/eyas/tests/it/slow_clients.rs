//! Four thousand clients that dawdle do not starve one that does not. Counted, not timed; only the cut itself takes its time.

use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::app::{DEADLINE, TestApp};
use crate::follow::{Follower, knock};
use crate::tcp::Raw;

const GOOD: &str = r#"{"category":"c","name":"n"}"#;
const N_HEADS: usize = 1_900;
const N_BODIES: usize = 1_900;
const N_READERS: usize = 200;
const N_SLOW: usize = N_HEADS + N_BODIES + N_READERS;
/// What the healthy client sends meanwhile.
const N_EVENTS: usize = 300;

/// Each of them needs a socket in this process, too.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let _ = setrlimit(Resource::Nofile, raised);
    let n_files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    assert!(n_files > 6_000, "this test needs `ulimit -n 6000`, the limit is {n_files}");
}

/// Sends the beginning of a request, `n` times.
async fn begun(app: &TestApp, n: usize, bytes: &str) -> Vec<Raw> {
    let mut all = Vec::with_capacity(n);
    for _ in 0..n {
        let mut raw = Raw::connect(app.addr).await;
        assert!(raw.send(bytes).await, "the connection is taken");
        all.push(raw);
    }
    all
}

async fn n_connections(app: &TestApp) -> u64 {
    app.get("/status").await.json()["connections"].as_u64().expect("a number")
}

#[tokio::test]
async fn four_thousand_slow_clients_starve_nobody() {
    raise_descriptors();
    let app = TestApp::start().await;
    let live = app.live_ws("since=now").await;
    nobody_starves(app, live).await;
}

#[tokio::test]
async fn four_thousand_slow_strangers_starve_nobody_who_has_a_token() {
    raise_descriptors();
    let mut app = TestApp::start().await;
    let (_, token) = app.make_token("healthy", &["read", "write"]).await;
    app.http = app.http.another().bearing(&token);
    let bearer = format!("Bearer {token}");
    let knocked = knock(app.addr, "since=now", &[("authorization", &bearer)]).await;
    let (socket, _) = knocked.expect("a token lets in");
    nobody_starves(app, Follower::WebSocket(Box::new(socket))).await;
}

/// Among clients that dawdle, the one that asks with `app` does not.
async fn nobody_starves(app: TestApp, mut live: Follower) {
    // Many answers, more than the buffers of two sockets hold.
    let read = "GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(400);
    let mut slow = begun(&app, N_READERS, &read).await;
    let head = "POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ";
    slow.extend(begun(&app, N_HEADS, head).await);
    let body =
        "POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n{\"category\"";
    slow.extend(begun(&app, N_BODIES, body).await);
    assert_eq!(slow.len(), N_SLOW);

    for _ in 0..N_EVENTS {
        assert_eq!(app.post_events(GOOD).await.status, 202, "the healthy client is served");
    }
    assert_eq!(live.events(N_EVENTS).await.len(), N_EVENTS, "and sees them live");
    app.wait_applied().await;
    assert_eq!(app.export("").await.len(), N_EVENTS, "and reads them");

    // Heads and bodies are cut after 10 to 20 s; readers come first in the list, and take longer.
    let cut = slow[N_READERS..].iter_mut().map(|raw| raw.is_closed(2 * DEADLINE));
    let n_cut = join_all(cut).await.into_iter().filter(|&is_cut| is_cut).count();
    assert_eq!(n_cut, N_HEADS + N_BODIES);
    drop(slow);
    crate::app::eventually("all places are free again", async || {
        // The healthy client, its subscription, and the client that asks.
        (n_connections(&app).await <= 3).then_some(())
    })
    .await;
    assert_eq!(app.post_events(GOOD).await.status, 202);
    app.wait_applied().await;
    assert_eq!(app.export("").await.len(), N_EVENTS + 1, "nothing of the slow ones is stored");
}
