//! Pages of other origins: where an application allows an origin, its pages may send events, and open a WebSocket.
//!
//! Invariant: only those answers carry CORS headers, and only where the origin is allowed; every other page of another
//! site meets [`crate::hosts`]. Which application it is that allows the origin is settled when its token is known
//! ([`crate::auth::principal::Principal::check_origin`]); a preflight carries none.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, UPGRADE, VARY,
};
use hyper::{Method, Request, Response, StatusCode};

use crate::edge::Edge;
use crate::reply::Reply;
use crate::routes::ingest::is_write;

const METHODS: HeaderValue = HeaderValue::from_static("POST");
/// What a write may carry.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-encoding, content-type, idempotency-key, prefer, traceparent, x-request-id",
);
/// What a page may read of the answer, beside what it always may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "preference-applied, ratelimit, ratelimit-policy, retry-after, www-authenticate, x-request-id",
);
/// How long a browser need not ask again, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origin of the page that asks, where it is not ours, some application allows it, and this is a request that such
/// a page may make.
pub(crate) fn allowed_page<B>(edge: &Edge, request: &Request<B>) -> Option<HeaderValue> {
    let origin = edge.hosts.foreign(request)?;
    let path = request.uri().path();
    let may_be_made = match *request.method() {
        Method::POST => is_write(path),
        Method::OPTIONS => is_preflight(request),
        Method::GET => {
            matches!(path, "/live" | "/live/") && request.headers().contains_key(UPGRADE)
        }
        _ => false,
    };
    let text = origin.to_str().ok()?;
    (may_be_made && edge.registry.allows_origin(text)).then(|| origin.clone())
}

/// Whether a browser asks if it may write.
pub(crate) fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && is_write(request.uri().path())
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to an allowed page that asks first.
pub(crate) fn preflight() -> Response<Reply> {
    let mut response = Response::new(Reply::once(bytes::Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}

/// Lets the page read the answer, also where that is a refusal.
pub(crate) fn allow(headers: &mut HeaderMap, page: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, page);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(VARY, HeaderValue::from_static("Origin"));
}
