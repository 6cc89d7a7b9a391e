//! `GET /audit`: who did what, newest first; and how a line gets there.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use store::AuditEntry;

use crate::auth::principal::Principal;
use crate::edge::Edge;
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::status::json;

/// Largest number of a line: beyond it JSON numbers are not exact.
const ID_MAX: u64 = (1 << 53) - 1;
/// Lines in an answer that does not say.
const LINES: usize = 100;

#[derive(Serialize)]
struct Answer {
    audit: Vec<Line>,
    /// `before` of the next page.
    next: Option<u64>,
}

#[derive(Serialize)]
struct Line {
    id: u64,
    at: String,
    actor: String,
    act: String,
    object: String,
    detail: Box<RawValue>,
}

/// One page: `?before=<id>&limit=1..1000`.
pub(crate) async fn audit(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut query = Query::parse(request.uri().query())?;
    let before = query.take_as("before", "the number of a line", |text| {
        text.parse().ok().filter(|id| *id <= ID_MAX)
    })?;
    let limit = query.limit()?.unwrap_or(LINES);
    query.end("before, limit")?;
    let lines = edge.stores.audit.audited(before, limit).await?;
    let next = lines.last().map(|line| line.id).filter(|_| lines.len() == limit);
    let line = |line: store::Audited| Line {
        id: line.id,
        at: line.entry.at.to_string(),
        actor: line.entry.actor,
        act: line.entry.act,
        object: line.entry.object,
        detail: RawValue::from_string(line.entry.detail).unwrap_or_default(),
    };
    Ok(json(&Answer { audit: lines.into_iter().map(line).collect(), next }))
}

/// Adds a line about an act that is about to be carried out, and is not where there can be none.
pub(crate) async fn note(
    edge: &Edge,
    principal: &Principal,
    act: &str,
    object: &str,
    detail: String,
) -> Result<(), Problem> {
    Ok(edge.stores.audit.audit(entry(principal, act, object, detail)).await?)
}

/// Adds a line about an act that was carried out. Where the database does not take it, the log of the server has it instead: to
/// refuse what has happened would be untrue, and what stands in the log of batches happens without a database.
pub(crate) async fn done(
    edge: &Edge,
    principal: &Principal,
    act: &str,
    object: &str,
    detail: String,
) {
    let entry = entry(principal, act, object, detail);
    if let Err(error) = edge.stores.audit.audit(entry.clone()).await {
        let AuditEntry { actor, act, object, detail, .. } = entry;
        tracing::warn!(%error, actor, act, object, detail, "the audit trail misses an act");
    }
}

fn entry(principal: &Principal, act: &str, object: &str, detail: String) -> AuditEntry {
    let (actor, object) = (principal.actor().to_owned(), object.to_owned());
    AuditEntry { at: pipeline::now(), actor, act: act.to_owned(), object, detail }
}
