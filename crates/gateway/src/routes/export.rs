//! Lists as NDJSON: everything that matches, page by page.
//!
//! Invariant: at most one page is in memory, and no page is read before the one before has been taken
//! from us; so no request holds a read transaction while it waits for a socket.

use std::future::Future;
use std::io;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use hyper::header::{CONTENT_TYPE, HeaderValue};

use crate::problem::Problem;

/// Something that comes in pages.
pub(crate) trait Pages: Send + 'static {
    /// The next lines; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, Problem>> + Send;
}

/// Sends all pages. The first is read before the answer begins, so that what is wrong from the start gets a
/// proper refusal; a failure later breaks the connection off, which no client takes for an end.
pub(crate) async fn lines(mut pages: impl Pages) -> Result<Response, Problem> {
    let first = pages.next().await?;
    let is_over = first.is_none();
    let rest = stream::unfold((pages, is_over), async |(mut pages, is_over)| {
        if is_over {
            return None;
        }
        match pages.next().await {
            Ok(None) => None,
            Ok(Some(bytes)) => Some((Ok(bytes), (pages, false))),
            Err(problem) => {
                tracing::warn!(
                    code = problem.facts().code,
                    "an export broke off: {}",
                    problem.facts().detail
                );
                Some((Err(io::Error::other(problem.facts().detail.clone())), (pages, true)))
            }
        }
    });
    let all = stream::iter(first.map(Ok)).chain(rest);
    let mut response = Response::new(Body::from_stream(all));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}
