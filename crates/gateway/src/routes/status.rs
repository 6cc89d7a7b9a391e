//! `/status`, `/healthz`, `/readyz`, and the small index at `/`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION, VARY};
use pipeline::ConsumerState;
use serde::Serialize;

use crate::auth::principal::{Need, Principal};
use crate::edge::Edge;
use crate::error::Kind;
use crate::health::board::Percentiles;
use crate::health::verdict::{Stage, Verdict};
use crate::problem::Problem;
use crate::rate::tally::{Reason, Tally};
use crate::routes::database_status::DatabaseShown;
use crate::routes::lane_status::LaneShown;

/// Most streams that `retention` lists.
const RETAINED_MAX: usize = 100;

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
    limits: Limits,
    disk: Option<Disk>,
    latency: Latency,
    requests: Requests,
    retention: Retained,
    rate_limited: RateLimited,
    database: DatabaseShown,
    batches: Option<LaneShown>,
}

/// At most [`RETAINED_MAX`] streams are listed.
#[derive(Serialize)]
struct Retained {
    default_s: Option<u64>,
    streams: Vec<RetainedStream>,
    deleted_rows: u64,
}

#[derive(Serialize)]
struct RetainedStream {
    stream: String,
    age_s: Option<u64>,
    /// Nothing is left up to here; 0 where nothing was deleted.
    horizon: u64,
}

#[derive(Serialize)]
struct Log {
    id: String,
    first: u64,
    next: u64,
    durability: &'static str,
    /// Less is kept behind the database than the configured time, for want of room.
    kept_short: bool,
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
pub(crate) struct Consumer {
    state: &'static str,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Ready {
    status: &'static str,
    consumer: ReadyConsumer,
}

/// Without the reason: that may quote the database, and this is for everybody.
#[derive(Serialize)]
struct ReadyConsumer {
    state: &'static str,
}

#[derive(Serialize)]
struct Index<'a> {
    name: &'static str,
    version: &'a str,
    instance: &'a str,
    paths: [&'static str; 11],
}

#[derive(Serialize)]
struct Limits {
    stage: &'static str,
    sentence: String,
    drain_s: Option<f64>,
    busy: Busy,
}

#[derive(Serialize)]
struct Busy {
    accept: f64,
    fsync: f64,
    apply: f64,
    push: f64,
}

#[derive(Serialize)]
struct Disk {
    free_bytes: u64,
    total_bytes: u64,
    log_bytes: u64,
    seconds_left: Option<f64>,
}

#[derive(Serialize)]
struct Latency {
    #[serde(rename = "commit_us")]
    commit: Option<Percentiles>,
    #[serde(rename = "request_us")]
    request: Option<Percentiles>,
    #[serde(rename = "apply_us")]
    apply: Option<Percentiles>,
}

#[derive(Serialize)]
struct Requests {
    #[serde(rename = "2xx")]
    succeeded: u64,
    #[serde(rename = "4xx")]
    refused: u64,
    #[serde(rename = "5xx")]
    failed: u64,
    #[serde(rename = "429")]
    too_many: u64,
}

/// How often somebody was answered 429, by the limit that was met.
#[derive(Serialize)]
struct RateLimited {
    token: u64,
    address: u64,
    refusals: u64,
    /// Those that were refused most, most first.
    applications: Vec<LimitedApplication>,
}

#[derive(Serialize)]
struct LimitedApplication {
    application: String,
    count: u64,
}

/// Applications that `/status` names.
const LIMITED_MAX: usize = 5;

impl RateLimited {
    /// Names of applications are for those who may read everything.
    fn of(tally: &Tally, shows_names: bool) -> Self {
        let applications = tally.applications().into_iter().filter(|_| shows_names);
        let mut applications: Vec<_> = applications
            .map(|(application, count)| LimitedApplication { application, count })
            .collect();
        applications.sort_by_key(|limited| std::cmp::Reverse(limited.count));
        applications.truncate(LIMITED_MAX);
        Self {
            token: tally.n_refused(Reason::Token),
            address: tally.n_refused(Reason::Address),
            refusals: tally.n_refused(Reason::Refusals),
            applications,
        }
    }
}

/// What the server is doing, in numbers.
pub(crate) async fn status(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
) -> Response {
    let shows_all = principal.check(Need::Read).is_ok();
    let log = edge.intake.log();
    let lag = edge.meters.lag(log.last, pipeline::now());
    let counts = edge.meters.counts();
    let glance = edge.health.glance();
    let (verdict, by_status) = (&glance.verdict, edge.requests.by_status());
    json(&Status {
        version: &edge.options.version,
        instance: &edge.options.instance,
        started_at: edge.started_at.to_string(),
        log: Log {
            id: log.log.to_string(),
            first: log.first.get(),
            next: log.next.get(),
            durability: log.durability,
            kept_short: edge.meters.is_kept_short(),
        },
        applied_seq: edge.meters.applied().get(),
        lag: Lag { records: lag.records, seconds: lag.seconds },
        rates: Rates { accepted_per_s: glance.accepted_per_s, stored_per_s: glance.stored_per_s },
        counts: Counts {
            accepted: counts.accepted,
            stored: counts.stored,
            invalid: counts.invalid,
            duplicate: counts.duplicate,
            dead: counts.dead,
        },
        consumer: consumer(edge.meters.consumer(), shows_all),
        subscribers: edge.live.n_subscriptions(),
        connections: edge.n_connections.load(Ordering::Relaxed),
        limits: Limits {
            stage: verdict.stage.as_str(),
            sentence: sentence(verdict, shows_all),
            drain_s: verdict.drain_s,
            busy: Busy {
                accept: verdict.shares.accept,
                fsync: verdict.shares.fsync,
                apply: verdict.shares.apply,
                push: verdict.shares.push,
            },
        },
        disk: glance.disk.map(|disk| Disk {
            free_bytes: disk.free_bytes,
            total_bytes: disk.total_bytes,
            log_bytes: edge.intake.log_bytes(),
            seconds_left: verdict.disk_s,
        }),
        latency: Latency {
            commit: glance.commit_us,
            request: glance.request_us,
            apply: glance.apply_us,
        },
        requests: Requests {
            succeeded: by_status[1],
            refused: by_status[3],
            failed: by_status[4],
            too_many: edge.requests.n_too_many(),
        },
        retention: retained(&edge, &principal),
        rate_limited: RateLimited::of(&edge.limiter.tally, shows_all),
        database: DatabaseShown::of(edge.stores.probe.database(), &edge.options.holder, shows_all),
        batches: edge.batches.as_ref().map(|batches| LaneShown::of(batches.standing(), shows_all)),
    })
}

/// Streams with an age of their own, then those that have lost something; of those that may be read.
fn retained(edge: &Edge, principal: &Principal) -> Retained {
    let (rules, horizons) = (edge.retention.rules(), edge.retention.horizons());
    let horizons = horizons.borrow();
    let others = horizons.iter().map(|(stream, _)| stream);
    let others = others.filter(|stream| !rules.streams.contains_key(*stream));
    let named = rules.streams.keys().map(String::as_str).chain(others);
    let named = named.filter(|stream| principal.may_read(stream));
    let stream = |stream: &str| RetainedStream {
        stream: stream.to_owned(),
        age_s: rules.age_of(stream).map(|age| age.as_secs()),
        horizon: horizons.of_stream(stream).get(),
    };
    Retained {
        default_s: rules.default.map(|age| age.as_secs()),
        streams: named.take(RETAINED_MAX).map(stream).collect(),
        deleted_rows: edge.retention.n_deleted(),
    }
}

/// The reason is the database's own words, which are for who may read everything.
pub(crate) fn consumer(of: ConsumerState, shows_all: bool) -> Consumer {
    let (state, reason) = match of {
        ConsumerState::Running => ("running", None),
        ConsumerState::Waiting { reason } => ("waiting", Some(reason)),
        ConsumerState::Stopped { reason } => ("stopped", Some(reason)),
    };
    Consumer { state, reason: reason.filter(|_| shows_all) }
}

/// What limits; about the database it quotes the same words.
pub(crate) fn sentence(verdict: &Verdict, shows_all: bool) -> String {
    match verdict.stage {
        Stage::Database if !shows_all => "Nothing is stored at the moment.".to_owned(),
        Stage::Batches if !shows_all => "Batches stand still; events go on.".to_owned(),
        _ => verdict.sentence.clone(),
    }
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
    let Consumer { state, .. } = consumer(edge.meters.consumer(), false);
    Ok(json(&Ready { status: "ready", consumer: ReadyConsumer { state } }))
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
                "/status/history",
                "/metrics",
                "/openapi.json",
                "/docs",
                "/ui/",
            ],
        })
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response
}

pub(crate) fn json(value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("texts and numbers always have a JSON form");
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
