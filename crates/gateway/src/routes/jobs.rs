//! `/jobs`: how long work stands, and pause, resume and cancel.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use hyper::StatusCode;
use model::Timestamp;
use pipeline::JobWish;
use serde::Serialize;
use store::{Begun, Job, JobProgress, JobState, NewJob};

use crate::auth::principal::Principal;
use crate::edge::Edge;
use crate::error::Kind;
use crate::problem::Problem;
use crate::routes::audit;
use crate::routes::document::Whole;
use crate::routes::event::segment;
use crate::routes::status::json;

/// How many the list shows, the newest first.
const JOBS_SHOWN: usize = 100;
/// Most events a second of any job.
pub(crate) const RATE_MAX: u32 = 10_000;

#[derive(Serialize)]
struct List {
    jobs: Vec<Shown>,
}

/// A job in answers.
#[derive(Serialize)]
pub(crate) struct Shown {
    id: String,
    kind: String,
    state: &'static str,
    created_at: String,
    created_by: String,
    ended_at: Option<String>,
    total: u64,
    done: u64,
    ok: u64,
    failed: u64,
    skipped: u64,
    rate: u32,
    stop_after: u32,
    detail: Option<String>,
}

impl Shown {
    pub(crate) fn of(job: &Job) -> Self {
        let Job { new, state, ended_at, progress, detail } = job;
        let NewJob { id, kind, created_at, created_by, total, rate, stop_after, .. } = new.clone();
        let JobProgress { ok, failed, skipped, .. } = *progress;
        Self {
            id,
            kind,
            state: state.as_str(),
            created_at: created_at.to_string(),
            created_by,
            ended_at: ended_at.as_ref().map(Timestamp::to_string),
            total,
            done: ok + failed + skipped,
            ok,
            failed,
            skipped,
            rate,
            stop_after,
            detail: detail.clone(),
        }
    }
}

#[derive(Serialize)]
struct Started {
    job: Shown,
}

/// Begins a job, which a line of the audit tells as `name`; 409 while one of its kind is unfinished.
pub(crate) async fn begin(
    edge: &Arc<Edge>,
    principal: Principal,
    wish: JobWish,
    name: &'static str,
) -> Result<Response, Problem> {
    let detail = wish.spec.clone();
    let act = |edge: Arc<Edge>| async move {
        let begun = edge.jobs.begin(wish).await?;
        if let Begun::Job(job) = &begun {
            audit::done(&edge, &principal, name, &job.new.id, detail).await;
        }
        Ok::<_, Problem>(begun)
    };
    let job = match edge.carry_out(act).await? {
        Begun::Job(job) => job,
        Begun::Busy(job) => {
            let words = format!("A job of this kind is {}.", job.state.as_str());
            return Err(Kind::JobRunning.problem(words).with(|facts| facts.job = Some(job.new.id)));
        }
    };
    let mut response = json(&Started { job: Shown::of(&job) });
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

/// A number of a body: from 1 to `max`.
pub(crate) fn within(
    name: &str,
    given: Option<Whole>,
    default: u32,
    max: u32,
) -> Result<u32, Problem> {
    let value = given.map_or(Ok(default), |Whole(value)| u32::try_from(value));
    if let Ok(value) = value
        && (1..=max).contains(&value)
    {
        return Ok(value);
    }
    let words = format!("{name} is a number from 1 to {max}.");
    Err(Kind::BadValue.problem(words).pointer(format!("/{name}")))
}

/// The newest first.
pub(crate) async fn list(State(edge): State<Arc<Edge>>) -> Result<Response, Problem> {
    let jobs = edge.jobs.list(JOBS_SHOWN).await?;
    Ok(json(&List { jobs: jobs.iter().map(Shown::of).collect() }))
}

/// One.
pub(crate) async fn one(
    State(edge): State<Arc<Edge>>,
    request: Request,
) -> Result<Response, Problem> {
    let id = segment(request.uri().path(), "/jobs/")?;
    let job = edge.jobs.get(&id).await?.ok_or_else(|| not_found(&id))?;
    Ok(json(&Shown::of(&job)))
}

/// Stands still until it is resumed.
pub(crate) async fn pause(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    turn(&edge, principal, id_of(&request)?, JobState::Paused, "job.pause").await
}

/// Goes on.
pub(crate) async fn resume(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    turn(&edge, principal, id_of(&request)?, JobState::Running, "job.resume").await
}

/// Ends it; what is done stays done.
pub(crate) async fn cancel(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    turn(&edge, principal, id_of(&request)?, JobState::Cancelled, "job.cancel").await
}

/// Makes a job stand as `wanted`, which a line of the audit tells as `act`. One that stands so already is no mistake:
/// whoever asks may have asked before.
async fn turn(
    edge: &Arc<Edge>,
    principal: Principal,
    id: String,
    wanted: JobState,
    act: &'static str,
) -> Result<Response, Problem> {
    let turning = |edge: Arc<Edge>| async move {
        let turned = match wanted {
            JobState::Paused => edge.jobs.pause(&id).await?,
            JobState::Cancelled => edge.jobs.cancel(&id).await?,
            _ => edge.jobs.resume(&id).await?,
        };
        let (job, is_changed) = turned.ok_or_else(|| not_found(&id))?;
        if is_changed {
            audit::done(&edge, &principal, act, &id, "{}".to_owned()).await;
        } else if job.state != wanted {
            let words = format!("The job {id} is {}.", job.state.as_str());
            return Err(Kind::JobOver.problem(words));
        }
        Ok(json(&Shown::of(&job)))
    };
    edge.carry_out(turning).await
}

/// What stands between `/jobs/` and the act.
fn id_of(request: &Request) -> Result<String, Problem> {
    let path = request.uri().path();
    segment(path.rsplit_once('/').map_or(path, |(path, _)| path), "/jobs/")
}

fn not_found(id: &str) -> Problem {
    Kind::NotFound.problem(format!("There is no job with the id {id:?}."))
}
