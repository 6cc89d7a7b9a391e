//! `GET /live`: what is asked for, and over what: a WebSocket where one is asked for, else SSE.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use hyper::header::{ACCEPT, HeaderMap, UPGRADE};
use live::Since;
use model::Cursor;

use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::query::bad;
use crate::routes::{ask, sse, websocket};
use crate::watch::Watch;

/// Begins a live connection.
pub(crate) async fn live(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let is_websocket = parts.headers.contains_key(UPGRADE);
    let wants_sse = accepts_events(&parts.headers);
    if !is_websocket && !wants_sse {
        return Err(Kind::NotAcceptable
            .problem("Live events come over a WebSocket or as server-sent events."));
    }
    let mut ask = ask::parse(parts.uri.query())?;
    if !is_websocket && let Some(cursor) = last_event_id(&parts.headers)? {
        ask.since = Since::After(cursor);
    }
    let n_max = edge.options.limits.subscriptions_max;
    if edge.live.n_subscriptions() >= n_max {
        return Err(
            Kind::TooManySubscribers.problem(format!("All {n_max} live connections are taken."))
        );
    }
    if edge.drain.is_cancelled() {
        return Err(Kind::ShuttingDown.problem("The server is shutting down."));
    }
    if is_websocket {
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
        let upgrade = upgrade.map_err(|error| {
            Kind::BadUpgrade.problem(format!("This cannot become a WebSocket: {error}."))
        })?;
        return Ok(websocket::upgrade(edge, ask, upgrade));
    }
    if let Some(watch) = parts.extensions.get::<Arc<Watch>>() {
        watch.is_live();
    }
    Ok(sse::response(edge, ask))
}

fn accepts_events(headers: &HeaderMap) -> bool {
    let events = memchr::memmem::Finder::new("text/event-stream");
    headers.get_all(ACCEPT).iter().any(|accept| events.find(accept.as_bytes()).is_some())
}

/// What a browser sends by itself when it connects again.
fn last_event_id(headers: &HeaderMap) -> Result<Option<Cursor>, Problem> {
    let Some(given) = headers.get("last-event-id").filter(|given| !given.is_empty()) else {
        return Ok(None);
    };
    let cursor = given.to_str().ok().and_then(|text| Cursor::from_str(text).ok());
    cursor.map(Some).ok_or_else(|| bad("Last-Event-ID", "must be the id of an earlier event"))
}
