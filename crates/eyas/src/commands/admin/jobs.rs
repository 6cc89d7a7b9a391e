//! `eyas jobs`: long work, and what to do with it.

use hyper::Method;
use serde::Deserialize;

use crate::cli_admin::{JobsArgs, JobsCommand};
use crate::commands::admin::access::{Access, NOTHING, Reply, print, say};
use crate::commands::admin::table::{Table, time};
use crate::commands::query::encode;
use crate::exit::CommandError;

#[derive(Deserialize)]
struct Jobs {
    jobs: Vec<Job>,
}

/// One job.
#[derive(Debug, Deserialize)]
pub(crate) struct Job {
    /// Its id.
    pub(crate) id: String,
    kind: String,
    /// `running`, `paused`, or how it ended.
    pub(crate) state: String,
    created_at: String,
    created_by: String,
    /// How many events it is about.
    pub(crate) total: u64,
    /// How many of them are behind it.
    pub(crate) done: u64,
    /// Of those, for how many it worked.
    pub(crate) ok: u64,
    /// For how many it did not.
    pub(crate) failed: u64,
    /// How many were no longer there to be done.
    pub(crate) skipped: u64,
    /// Why it ended, where that needs words.
    pub(crate) detail: Option<String>,
}

impl Job {
    /// Whether it goes on.
    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self.state.as_str(), "running" | "paused")
    }
}

/// Lists them, or does something with one.
pub(crate) async fn run(access: &Access, args: &JobsArgs) -> Result<(), CommandError> {
    let reply = match &args.command {
        None => {
            let reply = access.get("/jobs").await?;
            if access.json {
                return print(&reply.line());
            }
            let Jobs { jobs } = reply.read()?;
            if jobs.is_empty() {
                say("there are none; `eyas replay` makes one");
                return Ok(());
            }
            return print(&table(jobs));
        }
        Some(JobsCommand::Show(job)) => access.get(&path(&job.id)).await?,
        Some(JobsCommand::Pause(job)) => change(access, &job.id, "pause").await?,
        Some(JobsCommand::Resume(job)) => change(access, &job.id, "resume").await?,
        Some(JobsCommand::Cancel(job)) => change(access, &job.id, "cancel").await?,
    };
    if access.json { print(&reply.line()) } else { print(&table(vec![reply.read()?])) }
}

/// Where a job is found.
pub(crate) fn path(id: &str) -> String {
    let mut path = "/jobs/".to_owned();
    encode(&mut path, id);
    path
}

async fn change(access: &Access, id: &str, act: &str) -> Result<Reply, CommandError> {
    access.ask(Method::POST, &format!("{}/{act}", path(id)), NOTHING).await
}

fn table(jobs: Vec<Job>) -> String {
    let mut table = Table::new(&[
        "id", "kind", "state", "done", "of", "ok", "failed", "skipped", "by", "created", "detail",
    ]);
    for job in jobs {
        table.row([
            job.id,
            job.kind,
            job.state,
            job.done.to_string(),
            job.total.to_string(),
            job.ok.to_string(),
            job.failed.to_string(),
            job.skipped.to_string(),
            job.created_by,
            time(Some(&job.created_at)),
            job.detail.unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table.lines()
}
