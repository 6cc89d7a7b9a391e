//! Every path and what answers it. The writes stand here only by their methods: the service answers
//! them before it comes to this.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, patch, post};
use hyper::header::HeaderValue;

use crate::auth::needs::{self, Needs};
use crate::auth::principal::Need;
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::{
    applications, audit, batch_again, batches, console, dead_letters, event, events, explore,
    history, invalid, jobs, live, metrics, plan, queries, revalidate, schemas, session, sessions,
    sql, status, tokens, uploads,
};

/// One path.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    /// What `Allow` says.
    pub(crate) methods: &'static str,
    pub(crate) needs: Needs,
    handler: MethodRouter<Arc<Edge>>,
}

const READ: &str = "GET, HEAD";
const READ_WRITE: &str = "GET, HEAD, POST";
const WRITE: &str = "POST";

const ADMIN: Needs = Needs::all(Need::Admin);
const OPEN: Needs = Needs::all(Need::Nothing);
/// Of everything. The writes of events are let through by the service.
const LOOK: Needs = Needs { look: Need::Read, change: Need::Admin };
/// Of some streams, where the handler shows no others.
const NARROW: Needs = Needs { look: Need::ReadSome, change: Need::Admin };

/// Of what belongs to whoever asks, where they may not read everything: the handler sees to it.
const LANE: Needs = Needs { look: Need::ReadOrOwn, change: Need::WriteSome };

/// All paths.
#[rustfmt::skip]
pub(crate) fn routes() -> Vec<Route> {
    let route = |path, methods, needs, handler| Route { path, methods, needs, handler };
    // A path without parameters refuses all of them, as every other path refuses those that it does not know.
    let bare = |path, methods, needs, handler: MethodRouter<Arc<Edge>>| Route {
        path,
        methods,
        needs,
        handler: handler.route_layer(from_fn(without_parameters)),
    };
    vec![
        bare("/", READ, OPEN, get(status::index)),
        route("/events", READ_WRITE, NARROW, get(events::events)),
        route("/events/{id}", READ, NARROW, get(event::event)),
        route("/streams/{stream}", READ_WRITE, NARROW, get(events::stream)),
        // A literal path goes before a parameter: an event with such an id is read as `/events/%66acets`.
        route("/events/facets", READ, NARROW, get(explore::facets)),
        route("/events/histogram", READ, NARROW, get(explore::histogram)),
        route("/events/count", READ, NARROW, get(explore::count)),
        route("/streams/{stream}/facets", READ, NARROW, get(explore::facets)),
        route("/streams/{stream}/histogram", READ, NARROW, get(explore::histogram)),
        route("/streams/{stream}/count", READ, NARROW, get(explore::count)),
        route("/sessions/{id}", READ, NARROW, get(sessions::session)),
        route("/live", READ, NARROW, get(live::live)),
        bare("/status", READ, NARROW, get(status::status)),
        route("/status/history", READ, LOOK, get(history::history)),
        route("/audit", READ, ADMIN, get(audit::audit)),
        bare("/applications", READ_WRITE, ADMIN, get(applications::list).post(applications::create)),
        bare("/applications/{name}", "PATCH", ADMIN, patch(applications::change)),
        route("/tokens", READ_WRITE, ADMIN, get(tokens::list).post(tokens::create)),
        bare("/tokens/{id}", "DELETE", ADMIN, delete(tokens::revoke)),
        bare("/tokens/{id}/rotate", WRITE, ADMIN, post(tokens::rotate)),
        bare("/session", "GET, HEAD, POST, DELETE", OPEN, get(session::look).post(session::sign_in).delete(session::sign_out)),
        bare("/session/all", "DELETE", ADMIN, delete(session::sign_out_all)),
        bare("/session/codes", WRITE, ADMIN, post(session::make_code)),
        route("/invalid", READ, LOOK, get(invalid::invalid)),
        bare("/invalid/revalidate", WRITE, ADMIN, post(revalidate::revalidate)),
        route("/schemas", "GET, HEAD, PUT, DELETE", LOOK, get(schemas::list).put(schemas::put).delete(schemas::turn_off)),
        route("/schemas/versions", READ, LOOK, get(schemas::versions)),
        bare("/schemas/activate", WRITE, ADMIN, post(schemas::activate)),
        bare("/schemas/test", WRITE, ADMIN, post(schemas::test)),
        route("/dead-letters", READ, ADMIN, get(dead_letters::groups)),
        route("/dead-letters/events", READ, ADMIN, get(dead_letters::list)),
        bare("/dead-letters/replay", WRITE, ADMIN, post(dead_letters::replay)),
        bare("/dead-letters/discard", WRITE, ADMIN, post(dead_letters::discard)),
        bare("/dead-letters/restore", WRITE, ADMIN, post(dead_letters::restore)),
        bare("/dead-letters/{seq}", READ, ADMIN, get(dead_letters::one)),
        bare("/tables", READ, LANE, get(batches::tables)),
        route("/tables/{table}/batches", WRITE, LANE, post(uploads::begin)),
        route("/batches", READ, LANE, get(batches::list)),
        bare("/batches/{id}", "GET, HEAD, PATCH, DELETE", LANE, get(batches::one).patch(uploads::go_on).delete(batches::cancel)),
        route("/batches/{id}/errors", READ, LANE, get(batches::errors)),
        bare("/batches/{id}/revalidate", WRITE, LANE, post(batch_again::revalidate)),
        bare("/jobs", READ, ADMIN, get(jobs::list)),
        bare("/jobs/{id}", READ, ADMIN, get(jobs::one)),
        bare("/jobs/{id}/pause", WRITE, ADMIN, post(jobs::pause)),
        bare("/jobs/{id}/resume", WRITE, ADMIN, post(jobs::resume)),
        bare("/jobs/{id}/cancel", WRITE, ADMIN, post(jobs::cancel)),
        bare("/queries", READ, LOOK, get(queries::list)),
        route("/queries/{name}/plan", READ, ADMIN, get(plan::plan)),
        bare("/sql", WRITE, ADMIN, post(sql::sql)),
        bare("/metrics", READ, Needs::all(Need::ReadIfPublic), get(metrics::metrics)),
        bare("/healthz", READ, OPEN, get(status::healthz)),
        bare("/readyz", READ, OPEN, get(status::readyz)),
        bare("/openapi.json", READ, OPEN, get(console::openapi)),
        bare("/docs", READ, OPEN, get(console::docs)),
        route("/ui", READ, OPEN, get(console::index)),
        route("/ui/", READ, OPEN, get(console::index)),
        route("/ui/{*path}", READ, OPEN, get(console::file)),
    ]
}

/// The router over them.
pub(crate) fn build(edge: Arc<Edge>) -> Router {
    let is_public = edge.registry.is_public();
    let router = routes().into_iter().fold(Router::new(), |router, route| {
        let (methods, needs) = (route.methods, route.needs.settled(is_public));
        let check = from_fn(move |request, next| needs::check(needs, request, next));
        let refuse = move |request: Request| async move { not_allowed(&request, methods) };
        router.route(route.path, route.handler.route_layer(check).fallback(refuse))
    });
    router.fallback(no_such_route).with_state(edge)
}

async fn without_parameters(request: Request, next: Next) -> Result<Response, Problem> {
    Query::parse(request.uri().query())?.end("")?;
    Ok(next.run(request).await)
}

fn not_allowed(request: &Request, methods: &'static str) -> Problem {
    let detail = format!("{} is not a method of {}.", request.method(), request.uri().path());
    Kind::MethodNotAllowed
        .problem(detail)
        .with(|facts| facts.allow = Some(HeaderValue::from_static(methods)))
}

async fn no_such_route(request: Request) -> Problem {
    let shown: String = request.uri().path().chars().take(200).collect();
    Kind::NoSuchRoute.problem(format!("There is nothing at {shown}."))
}
