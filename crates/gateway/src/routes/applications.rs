//! `/applications`: who may have tokens.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use store::{Application, ApplicationChange, Rate, TrustError};

use crate::auth::principal::Principal;
use crate::auth::table::Table;
use crate::auth::wish::{NewApplication, check_change};
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::routes::document::{self, Given, Object, Whole};
use crate::routes::event::segment;
use crate::routes::status::json;

#[derive(Serialize)]
struct Applications {
    applications: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    name: String,
    created_at: String,
    allowed_origins: Vec<String>,
    rate: Option<WrittenRate>,
    disabled: bool,
    /// Those that are neither revoked nor expired.
    n_tokens: usize,
    last_used: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRate {
    #[serde(deserialize_with = "Whole::short")]
    events_per_s: u32,
    #[serde(deserialize_with = "Whole::short")]
    burst: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    #[serde(default)]
    allowed_origins: Option<Vec<String>>,
    #[serde(default)]
    rate: Option<Object<WrittenRate>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    #[serde(default)]
    allowed_origins: Option<Vec<String>>,
    #[serde(default)]
    rate: Given<Object<WrittenRate>>,
    #[serde(default)]
    disabled: Option<bool>,
}

/// All of them, by name.
pub(crate) async fn list(State(edge): State<Arc<Edge>>) -> Response {
    let table = edge.registry.table();
    let applications = table.trust.applications.iter();
    json(&Applications { applications: applications.map(|one| shown(one, &table)).collect() })
}

/// A new one.
pub(crate) async fn create(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let Wanted { name, allowed_origins, rate } = document::read(&edge, &parts, body).await?;
    let wish = NewApplication::new(name, allowed_origins.unwrap_or_default(), rate.map(read))?;
    let act = |edge: Arc<Edge>| async move {
        edge.registry.create_application(principal.actor(), wish).await
    };
    let made = edge.carry_out(act).await?;
    let mut response = json(&shown(&made, &edge.registry.table()));
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// Changes what is given, and leaves the rest.
pub(crate) async fn change(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let name = segment(parts.uri.path(), "/applications/")?;
    let Changed { allowed_origins, rate, disabled } = document::read(&edge, &parts, body).await?;
    let rate = match rate {
        Given::Absent => None,
        Given::Null => Some(None),
        Given::Value(rate) => Some(Some(read(rate))),
    };
    let change = check_change(ApplicationChange { allowed_origins, rate, is_disabled: disabled })?;
    let of = name.clone();
    let act = |edge: Arc<Edge>| async move {
        edge.registry.change_application(principal.actor(), &of, change).await
    };
    let changed = edge.carry_out(act).await;
    let changed = changed.map_err(|error| match error {
        TrustError::Unknown => Kind::NotFound.problem(format!("There is no application {name:?}.")),
        error => error.into(),
    })?;
    Ok(json(&shown(&changed, &edge.registry.table())))
}

fn read(Object(WrittenRate { events_per_s, burst }): Object<WrittenRate>) -> Rate {
    Rate { events_per_s, burst }
}

fn shown(application: &Application, table: &Table) -> Shown {
    let now = pipeline::now();
    let own = table.trust.tokens.iter().enumerate();
    let own = own.filter(|(_, token)| token.application == application.name);
    let is_alive = |token: &store::Token| {
        token.revoked_at.is_none() && token.expires_at.is_none_or(|end| end > now)
    };
    Shown {
        name: application.name.clone(),
        created_at: application.created_at.to_string(),
        allowed_origins: application.allowed_origins.clone(),
        rate: application
            .rate
            .map(|Rate { events_per_s, burst }| WrittenRate { events_per_s, burst }),
        disabled: application.is_disabled,
        n_tokens: own.clone().filter(|(_, token)| is_alive(token)).count(),
        last_used: own.filter_map(|(at, _)| table.last_used(at)).max().map(|at| at.to_string()),
    }
}

/// Why an act on applications or tokens was not carried out. Only what has no better words where it came up.
impl From<TrustError> for Problem {
    fn from(error: TrustError) -> Self {
        match error {
            TrustError::Exists => {
                Kind::ApplicationExists.problem("There is an application of this name already.")
            }
            TrustError::Unknown => Kind::NotFound.problem("There is no such thing."),
            TrustError::Full { n_max } => Kind::TooManyKept
                .problem(format!("There are {n_max} already, and no more are kept.")),
            TrustError::Store(error) => error.into(),
        }
    }
}
