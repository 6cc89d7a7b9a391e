//! `GET /sessions/{id}`: the events of one session in the order in which they happened.
//!
//! That order is time, then `Seq`, so a session has a cursor of its own: `<log id>.<microseconds>.<seq>`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use model::{LogId, Seq, Timestamp};
use store::{Extent, Listed, SessionPosition, SessionQuery};

use crate::auth::principal::Principal;
use crate::auth::refusal::Refusal;
use crate::auth::standing::Standing;
use crate::edge::Edge;
use crate::holder::Holder;
use crate::problem::Problem;
use crate::query::{PAGE_LIMIT, Query, other_log};
use crate::routes::event::segment;
use crate::routes::export::{self, Pages};
use crate::routes::list::Form;
use crate::wire::media::{self, Output};

/// One page, or all of it as NDJSON or CSV.
pub(crate) async fn session(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let log = edge.intake.log().log;
    let session_id = segment(parts.uri.path(), "/sessions/")?;
    let mut query = Query::parse(parts.uri.query())?;
    let limit = query.limit()?;
    let cursor =
        "a cursor of an earlier answer about this session, such as 0a1b2c3d.1793520000000000.42";
    let after = query.take_as("after", cursor, |text| SessionCursor::from_str(text).ok())?;
    let data_bytes_max = query.data_bytes_max()?;
    query.end("limit, after, data")?;
    if let Some(after) = &after
        && after.log != log
    {
        return Err(other_log(after.log, log));
    }
    let after = after.map(|cursor| cursor.position);
    let output = media::output(&parts.headers);
    let form = Form { output, log, is_preview: data_bytes_max.is_some() };
    if output != Output::Json {
        let extent = export::extent(data_bytes_max);
        let query = SessionQuery { session_id, after, limit: export::PAGE_EVENTS };
        let pages = Export {
            edge: Arc::clone(&edge),
            standing: Standing::new(Arc::clone(&edge), principal.clone()),
            principal,
            query,
            extent,
            n_left: limit,
            is_over: false,
        };
        let holder = Holder::in_request(&parts.extensions);
        return export::send(&edge, holder, form, pages).await;
    }
    let query = SessionQuery { session_id, after, limit: limit.unwrap_or(PAGE_LIMIT) };
    let mut page =
        edge.stores.events.session(query, Extent { data_bytes_max, ..Extent::PAGE }).await?;
    let last = page.events.last().filter(|_| page.has_more).map(position);
    let next = last.map(|position| SessionCursor { log, position }.to_string());
    // After the cursor: what may not be seen makes a page short, never a session shorter.
    page.events.retain(|listed| principal.may_read(listed.event.stream()));
    Ok(form.page(&page.events, &parts, next.as_deref()))
}

fn position(listed: &Listed) -> SessionPosition {
    let event = &listed.event;
    SessionPosition { at: event.timestamp().unwrap_or(event.received_at()), seq: listed.seq }
}

/// An export under way.
struct Export {
    edge: Arc<Edge>,
    principal: Principal,
    standing: Standing,
    query: SessionQuery,
    extent: Extent,
    /// `limit` of the request, counted down.
    n_left: Option<usize>,
    is_over: bool,
}

impl Pages for Export {
    async fn next(&mut self) -> Result<Option<Vec<Listed>>, Problem> {
        if self.is_over || self.n_left == Some(0) {
            return Ok(None);
        }
        self.standing.look().map_err(Refusal::problem)?;
        let limit = self.n_left.unwrap_or(export::PAGE_EVENTS).min(export::PAGE_EVENTS);
        let query = SessionQuery { limit, ..self.query.clone() };
        let mut page = self.edge.stores.events.session(query, self.extent).await?;
        self.is_over = !page.has_more;
        self.query.after = page.events.last().map(position);
        page.events.retain(|listed| self.principal.may_read(listed.event.stream()));
        self.n_left = self.n_left.map(|n_left| n_left - page.events.len());
        Ok(Some(page.events))
    }
}

/// Where a session's page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionCursor {
    pub(crate) log: LogId,
    pub(crate) position: SessionPosition,
}

impl fmt::Display for SessionCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.log, self.position.at.micros(), self.position.seq)
    }
}

impl FromStr for SessionCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(());
        let log = next()?.parse().map_err(drop)?;
        let micros = next()?.parse().map_err(drop)?;
        let seq = next()?.parse().ok().and_then(Seq::new).ok_or(())?;
        let position = SessionPosition { at: Timestamp::from_micros(micros), seq };
        let cursor = Self { log, position };
        // One spelling only, as for every other cursor.
        if cursor.to_string() == text { Ok(cursor) } else { Err(()) }
    }
}
