//! Replays dead letters: each is tried once in a job, and comes back at its old position with its old id.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use model::Seq;
use serde_json::{Map, Value};
use store::{
    Changed, DeadFilter, DeadLetterStore, DeadState, DeadSum, Job, LabelIs, Replay, Replayed,
    StoreError,
};
use tokio::sync::broadcast;

use crate::clock;
use crate::jobs::notice::without_data;
use crate::jobs::work::{Work, Worked};
use crate::meters::Meters;

/// The kind of its jobs.
pub const REPLAY: &str = "replay";
/// What was refused so often is left out unless it is asked for: it has had its chances.
pub const ATTEMPTS_MAX: u32 = 3;

/// What a replay would be.
#[derive(Clone, Debug)]
pub struct ReplayPlan {
    /// What would be tried.
    pub sum: DeadSum,
    /// How many are left out because they were refused [`ATTEMPTS_MAX`] times or more.
    pub n_left_out: u64,
    /// What the job has to know.
    pub spec: String,
}

/// Counts what a replay of all that match would try, and pins it: what dies later is not part of it.
pub async fn plan_replay(
    store: &dyn DeadLetterStore,
    filter: DeadFilter,
    include_repeated: bool,
) -> Result<ReplayPlan, StoreError> {
    let all = DeadFilter { state: Some(DeadState::Open), ..filter };
    let sum_of_all = store.dead_sum(all.clone()).await?;
    let attempts_below = (!include_repeated).then_some(ATTEMPTS_MAX);
    let through = Some(sum_of_all.last.unwrap_or_default());
    let wanted = DeadFilter { attempts_below, through, ..all };
    let sum = store.dead_sum(wanted.clone()).await?;
    let n_left_out = sum_of_all.count.saturating_sub(sum.count);
    Ok(ReplayPlan { sum, n_left_out, spec: write(&wanted) })
}

/// The work of replay jobs.
pub struct Redrive {
    store: Arc<dyn DeadLetterStore>,
    meters: Arc<Meters>,
    /// Who listens is told, after the commit.
    changed: broadcast::Sender<Changed>,
}

impl Redrive {
    /// Tells `changed` of every event that is stored after all.
    pub fn new(
        store: Arc<dyn DeadLetterStore>,
        meters: Arc<Meters>,
        changed: broadcast::Sender<Changed>,
    ) -> Self {
        Self { store, meters, changed }
    }
}

#[async_trait]
impl Work for Redrive {
    fn kind(&self) -> &'static str {
        REPLAY
    }

    async fn next(&self, job: &Job, limit: usize) -> Result<Vec<Seq>, StoreError> {
        let filter = read(&job.new.spec).ok_or_else(|| {
            StoreError::Unusable("the job's own description is damaged".to_owned())
        })?;
        self.store.dead_slice(filter, &job.new.id, job.progress.position, limit).await
    }

    async fn work(&self, job: &Job, seqs: Vec<Seq>) -> Result<Vec<Worked>, StoreError> {
        let (id, actor) = (job.new.id.clone(), job.new.created_by.clone());
        let replay = Replay { job: id, seqs, at: clock::now(), actor };
        let outcomes = self.store.replay(replay).await?;
        let mut changed = Vec::new();
        let worked = outcomes.into_iter().map(|outcome| match outcome {
            Replayed::Stored(stored) => {
                changed.push(without_data(&stored, stored.event.valid()));
                Worked::Ok
            }
            Replayed::Skipped => Worked::Skipped,
            Replayed::Refused { detail } => Worked::Failed(detail),
        });
        let worked = worked.collect();
        self.meters.replayed.fetch_add(changed.len() as u64, Ordering::Relaxed);
        if !changed.is_empty() {
            // Nobody may be listening.
            let _ = self.changed.send(Arc::new(changed));
        }
        Ok(worked)
    }
}

/// The filter as the job keeps it. What is absent wants anything; a label that is `null` wants none.
fn write(filter: &DeadFilter) -> String {
    let mut spec = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            spec.insert(name.to_owned(), value);
        }
    };
    let label = |label: &LabelIs| match label {
        LabelIs::Any => None,
        LabelIs::Absent => Some(Value::Null),
        LabelIs::Text(text) => Some(Value::from(text.as_str())),
    };
    put("state", filter.state.map(|state| state.as_str().into()));
    put("reason", filter.reason.as_deref().map(Value::from));
    put("stream", filter.stream.as_deref().map(Value::from));
    put("application", label(&filter.application));
    put("category", label(&filter.category));
    put("name", label(&filter.name));
    put("seqs", filter.seqs.as_ref().map(|seqs| seqs.iter().map(|seq| seq.get()).collect()));
    put("through", filter.through.map(|seq| seq.get().into()));
    put("attempts_below", filter.attempts_below.map(Value::from));
    Value::Object(spec).to_string()
}

/// `None` where it is not what [`write`] wrote.
fn read(spec: &str) -> Option<DeadFilter> {
    let Ok(Value::Object(spec)) = serde_json::from_str(spec) else { return None };
    let mut filter = DeadFilter::default();
    for (name, value) in spec {
        let label = || match &value {
            Value::Null => Some(LabelIs::Absent),
            Value::String(text) => Some(LabelIs::Text(text.clone())),
            _ => None,
        };
        let text = || value.as_str().map(str::to_owned);
        let seq = |value: &Value| value.as_u64().and_then(Seq::new);
        match name.as_str() {
            "state" => filter.state = Some(DeadState::parse(value.as_str()?)?),
            "reason" => filter.reason = Some(text()?),
            "stream" => filter.stream = Some(text()?),
            "application" => filter.application = label()?,
            "category" => filter.category = label()?,
            "name" => filter.name = label()?,
            "seqs" => filter.seqs = Some(value.as_array()?.iter().map(seq).collect::<Option<_>>()?),
            "through" => filter.through = Some(seq(&value)?),
            "attempts_below" => {
                filter.attempts_below = Some(u32::try_from(value.as_u64()?).ok()?);
            }
            _ => return None,
        }
    }
    Some(filter)
}
