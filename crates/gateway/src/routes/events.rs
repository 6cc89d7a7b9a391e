//! `GET /events` and `GET /streams/{stream}`: pages in `Seq` order, and exports.

use std::io::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LINK};
use hyper::http::request::Parts;
use model::json::{self, Breaks};
use model::{Cursor, Filter, LogId, Pattern, Seq, StreamName};
use store::{Order, Page, PageQuery};

use crate::edge::Edge;
use crate::problem::Problem;
use crate::query::{PAGE_LIMIT, Paging, Query, with_after};
use crate::routes::export::{self, Pages};
use crate::routes::ingest::stream_name;
use crate::wire::media;

/// Events that an export reads at once.
const EXPORT_PAGE: usize = 500;
const KNOWN: &str =
    "application, category, name, session_id, valid, from, to, clock, order, limit, after";

/// `GET /events`: the stream `events`, or those that `stream=` names.
pub(crate) async fn events(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let mut query = Query::parse(parts.uri.query())?;
    let mut streams = query.patterns("stream")?;
    if streams.is_empty() {
        streams.push(Pattern::Exact(StreamName::EVENTS.to_owned()));
    }
    list(edge, streams, query, &parts, "stream, application, category, name, session_id, valid, from, to, clock, order, limit, after").await
}

/// `GET /streams/{stream}`.
pub(crate) async fn stream(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let name = stream_name(parts.uri.path().strip_prefix("/streams/").unwrap_or_default())?;
    let query = Query::parse(parts.uri.query())?;
    list(edge, vec![Pattern::Exact(name.as_str().to_owned())], query, &parts, KNOWN).await
}

async fn list(
    edge: Arc<Edge>,
    streams: Vec<Pattern>,
    mut query: Query<'_>,
    parts: &Parts,
    known: &str,
) -> Result<Response, Problem> {
    let log = edge.intake.log().log;
    let filter = Filter { stream: streams, ..query.filter()? };
    let Paging { after, order, limit } = query.paging(log)?;
    query.end(known)?;
    let wanted = PageQuery {
        filter,
        after: after.map(|cursor| cursor.seq),
        order,
        limit: limit.unwrap_or(PAGE_LIMIT),
    };
    if wants_lines(&parts.headers) {
        return export::lines(Export::new(edge, wanted, limit).await?).await;
    }
    let page = edge.store.page(wanted).await?;
    let next = page.next.map(|seq| Cursor { log, seq }.to_string());
    let mut out = Vec::with_capacity(64 + page.events.len() * 512);
    out.extend_from_slice(b"{\"events\":[");
    for (at, stored) in page.events.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::write_event(&mut out, &stored.event, stored.seq, log, "", Breaks::ToSpaces);
    }
    Ok(list_response(out, parts, next.as_deref()))
}

/// Whether the client asked for NDJSON.
pub(crate) fn wants_lines(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|accept| media::wants_lines(accept.as_bytes()))
}

/// Ends an `{"events":[…` with its cursor, and links to the next page.
pub(crate) fn list_response(mut out: Vec<u8>, parts: &Parts, next: Option<&str>) -> Response {
    match next {
        Some(next) => {
            let _ = write!(out, "],\"next\":\"{next}\"}}");
        }
        None => out.extend_from_slice(b"],\"next\":null}"),
    }
    let mut response = Response::new(Body::from(out));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let link = next.map(|next| {
        let query = with_after(parts.uri.query(), next);
        format!("<{}?{query}>; rel=\"next\"", parts.uri.path())
    });
    if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        headers.insert(LINK, link);
    }
    response
}

/// An export under way.
struct Export {
    edge: Arc<Edge>,
    log: LogId,
    query: PageQuery,
    /// `limit` of the request, counted down.
    n_left: Option<usize>,
    /// What is applied after the export has begun is not part of it: it would never end under load.
    last: Seq,
    is_over: bool,
}

impl Export {
    async fn new(edge: Arc<Edge>, query: PageQuery, limit: Option<usize>) -> Result<Self, Problem> {
        let (log, last) = (edge.intake.log().log, edge.store.lease().await?.applied);
        Ok(Self { edge, log, query, n_left: limit, last, is_over: false })
    }

    fn write(&mut self, page: &Page) -> Vec<u8> {
        let mut out = Vec::with_capacity(page.events.len() * 512);
        for stored in &page.events {
            if stored.seq > self.last {
                // Ascending, all that follows is newer still; descending, it only comes first.
                self.is_over |= self.query.order == Order::Asc;
                continue;
            }
            json::write_event(&mut out, &stored.event, stored.seq, self.log, "", Breaks::ToSpaces);
            out.push(b'\n');
            self.n_left = self.n_left.map(|n_left| n_left - 1);
        }
        out
    }
}

impl Pages for Export {
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        while !self.is_over && self.n_left != Some(0) {
            let limit = self.n_left.unwrap_or(EXPORT_PAGE).min(EXPORT_PAGE);
            let page = self.edge.store.page(PageQuery { limit, ..self.query.clone() }).await?;
            self.query.after = page.next;
            self.is_over = page.next.is_none();
            let out = self.write(&page);
            if !out.is_empty() {
                return Ok(Some(Bytes::from(out)));
            }
        }
        Ok(None)
    }
}
