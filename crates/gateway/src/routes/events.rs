//! `GET /events` and `GET /streams/{stream}`: pages in `Seq` order, and exports.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use hyper::http::request::Parts;
use model::{Cursor, Filter, Pattern, Seq, StreamName};
use store::{Extent, Listed, Order, Page, PageQuery};

use crate::auth::principal::Principal;
use crate::auth::refusal::Refusal;
use crate::auth::standing::Standing;
use crate::edge::Edge;
use crate::holder::Holder;
use crate::problem::Problem;
use crate::query::{PAGE_LIMIT, Paging, Query};
use crate::routes::export::{self, Pages};
use crate::routes::ingest::stream_name;
use crate::routes::list::Form;
use crate::wire::media::{self, Output};

const KNOWN: &str =
    "application, category, name, session_id, q, valid, from, to, clock, order, limit, after, data";
const KNOWN_WITH_STREAM: &str = "stream, application, category, name, session_id, q, valid, from, to, clock, order, limit, after, data";

/// `GET /events`: the stream `events`, or those that `stream=` names.
pub(crate) async fn events(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let mut query = Query::parse(parts.uri.query())?;
    let mut streams = query.patterns("stream")?;
    if streams.is_empty() {
        streams.push(Pattern::Exact(StreamName::EVENTS.to_owned()));
    }
    list(edge, principal, streams, query, (&parts, KNOWN_WITH_STREAM)).await
}

/// `GET /streams/{stream}`.
pub(crate) async fn stream(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let name = stream_name(parts.uri.path().strip_prefix("/streams/").unwrap_or_default())?;
    let query = Query::parse(parts.uri.query())?;
    let streams = vec![Pattern::Exact(name.as_str().to_owned())];
    list(edge, principal, streams, query, (&parts, KNOWN)).await
}

async fn list(
    edge: Arc<Edge>,
    principal: Principal,
    streams: Vec<Pattern>,
    mut query: Query<'_>,
    (parts, known): (&Parts, &str),
) -> Result<Response, Problem> {
    let log = edge.intake.log().log;
    let filter = Filter { stream: principal.narrow(streams)?, ..query.filter()? };
    let Paging { after, order, limit } = query.paging(log)?;
    let data_bytes_max = query.data_bytes_max()?;
    query.end(known)?;
    let wanted = PageQuery {
        filter,
        after: after.map(|cursor| cursor.seq),
        order,
        limit: limit.unwrap_or(PAGE_LIMIT),
    };
    let output = media::output(&parts.headers);
    let form = Form { output, log, is_preview: data_bytes_max.is_some() };
    if output != Output::Json {
        let last = edge.stores.events.lease().await?.applied;
        let extent = export::extent(data_bytes_max);
        let pages = Export {
            edge: Arc::clone(&edge),
            standing: Standing::new(Arc::clone(&edge), principal),
            query: wanted,
            extent,
            n_left: limit,
            last,
            is_over: false,
        };
        let holder = Holder::in_request(&parts.extensions);
        return export::send(&edge, holder, form, pages).await;
    }
    let extent = Extent { data_bytes_max, ..Extent::PAGE };
    let mut page = edge.stores.events.page(wanted.clone(), extent).await?;
    if wanted.filter.search.is_some() && wanted.after.is_none() {
        add_named(&edge, wanted, extent, &mut page).await?;
    }
    let next = page.next.map(|seq| Cursor { log, seq }.to_string());
    Ok(form.page(&page.events, parts, next.as_deref()))
}

/// Whoever searches for an id means that event: it stands on the first page even where the walk has not come to it yet,
/// and comes again in its place. The page stays in order and within its limit.
async fn add_named(
    edge: &Edge,
    query: PageQuery,
    extent: Extent,
    page: &mut Page,
) -> Result<(), Problem> {
    let Some(next) = page.next else { return Ok(()) };
    let (order, limit) = (query.order, query.limit);
    let mut named = edge.stores.explore.named(query, extent).await?;
    named.retain(|listed| match order {
        Order::Asc => listed.seq > next,
        Order::Desc => listed.seq < next,
    });
    while page.events.len() + named.len() > limit {
        let Some(left_out) = page.events.pop() else { break };
        page.next = Some(match order {
            Order::Asc => left_out.seq.prev(),
            Order::Desc => left_out.seq.next(),
        });
    }
    page.events.extend(named);
    Ok(())
}

/// An export under way.
struct Export {
    edge: Arc<Edge>,
    standing: Standing,
    query: PageQuery,
    extent: Extent,
    /// `limit` of the request, counted down.
    n_left: Option<usize>,
    /// What is applied after the export has begun is not part of it: it would never end under load.
    last: Seq,
    is_over: bool,
}

impl Pages for Export {
    async fn next(&mut self) -> Result<Option<Vec<Listed>>, Problem> {
        if self.is_over || self.n_left == Some(0) {
            return Ok(None);
        }
        self.standing.look().map_err(Refusal::problem)?;
        let limit = self.n_left.unwrap_or(export::PAGE_EVENTS).min(export::PAGE_EVENTS);
        let query = PageQuery { limit, ..self.query.clone() };
        let page = self.edge.stores.events.page(query, self.extent).await?;
        self.query.after = page.next;
        // Ascending, all that follows is newer still; descending, what is newer only comes first.
        let has_newer = page.events.last().is_some_and(|listed| listed.seq > self.last);
        self.is_over = page.next.is_none() || (has_newer && self.query.order == Order::Asc);
        let mut events = page.events;
        events.retain(|listed| listed.seq <= self.last);
        self.n_left = self.n_left.map(|n_left| n_left - events.len());
        Ok(Some(events))
    }
}
