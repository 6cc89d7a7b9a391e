//! One request: is the caller welcome, which way does it go, and what every answer carries.
//!
//! Writes are answered right here, before any router: the way of an event to its 202 has no layers, no spans
//! and no allocation that it does not need. Everything else goes to the axum router.

use std::convert::Infallible;
use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use axum::body::Body as AxumBody;
use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, ORIGIN,
    TRANSFER_ENCODING, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::uri::{PathAndQuery, Uri};
use hyper::{Method, Request, Response, StatusCode};
use pipeline::{Begun, Caller};
use tower::ServiceExt;

use crate::auth::browser;
use crate::auth::identify::identify;
use crate::auth::principal::{Need, Principal};
use crate::cors;
use crate::edge::Edge;
use crate::encoding::{self, Coding};
use crate::error::Kind;
use crate::gateway::Gateway;
use crate::health::requests::Class;
use crate::holder::Holder;
use crate::problem::Problem;
use crate::rate::limiter::{is_free, is_probe};
use crate::reads;
use crate::reply::Reply;
use crate::request_id;
use crate::routes::ingest;
use crate::routes::queries::{self, Asked};
use crate::watch::{Phase, Watch};

/// A JSON answer that is opened in a browser tab may do nothing.
const API_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");
/// What answers say once the server ends.
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Answers one request. Never fails: what goes wrong is a problem+json answer. Without a `client` it came over the local
/// socket, which is the machine itself whatever the request says.
pub(crate) async fn answer<B>(
    gateway: &Gateway,
    watch: &Arc<Watch>,
    client: Option<IpAddr>,
    mut request: Request<B>,
) -> Result<Response<Reply>, Infallible>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Display + Into<axum::BoxError>,
{
    watch.enter(Phase::Busy);
    let edge = &*gateway.edge;
    let begun = Instant::now();
    let class = match edge.queries.find(request.uri().path()) {
        Some(_) => Class::Read,
        None => Class::of(request.method(), request.uri().path()),
    };
    let request_id = edge.request_ids.of(request.headers());
    let trace = trace(edge, class, &mut request);
    if client.is_none() {
        request.extensions_mut().insert(Principal::local());
    }
    let page = cors::allowed_page(edge, &request);
    let mut response = match dispatch(gateway, watch, client, request, page.is_some()).await {
        Ok(response) => response,
        Err(problem) => {
            let problem = edge.limiter.instead_of(problem, client);
            let id = request_id.to_str().unwrap_or_default();
            let facts = problem.facts();
            edge.requests.refuse(facts.code);
            if facts.status >= 500 || facts.logged.is_some() {
                let words = facts.logged.as_deref().unwrap_or(&facts.detail);
                tracing::warn!(request_id = id, code = facts.code, "{words}");
            }
            problem.render(id)
        }
    };
    response.headers_mut().insert(request_id::HEADER.clone(), request_id);
    if let Some(page) = page {
        cors::allow(response.headers_mut(), page);
    }
    edge.requests.record(class, response.status(), begun.elapsed());
    if let (Some(traces), Some(trace)) = (&edge.meters.traces, trace) {
        let status = response.status();
        let code = ("http.response.status_code", u64::from(status.as_u16()));
        traces.end(trace, true, vec![code], status.is_server_error());
    }
    // Told with an answer, a client cannot have sent the next request already, as it could have before a mere close.
    // A switch to another protocol says `Connection: upgrade` itself.
    if edge.is_closing.load(Relaxed) && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, CLOSE);
    }
    watch.enter(Phase::Open);
    Ok(response)
}

/// Begins the span of a write that is traced, and leaves word for the intake.
fn trace<B>(edge: &Edge, class: Class, request: &mut Request<B>) -> Option<Begun> {
    let traces = edge.meters.traces.as_ref().filter(|_| class == Class::Write)?;
    let given = request.headers().get("traceparent").and_then(|given| given.to_str().ok());
    let begun = traces.begin("POST events", given.and_then(Caller::parse))?;
    request.extensions_mut().insert(begun.context);
    Some(begun)
}

async fn dispatch<B>(
    gateway: &Gateway,
    watch: &Arc<Watch>,
    client: Option<IpAddr>,
    request: Request<B>,
    is_allowed_page: bool,
) -> Result<Response<Reply>, Problem>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Display + Into<axum::BoxError>,
{
    let edge = &*gateway.edge;
    let path = request.uri().path();
    let is_probe = is_probe(path);
    let is_write = request.method() == Method::POST && ingest::is_write(path);
    let welcome = match client {
        Some(_) => edge.hosts.check(&request, is_probe, is_allowed_page),
        // No page of any site can reach a Unix socket, and it has no name to be rebound.
        None => Ok(()),
    };
    let welcome = welcome.and_then(|()| check_transfer(request.headers()));
    welcome.map_err(|problem| if is_write { problem.rejected() } else { problem })?;
    if is_allowed_page && cors::is_preflight(&request) {
        return Ok(cors::preflight());
    }
    let headers = request.headers();
    let principal = identify(&edge.registry, headers, request.extensions());
    let principal = browser::recognise(edge, principal, &request);
    if is_write || is_allowed_page {
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        let admitted = principal.check_origin(origin, is_allowed_page);
        if is_write {
            return ingest::write(edge, watch, client, admitted.map(|()| principal), request).await;
        }
        admitted?;
    }
    if !is_free(path) {
        let _ = edge.limiter.admit(&principal, client)?;
    }
    if let Some((query, is_csv)) = edge.queries.find(path) {
        // What is public costs the database as much as what is not.
        if let (None, Some(client)) = (principal.identity(), client)
            && principal.refusal().is_some()
        {
            let _ = edge.limiter.admit_guest(client)?;
        }
        let coding = encoding::accepted(request.headers());
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let holder = Holder::of(&principal, client);
        let asked = Asked { method, uri, headers, is_csv, holder: &holder };
        let answered = queries::answer(&gateway.edge, query, &principal, asked);
        return Ok(finished(edge, coding, Box::pin(answered).await?));
    }
    // Boxed: the router's future is large, and this one lives in every connection.
    Box::pin(route(gateway, watch, (principal, client), request)).await
}

/// hyper cuts by the last coding and leaves the others to us: what a client calls compressed would be read as it is.
fn check_transfer(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(coding), _) => Err(Kind::BadTransferEncoding
            .problem(format!("The body has Transfer-Encoding {coding:?}."))),
    }
}

async fn route<B>(
    gateway: &Gateway,
    watch: &Arc<Watch>,
    (principal, client): (Principal, Option<IpAddr>),
    request: Request<B>,
) -> Result<Response<Reply>, Problem>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Display + Into<axum::BoxError>,
{
    if request.headers().contains_key(UPGRADE) && !request.body().is_end_stream() {
        // Its bytes would be taken for the first of the new protocol.
        return Err(Kind::BadUpgrade.problem("A request for an upgrade has no body."));
    }
    let coding = encoding::accepted(request.headers());
    let mut request = request.map(AxumBody::new);
    trim_slash(request.uri_mut());
    request.extensions_mut().insert(Arc::clone(watch));
    let holder = Holder::of(&principal, client);
    let asked = (request.method(), request.uri().path());
    let _place = reads::place(&gateway.edge, &holder, asked).await?;
    request.extensions_mut().insert(holder);
    let is_outsider = principal.check(Need::Admin).is_err();
    request.extensions_mut().insert(principal);
    let Ok(mut response) = gateway.router.clone().oneshot(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return Err(if is_outsider { problem.for_outsiders() } else { problem });
    }
    Ok(finished(&gateway.edge, coding, response))
}

/// `/status/` means `/status`. The console's own paths keep theirs.
fn trim_slash(uri: &mut Uri) {
    let path = uri.path();
    let Some(trimmed) = path.strip_suffix('/') else { return };
    if trimmed.is_empty() || path.starts_with("/ui") {
        return;
    }
    let text = match uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    if let Ok(path_and_query) = text.parse::<PathAndQuery>() {
        let mut parts = std::mem::take(uri).into_parts();
        parts.path_and_query = Some(path_and_query);
        *uri = Uri::from_parts(parts).unwrap_or_default();
    }
}

/// What every answer carries unless its handler said otherwise, compressed where that is worth it.
fn finished(
    edge: &Edge,
    coding: Option<Coding>,
    mut response: Response<AxumBody>,
) -> Response<Reply> {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(API_POLICY);
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    encoding::encode(coding, &edge.encoders, response).map(Reply::Stream)
}
