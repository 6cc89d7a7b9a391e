//! Judges stored events again, by the schemas of now.
//!
//! An event gets the verdict that it would get if it came in now, but for its time of receipt, which stays what it was, and
//! but for a schema that refuses: what is stored is kept, so such a schema marks it invalid. Each slice is judged by one set
//! of schemas. Dead letters have no verdict.

use std::sync::Arc;

use async_trait::async_trait;
use model::{Filter, Pattern, Seq, Timestamp};
use serde::{Deserialize, Serialize};
use store::{
    Changed, Effort, Job, Rejudge, StoreError, Stored, Stores, Verdict, VerdictSlice, VerdictStore,
};
use tokio::sync::broadcast;

use crate::jobs::notice::without_data;
use crate::jobs::work::{Work, Worked};
use crate::rules;
use crate::schemas::reason::to_json;
use crate::schemas::service::Schemas;
use crate::schemas::set::{Found, Set};

/// The kind of its jobs.
pub const REVALIDATE: &str = "revalidate";
/// A slice ends with the event whose `data` reaches this.
const SLICE_BYTES_MAX: u64 = 4 << 20;

/// Which events are to be judged again; what is `None` does not matter. Labels end with `*` for a beginning.
#[derive(Clone, Debug, Default)]
pub struct RevalidateWish {
    /// Stream.
    pub stream: Option<String>,
    /// Category.
    pub category: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Sender.
    pub application: Option<String>,
    /// First moment of receipt.
    pub from: Option<Timestamp>,
    /// First moment no longer wanted.
    pub to: Option<Timestamp>,
    /// Also those that are valid.
    pub all: bool,
}

/// What judging again would be.
#[derive(Clone, Debug)]
pub struct RevalidatePlan {
    /// How many events would be judged; a lower bound unless it is complete.
    pub count: u64,
    /// Whether all could be counted.
    pub is_complete: bool,
    /// What the job has to know.
    pub spec: String,
}

/// Counts what would be judged, with so much work at most, and pins it: what is stored later is not part of it, because it
/// is judged by the schemas of now already.
pub async fn plan_revalidation(
    stores: &Stores,
    wish: &RevalidateWish,
    effort: Effort,
) -> Result<RevalidatePlan, StoreError> {
    let through = stores.events.lease().await?.applied.get();
    let spec = Spec {
        stream: wish.stream.clone(),
        category: wish.category.clone(),
        name: wish.name.clone(),
        application: wish.application.clone(),
        from_us: wish.from.map(Timestamp::micros),
        to_us: wish.to.map(Timestamp::micros),
        all: wish.all,
        through,
    };
    let (count, examined) = stores.explore.count(spec.filter(), effort).await?;
    let spec = serde_json::to_string(&spec).expect("texts and numbers have a JSON form");
    Ok(RevalidatePlan { count, is_complete: examined.is_complete, spec })
}

/// The wish as the job keeps it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_us: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_us: Option<i64>,
    all: bool,
    through: u64,
}

impl Spec {
    fn filter(&self) -> Filter {
        let patterns = |text: &Option<String>| text.as_deref().map(Pattern::parse).into_iter();
        Filter {
            stream: patterns(&self.stream).collect(),
            category: patterns(&self.category).collect(),
            name: patterns(&self.name).collect(),
            application: patterns(&self.application).collect(),
            from: self.from_us.map(Timestamp::from_micros),
            to: self.to_us.map(Timestamp::from_micros),
            valid: (!self.all).then_some(false),
            ..Filter::default()
        }
    }
}

/// The work of its jobs.
pub struct Revalidate {
    store: Arc<dyn VerdictStore>,
    schemas: Arc<Schemas>,
    /// Who listens is told, after the commit.
    changed: broadcast::Sender<Changed>,
}

impl Revalidate {
    /// Judges by `schemas` and tells `changed` of every event whose verdict is another one.
    pub fn new(
        store: Arc<dyn VerdictStore>,
        schemas: Arc<Schemas>,
        changed: broadcast::Sender<Changed>,
    ) -> Self {
        Self { store, schemas, changed }
    }
}

#[async_trait]
impl Work for Revalidate {
    fn kind(&self) -> &'static str {
        REVALIDATE
    }

    async fn next(&self, job: &Job, limit: usize) -> Result<Vec<Seq>, StoreError> {
        let damaged = || StoreError::Unusable("the job's own description is damaged".to_owned());
        let spec: Spec = serde_json::from_str(&job.new.spec).map_err(|_| damaged())?;
        let wanted = VerdictSlice {
            job: job.new.id.clone(),
            filter: spec.filter(),
            after: job.progress.position,
            through: Seq::new(spec.through).ok_or_else(damaged)?,
            limit,
            data_bytes_max: SLICE_BYTES_MAX,
        };
        self.store.verdict_slice(wanted).await
    }

    async fn work(&self, job: &Job, seqs: Vec<Seq>) -> Result<Vec<Worked>, StoreError> {
        let events = self.store.events_at(seqs.clone()).await?;
        let set = self.schemas.set();
        let broke = |error| StoreError::Unavailable(format!("judging broke off: {error}"));
        let judged = tokio::task::spawn_blocking(move || judge(set.as_deref(), events));
        let (events, verdicts) = judged.await.map_err(broke)?;
        let rejudge = Rejudge { job: job.new.id.clone(), seqs: seqs.clone(), verdicts };
        let answers = self.store.rejudge(rejudge).await?;
        let told = events.iter().filter_map(|event| {
            let at = seqs.binary_search(&event.seq).ok()?;
            Some(without_data(event, answers[at]?))
        });
        let told: Vec<Stored> = told.collect();
        if !told.is_empty() {
            // Nobody may be listening.
            let _ = self.changed.send(Arc::new(told));
        }
        let worked =
            |valid: Option<bool>| if valid.is_some() { Worked::Ok } else { Worked::Skipped };
        Ok(answers.into_iter().map(worked).collect())
    }
}

/// The events, and a verdict for each.
fn judge(set: Option<&Set>, events: Vec<Stored>) -> (Vec<Stored>, Vec<Verdict>) {
    let verdicts = events.iter().map(|Stored { seq, event }| {
        let found = set.map(|set| set.find(event.stream(), event.category(), event.name()));
        // Not counted: `seen` and `invalid` of a schema are about what comes in.
        let (schema_version, mut reasons) = match found {
            Some(Found::Judge(judge)) => (Some(judge.version), judge.compiled.judge(event.data())),
            Some(Found::Off | Found::Nothing) | None => (None, Vec::new()),
        };
        reasons.extend(rules::judge(event.timestamp(), event.received_at()));
        let errors = to_json(&reasons).into_owned();
        Verdict { seq: *seq, valid: reasons.is_empty(), errors, schema_version }
    });
    let verdicts = verdicts.collect();
    (events, verdicts)
}
