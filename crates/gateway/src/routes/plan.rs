//! `GET /queries/{name}/plan`: how the database would run a published query for the values of the query string, which is the
//! query's own. Nothing runs. For administrators alone: a plan names tables, columns, indexes and how much is in them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use store::SqlAsk;

use crate::edge::Edge;
use crate::error::Kind;
use crate::holder::Holder;
use crate::problem::Problem;
use crate::queries::values::from_query;
use crate::query::Query;
use crate::routes::event::segment;
use crate::routes::queries::{problem, statement_place};
use crate::routes::status::json;

#[derive(Serialize)]
struct Plan {
    /// Whose words these are: `sqlite` or `postgres`.
    database: &'static str,
    /// Each line is indented below the step that it is part of.
    plan: Vec<String>,
}

/// Answers with the plan. Unlike the query itself it refuses parameters that the query does not have: whoever looks for what is
/// slow wants the plan for all that was asked.
pub(crate) async fn plan(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let uri = request.uri();
    let path = uri.path();
    let name = segment(path.strip_suffix("/plan").unwrap_or(path), "/queries/")?;
    let Some(query) = edge.queries.all().iter().find(|query| query.options.name == name) else {
        let shown: String = name.chars().take(64).collect();
        return Err(Kind::NoSuchQuery.problem(format!("There is no query {shown:?}.")));
    };
    let options = &query.options;
    let mut given = Query::parse(uri.query())?;
    let names: Vec<&str> = options.params.iter().map(|param| param.name.as_str()).collect();
    for name in &names {
        given.take_all(name);
    }
    given.end(&names.join(", "))?;
    let values = from_query(uri.query(), &options.params)?;
    // It takes a connection like any other statement.
    let holder = Holder::in_request(request.extensions());
    let _place = statement_place(&edge, holder, options.limits.time_max).await?;
    let statement = Arc::clone(&options.statement);
    let ask = SqlAsk { statement, values, limits: options.limits, plan: options.plan };
    let plan = edge.stores.sql.plan_sql(ask).await.map_err(problem)?;
    Ok(json(&Plan { database: edge.queries.dialect.as_str(), plan }))
}
