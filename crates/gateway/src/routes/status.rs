//! `/status`, `/healthz`, `/readyz`, and the small index at `/`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION, VARY};
use pipeline::ConsumerState;
use serde::Serialize;

use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;

#[derive(Serialize)]
struct Status<'a> {
    version: &'a str,
    instance: &'a str,
    started_at: String,
    log: Log,
    applied_seq: u64,
    lag: Lag,
    rates: Rates,
    counts: Counts,
    consumer: Consumer,
    subscribers: usize,
    connections: usize,
    disk: Option<Disk>,
}

#[derive(Serialize)]
struct Log {
    id: String,
    first: u64,
    next: u64,
    durability: &'static str,
}

#[derive(Serialize)]
struct Lag {
    records: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct Rates {
    accepted_per_s: f64,
    stored_per_s: f64,
}

#[derive(Serialize)]
struct Counts {
    accepted: u64,
    stored: u64,
    invalid: u64,
    duplicate: u64,
    dead: u64,
}

#[derive(Serialize)]
struct Consumer {
    state: &'static str,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Ready {
    status: &'static str,
    consumer: Consumer,
}

#[derive(Serialize)]
struct Index<'a> {
    name: &'static str,
    version: &'a str,
    instance: &'a str,
    paths: [&'static str; 9],
}

#[derive(Serialize)]
struct Disk {
    free_bytes: u64,
    total_bytes: u64,
}

/// What the server is doing, in numbers.
pub(crate) async fn status(State(edge): State<Arc<Edge>>) -> Response {
    let log = edge.intake.log();
    let lag = edge.meters.lag(log.last, pipeline::now());
    let counts = edge.meters.counts();
    let rates = edge.rates.now();
    json(&Status {
        version: &edge.options.version,
        instance: &edge.options.instance,
        started_at: edge.started_at.to_string(),
        log: Log {
            id: log.log.to_string(),
            first: log.first.get(),
            next: log.next.get(),
            durability: log.durability,
        },
        applied_seq: edge.meters.applied().get(),
        lag: Lag { records: lag.records, seconds: lag.seconds },
        rates: Rates { accepted_per_s: rates.accepted, stored_per_s: rates.stored },
        counts: Counts {
            accepted: counts.accepted,
            stored: counts.stored,
            invalid: counts.invalid,
            duplicate: counts.duplicate,
            dead: counts.dead,
        },
        consumer: consumer(&edge),
        subscribers: edge.live.n_subscriptions(),
        connections: edge.n_connections.load(Ordering::Relaxed),
        disk: disk(&edge),
    })
}

fn consumer(edge: &Edge) -> Consumer {
    match edge.meters.consumer() {
        ConsumerState::Running => Consumer { state: "running", reason: None },
        ConsumerState::Waiting { reason } => Consumer { state: "waiting", reason: Some(reason) },
        ConsumerState::Stopped { reason } => Consumer { state: "stopped", reason: Some(reason) },
    }
}

/// `None` where the system does not say.
fn disk(edge: &Edge) -> Option<Disk> {
    let facts = rustix::fs::statvfs(&edge.data_dir).ok()?;
    Some(Disk {
        free_bytes: facts.f_bavail.saturating_mul(facts.f_frsize),
        total_bytes: facts.f_blocks.saturating_mul(facts.f_frsize),
    })
}

/// Alive: this process answers.
pub(crate) async fn healthz() -> Response {
    json(&serde_json::json!({ "status": "ok" }))
}

/// Ready to take events. A consumer that stands still is shown but does not count: the log takes events
/// without it.
pub(crate) async fn readyz(State(edge): State<Arc<Edge>>) -> Result<Response, Problem> {
    if edge.is_stopping.load(Ordering::Relaxed) {
        return Err(Kind::ShuttingDown.problem("The server is shutting down."));
    }
    Ok(json(&Ready { status: "ready", consumer: consumer(&edge) }))
}

/// People go to the console, programs get a list of what there is.
pub(crate) async fn index(State(edge): State<Arc<Edge>>, request: Request) -> Response {
    let accepts = request.headers().get_all(ACCEPT);
    let is_person = accepts
        .iter()
        .any(|accept| memchr::memmem::find(accept.as_bytes(), b"text/html").is_some());
    let mut response = if is_person {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
        response.headers_mut().insert(LOCATION, HeaderValue::from_static("/ui/"));
        response
    } else {
        json(&Index {
            name: "eyas",
            version: &edge.options.version,
            instance: &edge.options.instance,
            paths: [
                "/events",
                "/streams/{stream}",
                "/events/{id}",
                "/sessions/{id}",
                "/live",
                "/status",
                "/openapi.json",
                "/docs",
                "/ui/",
            ],
        })
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response
}

fn json(value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("texts and numbers always have a JSON form");
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
