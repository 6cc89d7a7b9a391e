//! `GET /events/{id}`: one event, byte for byte, and its state. Every accepted id has an answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use model::Pattern;
use model::json::{self, Breaks};
use store::Stored;

use crate::auth::principal::Principal;
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::query::{Query, decode};

/// Finds the event in the database, or on its way there.
pub(crate) async fn event(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let id = segment(parts.uri.path(), "/events/")?;
    let mut query = Query::parse(parts.uri.query())?;
    let application = query.take("application")?;
    let stream = query.take("stream")?;
    query.end("application, stream")?;

    if let Some(stream) = &stream {
        principal.narrow(vec![Pattern::Exact(stream.to_string())])?;
    }
    let (mut found, place) = find(&edge, &id, application.as_deref(), stream.as_deref()).await?;
    found.retain(|stored| principal.may_read(stored.event.stream()));
    let stored = match found.as_slice() {
        [] => return Err(missing(&edge, &id)),
        [stored] => stored,
        several => return Err(ambiguous(&id, several)),
    };
    let state = match (place, stored.event.valid()) {
        (Place::Log, _) => "\"state\":\"queued\",",
        (Place::Database, true) => "\"state\":\"stored\",",
        (Place::Database, false) => "\"state\":\"invalid\",",
        (Place::Dead, _) => "\"state\":\"dead\",",
    };
    let mut out = Vec::new();
    let log = edge.intake.log().log;
    json::write_event(&mut out, &stored.event, stored.seq, log, state, Breaks::Keep);
    let mut response = Response::new(Body::from(out));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Where an event was found.
#[derive(Clone, Copy)]
enum Place {
    Database,
    Log,
    Dead,
}

/// Database, then what waits for it, then the database again: between the first two looks the event may
/// have moved from the one to the other. What is in neither may be dead.
async fn find(
    edge: &Edge,
    id: &str,
    application: Option<&str>,
    stream: Option<&str>,
) -> Result<(Vec<Stored>, Place), Problem> {
    let found = edge.store.get(id, application, stream).await?;
    if !found.is_empty() {
        return Ok((found, Place::Database));
    }
    let queued = edge.intake.queued(id, application, stream).await?;
    if !queued.is_empty() {
        return Ok((queued, Place::Log));
    }
    let found = edge.store.get(id, application, stream).await?;
    if !found.is_empty() {
        return Ok((found, Place::Database));
    }
    let dead = edge.stores.dead_letters.dead_by_id(id, application, stream).await?;
    if !dead.is_empty() {
        return Ok((dead, Place::Dead));
    }
    // Replayed between the last two looks.
    Ok((edge.store.get(id, application, stream).await?, Place::Database))
}

fn missing(edge: &Edge, id: &str) -> Problem {
    let problem = Kind::NotFound.problem(format!("There is no event with the id {id:?}."));
    if edge.retention.rules().is_on() || edge.retention.horizons().borrow().iter().next().is_some()
    {
        return problem.hint(
            "it may have been deleted: events are kept for as long as `retention` in GET /status says",
        );
    }
    problem
}

fn ambiguous(id: &str, several: &[Stored]) -> Problem {
    let mut streams: Vec<String> =
        several.iter().map(|stored| stored.event.stream().to_owned()).collect();
    streams.sort();
    streams.dedup();
    let detail = format!("The id {id:?} names {} events.", several.len());
    Kind::AmbiguousId.problem(detail).with(|facts| facts.streams = streams)
}

/// What follows `prefix` in a path, decoded.
pub(crate) fn segment(path: &str, prefix: &str) -> Result<String, Problem> {
    let raw = path.strip_prefix(prefix).unwrap_or_default();
    match decode(raw, false) {
        Some(text) => Ok(text.into_owned()),
        None => {
            Err(Kind::BadPath.problem(format!("The path {path:?} is not percent-encoded UTF-8.")))
        }
    }
}
