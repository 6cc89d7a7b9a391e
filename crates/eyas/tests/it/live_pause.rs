//! A client that stands still for 45 s on one connection, in real time: with the limits that users have.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;

use crate::app::TestApp;
use crate::follow::Way;

/// Below the 60 s after which a connection is cut. The limit itself is tested with shorter times in `gateway`.
const PAUSE: Duration = Duration::from_secs(45);

#[tokio::test]
async fn a_pause_of_45_seconds_loses_nothing() {
    let app = TestApp::start().await;
    let mut followers = Vec::new();
    for way in Way::ALL {
        followers.push(app.follow(way, "since=now&stream=raw").await);
    }
    // 24 MB: more than sockets and outgoing buffers hold, so that the server has to wait for the reader.
    let padding = "x".repeat(200_000);
    for n in 0..120 {
        let body = format!("[{{\"n\":{n},\"padding\":\"{padding}\"}}]");
        app.post_stream("raw", body).await.accepted();
    }
    sleep(PAUSE).await;
    join_all(followers.iter_mut().map(async |follower| {
        for (n, row) in follower.events(120).await.iter().enumerate() {
            assert!(row.data().starts_with(&format!("{{\"n\":{n},")));
        }
    }))
    .await;
    app.post_stream("raw", "[{\"n\":120,\"is_last\":true}]").await.accepted();
    for follower in &mut followers {
        assert!(
            follower.next_event().await.data().contains("is_last"),
            "it is the same connection"
        );
    }
}
