//! `POST /events` and `POST /streams/{stream}`: extract, call, answer.
//!
//! Invariant: a 202 leaves only after `Intake::append` has returned, and a refusal leaves nothing behind.

use std::fmt::Display;
use std::net::IpAddr;

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::EXPECT;
use hyper::http::request::Parts;
use hyper::{Request, Response};
use model::StreamName;
use pipeline::{Accepted, Batch, IntakeError, Item, OnConflict, TraceContext};

use crate::auth::principal::Principal;
use crate::auth::refusal::Refusal;
use crate::auth::standing;
use crate::body;
use crate::decoding::{self, Coding, decode};
use crate::edge::Edge;
use crate::error::{self, Kind};
use crate::holder::Holder;
use crate::problem::{Problem, Rejected};
use crate::query::Query;
use crate::reply::Reply;
use crate::routes::{idempotency, receipt, wait};
use crate::watch::{Phase, Watch};
use crate::wire::body::{Place, place_of, read};
use crate::wire::cloud_event;
use crate::wire::envelope::Shape;
use crate::wire::media::{Format, format};

/// Where events are sent to: `/events`, `/streams/{stream}`, each with or without a slash at the end.
pub(crate) fn is_write(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    path == "/events" || path.strip_prefix("/streams/").is_some_and(|name| !name.contains('/'))
}

/// Takes the events of one request. Its path is one of those; `caller` says who sends them, or why that
/// is nobody.
pub(crate) async fn write<B>(
    edge: &Edge,
    watch: &Watch,
    client: Option<IpAddr>,
    caller: Result<Principal, Problem>,
    request: Request<B>,
) -> Result<Response<Reply>, Problem>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let (parts, mut body) = request.into_parts();
    let answer = match caller {
        Ok(caller) => take(edge, watch, (&caller, client), &parts, &mut body).await,
        Err(problem) => Err(problem),
    };
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
    (caller, client): (&Principal, Option<IpAddr>),
    parts: &Parts,
    body: &mut B,
) -> Result<Response<Reply>, Problem>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    let named = stream_of(parts.uri.path())?;
    let stream = named.as_ref().unwrap_or(&edge.events);
    caller.check_write(stream)?;
    let purse = edge.limiter.admit(caller, client)?;
    let skip = wants_skip(parts.uri.query())?;
    let format = format(&parts.headers)?;
    let coding = decoding::coding(&parts.headers)?;
    let key = idempotency::key(&parts.headers)?;
    let shape = shape(stream == &edge.events, format)?;
    let limits = &edge.options.limits;

    watch.enter(Phase::Body);
    let whose = || Holder::of(caller, client);
    let (bytes, mut reserved) =
        body::collect(body, watch, (&edge.budget, &whose), limits.body_bytes_max).await?;
    watch.enter(Phase::Busy);
    let bytes = match coding {
        Coding::Identity => bytes,
        // Boxed: it is rarer, and this future is moved with every request.
        coding => Box::pin(decode(coding, bytes, &mut reserved, limits.body_bytes_max)).await?,
    };

    // The body took its time, up to a minute: whoever sent the head may have lost the right since.
    standing::look(edge, caller).map_err(Refusal::problem)?;

    let mut taken = Taken {
        batch: edge.intake.batch(stream, caller.application()),
        places: Vec::new(),
        rejected: Vec::new(),
    };
    if let Some(span) = parts.extensions.get::<TraceContext>() {
        taken.batch.traced_by(*span);
    }
    let is_many = read(&bytes, format, shape, limits, &mut |place, event| {
        let pushed = event.and_then(|mut event| {
            idempotency::name(&mut event, key, place);
            taken.batch.push(&event).map_err(|fault| match shape {
                Shape::CloudEvent => cloud_event::renamed(fault).into(),
                Shape::Envelope | Shape::Raw => fault.into(),
            })
        });
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
    let (accepted, rejected) = if is_many && skip {
        taken.append_good_ones(edge).await?
    } else {
        let appended = edge.intake.append(taken.batch, OnConflict::RefuseAll).await;
        (appended.map_err(|error| placed(error, &bytes, format, is_many))?, Vec::new())
    };
    purse.settle(accepted.items.len());
    // Whoever waits holds no bytes meanwhile.
    drop((bytes, reserved));
    let waited = match wait::wanted(&parts.headers) {
        None => None,
        wanted => {
            Box::pin(wait::wait(edge, wanted, (stream, caller.application()), &accepted)).await
        }
    };
    let fates = waited.as_ref().and_then(|waited| waited.fates.as_deref());
    let body = if is_many {
        receipt::many(&accepted, &rejected, fates)
    } else {
        receipt::one(&accepted, fates)
    };
    crash::at("gateway.before_202");
    Ok(receipt::response(body, waited.as_ref()))
}

/// What the bytes of each event are.
fn shape(is_events: bool, format: Format) -> Result<Shape, Problem> {
    match (is_events, format) {
        (true, Format::CloudEvent | Format::CloudEvents) => Ok(Shape::CloudEvent),
        (false, Format::CloudEvent | Format::CloudEvents) => Err(Kind::UnsupportedMediaType
            .problem("CloudEvents go to the stream \"events\".")
            .hint("POST them to /events, or here as application/json to keep all of it as data")),
        (true, _) => Ok(Shape::Envelope),
        (false, _) => Ok(Shape::Raw),
    }
}

/// What `on_error=skip` has sorted so far.
struct Taken {
    batch: Batch,
    /// Where each event of the batch stood; only filled for `on_error=skip`.
    places: Vec<Place>,
    rejected: Vec<Rejected>,
}

impl Taken {
    async fn append_good_ones(mut self, edge: &Edge) -> Result<(Accepted, Vec<Rejected>), Problem> {
        if self.batch.is_empty() {
            return Err(nothing_accepted(self.rejected));
        }
        let mut accepted = edge.intake.append(self.batch, OnConflict::Skip).await?;
        let mut places = self.places.iter();
        accepted.retain(|item| {
            let place = places.next().expect("each pushed event has its place");
            let Item::Conflict { id, seq } = item else { return true };
            self.rejected.push(place.rejected(error::id_conflict(id, *seq)));
            false
        });
        self.rejected.sort_by_key(|rejected| rejected.index);
        if accepted.items.is_empty() {
            return Err(nothing_accepted(self.rejected));
        }
        Ok((accepted, self.rejected))
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
