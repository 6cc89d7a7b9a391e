//! `GET /sessions/{id}`: the events of one session in the order in which they happened.
//!
//! That order is time, then `Seq`, so a session has a cursor of its own: `<log id>.<microseconds>.<seq>`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use model::json::{self, Breaks};
use model::{LogId, Seq, Timestamp};
use store::{SessionPosition, SessionQuery, Stored};

use crate::edge::Edge;
use crate::problem::Problem;
use crate::query::{PAGE_LIMIT, Query, other_log};
use crate::routes::event::segment;
use crate::routes::events::{list_response, wants_lines};
use crate::routes::export::{self, Pages};

/// Events that are read at once.
const PART: usize = 100;
/// A page ends with the part that reaches this.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// One page, or all of it as NDJSON.
pub(crate) async fn session(
    State(edge): State<Arc<Edge>>,
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
    query.end("limit, after")?;
    if let Some(after) = &after
        && after.log != log
    {
        return Err(other_log(after.log, log));
    }
    let after = after.map(|cursor| cursor.position);
    let mut reader = Reader { edge, log, session_id, after, n_left: limit, is_over: false };
    if wants_lines(&parts.headers) {
        return export::lines(reader).await;
    }
    reader.n_left = Some(limit.unwrap_or(PAGE_LIMIT));
    let mut out = b"{\"events\":[".to_vec();
    let begin = out.len();
    while !reader.is_over && reader.n_left != Some(0) && out.len() < PAGE_BYTES_MAX {
        for stored in reader.part().await? {
            if out.len() > begin {
                out.push(b',');
            }
            json::write_event(&mut out, &stored.event, stored.seq, log, "", Breaks::ToSpaces);
        }
    }
    let next = reader.after.filter(|_| !reader.is_over);
    let next = next.map(|position| SessionCursor { log, position }.to_string());
    Ok(list_response(out, &parts, next.as_deref()))
}

/// Reads a session part by part.
struct Reader {
    edge: Arc<Edge>,
    log: LogId,
    session_id: String,
    after: Option<SessionPosition>,
    n_left: Option<usize>,
    is_over: bool,
}

impl Reader {
    async fn part(&mut self) -> Result<Vec<Stored>, Problem> {
        let limit = self.n_left.unwrap_or(PART).min(PART);
        // One more than wanted tells whether anything follows.
        let query = SessionQuery {
            session_id: self.session_id.clone(),
            after: self.after,
            limit: limit + 1,
        };
        let mut events = self.edge.store.session(query).await?;
        self.is_over = events.len() <= limit;
        events.truncate(limit);
        self.n_left = self.n_left.map(|n_left| n_left - events.len());
        if let Some(Stored { seq, event }) = events.last() {
            let at = event.timestamp().unwrap_or(event.received_at());
            self.after = Some(SessionPosition { at, seq: *seq });
        }
        Ok(events)
    }
}

impl Pages for Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        if self.is_over || self.n_left == Some(0) {
            return Ok(None);
        }
        let mut out = Vec::new();
        for stored in self.part().await? {
            json::write_event(&mut out, &stored.event, stored.seq, self.log, "", Breaks::ToSpaces);
            out.push(b'\n');
        }
        Ok(if out.is_empty() { None } else { Some(Bytes::from(out)) })
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
