//! From what the edge parsed to a durable record: stamp, judge, encode, append.
//!
//! An id that a client chose may be a repetition. What is known of it stands in three places, asked in
//! this order: the ids that are on their way ([`crate::recent`]), the database (at most 20 ms), and, where
//! neither could tell, the consumer, for whom the record is marked undecided.
//!
//! Invariant: nothing here answers success before `Queue::append` has returned.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use meter::Commits;
use model::{ContentHash, Event, LogId, Seq, SeqRange, StreamName};
use queue::{Queue, QueueError};
use store::{EventStore, IdKey};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::batch::{Batch, Entry};
use crate::clock;
use crate::meters::Meters;
use crate::outcome::{Accepted, IntakeError, Item, OnConflict};
use crate::recent::{Begin, Recent};
use crate::schemas::service::Schemas;
use crate::traces::Begun;

/// Settings of the intake.
#[derive(Clone, Debug)]
pub struct IntakeOptions {
    /// Longest wait for the database when a client's id is looked up; past it the consumer decides.
    pub lookup_wait_max: Duration,
    /// Most memory for the ids that are on their way.
    pub recent_bytes_max: u64,
}

/// The log as readers may know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogFacts {
    /// Its name.
    pub log: LogId,
    /// No kept record stands before this position.
    pub first: Seq,
    /// The newest record.
    pub last: Seq,
    /// Where the next one goes.
    pub next: Seq,
    /// What an append promises: `disk` or `memory`.
    pub durability: &'static str,
}

/// The only way into the log. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) recent: Arc<Recent>,
    pub(crate) meters: Arc<Meters>,
    schemas: Arc<Schemas>,
    tasks: TaskTracker,
    lookup_wait_max: Duration,
}

/// What is to be done with one entry.
enum Plan {
    /// `is_tracked`: `recent` holds the id for us. `is_decided`: it is no repetition, for certain.
    Append {
        is_tracked: bool,
        is_decided: bool,
    },
    /// The id of an earlier event of this request.
    Again(usize),
    Known(Seq),
    /// Another request is appending the id.
    Wait(Option<watch::Receiver<()>>),
    /// The id names another event, where it is known which.
    Conflict(Option<(Seq, ContentHash)>),
}

impl Plan {
    fn take_wait(&mut self) -> Option<watch::Receiver<()>> {
        if let Self::Wait(over) = self { over.take() } else { None }
    }
}

/// How far one try to append came.
enum Step {
    Done(Result<Accepted, IntakeError>),
    /// Nothing was appended: another request is appending one of the ids.
    Busy(Vec<Entry>, watch::Receiver<()>),
}

impl Intake {
    /// An intake in front of a queue. Its background appends are tracked by `tasks`.
    pub fn new(
        queue: Arc<dyn Queue>,
        store: Arc<dyn EventStore>,
        meters: Arc<Meters>,
        tasks: TaskTracker,
        options: &IntakeOptions,
    ) -> Self {
        let recent = Arc::new(Recent::new(options.recent_bytes_max));
        let lookup_wait_max = options.lookup_wait_max;
        let schemas = Arc::new(Schemas::default());
        Self { queue, store, recent, meters, schemas, tasks, lookup_wait_max }
    }

    /// The same intake, judging by these schemas.
    #[must_use]
    pub fn with_schemas(self, schemas: Arc<Schemas>) -> Self {
        Self { schemas, ..self }
    }

    /// What events are judged by.
    pub fn schemas(&self) -> &Arc<Schemas> {
        &self.schemas
    }

    /// An empty batch, stamped with the time of now.
    pub fn batch(&self, stream: &StreamName, application: Option<&str>) -> Batch {
        Batch::new(stream, application, &self.schemas, clock::now())
    }

    /// The log as it stands.
    pub fn log(&self) -> LogFacts {
        let bounds = self.queue.bounds();
        LogFacts {
            log: self.queue.log(),
            first: bounds.first,
            last: bounds.last,
            next: bounds.next,
            durability: self.queue.durability().as_str(),
        }
    }

    /// Appends everything in the batch, in one piece; resolves when it is durable.
    ///
    /// # Panics
    /// On an empty batch: the edge answers those.
    pub async fn append(
        &self,
        batch: Batch,
        on_conflict: OnConflict,
    ) -> Result<Accepted, IntakeError> {
        assert!(!batch.is_empty(), "the edge refuses empty requests");
        let (Some(traces), Some(parent)) = (&self.meters.traces, batch.trace) else {
            return self.append_batch(batch, on_conflict).await;
        };
        let (begun, n_events) = (Begun::child("append", parent), batch.len() as u64);
        let answer = self.append_batch(batch, on_conflict).await;
        let last =
            answer.iter().flat_map(|accepted| &accepted.items).filter_map(Item::appended).max();
        if let Some(last) = last {
            traces.appended(begun.context, last);
        }
        traces.end(begun, false, vec![("eyas.events", n_events)], answer.is_err());
        answer
    }

    async fn append_batch(
        &self,
        batch: Batch,
        on_conflict: OnConflict,
    ) -> Result<Accepted, IntakeError> {
        if batch.entries.iter().all(|entry| entry.key.is_none()) {
            return self.append_new(batch.entries).await;
        }
        let mut entries = batch.entries;
        loop {
            // In a task of its own: a client that hangs up drops this future, but what `recent` says of
            // its ids has to stay true.
            let intake = self.clone();
            let task =
                self.tasks.spawn(async move { intake.append_known(entries, on_conflict).await });
            match task.await {
                Ok(Step::Done(answer)) => return answer,
                // Waits out here, so that nothing is held for a client that has gone.
                Ok(Step::Busy(back, mut over)) => {
                    entries = back;
                    while over.changed().await.is_ok() {}
                }
                Err(error) => return Err(IntakeError::Unknown(error.to_string())),
            }
        }
    }

    /// What the log's writer has done since the start.
    pub fn commits(&self) -> Arc<Commits> {
        self.queue.commits()
    }

    /// Room on its disk before appends are refused; `None` where nobody knows.
    pub fn left_bytes(&self) -> Option<u64> {
        self.queue.left_bytes()
    }

    /// Bytes that the log takes on its disk.
    pub fn log_bytes(&self) -> u64 {
        self.queue.size_bytes()
    }

    /// The seam to the log, timed.
    async fn append_records(&self, records: Vec<Bytes>) -> Result<SeqRange, IntakeError> {
        let begun = Instant::now();
        crash::at("intake.before_append");
        let appended = self.queue.append(records).await;
        crash::at("intake.after_append");
        match &appended {
            Ok(_) => self.meters.append_us.record(begun.elapsed().as_micros() as u64),
            Err(QueueError::NoRoom(_)) => self.meters.set_no_room(clock::now()),
            Err(_) => {}
        }
        Ok(appended?)
    }

    /// All ids are ours: nothing can be a repetition.
    async fn append_new(&self, entries: Vec<Entry>) -> Result<Accepted, IntakeError> {
        let hashes = entries.iter().map(|entry| entry.hash).collect();
        let mut ids = Vec::with_capacity(entries.len());
        let mut records = Vec::with_capacity(entries.len());
        for entry in entries {
            ids.push(entry.id);
            records.push(entry.record);
        }
        let range = self.append_records(records).await?;
        self.meters.accepted.fetch_add(ids.len() as u64, Ordering::Relaxed);
        let place = |(at, id)| Item::Appended { id, seq: range.first.plus(at as u64) };
        Ok(self.accepted(ids.into_iter().enumerate().map(place).collect(), hashes))
    }

    /// Appends what is new, or says whose append has to be over first. Then it holds no id, so two requests
    /// that share ids cannot wait for each other.
    async fn append_known(&self, entries: Vec<Entry>, on_conflict: OnConflict) -> Step {
        let mut plans = self.plan(&entries);
        if let Some(over) = plans.iter_mut().find_map(Plan::take_wait) {
            self.give_up(&entries, &plans);
            return Step::Busy(entries, over);
        }
        let answer = match self.append_planned(&entries, &mut plans, on_conflict).await {
            Ok(next) => {
                let seqs = self.settle(&entries, &plans, next);
                Ok(self.answer(&entries, &plans, &seqs))
            }
            Err(error) => {
                self.give_up(&entries, &plans);
                Err(error)
            }
        };
        Step::Done(answer)
    }

    /// Appends what is new in one piece; answers the position of its first record. Afterwards the plans say
    /// what the database said.
    async fn append_planned(
        &self,
        entries: &[Entry],
        plans: &mut [Plan],
        on_conflict: OnConflict,
    ) -> Result<Seq, IntakeError> {
        refuse_conflicts(entries, plans, on_conflict)?;
        self.look_up(entries, plans).await;
        refuse_conflicts(entries, plans, on_conflict)?;
        let record = |(entry, plan): (&Entry, &Plan)| match plan {
            Plan::Append { is_decided: true, .. } => Some(entry.record.clone()),
            Plan::Append { is_decided: false, .. } => Some(Event::mark_undecided(&entry.record)),
            _ => None,
        };
        let records: Vec<Bytes> = entries.iter().zip(&*plans).filter_map(record).collect();
        let n_new = records.len();
        if n_new == 0 {
            return Ok(Seq::ZERO);
        }
        let range = self.append_records(records).await?;
        self.meters.accepted.fetch_add(n_new as u64, Ordering::Relaxed);
        Ok(range.first)
    }

    /// Takes the ids that clients chose, or learns who has them. Never waits.
    fn plan(&self, entries: &[Entry]) -> Vec<Plan> {
        let mut firsts: HashMap<&IdKey, usize> = HashMap::new();
        let mut plans = Vec::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            let Some(key) = &entry.key else {
                plans.push(Plan::Append { is_tracked: true, is_decided: true });
                continue;
            };
            if let Some(&first) = firsts.get(&**key) {
                plans.push(Plan::Again(first));
                continue;
            }
            firsts.insert(key, at);
            plans.push(match self.recent.begin(key, entry.hash) {
                Begin::Fresh => Plan::Append { is_tracked: true, is_decided: true },
                Begin::Untracked => Plan::Append { is_tracked: false, is_decided: false },
                Begin::Known { seq, hash } if hash == entry.hash => Plan::Known(seq),
                Begin::Known { seq, hash } => Plan::Conflict(Some((seq, hash))),
                Begin::Pending { over } => Plan::Wait(Some(over)),
            });
        }
        plans
    }

    /// Asks the database about the ids that nobody is appending. Where it has no answer in time, or the table of
    /// recent ids has a hole, the consumer is to decide.
    async fn look_up(&self, entries: &[Entry], plans: &mut [Plan]) {
        let wanted: Vec<(usize, Arc<IdKey>)> = (entries.iter().zip(&*plans).enumerate())
            .filter(|(_, (_, plan))| matches!(plan, Plan::Append { .. }))
            .filter_map(|(at, (entry, _))| Some((at, entry.key.clone()?)))
            .collect();
        if wanted.is_empty() {
            return;
        }
        // Asked before the database is: what it has applied by then, it finds.
        let is_complete = self.recent.is_complete(self.meters.applied());
        let keys = wanted.iter().map(|(_, key)| (**key).clone()).collect();
        let found = tokio::time::timeout(self.lookup_wait_max, self.store.find(keys)).await;
        let (found, is_complete) = match found {
            Ok(Ok(found)) => (found, is_complete),
            _ => (vec![None; wanted.len()], false),
        };
        for ((at, key), found) in wanted.into_iter().zip(found) {
            let Plan::Append { is_tracked, is_decided } = &mut plans[at] else { continue };
            let Some((seq, hash)) = found else {
                *is_decided &= is_complete;
                continue;
            };
            self.let_go(&key, *is_tracked);
            let is_same = hash == entries[at].hash;
            plans[at] = if is_same { Plan::Known(seq) } else { Plan::Conflict(Some((seq, hash))) };
        }
    }

    /// Lets go of the ids that were taken; nothing was appended for them, as far as we know.
    fn give_up(&self, entries: &[Entry], plans: &[Plan]) {
        for (entry, plan) in entries.iter().zip(plans) {
            if let (Some(key), Plan::Append { is_tracked, .. }) = (&entry.key, plan) {
                self.let_go(key, *is_tracked);
            }
        }
    }

    fn let_go(&self, key: &IdKey, is_tracked: bool) {
        if is_tracked { self.recent.abandon(key) } else { self.recent.end_untracked(None) }
    }

    /// Hands out the positions of what was appended, from `next` on.
    fn settle(&self, entries: &[Entry], plans: &[Plan], mut next: Seq) -> Vec<Option<Seq>> {
        let mut seqs = Vec::with_capacity(entries.len());
        for (entry, plan) in entries.iter().zip(plans) {
            let Plan::Append { is_tracked, is_decided } = plan else {
                seqs.push(None);
                continue;
            };
            match &entry.key {
                Some(key) if *is_tracked => {
                    self.recent.settle(key, entry.hash, next, *is_decided);
                }
                Some(_) => self.recent.end_untracked(Some(next)),
                None => {}
            }
            seqs.push(Some(next));
            next = next.next();
        }
        seqs
    }

    fn answer(&self, entries: &[Entry], plans: &[Plan], seqs: &[Option<Seq>]) -> Accepted {
        let mut items: Vec<Item> = Vec::with_capacity(entries.len());
        for ((entry, plan), seq) in entries.iter().zip(plans).zip(seqs) {
            let id = entry.id.clone();
            items.push(match (plan, seq) {
                (_, Some(seq)) => Item::Appended { id, seq: *seq },
                (Plan::Known(seq), _) => Item::Duplicate { id, seq: *seq },
                (Plan::Conflict(first), _) => Item::Conflict { id, seq: first.map(|(seq, _)| seq) },
                (Plan::Again(first), _) => {
                    let is_same = entries[*first].hash == entry.hash;
                    again(entry, is_same, &items[*first], &plans[*first])
                }
                (Plan::Append { .. } | Plan::Wait(_), None) => {
                    unreachable!("what was appended has a position, and nobody waits any more")
                }
            });
        }
        let n_duplicate =
            items.iter().filter(|item| matches!(item, Item::Duplicate { .. })).count();
        self.meters.duplicate.fetch_add(n_duplicate as u64, Ordering::Relaxed);
        self.accepted(items, entries.iter().map(|entry| entry.hash).collect())
    }

    fn accepted(&self, items: Vec<Item>, hashes: Vec<ContentHash>) -> Accepted {
        Accepted { items, hashes, durability: self.queue.durability().as_str() }
    }
}

/// What becomes of an event whose id stood earlier in the same request.
fn again(entry: &Entry, is_same: bool, first: &Item, plan: &Plan) -> Item {
    let id = entry.id.clone();
    match (first, plan) {
        (Item::Appended { seq, .. } | Item::Duplicate { seq, .. }, _) if is_same => {
            Item::Duplicate { id, seq: *seq }
        }
        // The earlier one was not what the id names; this one is.
        (_, Plan::Conflict(Some((seq, hash)))) if *hash == entry.hash => {
            Item::Duplicate { id, seq: *seq }
        }
        (Item::Appended { seq, .. } | Item::Duplicate { seq, .. }, _) => {
            Item::Conflict { id, seq: Some(*seq) }
        }
        (Item::Conflict { seq, .. }, _) => Item::Conflict { id, seq: *seq },
    }
}

fn refuse_conflicts(
    entries: &[Entry],
    plans: &[Plan],
    on_conflict: OnConflict,
) -> Result<(), IntakeError> {
    if on_conflict == OnConflict::Skip {
        return Ok(());
    }
    for (index, (entry, plan)) in entries.iter().zip(plans).enumerate() {
        let seq = match plan {
            Plan::Conflict(first) => first.map(|(seq, _)| seq),
            Plan::Again(first) if entries[*first].hash != entry.hash => None,
            _ => continue,
        };
        return Err(IntakeError::Conflict { index, id: entry.id.clone(), seq });
    }
    Ok(())
}
