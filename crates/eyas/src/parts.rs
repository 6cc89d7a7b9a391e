//! The tasks of a running server: begun together, ended in order, and missed where one ends by itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use live::{LiveError, Tail};
use pipeline::{Consumer, JobRunner, Retention, StartError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::exit::CommandError;
use crate::log_lane::LogLane;
use crate::refusals::refused_pair;
use crate::snapshot::keeper::Keeper;

/// How long each of them may go on after the last request has been answered.
pub(crate) const STOP_APPLY_MAX: Duration = Duration::from_secs(10);

/// Whoever works with the database.
pub(crate) type Work = (Consumer, Arc<Retention>, JobRunner, Option<Keeper>);

/// See the module's page.
pub(crate) struct Parts {
    pub(crate) edge: JoinHandle<Option<TcpListener>>,
    tail: JoinHandle<Result<(), LiveError>>,
    consumer: JoinHandle<Result<(), StartError>>,
    /// Has the consumer leave the rest in the log.
    give_up: CancellationToken,
    retention: JoinHandle<()>,
    jobs: JoinHandle<()>,
    keeper: JoinHandle<()>,
}

impl Parts {
    /// Starts those that do not run yet. Without `work` the database has not been reached: nobody has anything to do there.
    pub(crate) fn start(
        tasks: &TaskTracker,
        stop: &CancellationToken,
        edge: impl Future<Output = Option<TcpListener>> + Send + 'static,
        tail: Tail,
        work: Option<Work>,
    ) -> Self {
        let idle = || tasks.spawn(stop.clone().cancelled_owned());
        let give_up = CancellationToken::new();
        let (edge, tail) = (tasks.spawn(edge), tasks.spawn(tail.run(stop.clone())));
        let Some((consumer, retention, jobs, keeper)) = work else {
            let stopped = stop.clone().cancelled_owned();
            let consumer = tasks.spawn(async move {
                stopped.await;
                Ok(())
            });
            let (retention, jobs, keeper) = (idle(), idle(), idle());
            return Self { edge, tail, consumer, give_up, retention, jobs, keeper };
        };
        Self {
            edge,
            tail,
            consumer: tasks.spawn(consumer.run(stop.clone(), give_up.clone())),
            give_up,
            retention: tasks.spawn(retention.run(stop.clone())),
            jobs: tasks.spawn(jobs.run(stop.clone())),
            keeper: keeper.map_or_else(idle, |keeper| tasks.spawn(keeper.run(stop.clone()))),
        }
    }

    /// Waits until one of them ends by itself, which none should.
    pub(crate) async fn broken(&mut self, data_dir: &Path) -> CommandError {
        let error = tokio::select! {
            ended = &mut self.consumer => match ended {
                Ok(Err(error)) => return refused_pair(data_dir, LogLane::Events, error),
                ended => anyhow::anyhow!("the consumer ended by itself: {ended:?}"),
            },
            ended = &mut self.edge => anyhow::anyhow!("the HTTP edge ended by itself: {ended:?}"),
            ended = &mut self.retention => anyhow::anyhow!("retention ended by itself: {ended:?}"),
            ended = &mut self.jobs => anyhow::anyhow!("the jobs ended by themselves: {ended:?}"),
            ended = &mut self.keeper => anyhow::anyhow!("nobody writes the snapshot any more: {ended:?}"),
            // Where it cannot read the log it has told its subscribers; only a panic is our own bug.
            Err(panic) = &mut self.tail => anyhow::anyhow!("the live tail broke: {panic}"),
        };
        error.into()
    }

    /// Waits for all but the edge, which have been told to end. A slice under way is committed or it is not: the next start
    /// goes on from there.
    pub(crate) async fn finish(mut self, apply_max: Duration) {
        if time::timeout(apply_max, &mut self.consumer).await.is_err() {
            info!("the database is still behind; the rest is applied after the next start");
            self.give_up.cancel();
            let _ = time::timeout(STOP_APPLY_MAX, self.consumer).await;
        }
        let _ = time::timeout(STOP_APPLY_MAX, self.jobs).await;
        let _ = time::timeout(STOP_APPLY_MAX, self.retention).await;
        let _ = time::timeout(STOP_APPLY_MAX, self.keeper).await;
        if !self.tail.is_finished() {
            let _ = time::timeout(STOP_APPLY_MAX, self.tail).await;
        }
    }
}
