//! The tasks that sample once a second and save the history.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use model::Timestamp;
use pipeline::ConsumerState;
use tokio::time::{self, MissedTickBehavior, interval, interval_at, timeout};

use crate::edge::Edge;
use crate::health::machine::{CoreTicks, Disk, DiskProbe, n_cores, process_cpu};
use crate::health::sample::{Database, HeldLane, Sample};
use crate::health::totals::{Gauges, Totals};

const SECOND: Duration = Duration::from_secs(1);
/// How often the history is saved: a kill loses no more of it.
const SAVE_EVERY: Duration = Duration::from_secs(10);
/// How long the last saving may hold up a stop.
const LAST_SAVE_WAIT_MAX: Duration = Duration::from_secs(2);

/// Samples until the server stops accepting.
pub(crate) async fn sample(edge: Arc<Edge>) {
    let mut probe = DiskProbe::new(edge.data_dir.clone());
    let n_cores = n_cores();
    let mut ticks = interval(SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while edge.drain.run_until_cancelled(ticks.tick()).await.is_some() {
        let disk = probe.look().await;
        let (now, at) = (totals(&edge), pipeline::now());
        let next = now.clone();
        edge.health.take(next, |before| measured(&edge, before, &now, at, n_cores, disk), disk);
    }
}

/// Saves the history every now and then, and once more at the end. A database that hangs holds up nothing but this.
pub(crate) async fn keep(edge: Arc<Edge>) {
    let health = &edge.health;
    health.mark(edge.started_at, "start");
    if let Some(Err(error)) = edge.drain.run_until_cancelled(health.restore()).await {
        tracing::warn!(%error, "the metric history could not be read");
    }
    let mut ticks = interval_at(time::Instant::now() + SAVE_EVERY, SAVE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let save_on = async {
        loop {
            ticks.tick().await;
            save(&edge).await;
        }
    };
    let _: Option<()> = edge.drain.run_until_cancelled(save_on).await;
    health.mark(pipeline::now(), "stop");
    if timeout(LAST_SAVE_WAIT_MAX, save(&edge)).await.is_err() {
        tracing::warn!(
            "the metric history of the last seconds is not saved: control.db does not answer"
        );
    }
}

/// What is known in memory only: the history, and the latest use of each sign-in.
async fn save(edge: &Edge) {
    edge.health.save().await;
    if let Err(error) = edge.sessions.save().await {
        tracing::warn!(%error, "the latest uses of sign-ins were not saved");
    }
}

/// Reads all counters.
fn totals(edge: &Edge) -> Totals {
    let (meters, commits) = (&edge.meters, &edge.commits);
    Totals {
        at: Instant::now(),
        counts: meters.counts(),
        by_status: edge.requests.by_status(),
        request_us: edge.requests.api_us(),
        commit_us: commits.commit_us.snapshot(),
        commit_records: commits.records.snapshot(),
        commit_bytes: commits.bytes.load(Relaxed),
        apply_us: meters.apply_us.snapshot(),
        fsync_busy: commits.busy.total(),
        apply_busy: meters.apply_busy.total(),
        push_busy: edge.live.pushed().busy,
        process_cpu: process_cpu(),
        cores: CoreTicks::now(),
    }
}

fn measured(
    edge: &Edge,
    before: &Totals,
    now: &Totals,
    at: Timestamp,
    n_cores: usize,
    disk: Option<Disk>,
) -> Sample {
    let log = edge.intake.log();
    let lag = edge.meters.lag(log.last, at);
    let mut sample = Sample::between(before, now, at, n_cores);
    sample.gauges = Gauges {
        lag_records: lag.records,
        lag_s: lag.seconds,
        log_bytes: edge.intake.log_bytes(),
        disk_left_bytes: edge.intake.left_bytes().or(disk.map(|disk| disk.free_bytes)),
        disk_free_bytes: disk.map(|disk| disk.free_bytes),
        n_subscribers: edge.live.n_subscriptions(),
    };
    sample.database = database(edge);
    sample.lane = held_lane(edge);
    sample.writing_for = edge.commits.busy.running_for().unwrap_or_default();
    sample.no_room_at = edge.meters.no_room_at();
    sample
}

fn database(edge: &Edge) -> Database {
    let since = edge.meters.unanswered_since();
    match (edge.meters.consumer(), since) {
        (ConsumerState::Stopped { reason }, Some(since)) => Database::Stopped { since, reason },
        (ConsumerState::Waiting { reason }, Some(since)) => {
            Database::Silent { since, reason: Some(reason) }
        }
        (ConsumerState::Running, Some(since)) => Database::Silent { since, reason: None },
        (_, None) => Database::Answers,
    }
}

fn held_lane(edge: &Edge) -> Option<HeldLane> {
    let standing = edge.batches.as_ref()?.standing();
    let (reason, is_stopped) = match standing.consumer {
        ConsumerState::Running => return None,
        ConsumerState::Waiting { reason } => (reason, false),
        ConsumerState::Stopped { reason } => (reason, true),
    };
    let (n_waiting, waits_s) = (standing.lag_batches, standing.lag_s);
    Some(HeldLane { is_stopped, reason, n_waiting, waits_s })
}
