//! `GET /live`: what is asked for, and over what: a WebSocket where an upgrade is asked for, else server-sent events
//! where `Accept` names them, else lines.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use hyper::header::{ACCEPT, HeaderMap, HeaderValue, UPGRADE};
use live::Since;
use model::Cursor;

use crate::auth::principal::Principal;
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::query::bad;
use crate::routes::outbox::Spelling;
use crate::routes::{ask, endless, handshake, websocket};
use crate::watch::Watch;
use crate::wire::media;

/// Begins a live connection.
pub(crate) async fn live(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let mut ask = ask::parse(parts.uri.query())?;
    ask.filter.stream = principal.narrow(ask.filter.stream)?;
    let spelling = spelling(&parts.headers)?;
    if spelling != Spelling::WebSocket
        && let Some(cursor) = last_event_id(&parts.headers)?
    {
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
    if spelling == Spelling::WebSocket {
        let (response, upgrade) = handshake::open(&mut parts)?;
        websocket::spawn(edge, &principal, ask, upgrade);
        return Ok(response);
    }
    if let Some(watch) = parts.extensions.get::<Arc<Watch>>() {
        watch.is_live();
    }
    Ok(endless::response(edge, &principal, ask, spelling))
}

/// Lines are for people with `curl -N`, who say nothing or `*/*`.
fn spelling(headers: &HeaderMap) -> Result<Spelling, Problem> {
    if headers.contains_key(UPGRADE) {
        return Ok(Spelling::WebSocket);
    }
    let accepted = headers.get_all(ACCEPT).iter().map(HeaderValue::as_bytes);
    let mut accepted = accepted.filter(|accept| !accept.is_empty()).peekable();
    if accepted.peek().is_none() {
        return Ok(Spelling::Lines);
    }
    let mut takes_lines = false;
    for accept in accepted {
        if media::names(accept, &["text/event-stream"]) {
            return Ok(Spelling::Sse);
        }
        takes_lines |=
            media::wants_lines(accept) || media::names(accept, &["*/*", "application/*"]);
    }
    if takes_lines {
        return Ok(Spelling::Lines);
    }
    Err(Kind::NotAcceptable
        .problem("Live events come over a WebSocket, as server-sent events, or as NDJSON."))
}

/// What a browser sends by itself when it connects again.
fn last_event_id(headers: &HeaderMap) -> Result<Option<Cursor>, Problem> {
    let Some(given) = headers.get("last-event-id").filter(|given| !given.is_empty()) else {
        return Ok(None);
    };
    let cursor = given.to_str().ok().and_then(|text| Cursor::from_str(text).ok());
    cursor.map(Some).ok_or_else(|| bad("Last-Event-ID", "must be the id of an earlier event"))
}
