//! The console, the API page and the API's description, all out of the binary.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY,
};

use crate::assets::Asset;
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;

/// Scripts and styles from our own files only, and no script may turn text into markup.
const CONSOLE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";
/// Swagger UI sets style attributes and cannot live with Trusted Types.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// `/ui/` and every deep link: one page for all screens.
pub(crate) async fn index(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    page(&edge, "index.html", request.headers(), CONSOLE_POLICY)
}

/// `/docs`
pub(crate) async fn docs(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    page(&edge, "docs/index.html", request.headers(), DOCS_POLICY)
}

/// `/ui/a/<build>/<path>` is a file, any other path below `/ui/` a deep link.
pub(crate) async fn file(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let path = request.uri().path();
    let Some(of_build) = path.strip_prefix("/ui/a/") else {
        return page(&edge, "index.html", request.headers(), CONSOLE_POLICY);
    };
    let (build, name) = of_build.split_once('/').unwrap_or((of_build, ""));
    // Another build's page must not run with this build's files.
    let asset = (build == edge.assets.build()).then(|| edge.assets.file(name)).flatten();
    let Some(asset) = asset else {
        let shown: String = path.chars().take(200).collect();
        return Err(Kind::NoSuchRoute.problem(format!("There is nothing at {shown}.")));
    };
    Ok(served(asset, FOR_EVER, CONSOLE_POLICY))
}

/// `/openapi.json`
pub(crate) async fn openapi(State(edge): State<Arc<Edge>>) -> Response {
    let mut response = Response::new(Body::from(edge.openapi.clone()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn page(
    edge: &Edge,
    name: &str,
    headers: &HeaderMap,
    policy: &'static str,
) -> Result<Response, Problem> {
    let Some(asset) = edge.assets.page(name) else {
        return Err(Kind::NoSuchRoute.problem("This binary was built without its console."));
    };
    let etag = HeaderValue::from_str(&format!("\"{}\"", edge.assets.build()))
        .expect("hexadecimal is ASCII");
    let mut response = served(asset, "no-cache", policy);
    response.headers_mut().insert(ETAG, etag.clone());
    if headers.get(IF_NONE_MATCH).is_some_and(|known| *known == etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
    }
    Ok(response)
}

fn served(asset: &Asset, cache: &'static str, policy: &'static str) -> Response {
    let mut response = Response::new(Body::from(asset.bytes.clone()));
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, asset.media_type),
        (CACHE_CONTROL, cache),
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if asset.is_gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
