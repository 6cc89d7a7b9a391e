//! `GET /invalid`: stored events that broke a rule, in groups.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use model::Filter;
use serde::Serialize;
use store::{InvalidGroup, invalid_groups};

use crate::edge::Edge;
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::status::json;

#[derive(Serialize)]
struct Answer {
    groups: Vec<Group>,
    complete: bool,
}

#[derive(Serialize)]
struct Group {
    application: Option<String>,
    stream: String,
    category: Option<String>,
    name: Option<String>,
    rule: String,
    pointer: String,
    count: u64,
    first_seen: String,
    last_seen: String,
    sample: Sample,
}

#[derive(Serialize)]
struct Sample {
    seq: u64,
    id: String,
    message: String,
}

/// All groups: `?application=&category=&name=&from=&to=`.
pub(crate) async fn invalid(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut query = Query::parse(request.uri().query())?;
    let filter = Filter {
        application: query.patterns("application")?,
        category: query.patterns("category")?,
        name: query.patterns("name")?,
        from: query.time("from")?,
        to: query.time("to")?,
        ..Filter::default()
    };
    query.end("application, category, name, from, to")?;
    let found = invalid_groups(&*edge.stores.events, filter).await?;
    let groups = found.groups.into_iter().map(group).collect();
    Ok(json(&Answer { groups, complete: found.is_complete }))
}

fn group(group: InvalidGroup) -> Group {
    Group {
        application: group.application,
        stream: group.stream,
        category: group.category,
        name: group.name,
        rule: group.rule,
        pointer: group.pointer,
        count: group.count,
        first_seen: group.first_seen.to_string(),
        last_seen: group.last_seen.to_string(),
        sample: Sample {
            seq: group.sample.seq.get(),
            id: group.sample.id,
            message: group.sample.message,
        },
    }
}
