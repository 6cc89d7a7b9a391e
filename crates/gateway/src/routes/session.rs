//! `/session`: who you are, signing in to the console and out, and codes to sign in with.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use hyper::header::{HeaderValue, SET_COOKIE};
use hyper::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use store::{AuditEntry, StoreError};

use crate::auth::browser;
use crate::auth::codes::{Bearer, Invitation, MadeCode};
use crate::auth::principal::{Need, Principal};
use crate::auth::refusal::Refusal;
use crate::auth::session::LIFE_S;
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::routes::document;
use crate::routes::status::json;

/// How the audit trail names who came with a code of the machine itself.
const MACHINE: &str = "local (console)";

#[derive(Serialize)]
struct Answer<'a> {
    required: bool,
    signed_in: bool,
    roles: Vec<&'static str>,
    actor: Option<&'a str>,
    expires_at: Option<String>,
    insecure: bool,
}

/// One of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    code: Option<String>,
    token: Option<String>,
}

#[derive(Serialize)]
struct MadeUrl {
    code: String,
    url: String,
    expires_at: String,
}

/// `GET /session`.
pub(crate) async fn look(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
) -> Response {
    let is_open = edge.registry.is_open();
    let is_somebody = principal.refusal().is_none();
    let roles = [(Need::ReadSome, "read"), (Need::Admin, "admin")];
    let roles = roles.into_iter().filter(|(need, _)| principal.check(*need).is_ok());
    let signed_in = browser::signed_in(&edge, &headers).filter(|_| is_somebody && !is_open);
    json(&Answer {
        required: !is_open,
        signed_in: is_somebody && !is_open,
        roles: roles.map(|(_, role)| role).collect(),
        actor: is_somebody.then(|| principal.actor()),
        expires_at: signed_in.map(|signed_in| signed_in.expires_at.to_string()),
        insecure: edge.registry.is_public() && !edge.cookie.is_secure(),
    })
}

/// `POST /session`.
pub(crate) async fn sign_in(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let proof: Proof = document::read(&edge, &parts, body).await?;
    check_needed(&edge)?;
    let invitation = match (proof.code, proof.token) {
        (Some(code), None) => {
            edge.codes.take(code.as_bytes(), pipeline::now()).ok_or_else(no_such_code)?
        }
        (None, Some(token)) => Invitation { bearer: by_token(&edge, &token)?, maker: None },
        _ => return Err(Kind::MissingField.problem("Send either a code or a token.")),
    };
    let actor = match &invitation.bearer {
        Bearer::Machine => MACHINE.to_owned(),
        // Its token may have ended since the code was made.
        Bearer::Token(id) => {
            let principal = edge.registry.by_id(id).map_err(Refusal::problem)?;
            principal.actor().to_owned()
        }
    };
    let act = |edge: Arc<Edge>| async move {
        edge.sessions.begin(invitation, &actor, pipeline::now()).await
    };
    let secret = edge.carry_out(act).await?;
    let secret = secret.ok_or_else(no_such_code)?;
    Ok(empty(edge.cookie.give(&secret, LIFE_S)))
}

/// Whoever signed in while everybody may everything would keep that when tokens are asked for.
fn check_needed(edge: &Edge) -> Result<(), Problem> {
    if edge.registry.is_open() {
        return Err(
            Kind::NotNeeded.problem("Nobody needs to sign in: this server asks for no tokens yet.")
        );
    }
    Ok(())
}

fn no_such_code() -> Problem {
    Kind::BadCode.problem(
        "There is no such code: it was used, its time is over, whoever made it has been signed out, or it was mistyped.",
    )
}

fn by_token(edge: &Edge, token: &str) -> Result<Bearer, Problem> {
    let principal = edge.registry.resolve(token.as_bytes()).map_err(Refusal::problem)?;
    // The request itself came without it, so it has not paid yet.
    let _ = edge.limiter.admit(&principal, None)?;
    principal.check(Need::ReadSome)?;
    let id = principal.identity().and_then(|identity| identity.token_id.clone());
    Ok(Bearer::Token(id.expect("who came with a token has one")))
}

/// `DELETE /session`.
pub(crate) async fn sign_out(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(forged) = principal.refusal().filter(|refusal| *refusal == Refusal::Forged) {
        return Err(forged.problem());
    }
    let now = pipeline::now();
    let secret = edge.cookie.secret(&headers);
    // Anybody can send any text as cookie: that costs no write and wakes nobody.
    if let Some(secret) = secret.filter(|secret| edge.sessions.find(secret, now).is_some()) {
        let secret = secret.to_owned();
        let act = |edge: Arc<Edge>| async move {
            edge.sessions.end(&secret, principal.actor(), now).await?;
            edge.registry.wake();
            Ok::<_, StoreError>(())
        };
        edge.carry_out(act).await?;
    }
    Ok(empty(edge.cookie.take_back()))
}

/// `DELETE /session/all`: whoever has signed in, with whatever, has to do it again.
pub(crate) async fn sign_out_all(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
) -> Result<Response, Problem> {
    // First the codes: one that is taken later is one that is made later, or knows its maker.
    edge.codes.clear();
    let act = |edge: Arc<Edge>| async move {
        let ended = edge.sessions.end_all(principal.actor(), pipeline::now()).await;
        edge.registry.wake();
        ended
    };
    edge.carry_out(act).await?;
    Ok(empty(edge.cookie.take_back()))
}

/// `POST /session/codes`.
pub(crate) async fn make_code(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
) -> Result<Response, Problem> {
    let token_id = principal.identity().and_then(|identity| identity.token_id.clone());
    check_needed(&edge)?;
    let invitation = Invitation {
        bearer: token_id.map_or(Bearer::Machine, Bearer::Token),
        maker: principal.sign_in().copied(),
    };
    let now = pipeline::now();
    let made = edge.codes.make(invitation, now).map_err(|error| {
        Problem::from(StoreError::Unavailable(format!("no random bits: {error}")))
    })?;
    let entry = AuditEntry {
        at: now,
        actor: principal.actor().to_owned(),
        act: "session.code".to_owned(),
        object: String::new(),
        detail: "{}".to_owned(),
    };
    edge.stores.audit.audit(entry).await?;
    let url = address(&edge.options.public_url, &made);
    let expires_at = made.expires_at.to_string();
    let mut response = json(&MadeUrl { code: made.text, url, expires_at });
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// The console.
pub(crate) fn console(public_url: &str) -> String {
    format!("{}/ui/", public_url.trim_end_matches('/'))
}

/// The console with a code in its fragment.
pub(crate) fn address(public_url: &str, made: &MadeCode) -> String {
    format!("{}#code={}", console(public_url), made.text)
}

fn empty(cookie: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}
