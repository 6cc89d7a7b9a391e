//! `POST /invalid/revalidate`: stored events are judged again by the schemas of now.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use model::Timestamp;
use pipeline::{JobWish, REVALIDATE, RevalidateWish};
use serde::{Deserialize, Serialize};

use crate::auth::principal::Principal;
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::routes::dead_wish::present;
use crate::routes::document::{self, Whole};
use crate::routes::explore::COUNT;
use crate::routes::jobs::{self, RATE_MAX, within};
use crate::routes::status::json;

/// Events a second of a job that does not say.
const RATE: u32 = 1_000;
/// Every job has a number of failures after which it stops. A verdict is given or the job cannot go on, so it only has to
/// be more than a slice.
const STOP_AFTER: u32 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default, deserialize_with = "present")]
    stream: Option<String>,
    #[serde(default, deserialize_with = "present")]
    category: Option<String>,
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    application: Option<String>,
    #[serde(default, deserialize_with = "present")]
    from: Option<String>,
    #[serde(default, deserialize_with = "present")]
    to: Option<String>,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    dry_run: bool,
    #[serde(default, deserialize_with = "present")]
    rate: Option<Whole>,
}

#[derive(Serialize)]
struct Preview {
    count: u64,
    complete: bool,
}

/// Starts a job, or counts what it would judge.
pub(crate) async fn revalidate(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let wish: Wish = document::read(&edge, &parts, body).await?;
    let rate = within("rate", wish.rate, RATE, RATE_MAX)?;
    let wanted = RevalidateWish {
        stream: label("stream", wish.stream)?,
        category: label("category", wish.category)?,
        name: label("name", wish.name)?,
        application: label("application", wish.application)?,
        from: time("from", wish.from)?,
        to: time("to", wish.to)?,
        all: wish.all,
    };
    let plan = pipeline::plan_revalidation(&edge.stores, &wanted, COUNT).await?;
    if wish.dry_run {
        return Ok(json(&Preview { count: plan.count, complete: plan.is_complete }));
    }
    let (kind, total, spec) = (REVALIDATE, plan.count, plan.spec);
    let (stop_after, actor) = (STOP_AFTER, principal.actor().to_owned());
    let wish = JobWish { kind, spec, total, rate, stop_after, actor };
    jobs::begin(&edge, principal, wish, "invalid.revalidate").await
}

fn label(name: &str, given: Option<String>) -> Result<Option<String>, Problem> {
    if given.as_ref().is_some_and(String::is_empty) {
        let words = format!("{name} is empty.");
        let problem = Kind::BadValue.problem(words).pointer(format!("/{name}"));
        return Err(problem.hint("leave it out to want every value"));
    }
    Ok(given)
}

fn time(name: &str, given: Option<String>) -> Result<Option<Timestamp>, Problem> {
    let read = |text: String| {
        Timestamp::parse(&text).map_err(|error| {
            let words = format!("{name} is no point in time: {error}.");
            let problem = Kind::BadValue.problem(words).pointer(format!("/{name}"));
            problem.hint("use RFC 3339, such as 2026-11-01T08:00:00Z")
        })
    };
    given.map(read).transpose()
}
