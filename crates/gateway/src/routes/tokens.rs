//! `/tokens`: made, shown once, rotated, revoked.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use hyper::StatusCode;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Token, TokenKind, TrustError};

use crate::auth::principal::Principal;
use crate::auth::registry::MadeToken;
use crate::auth::table::Table;
use crate::auth::wish::{NewToken, check_overlap};
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::document::{self, Whole};
use crate::routes::event::segment;
use crate::routes::status::json;

/// How long a rotated token goes on where nobody says, in seconds: a day.
const OVERLAP_S: u64 = 86_400;

#[derive(Serialize)]
struct Tokens {
    tokens: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    application: String,
    label: String,
    prefix: String,
    kind: &'static str,
    scopes: Vec<String>,
    created_at: String,
    created_by: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used: Option<String>,
    state: &'static str,
    /// Its text, where it was made this very moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Server,
    Browser,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    application: String,
    scopes: Vec<String>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    kind: Option<Kept>,
    #[serde(default)]
    expires_in_s: Option<Whole>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    #[serde(default)]
    overlap_s: Option<Whole>,
}

/// All of them, or those of one application, oldest first.
pub(crate) async fn list(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut query = Query::parse(request.uri().query())?;
    let application = query.take("application")?;
    query.end("application")?;
    let table = edge.registry.table();
    let tokens = table.trust.tokens.iter().enumerate();
    let wanted = tokens
        .filter(|(_, token)| application.as_ref().is_none_or(|name| *name == token.application));
    Ok(json(&Tokens { tokens: wanted.map(|(at, _)| shown(&table, at)).collect() }))
}

/// A new one.
pub(crate) async fn create(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    Query::parse(parts.uri.query())?.end("")?;
    let wanted: Wanted = document::read(&edge, &parts, body).await?;
    let kind = match wanted.kind {
        Some(Kept::Browser) => TokenKind::Browser,
        Some(Kept::Server) | None => TokenKind::Server,
    };
    let lifetime = wanted.expires_in_s.map(|Whole(seconds)| Duration::from_secs(seconds));
    let label = wanted.label.unwrap_or_default();
    let wish = NewToken::new(wanted.application, &wanted.scopes, label, kind, lifetime)?;
    let act =
        |edge: Arc<Edge>| async move { edge.registry.create_token(principal.actor(), wish).await };
    let made = edge.carry_out(act).await;
    let made = made.map_err(|error| match error {
        TrustError::Unknown => Kind::BadValue
            .problem("application names none that there is.")
            .pointer("/application")
            .hint("make it first, with POST /applications"),
        error => error.into(),
    })?;
    created(&edge, made)
}

/// Another one in the place of one, which goes on for a while.
pub(crate) async fn rotate(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let id = segment(path.strip_suffix("/rotate").unwrap_or(path), "/tokens/")?;
    let rotation: Option<Rotation> = document::read_any(&edge, &parts, body).await?;
    let overlap_s =
        rotation.unwrap_or_default().overlap_s.map_or(OVERLAP_S, |Whole(seconds)| seconds);
    let overlap = check_overlap(Duration::from_secs(overlap_s))?;
    let old = id.clone();
    let act = |edge: Arc<Edge>| async move {
        edge.registry.rotate_token(principal.actor(), &old, overlap).await
    };
    let made = edge.carry_out(act).await;
    let made = made.map_err(|error| match error {
        TrustError::Unknown if edge.registry.table().position(&id).is_some() => {
            Kind::TokenEnded.problem("The token is revoked or expired, so nothing takes its place.")
        }
        error => not_found(&id, error),
    })?;
    created(&edge, made)
}

/// Ends one, at once.
pub(crate) async fn revoke(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let id = segment(request.uri().path(), "/tokens/")?;
    let old = id.clone();
    let act =
        |edge: Arc<Edge>| async move { edge.registry.revoke_token(principal.actor(), &old).await };
    let revoked = edge.carry_out(act).await;
    let revoked = revoked.map_err(|error| not_found(&id, error))?;
    Ok(json(&known(&edge, &revoked)?))
}

fn not_found(id: &str, error: TrustError) -> Problem {
    match error {
        TrustError::Unknown => Kind::NotFound.problem(format!("There is no token {id:?}.")),
        error => error.into(),
    }
}

fn created(edge: &Edge, MadeToken { token, text }: MadeToken) -> Result<Response, Problem> {
    let mut response = json(&Shown { token: Some(text), ..known(edge, &token)? });
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

fn known(edge: &Edge, token: &Token) -> Result<Shown, Problem> {
    let table = edge.registry.table();
    let at = table.position(&token.id);
    at.map(|at| shown(&table, at)).ok_or_else(|| not_found(&token.id, TrustError::Unknown))
}

fn shown(table: &Table, at: usize) -> Shown {
    let token = &table.trust.tokens[at];
    let time = |at: Timestamp| at.to_string();
    Shown {
        id: token.id.clone(),
        application: token.application.clone(),
        label: token.label.clone(),
        prefix: token.prefix.clone(),
        kind: token.kind.as_str(),
        scopes: token.scopes.iter().map(ToString::to_string).collect(),
        created_at: time(token.created_at),
        created_by: token.created_by.clone(),
        expires_at: token.expires_at.map(time),
        revoked_at: token.revoked_at.map(time),
        last_used: table.last_used(at).map(time),
        state: table.state(at, pipeline::now()),
        token: None,
    }
}
