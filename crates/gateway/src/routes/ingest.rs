//! `POST /events` and `POST /streams/{stream}`: extract, call, answer.
//!
//! Invariant: a 202 leaves only after `Intake::append` has returned, and a refusal leaves nothing behind.

use std::fmt::Display;
use std::io::Write as _;

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{CONTENT_TYPE, EXPECT, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use model::{Seq, StreamName, json};
use pipeline::{Accepted, Batch, IntakeError, Item, OnConflict, TraceContext};

use crate::body;
use crate::edge::Edge;
use crate::error::{self, Kind};
use crate::problem::{Problem, Rejected};
use crate::query::Query;
use crate::reply::Reply;
use crate::watch::{Phase, Watch};
use crate::wire::body::{Place, place_of, read};
use crate::wire::envelope::Shape;
use crate::wire::media::{Format, format};

/// Takes the events of one request. `path` has been checked by the service.
pub(crate) async fn write<B>(
    edge: &Edge,
    watch: &Watch,
    request: Request<B>,
) -> Result<Response<Reply>, Problem>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let (parts, mut body) = request.into_parts();
    let answer = take(edge, watch, &parts, &mut body).await;
    // A client that sends all before it reads would otherwise meet a closed connection, not the answer.
    // One that waits for "100 Continue" has not sent anything.
    if answer.is_err() && !body.is_end_stream() && !parts.headers.contains_key(EXPECT) {
        watch.enter(Phase::Body);
        // Boxed: it is rare, and this future is moved with every request.
        Box::pin(body::discard(&mut body, watch)).await;
    }
    // A refused write has stored nothing, unless it says otherwise.
    answer.map_err(Problem::rejected)
}

async fn take<B>(
    edge: &Edge,
    watch: &Watch,
    parts: &Parts,
    body: &mut B,
) -> Result<Response<Reply>, Problem>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let skip = wants_skip(parts.uri.query())?;
    let format = format(&parts.headers)?;
    let named = stream_of(parts.uri.path())?;
    let stream = named.as_ref().unwrap_or(&edge.events);
    let shape = if stream == &edge.events { Shape::Envelope } else { Shape::Raw };
    let limits = &edge.options.limits;

    watch.enter(Phase::Body);
    let (bytes, _reserved) =
        body::collect(body, watch, &edge.budget, limits.body_bytes_max).await?;
    watch.enter(Phase::Busy);

    let mut taken =
        Taken { batch: edge.intake.batch(stream, None), places: Vec::new(), rejected: Vec::new() };
    if let Some(span) = parts.extensions.get::<TraceContext>() {
        taken.batch.traced_by(*span);
    }
    let is_many = read(&bytes, format, shape, limits, &mut |place, event| {
        let pushed = event.and_then(|event| taken.batch.push(&event).map_err(Problem::from));
        match pushed {
            Ok(()) if skip => taken.places.push(place),
            Ok(()) => {}
            Err(problem) if skip && place != Place::Only => {
                taken.rejected.push(place.rejected(problem));
            }
            Err(problem) => return Err(place.of(problem)),
        }
        Ok(())
    })?;
    if is_many && skip {
        return taken.append_good_ones(edge).await;
    }
    let appended = edge.intake.append(taken.batch, OnConflict::RefuseAll).await;
    let accepted = appended.map_err(|error| placed(error, &bytes, format, is_many))?;
    Ok(accepted_response(if is_many { many(&accepted, &[]) } else { one(&accepted) }))
}

/// What `on_error=skip` has sorted so far.
struct Taken {
    batch: Batch,
    /// Where each event of the batch stood; only filled for `on_error=skip`.
    places: Vec<Place>,
    rejected: Vec<Rejected>,
}

impl Taken {
    async fn append_good_ones(mut self, edge: &Edge) -> Result<Response<Reply>, Problem> {
        if self.batch.is_empty() {
            return Err(nothing_accepted(self.rejected));
        }
        let mut accepted = edge.intake.append(self.batch, OnConflict::Skip).await?;
        let mut places = self.places.iter();
        accepted.items.retain(|item| {
            let place = places.next().expect("each pushed event has its place");
            let Item::Conflict { id, seq } = item else { return true };
            self.rejected.push(place.rejected(error::id_conflict(id, *seq)));
            false
        });
        self.rejected.sort_by_key(|rejected| rejected.index);
        if accepted.items.is_empty() {
            return Err(nothing_accepted(self.rejected));
        }
        Ok(accepted_response(many(&accepted, &self.rejected)))
    }
}

/// Good events whose ids are all taken are a conflict, as one of them alone would be.
fn nothing_accepted(rejected: Vec<Rejected>) -> Problem {
    let n_events = rejected.len();
    let is_conflict = rejected.iter().all(|rejected| rejected.code == Kind::IdConflict.code());
    let problem = if is_conflict {
        Kind::IdConflict.problem(format!("The ids of all {n_events} events name others already."))
    } else {
        Kind::NothingAccepted
            .problem(format!("None of the {n_events} events can be accepted; nothing was stored."))
    };
    problem.with(|facts| facts.rejected = rejected)
}

/// A conflict names its event.
fn placed(error: IntakeError, body: &[u8], format: Format, is_many: bool) -> Problem {
    match error {
        IntakeError::Conflict { index, .. } => {
            place_of(body, format, is_many, index).of(error.into())
        }
        error => error.into(),
    }
}

/// `?on_error=skip`
fn wants_skip(query: Option<&str>) -> Result<bool, Problem> {
    if query.is_none() {
        return Ok(false);
    }
    let mut query = Query::parse(query)?;
    let on_error = query.take_as("on_error", "skip or fail", |text| match text {
        "skip" => Some(true),
        "fail" => Some(false),
        _ => None,
    })?;
    query.end("on_error")?;
    Ok(on_error.unwrap_or(false))
}

/// `None` for `/events`, whose name need not be made again.
fn stream_of(path: &str) -> Result<Option<StreamName>, Problem> {
    let Some(name) = path.strip_prefix("/streams/") else { return Ok(None) };
    stream_name(name.strip_suffix('/').unwrap_or(name)).map(Some)
}

/// A stream's name out of a path.
pub(crate) fn stream_name(name: &str) -> Result<StreamName, Problem> {
    StreamName::new(name).map_err(|error| {
        let shown: String = name.chars().take(100).collect();
        Kind::BadStreamName.problem(format!("The stream name {shown:?} {error}."))
    })
}

fn accepted_response(body: Vec<u8>) -> Response<Reply> {
    let mut response = Response::new(Reply::once(Bytes::from(body)));
    *response.status_mut() = StatusCode::ACCEPTED;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// `{"id":"…","seq":1,"durability":"disk"}`, with `"duplicate":true` for a repetition.
fn one(accepted: &Accepted) -> Vec<u8> {
    let (id, seq, is_new) = match accepted.items.first() {
        Some(Item::Appended { id, seq }) => (id, *seq, true),
        Some(Item::Duplicate { id, seq }) => (id, *seq, false),
        Some(Item::Conflict { .. }) | None => {
            unreachable!("append answers one pushed event with one")
        }
    };
    let mut out = Vec::with_capacity(96 + id.len());
    out.extend_from_slice(b"{\"id\":");
    json::write_string(&mut out, id);
    let duplicate = if is_new { "" } else { ",\"duplicate\":true" };
    let _ = write!(out, ",\"seq\":{seq},\"durability\":\"{}\"{duplicate}}}", accepted.durability);
    out
}

/// `{"accepted":2,"duplicates":0,"first_seq":1,"last_seq":2,"ids":["…","…"],"durability":"disk","rejected":[]}`
fn many(accepted: &Accepted, rejected: &[Rejected]) -> Vec<u8> {
    let mut out = Vec::with_capacity(160 + accepted.items.len() * 40);
    let (mut n_duplicates, mut first, mut last) = (0_usize, None::<Seq>, None::<Seq>);
    for item in &accepted.items {
        match item {
            Item::Appended { seq, .. } => {
                first = first.or(Some(*seq));
                last = Some(*seq);
            }
            Item::Duplicate { .. } | Item::Conflict { .. } => n_duplicates += 1,
        }
    }
    let number = |seq: Option<Seq>| seq.map_or_else(|| "null".to_owned(), |seq| seq.to_string());
    let _ = write!(
        out,
        "{{\"accepted\":{},\"duplicates\":{n_duplicates},\"first_seq\":{},\"last_seq\":{},\"ids\":",
        accepted.items.len(),
        number(first),
        number(last),
    );
    for (at, item) in accepted.items.iter().enumerate() {
        let (Item::Appended { id, .. } | Item::Duplicate { id, .. } | Item::Conflict { id, .. }) =
            item;
        out.push(if at == 0 { b'[' } else { b',' });
        json::write_string(&mut out, id);
    }
    let _ = write!(out, "],\"durability\":\"{}\",\"rejected\":", accepted.durability);
    serde_json::to_writer(&mut out, rejected).expect("texts and numbers always have a JSON form");
    out.push(b'}');
    out
}
