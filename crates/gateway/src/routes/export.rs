//! Lists as NDJSON or CSV: everything that matches, page by page.
//!
//! Invariant: at most one page is in memory, and no page is read before the one before has been taken
//! from us; so no request holds a read transaction while it waits for a socket.

use std::future::Future;
use std::io;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use hyper::header::{CONTENT_TYPE, HeaderValue, VARY};
use pipeline::Share;
use store::{Extent, Listed};

use crate::edge::Edge;
use crate::encoding::Flow;
use crate::error::Kind;
use crate::holder::Holder;
use crate::problem::Problem;
use crate::routes::list::Form;
use crate::wire::media::Output;

/// Exports under way at once, shared among those who ask. One that nobody reads holds a page; it is cut like every answer that is not read.
pub(crate) const EXPORTS_MAX: usize = 64;
/// Events that an export reads at once.
pub(crate) const PAGE_EVENTS: usize = 500;
/// A page of an export ends with the event that reaches this.
const PAGE_BYTES_MAX: usize = 256 << 10;

/// Something that comes in pages.
pub(crate) trait Pages: Send + 'static {
    /// The next events; `None` at the end. A page may be empty.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<Listed>>, Problem>> + Send;
}

/// How much an export reads at once.
pub(crate) fn extent(data_bytes_max: Option<usize>) -> Extent {
    Extent { bytes_max: PAGE_BYTES_MAX, data_bytes_max }
}

/// Sends all pages. The first is read before the answer begins, so that what is wrong from the start gets a
/// proper refusal; a failure later breaks the connection off, which no client takes for an end.
pub(crate) async fn send(
    edge: &Edge,
    holder: &Holder,
    form: Form,
    mut pages: impl Pages,
) -> Result<Response, Problem> {
    let place = place(edge, holder)?;
    let mut first = form.header();
    let is_over = !add(&mut first, form, pages.next().await?);
    let state = (pages, form, place, is_over);
    let rest = stream::unfold(state, async |(mut pages, form, place, is_over)| {
        if is_over {
            return None;
        }
        match next(&mut pages, form).await {
            Ok(None) => None,
            Ok(Some(bytes)) => Some((Ok(bytes), (pages, form, place, false))),
            Err(problem) => {
                let facts = problem.facts();
                tracing::warn!(code = facts.code, "an export broke off: {}", facts.detail);
                Some((Err(io::Error::other(facts.detail.clone())), (pages, form, place, true)))
            }
        }
    });
    let first = (!first.is_empty()).then(|| Ok(Bytes::from(first)));
    let mut response = Response::new(Body::from_stream(stream::iter(first).chain(rest)));
    response.extensions_mut().insert(Flow);
    let media_type = match form.output {
        Output::Csv => "text/csv; charset=utf-8; header=present",
        Output::Lines | Output::Json => "application/x-ndjson",
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// A place for one more export.
pub(crate) fn place(edge: &Edge, holder: &Holder) -> Result<Share, Problem> {
    edge.exports.take(holder.as_str(), 1).map_err(|crowded| {
        Kind::TooManyExports.problem(format!("There is no place for one more export: {crowded}."))
    })
}

/// The next bytes. Empty pages are read over: a piece without bytes would end the answer.
async fn next(pages: &mut impl Pages, form: Form) -> Result<Option<Bytes>, Problem> {
    let mut out = Vec::new();
    while add(&mut out, form, pages.next().await?) {
        if !out.is_empty() {
            return Ok(Some(Bytes::from(out)));
        }
    }
    Ok(None)
}

/// Whether there was a page.
fn add(out: &mut Vec<u8>, form: Form, page: Option<Vec<Listed>>) -> bool {
    let Some(page) = page else { return false };
    for listed in &page {
        form.write(out, listed);
    }
    true
}
