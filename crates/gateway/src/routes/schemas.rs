//! `/schemas`: what events have to look like: list, versions, change, put in force, turn off, try.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use pipeline::{BadSchema, DRY_RUN_EVENTS_MAX, ListedSchema, SchemaError, Unmatched, dry_run};
use serde::Serialize;
use serde_json::value::RawValue;
use store::SchemaKey;

use crate::auth::principal::Principal;
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::document::Whole;
use crate::routes::schema_body::{self, Activate, Put, Test, in_query};
use crate::routes::status::json;

/// Most dry runs at once.
pub(crate) const DRY_RUNS_MAX: usize = 2;
/// Events that a dry run looks at if nobody says.
const LAST: usize = 1_000;

#[derive(Serialize)]
struct Answer {
    schemas: Vec<Line>,
    unmatched: Vec<UnmatchedLine>,
}

#[derive(Serialize)]
struct Line {
    stream: String,
    category: Option<String>,
    name: Option<String>,
    mode: &'static str,
    version: Option<u32>,
    n_versions: u32,
    source: &'static str,
    changed_at: String,
    changed_by: String,
    seen: u64,
    invalid: u64,
}

#[derive(Serialize)]
struct UnmatchedLine {
    stream: String,
    category: Option<String>,
    name: Option<String>,
    count: u64,
    last_seen: String,
}

#[derive(Serialize)]
struct Versions {
    versions: Vec<VersionLine>,
}

#[derive(Serialize)]
struct VersionLine {
    version: u32,
    schema: Box<RawValue>,
    created_at: String,
    created_by: String,
    active: bool,
}

#[derive(Serialize)]
struct Tested {
    examined: u64,
    valid: u64,
    invalid: u64,
    newly_invalid: u64,
    newly_valid: u64,
    complete: bool,
    groups: Vec<TestedGroup>,
}

#[derive(Serialize)]
struct TestedGroup {
    pointer: String,
    rule: String,
    message: String,
    count: u64,
    sample: Sample,
}

#[derive(Serialize)]
struct Sample {
    seq: u64,
    id: String,
}

/// `GET /schemas`
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    Query::parse(request.uri().query())?.end("")?;
    let schemas = edge.intake.schemas();
    Ok(json(&Answer {
        schemas: schemas.list().into_iter().map(line).collect(),
        unmatched: schemas.unmatched().into_iter().map(unmatched).collect(),
    }))
}

/// `GET /schemas/versions?stream=&category=&name=`
pub(crate) async fn versions(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut query = Query::parse(request.uri().query())?;
    let key = in_query(&mut query)?;
    query.end("stream, category, name")?;
    let versions =
        edge.intake.schemas().versions(&key).await.map_err(|error| refused(&key, error))?;
    let line = |version: store::SchemaVersion| VersionLine {
        version: version.version,
        schema: RawValue::from_string(version.text).unwrap_or_default(),
        created_at: version.created_at.to_string(),
        created_by: version.created_by,
        active: version.is_active,
    };
    Ok(json(&Versions { versions: versions.into_iter().map(line).collect() }))
}

/// `PUT /schemas`
pub(crate) async fn put(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    Query::parse(request.uri().query())?.end("")?;
    let (parts, body) = request.into_parts();
    let put: Put = schema_body::read(&edge, &parts, body).await?;
    let key = put.key.checked()?;
    let text = put.schema.map(|schema| schema.get().to_owned());
    let activate = put.activate.unwrap_or(true);
    let schemas = edge.intake.schemas();
    let changed =
        schemas.put(key.clone(), put.mode.into(), text, activate, principal.actor()).await;
    changed.map(|listed| json(&line(listed))).map_err(|error| refused(&key, error))
}

/// `DELETE /schemas?stream=&category=&name=`
pub(crate) async fn turn_off(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let mut query = Query::parse(request.uri().query())?;
    let key = in_query(&mut query)?;
    query.end("stream, category, name")?;
    let changed = edge.intake.schemas().turn_off(key.clone(), principal.actor()).await;
    changed.map(|listed| json(&line(listed))).map_err(|error| refused(&key, error))
}

/// `POST /schemas/activate`
pub(crate) async fn activate(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let wanted: Activate = schema_body::read(&edge, &parts, body).await?;
    let key = wanted.key.checked()?;
    let schemas = edge.intake.schemas();
    let changed = schemas.activate(key.clone(), wanted.version, principal.actor()).await;
    changed.map(|listed| json(&line(listed))).map_err(|error| refused(&key, error))
}

/// `POST /schemas/test`
pub(crate) async fn test(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let test: Test = schema_body::read(&edge, &parts, body).await?;
    let key = test.key.checked()?;
    let last = test.last.map_or(LAST, |Whole(last)| usize::try_from(last).unwrap_or(usize::MAX));
    if !(1..=DRY_RUN_EVENTS_MAX).contains(&last) {
        return Err(Kind::WrongType
            .problem(format!("The field \"last\" is a number from 1 to {DRY_RUN_EVENTS_MAX}."))
            .pointer("/last")
            .hint("ask for fewer events"));
    }
    let Ok(permit) = Arc::clone(&edge.dry_runs).try_acquire_owned() else {
        return Err(Kind::TooManyDryRuns
            .problem(format!("{DRY_RUNS_MAX} schemas are being tried already.")));
    };
    let text = test.schema.get().to_owned();
    let run = dry_run(Arc::clone(&edge.stores.events), &key, text, last, permit).await;
    let run = run.map_err(|error| refused(&key, error))?;
    let group = |group: pipeline::DryRunGroup| TestedGroup {
        pointer: group.reason.pointer,
        rule: group.reason.rule,
        message: group.reason.message,
        count: group.count,
        sample: Sample { seq: group.sample.0.get(), id: group.sample.1 },
    };
    Ok(json(&Tested {
        examined: run.n_examined,
        valid: run.n_valid,
        invalid: run.n_invalid,
        newly_invalid: run.n_newly_invalid,
        newly_valid: run.n_newly_valid,
        complete: run.is_complete,
        groups: run.groups.into_iter().map(group).collect(),
    }))
}

fn line(ListedSchema { state, n_seen, n_invalid }: ListedSchema) -> Line {
    Line {
        stream: state.key.stream,
        category: state.key.category,
        name: state.key.name,
        mode: state.mode.as_str(),
        version: state.active.map(|(version, _)| version),
        n_versions: state.n_versions,
        source: state.source.as_str(),
        changed_at: state.changed_at.to_string(),
        changed_by: state.changed_by,
        seen: n_seen,
        invalid: n_invalid,
    }
}

fn unmatched(Unmatched { key, count, last_seen }: Unmatched) -> UnmatchedLine {
    let SchemaKey { stream, category, name } = key;
    UnmatchedLine { stream, category, name, count, last_seen: last_seen.to_string() }
}

fn refused(key: &SchemaKey, error: SchemaError) -> Problem {
    let SchemaKey { stream, category, name } = key;
    let labels = [Some(stream), category.as_ref(), name.as_ref()];
    let shown: Vec<&str> = labels.into_iter().flatten().map(String::as_str).collect();
    let shown = shown.join(" / ");
    match error {
        SchemaError::Bad(BadSchema { pointer, reason }) => Kind::BadSchema
            .problem(format!("The schema cannot be used: {reason}."))
            .pointer(pointer),
        SchemaError::NotFound => Kind::NotFound
            .problem(format!("There is no such schema, or version of it, for {shown:?}."))
            .hint("GET /schemas lists the keys, GET /schemas/versions the versions of one"),
        SchemaError::FromConfig => {
            Kind::SchemaFromConfig.problem(format!("The configuration decides about {shown:?}."))
        }
        SchemaError::TooMany => Kind::TooManySchemas.problem(format!(
            "There are {} keys with schemas, or {} versions for {shown:?}.",
            store::SCHEMAS_MAX,
            store::SCHEMA_VERSIONS_MAX
        )),
        SchemaError::Store(error) => error.into(),
    }
}
