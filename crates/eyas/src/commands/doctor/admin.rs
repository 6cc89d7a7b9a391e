//! Can this machine administer its server, and who else gets in?

use std::time::Duration;

use serde::Deserialize;

use crate::admin_socket;
use crate::client::Client;
use crate::commands::doctor::finding::Finding;

/// A healthy server on this machine answers at once.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// The part of `/session` that matters here.
#[derive(Deserialize)]
struct Session {
    required: bool,
}

/// Asks over the socket of the data directory, by `client`.
pub(crate) async fn look(client: &Client, is_served: bool) -> Finding {
    let (check, name) = ("admin", admin_socket::NAME);
    if !is_served {
        return Finding::ok(check, "no server runs: administration works on the directory itself");
    }
    let asked = async {
        let answer = client.get("/session").await.ok()?;
        serde_json::from_slice::<Session>(&answer.body).ok()
    };
    match tokio::time::timeout(ANSWER_WAIT, asked).await.ok().flatten() {
        Some(Session { required: true }) => {
            Finding::ok(check, format!("{name} answers; everybody else needs a token"))
        }
        Some(Session { required: false }) => Finding::ok(
            check,
            format!("{name} answers; there is no token, so all of this machine may do everything"),
        ),
        None => Finding::warn(
            check,
            format!("nobody answers at {name}"),
            "its log says why there is none; until then administer with --url and EYAS_TOKEN",
        ),
    }
}
