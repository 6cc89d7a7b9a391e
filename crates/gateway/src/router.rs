//! Every path and what answers it. The writes stand here only by their methods: the service answers
//! them before it comes to this.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use hyper::header::HeaderValue;

use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::{console, event, events, history, live, metrics, sessions, status};

/// One path.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    /// What `Allow` says.
    pub(crate) methods: &'static str,
    handler: MethodRouter<Arc<Edge>>,
}

const READ: &str = "GET, HEAD";
const READ_WRITE: &str = "GET, HEAD, POST";

/// All paths.
#[rustfmt::skip]
pub(crate) fn routes() -> Vec<Route> {
    let route = |path, methods, handler| Route { path, methods, handler };
    // A path without parameters refuses all of them, as every other path refuses those that it does not know.
    let bare = |path, methods, handler: MethodRouter<Arc<Edge>>| Route {
        path,
        methods,
        handler: handler.route_layer(from_fn(without_parameters)),
    };
    vec![
        bare("/", READ, get(status::index)),
        route("/events", READ_WRITE, get(events::events)),
        route("/events/{id}", READ, get(event::event)),
        route("/streams/{stream}", READ_WRITE, get(events::stream)),
        route("/sessions/{id}", READ, get(sessions::session)),
        route("/live", READ, get(live::live)),
        bare("/status", READ, get(status::status)),
        route("/status/history", READ, get(history::history)),
        bare("/metrics", READ, get(metrics::metrics)),
        bare("/healthz", READ, get(status::healthz)),
        bare("/readyz", READ, get(status::readyz)),
        bare("/openapi.json", READ, get(console::openapi)),
        bare("/docs", READ, get(console::docs)),
        route("/ui", READ, get(console::index)),
        route("/ui/", READ, get(console::index)),
        route("/ui/{*path}", READ, get(console::file)),
    ]
}

/// The router over them.
pub(crate) fn build(edge: Arc<Edge>) -> Router {
    let router = routes().into_iter().fold(Router::new(), |router, route| {
        let methods = route.methods;
        let refuse = move |request: Request| async move { not_allowed(&request, methods) };
        router.route(route.path, route.handler.fallback(refuse))
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
