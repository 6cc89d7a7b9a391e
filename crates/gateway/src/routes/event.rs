//! `GET /events/{id}`: one event, byte for byte, and its state. Every accepted id has an answer.

use std::collections::HashSet;
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
    let found = find(&edge, &principal, &id, application.as_deref(), stream.as_deref()).await?;
    let (stored, place) = match found.as_slice() {
        [] => return Err(missing(&edge, &id)),
        [found] => found,
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

/// Every event of the id that the reader may see, one for each application and stream.
///
/// Looks in the order in which events move, so that none slips by: the log, the dead letters, the database.
async fn find(
    edge: &Edge,
    principal: &Principal,
    id: &str,
    application: Option<&str>,
    stream: Option<&str>,
) -> Result<Vec<(Stored, Place)>, Problem> {
    let queued = edge.intake.queued(id, application, stream).await;
    let dead = edge.stores.dead_letters.dead_by_id(id, application, stream).await?;
    let rows = edge.stores.events.get(id, application, stream).await?;
    let queued = match queued {
        Ok(queued) => queued,
        // What is known is told also while too much waits to be searched.
        Err(_) if rows.iter().chain(&dead).any(|s| principal.may_read(s.event.stream())) => vec![],
        Err(error) => return Err(error.into()),
    };
    let places = [(rows, Place::Database), (dead, Place::Dead), (queued, Place::Log)];
    let mut found = places
        .into_iter()
        .flat_map(|(several, place)| several.into_iter().map(move |stored| (stored, place)))
        .filter(|(stored, _)| principal.may_read(stored.event.stream()))
        .collect::<Vec<_>>();
    // The first one of an application and stream has the id. Behind it there may be itself, seen a moment earlier
    // in another place, and repetitions that wait for the consumer.
    let mut keys = HashSet::new();
    found.retain(|(Stored { event, .. }, _)| {
        keys.insert((event.stream().to_owned(), event.application().map(str::to_owned)))
    });
    Ok(found)
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

fn ambiguous(id: &str, several: &[(Stored, Place)]) -> Problem {
    let mut streams: Vec<String> =
        several.iter().map(|(stored, _)| stored.event.stream().to_owned()).collect();
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
