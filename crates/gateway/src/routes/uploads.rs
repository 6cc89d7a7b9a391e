//! `POST /tables/{table}/batches` and `PATCH /batches/{id}`: the rows of a batch on their way in.
//!
//! ```text
//! body -> inflate -> Upload::push (parse, check, log) ... -> finish -> 202, 422
//! ```
//!
//! Invariant: memory holds one piece of the body, however long it is. A plain upload whose connection breaks is
//! cancelled; a resumable one stays as far as it is durable.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::Body as _;
use hyper::header::{CONTENT_TYPE, EXPECT, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::http::request::Parts;
use model::names::{LABEL_BYTES_MAX, check_label};
use pipeline::{
    BatchError, BatchView, Batches, Begin, FIRST_ERRORS_MAX, Finished, Upload, UploadWish,
};
use store::BatchState;

use crate::auth::principal::Principal;
use crate::auth::standing;
use crate::body::{self, Reserved};
use crate::decoding::{self, Coding};
use crate::edge::Edge;
use crate::error::Kind;
use crate::holder::Holder;
use crate::inflate::Inflate;
use crate::problem::Problem;
use crate::query::{Query, bad};
use crate::routes::batch_shape::{Shown, Tried, about, rejected};
use crate::routes::batches::{
    UPLOAD_COMPLETE, UPLOAD_OFFSET, desk, is_own, missing, progress, seen,
};
use crate::routes::event::segment;
use crate::routes::status::json;
use crate::routes::{idempotency, wait};
use crate::watch::{Phase, Watch};
use crate::wire::media;

/// What a part of a resumable upload is called.
const PARTIAL: &str = "application/partial-upload";

/// `POST /tables/{table}/batches`
pub(crate) async fn begin(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, mut body) = request.into_parts();
    let answer = begin_with(&edge, &principal, &parts, &mut body).await;
    drain(&parts, &mut body, answer.is_err()).await;
    // Nothing of a refused upload is kept, unless it comes in parts, or says otherwise.
    let is_resumable = parts.headers.contains_key(UPLOAD_COMPLETE);
    answer.map_err(|problem| if is_resumable { problem } else { problem.rejected() })
}

async fn begin_with(
    edge: &Arc<Edge>,
    principal: &Principal,
    parts: &Parts,
    body: &mut Body,
) -> Result<Response, Problem> {
    let path = parts.uri.path();
    let table = segment(path.strip_suffix("/batches").unwrap_or(path), "/tables/")?;
    principal.check_write_table(&table)?;
    let mut query = Query::parse(parts.uri.query())?;
    let dry_run = query.take_as("dry_run", "true or false", |text| text.parse::<bool>().ok())?;
    let label = query.take("label")?.map(std::borrow::Cow::into_owned);
    query.end("dry_run, label")?;
    if let Some(label) = &label {
        check_label(label, LABEL_BYTES_MAX).map_err(|error| bad("label", &error.to_string()))?;
    }
    let dry_run = dry_run.unwrap_or(false);
    let all = desk(edge)?;
    let batches = all.filter(|batches| batches.table(&table).is_some()).cloned();
    let batches = batches.ok_or_else(|| no_such_table(all, &table))?;
    let complete = complete(&parts.headers)?;
    if dry_run && complete.is_some() {
        return Err(Kind::BadUpload.problem("A dry run comes whole, without Upload-Complete."));
    }
    let coding = coding(&parts.headers, complete.is_some())?;
    let wish = UploadWish {
        table,
        format: media::rows(&parts.headers)?,
        application: principal.application().map(str::to_owned),
        sent_by: principal.actor().to_owned(),
        holder: Holder::in_request(&parts.extensions).as_str().to_owned(),
        label,
        key: idempotency::key(&parts.headers)?.map(str::to_owned),
        dry_run,
        resumable: complete.is_some(),
        now: pipeline::now(),
        revalidates: None,
    };
    if complete == Some(false)
        && let Some(key) = &wish.key
        && let Some(first) = batches.with_key(principal.application(), &wish.table, key).await?
        && !matches!(first.batch.state, BatchState::Receiving | BatchState::Cancelled)
    {
        // Its parts could only be compared at the end of them all.
        let state = first.batch.state.as_str();
        let words = format!("The batch that has the key is {state}; it takes no more bytes.");
        return Err(about(Kind::UploadOver.problem(words), &first));
    }
    let Begin::Upload(upload) = begun(edge, principal, &batches, wish).await?;
    let going = Going { edge, principal, parts, batches: &batches };
    let upload = going.read(upload, body, coding).await?;
    if complete == Some(false) {
        let view = going.pause(upload).await?;
        let mut response = json(&Shown::of(&view));
        *response.status_mut() = StatusCode::CREATED;
        progress(response.headers_mut(), &view);
        response.headers_mut().insert(LOCATION, location(&view));
        return Ok(response);
    }
    let finished = going.finish(upload).await?;
    if dry_run { Ok(json(&Tried::of(&finished))) } else { going.answer(finished).await }
}

/// Begins; what stands in the way is shown.
async fn begun(
    edge: &Arc<Edge>,
    principal: &Principal,
    batches: &Batches,
    wish: UploadWish,
) -> Result<Begin, Problem> {
    let batches = batches.clone();
    let begun = edge.carry_out(|_| async move { batches.begin(wish).await }).await;
    match begun {
        Err(error) => Err(with_batch(edge, principal, error).await),
        Ok(begin) => Ok(begin),
    }
}

/// The batch that an error names, beside it.
pub(crate) async fn with_batch(edge: &Edge, principal: &Principal, error: BatchError) -> Problem {
    let id = match &error {
        BatchError::KeyBusy { id } | BatchError::KeyConflict { id } => id.clone(),
        _ => return error.into(),
    };
    match seen(edge, principal, &id).await {
        Ok(view) => about(error.into(), &view),
        Err(_) => error.into(),
    }
}

/// `PATCH /batches/{id}`
pub(crate) async fn go_on(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, mut body) = request.into_parts();
    let answer = go_on_with(&edge, &principal, &parts, &mut body).await;
    drain(&parts, &mut body, answer.is_err()).await;
    answer
}

async fn go_on_with(
    edge: &Arc<Edge>,
    principal: &Principal,
    parts: &Parts,
    body: &mut Body,
) -> Result<Response, Problem> {
    let id = segment(parts.uri.path(), "/batches/")?;
    let view = seen(edge, principal, &id).await?;
    if !is_own(principal, &view) {
        return Err(Kind::WrongScope.problem("An upload is continued by its sender."));
    }
    let given = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !given.is_some_and(|given| given.eq_ignore_ascii_case(PARTIAL.as_bytes())) {
        return Err(Kind::UnsupportedMediaType
            .problem("This takes a part of an upload.")
            .hint("send Content-Type: application/partial-upload"));
    }
    let coding = coding(&parts.headers, true)?;
    let (Some(offset), Some(complete)) = (offset(&parts.headers)?, complete(&parts.headers)?)
    else {
        return Err(Kind::BadUpload.problem("Upload-Offset or Upload-Complete is missing."));
    };
    let Some(batches) = desk(edge)?.cloned() else { return Err(missing(&id)) };
    let going = Going { edge, principal, parts, batches: &batches };
    let holder = Holder::in_request(&parts.extensions);
    let upload = match batches.resume(&id, offset, holder.as_str()).await {
        Err(error @ BatchError::WrongOffset { .. }) => {
            let mut problem = about(error.into(), &seen(edge, principal, &id).await?);
            if let Some(right) = seen(edge, principal, &id).await?.upload_offset {
                let header = (UPLOAD_OFFSET_NAME, HeaderValue::from(right));
                problem = problem.with(|facts| facts.headers.push(header));
            }
            return Err(problem);
        }
        Err(BatchError::NotUploading { state: BatchState::Cancelled }) => {
            let view = seen(edge, principal, &id).await?;
            let why = view.batch.detail.as_deref().unwrap_or("somebody ended it");
            let words = format!("The batch is cancelled: {why}.");
            return Err(about(Kind::BatchCancelled.problem(words), &view));
        }
        Err(error @ BatchError::NotUploading { .. }) => {
            return Err(about(error.into(), &seen(edge, principal, &id).await?));
        }
        upload => upload?,
    };
    let upload = going.read(upload, body, coding).await?;
    if complete {
        let finished = going.finish(upload).await?;
        return going.answer(finished).await;
    }
    let view = going.pause(upload).await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    progress(response.headers_mut(), &view);
    Ok(response)
}

/// The name of a header as problems take it.
const UPLOAD_OFFSET_NAME: &str = "upload-offset";

/// One request that brings rows.
pub(crate) struct Going<'a> {
    pub(crate) edge: &'a Arc<Edge>,
    pub(crate) principal: &'a Principal,
    pub(crate) parts: &'a Parts,
    pub(crate) batches: &'a Batches,
}

impl Going<'_> {
    /// Takes the body to its end. Where that fails the upload is dropped, and so ends as its kind wants it.
    async fn read(
        &self,
        mut upload: Upload,
        body: &mut Body,
        coding: Coding,
    ) -> Result<Upload, Problem> {
        let watch =
            self.parts.extensions.get::<Arc<Watch>>().expect("the service has put it there");
        let mut inflate = Inflate::new(coding)?;
        watch.enter(Phase::Batch);
        let read = async {
            while !body.is_end_stream() {
                let Some(bytes) = body::next(body, watch).await? else { break };
                inflate.feed(bytes);
                while let Some(piece) = inflate.next()? {
                    self.push(&mut upload, piece).await?;
                }
                // It takes its time: whoever sent the head may have lost the right since.
                standing::look_again(self.edge, self.parts)?;
            }
            Ok::<_, Problem>(())
        };
        let read = read.await;
        watch.enter(Phase::Busy);
        read?;
        standing::look_again(self.edge, self.parts)?;
        let n_sent = inflate.n_in();
        let last = inflate.finish()?;
        self.push(&mut upload, last).await?;
        if coding != Coding::Identity {
            upload.set_sent_bytes(n_sent);
        }
        Ok(upload)
    }

    async fn push(&self, upload: &mut Upload, piece: Bytes) -> Result<(), Problem> {
        let whose = || Holder::in_request(&self.parts.extensions).clone();
        let mut reserved = Reserved::none(&self.edge.budget, &whose);
        reserved.grow(piece.len())?;
        Ok(upload.push(piece).await?)
    }

    async fn pause(&self, upload: Upload) -> Result<BatchView, Problem> {
        Ok(self.edge.carry_out(|_| async move { upload.pause().await }).await?)
    }

    async fn finish(&self, upload: Upload) -> Result<Finished, Problem> {
        let finished = self.edge.carry_out(|_| async move { upload.finish().await }).await;
        match finished {
            Ok(finished) => Ok(finished),
            Err(error) => Err(with_batch(self.edge, self.principal, error).await),
        }
    }

    /// What became of it, after the wait that the client wants.
    pub(crate) async fn answer(
        &self,
        Finished { batch, first_errors, .. }: Finished,
    ) -> Result<Response, Problem> {
        let mut view = match wait::wanted(&self.parts.headers) {
            Some(seconds) if !batch.batch.state.is_over() => self.ended(batch, seconds).await?,
            _ => batch,
        };
        // Its key could not be looked up when it began: the answer is that of the first after all.
        if let Some(first) = &view.batch.same_as
            && let Some(first) = self.batches.batch(first).await?
        {
            view = first;
        }
        let status = match view.batch.state {
            BatchState::Rejected => {
                let errors = if first_errors.is_empty() {
                    // Its words say enough where the database does not answer now.
                    let asked = self.batches.errors(&view.batch.id, 0, FIRST_ERRORS_MAX).await;
                    asked.unwrap_or_default()
                } else {
                    first_errors
                };
                return Err(rejected(&view, &errors)
                    .with(|facts| facts.headers.push(("location", location(&view)))));
            }
            BatchState::Cancelled => {
                let words = "The batch was cancelled before it was applied.";
                return Err(about(Kind::BatchCancelled.problem(words), &view));
            }
            BatchState::Committed if wait::wanted(&self.parts.headers).is_some() => {
                StatusCode::CREATED
            }
            _ => StatusCode::ACCEPTED,
        };
        let mut response = json(&Shown::of(&view));
        *response.status_mut() = status;
        response.headers_mut().insert(LOCATION, location(&view));
        Ok(response)
    }

    async fn ended(&self, batch: BatchView, seconds: u64) -> Result<BatchView, Problem> {
        let Ok(_permit) = self.edge.waiters.try_acquire() else { return Ok(batch) };
        let wait = Duration::from_secs(seconds);
        let ended = tokio::select! {
            ended = self.batches.ended(&batch.batch.id, wait) => ended?,
            // A server that stops has better things to do than to wait.
            () = self.edge.drain.cancelled() => None,
        };
        Ok(ended.unwrap_or(batch))
    }
}

/// A client that sends all before it reads would otherwise meet a closed connection, not the answer.
async fn drain(parts: &Parts, body: &mut Body, is_refused: bool) {
    if is_refused && !body.is_end_stream() && !parts.headers.contains_key(EXPECT) {
        let watch = parts.extensions.get::<Arc<Watch>>().expect("the service has put it there");
        watch.enter(Phase::Body);
        body::discard(body, watch).await;
        watch.enter(Phase::Busy);
    }
}

fn location(view: &BatchView) -> HeaderValue {
    let location = HeaderValue::try_from(format!("/batches/{}", view.batch.id));
    location.expect("an id is hexadecimal digits and dashes")
}

fn no_such_table(batches: Option<&Batches>, table: &str) -> Problem {
    let names: Vec<String> = batches
        .map(Batches::tables)
        .unwrap_or_default()
        .iter()
        .map(|one| one.table.name.clone())
        .collect();
    let shown: String = table.chars().take(100).collect();
    let known = if names.is_empty() { "none is configured".to_owned() } else { names.join(", ") };
    Kind::NoSuchTable.problem(format!("There is no table {shown:?} that takes batches: {known}."))
}

/// How the body is packed. A part of a packed body means nothing by itself.
fn coding(headers: &HeaderMap, is_in_parts: bool) -> Result<Coding, Problem> {
    let coding = decoding::coding(headers)?;
    if is_in_parts && coding != Coding::Identity {
        return Err(Kind::UnsupportedEncoding
            .problem("An upload in parts is not compressed.")
            .hint("send it without Content-Encoding, or whole, without Upload-Complete"));
    }
    Ok(coding)
}

/// `Upload-Complete: ?0` or `?1`.
fn complete(headers: &HeaderMap) -> Result<Option<bool>, Problem> {
    one_of(headers, &UPLOAD_COMPLETE, "?0 or ?1", |text| match text {
        "?0" => Some(false),
        "?1" => Some(true),
        _ => None,
    })
}

/// `Upload-Offset: 4194304`
fn offset(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    one_of(headers, &UPLOAD_OFFSET, "a number of bytes", |text| {
        text.bytes().all(|sign| sign.is_ascii_digit()).then(|| text.parse().ok()).flatten()
    })
}

fn one_of<T>(
    headers: &HeaderMap,
    name: &HeaderName,
    allowed: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let mut given = headers.get_all(name).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let value = value.to_str().ok().and_then(|text| read(text.trim()));
    let is_single = given.next().is_none();
    value
        .filter(|_| is_single)
        .map(Some)
        .ok_or_else(|| Kind::BadUpload.problem(format!("The header {name} is {allowed}, once.")))
}
