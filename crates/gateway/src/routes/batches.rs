//! `/batches` and `/tables`: what was sent, how it stands, what is wrong with it, and its end before its time.
//!
//! Invariant: whoever may read everything sees every batch; whoever may write to a table sees those of its own application
//! there, and no others.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VARY};
use pipeline::{BatchError, BatchView, Batches, Share};
use serde::Serialize;
use store::{BatchQuery, BatchState, RowError};

use crate::auth::principal::{Need, Principal};
use crate::auth::standing;
use crate::edge::Edge;
use crate::error::Kind;
use crate::holder::Holder;
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::audit;
use crate::routes::batch_shape::{Shown, ShownError, ShownTable, about};
use crate::routes::event::segment;
use crate::routes::export;
use crate::routes::status::json;
use crate::wire::media::wants_lines;

/// On a page that does not say.
const LIMIT: usize = 100;
/// Errors that a list of all of them reads at once.
const PAGE_ERRORS: usize = 1_000;

/// Where a resumable upload goes on.
pub(crate) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// Whether its body is whole.
pub(crate) const UPLOAD_COMPLETE: HeaderName = HeaderName::from_static("upload-complete");

#[derive(Serialize)]
struct List {
    batches: Vec<Shown>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Errors<'a> {
    errors: Vec<ShownError<'a>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Tables {
    tables: Vec<ShownTable>,
}

/// `GET /tables`: those that take batches, for who may read everything or write there.
pub(crate) async fn tables(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
) -> Result<Response, Problem> {
    let reads_all = principal.check(Need::Read).is_ok();
    let tables = desk(&edge)?.map(Batches::tables).unwrap_or_default();
    let seen = tables.iter().filter(|rules| reads_all || principal.may_write(&rules.table.name));
    Ok(json(&Tables { tables: seen.map(|rules| ShownTable::of(rules)).collect() }))
}

/// The desk of batches, where a table takes any. Which ones do is not known before the database was reached.
pub(crate) fn desk(edge: &Edge) -> Result<Option<&Batches>, Problem> {
    if edge.is_unasked {
        return Err(Kind::DatabaseUnavailable
            .problem("The database has not been reached since the start of the server."));
    }
    Ok(edge.batches.as_ref())
}

/// `GET /batches?table=&state=&application=&idempotency_key=&limit=&after=`
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let mut query = Query::parse(request.uri().query())?;
    let states = "receiving, queued, applying, committed, rejected or cancelled";
    let wanted = BatchQuery {
        table: query.take("table")?.map(Into::into),
        state: query.take_as("state", states, BatchState::parse)?,
        application: query.take("application")?.map(Into::into),
        before: query.take_as("after", "what \"next\" of an earlier page was", batch_id)?,
        limit: query.limit()?.unwrap_or(LIMIT),
    };
    let key = query.take("idempotency_key")?.map(std::borrow::Cow::into_owned);
    query.end("table, state, application, idempotency_key, limit, after")?;
    let Some(batches) = desk(&edge)? else {
        return Ok(json(&List { batches: Vec::new(), next: None }));
    };
    if let Some(key) = key {
        return with_key(batches, &principal, &wanted, &key).await;
    }
    let limit = wanted.limit;
    let views = batches.list(narrowed(wanted, &principal)).await?;
    let last = views.last().filter(|_| views.len() == limit);
    let next = last.map(|view| view.batch.id.clone());
    let seen = views.iter().filter(|view| may_see(&principal, view));
    Ok(json(&List { batches: seen.map(Shown::of).collect(), next }))
}

/// The id of a batch, spelled as all of them are: pages compare the text.
fn batch_id(text: &str) -> Option<String> {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let has_form = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => is_digit(byte),
        });
    has_form.then(|| text.to_owned())
}

/// Whoever may not read everything is shown its own.
fn narrowed(wanted: BatchQuery, principal: &Principal) -> BatchQuery {
    let own = principal.application().filter(|_| principal.check(Need::Read).is_err());
    match own {
        Some(own) => BatchQuery { application: Some(own.to_owned()), ..wanted },
        None => wanted,
    }
}

/// The one that whoever asks has sent under this key.
async fn with_key(
    batches: &Batches,
    principal: &Principal,
    wanted: &BatchQuery,
    key: &str,
) -> Result<Response, Problem> {
    let (Some(table), None, None, None) =
        (&wanted.table, wanted.state, &wanted.application, &wanted.before)
    else {
        return Err(Kind::BadParameter.problem(
            "The parameter \"idempotency_key\" stands with \"table\" alone: keys are those of whoever asks.",
        ));
    };
    let view = batches.with_key(principal.application(), table, key).await?;
    let seen = view.filter(|view| may_see(principal, view));
    Ok(json(&List { batches: seen.iter().map(Shown::of).collect(), next: None }))
}

/// Whether somebody is shown this batch.
fn may_see(principal: &Principal, view: &BatchView) -> bool {
    principal.check(Need::Read).is_ok() || is_own(principal, view)
}

/// Whether somebody may change this batch: its sender, or whoever may everything.
pub(crate) fn is_own(principal: &Principal, view: &BatchView) -> bool {
    let is_its = principal.application() == view.batch.application.as_deref();
    principal.may_write(&view.batch.table) && (is_its || principal.check(Need::Admin).is_ok())
}

/// A batch that somebody may see.
pub(crate) async fn seen(
    edge: &Edge,
    principal: &Principal,
    id: &str,
) -> Result<BatchView, Problem> {
    let view = match desk(edge)? {
        Some(batches) => batches.batch(id).await?,
        None => None,
    };
    view.filter(|view| may_see(principal, view)).ok_or_else(|| missing(id))
}

/// No batch has this id, or none that may be seen.
pub(crate) fn missing(id: &str) -> Problem {
    let shown: String = id.chars().take(100).collect();
    Kind::NotFound.problem(format!("There is no batch with the id {shown:?}."))
}

/// `GET /batches/{id}`
pub(crate) async fn one(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let id = segment(request.uri().path(), "/batches/")?;
    let view = seen(&edge, &principal, &id).await?;
    let mut response = json(&Shown::of(&view));
    progress(response.headers_mut(), &view);
    Ok(response)
}

/// Says in the head how far an upload is. One that was cancelled before its end has nothing: whoever looks must not take it
/// for a whole one, goes on from the beginning, and learns there that it is cancelled.
pub(crate) fn progress(headers: &mut HeaderMap, view: &BatchView) {
    let batch = &view.batch;
    let is_lost = batch.state == BatchState::Cancelled && batch.received_at.is_none();
    let is_complete = batch.state != BatchState::Receiving && !is_lost;
    if let Some(offset) = view.upload_offset.or(is_lost.then_some(0)) {
        headers.insert(UPLOAD_OFFSET, HeaderValue::from(offset));
    }
    if view.upload_offset.is_some() || is_lost || is_complete {
        let word = if is_complete { "?1" } else { "?0" };
        headers.insert(UPLOAD_COMPLETE, HeaderValue::from_static(word));
    }
}

/// `GET /batches/{id}/errors?after=&limit=`, or all of them as lines.
pub(crate) async fn errors(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let path = request.uri().path();
    let id = segment(path.strip_suffix("/errors").unwrap_or(path), "/batches/")?;
    let mut query = Query::parse(request.uri().query())?;
    let number = |text: &str| text.parse::<u64>().ok().filter(|&after| after < 1 << 53);
    let after = query.take_as("after", "what \"next\" of an earlier answer was", number)?;
    let limit = query.limit()?;
    query.end("after, limit")?;
    seen(&edge, &principal, &id).await?;
    let Some(batches) = edge.batches.clone() else { return Err(missing(&id)) };
    let after = after.unwrap_or(0);
    let accepts = request.headers().get_all(ACCEPT);
    if accepts.iter().any(|accept| wants_lines(accept.as_bytes())) {
        let place = export::place(&edge, Holder::in_request(request.extensions()))?;
        return lines(&edge, principal, batches, (id, after), place).await;
    }
    let limit = limit.unwrap_or(LIMIT);
    let errors = batches.errors(&id, after, limit).await?;
    let next = (errors.len() == limit).then(|| (after + limit as u64).to_string());
    let mut response = json(&Errors { errors: ShownError::all(&errors), next });
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// The first page is read before the answer begins, so that what is wrong from the start gets a proper refusal. Whoever has lost
/// the right to them since gets no further page; the connection breaks off, which no client takes for the end.
async fn lines(
    edge: &Arc<Edge>,
    principal: Principal,
    batches: Batches,
    (id, after): (String, u64),
    place: Share,
) -> Result<Response, Problem> {
    let first = batches.errors(&id, after, PAGE_ERRORS).await?;
    let edge = Arc::clone(edge);
    let state = Some((first, after, place));
    let pages = stream::try_unfold(state, move |state| {
        let (batches, id) = (batches.clone(), id.clone());
        let standing = standing::look(&edge, &principal);
        async move {
            let Some((page, after, place)) = state else { return Ok(None) };
            let bytes = written(&page);
            if page.len() < PAGE_ERRORS {
                return Ok::<_, io::Error>(Some((bytes, None)));
            }
            standing.map_err(|_| io::Error::other("the right to it has ended"))?;
            let after = after + page.len() as u64;
            let next = batches.errors(&id, after, PAGE_ERRORS).await.map_err(io::Error::other)?;
            Ok(Some((bytes, Some((next, after, place)))))
        }
    });
    let mut response = Response::new(Body::from_stream(pages));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

fn written(errors: &[RowError]) -> Bytes {
    let mut lines = Vec::new();
    for error in errors {
        serde_json::to_writer(&mut lines, &ShownError::of(error)).expect("memory takes all");
        lines.push(b'\n');
    }
    Bytes::from(lines)
}

/// `DELETE /batches/{id}`: ends it before it is applied.
pub(crate) async fn cancel(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let id = segment(request.uri().path(), "/batches/")?;
    let view = seen(&edge, &principal, &id).await?;
    if !is_own(&principal, &view) {
        return Err(
            Kind::WrongScope.problem("A batch is cancelled by its sender or by an administrator.")
        );
    }
    let Some(batches) = edge.batches.clone() else { return Err(missing(&id)) };
    let act = |edge: Arc<Edge>| async move {
        let cancelled = match batches.cancel(&id, principal.actor()).await {
            Err(error @ (BatchError::NotCancellable { .. } | BatchError::CameBefore { .. })) => {
                let view = seen(&edge, &principal, &id).await?;
                return Err(about(error.into(), &view));
            }
            cancelled => cancelled?,
        };
        audit::done(&edge, &principal, "batch.cancel", &id, "{}".to_owned()).await;
        Ok(json(&Shown::of(&cancelled)))
    };
    edge.carry_out(act).await
}
