//! The batches that are not over yet, in memory. All of it can be read back from the log ([`crate::batches::recovery`]).
//!
//! Invariant: at most one record of a batch is on its way into the log at any moment (`is_writing`), so its records stand there
//! in the order in which they were decided upon.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use model::{Seq, SeqRange, Timestamp};
use store::{Batch, BatchQuery, BatchState, RowError};
use tokio::sync::watch;

use crate::batches::records::Progress;
use crate::batches::rules::RowFormat;
use crate::batches::view::{BatchView, LaneCounts};
use crate::meters::ConsumerState;

/// Most refused batches whose rows stay in the log: the youngest.
pub(crate) const REFUSED_MAX: usize = 1_000;

/// A batch that the database does not have yet.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// As readers see it.
    pub(crate) batch: Batch,
    pub(crate) format: RowFormat,
    pub(crate) is_resumable: bool,
    /// Where its first record stands.
    pub(crate) first: Seq,
    /// Where its rows and errors stand.
    pub(crate) parts: Vec<Seq>,
    /// What of its body is in the log.
    pub(crate) progress: Progress,
    pub(crate) first_errors: Vec<RowError>,
    /// Somebody is sending its bytes.
    pub(crate) is_attached: bool,
    /// Since when nobody does, as far as this process knows.
    pub(crate) left_at: Timestamp,
    /// Which of those who did so, one after the other, is the one that counts.
    pub(crate) n_attached: u32,
    /// A record of it is on its way into the log.
    pub(crate) is_writing: bool,
    /// The record that decides about it.
    pub(crate) decided: Option<Seq>,
    pub(crate) rows_applied: Arc<AtomicU64>,
}

impl Entry {
    /// As readers see it.
    pub(crate) fn view(&self) -> BatchView {
        // What a try has handed over that came to nothing is gone, whatever became of the batch then.
        let rows_applied = match self.batch.state {
            BatchState::Applying | BatchState::Committed => {
                self.rows_applied.load(Ordering::Relaxed)
            }
            _ => 0,
        };
        let is_open = self.is_resumable && self.batch.state == BatchState::Receiving;
        BatchView {
            batch: self.batch.clone(),
            rows_applied,
            rows_kept: false,
            upload_offset: is_open.then_some(self.progress.offset),
        }
    }

    /// The log has its body up to here.
    pub(crate) fn advance(&mut self, progress: Progress) {
        self.batch.n_rows = progress.rows;
        self.batch.n_bytes = progress.offset;
        self.batch.n_errors = progress.errors;
        self.batch.hash = progress.content_hash();
        self.progress = progress;
    }
}

/// A batch that is over and stays in the log for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) first: Seq,
    /// Since when the database is known to have it: not by a wall clock, which may leap, nor by when it came.
    pub(crate) at: Instant,
}

/// A batch whose rows the database refused, and that are whole in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) first: Seq,
    /// Its commit record, which names its parts.
    pub(crate) decided: Seq,
    pub(crate) at: Timestamp,
}

/// What stands behind the registry's lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) entries: HashMap<String, Entry>,
    /// What the lane has to do, in the order of the log.
    pub(crate) decisions: BTreeMap<Seq, String>,
    /// For each append under way, a position that it will not stand before.
    floors: BTreeSet<(Seq, u64)>,
    n_appends: u64,
    /// Every decision up to here is in the database.
    pub(crate) applied: Seq,
    /// In the order in which they ended.
    pub(crate) kept: Vec<Kept>,
    /// Those that can be checked and applied again, by id: at most [`REFUSED_MAX`].
    pub(crate) refused: HashMap<String, Refused>,
    pub(crate) counts: LaneCounts,
    pub(crate) applying: Option<String>,
    pub(crate) consumer: Option<ConsumerState>,
}

/// An append that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Append(Seq, u64);

impl State {
    /// An append begins; the next free position is `next`.
    pub(crate) fn enter(&mut self, next: Seq) -> Append {
        self.n_appends += 1;
        self.floors.insert((next, self.n_appends));
        Append(next, self.n_appends)
    }

    /// It is over.
    pub(crate) fn leave(&mut self, append: Append) {
        self.floors.remove(&(append.0, append.1));
    }

    /// The live batch with this key, unless it was cancelled. One that was rejected while another has its rows again comes last.
    pub(crate) fn with_key(
        &self,
        application: Option<&str>,
        table: &str,
        key: &str,
    ) -> Option<&Entry> {
        let has_key = |entry: &&Entry| {
            let batch = &entry.batch;
            batch.key.as_deref() == Some(key)
                && batch.table == table
                && batch.application.as_deref() == application
                && batch.state != BatchState::Cancelled
        };
        let entries = self.entries.values().filter(has_key);
        entries.min_by_key(|entry| entry.batch.state == BatchState::Rejected)
    }

    /// The parts of a batch have come into the log.
    pub(crate) fn add_parts(
        &mut self,
        id: &str,
        range: SeqRange,
        n_parts: u64,
        progress: Progress,
    ) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.parts.extend((0..n_parts).map(|nth| range.first.plus(nth)));
        entry.advance(progress);
    }

    /// The record at `seq` decides about a batch.
    pub(crate) fn decide(
        &mut self,
        id: &str,
        seq: Seq,
        state: BatchState,
        change: impl FnOnce(&mut Batch),
    ) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        if let Some(before) = entry.decided.replace(seq) {
            self.decisions.remove(&before);
        }
        entry.batch.state = state;
        change(&mut entry.batch);
        self.decisions.insert(seq, id.to_owned());
    }

    /// The decision to carry out next; `None` while there is none, or it could still change. A batch that is queued then
    /// counts as being applied, which ends the time in which it can be cancelled.
    pub(crate) fn take_decision(&mut self, now: Timestamp) -> Option<(Seq, Entry)> {
        let (&seq, id) = self.decisions.first_key_value()?;
        // An earlier one may be durable already, and only its news is on the way.
        if self.floors.first().is_some_and(|(floor, _)| *floor <= seq) {
            return None;
        }
        let entry = self.entries.get_mut(id).filter(|entry| !entry.is_writing)?;
        if entry.batch.state == BatchState::Queued {
            entry.batch.state = BatchState::Applying;
            entry.batch.started_at = Some(now);
            entry.batch.detail = None;
            entry.rows_applied.store(0, Ordering::Relaxed);
            self.applying = Some(id.clone());
        }
        Some((seq, entry.clone()))
    }

    /// What was begun has not come to an end, as far as anybody knows. `why` a person has to mend something first: it stands in
    /// the batch until its next try.
    pub(crate) fn put_back(&mut self, why: Option<String>) {
        let id = self.applying.take();
        if let Some(entry) = id.and_then(|id| self.entries.get_mut(&id)) {
            entry.batch.state = BatchState::Queued;
            entry.batch.started_at = None;
            entry.batch.detail = why;
        }
    }

    /// Whoever was the n-th to send the bytes of a batch sends no more.
    pub(crate) fn detach(&mut self, id: &str, n_attached: u32, now: Timestamp) {
        let entry = self.entries.get_mut(id);
        if let Some(entry) = entry.filter(|entry| entry.n_attached == n_attached) {
            (entry.is_attached, entry.left_at) = (false, now);
        }
    }

    /// The records of an upload are needed no more, though none says that it is over: from now on nobody can go on with it, and a
    /// start that finds no beginning passes over the rest. They may be gone when it ends: so it ends without them.
    pub(crate) fn let_go(&mut self, id: &str, next: Seq, may: impl Fn(&Entry) -> bool) {
        let entry = self.entries.get_mut(id);
        if let Some(entry) = entry.filter(|entry| !entry.is_writing && may(entry)) {
            (entry.first, entry.is_resumable) = (next, false);
            entry.parts.clear();
            entry.first_errors.clear();
            entry.batch.n_errors = 0;
        }
    }

    /// Nothing of the batch came into the log.
    pub(crate) fn forget(&mut self, id: &str) {
        if let Some(entry) = self.entries.remove(id)
            && let Some(seq) = entry.decided
        {
            self.decisions.remove(&seq);
        }
    }

    /// The decision at `seq` says nothing.
    pub(crate) fn drop_decision(&mut self, seq: Seq) {
        if let Some(id) = self.decisions.remove(&seq) {
            self.entries.remove(&id);
        }
    }

    /// Every decision up to `applied` is in the database, which has `refused` that batch.
    pub(crate) fn forget_through(&mut self, applied: Seq, refused: Option<&str>, now: Timestamp) {
        self.applied = applied;
        while let Some(first) = self.decisions.first_entry() {
            if *first.key() > applied {
                return;
            }
            let (decided, id) = first.remove_entry();
            if self.applying.as_ref() == Some(&id) {
                self.applying = None;
            }
            if let Some(entry) = self.entries.remove(&id) {
                self.kept.push(Kept { first: entry.first, at: Instant::now() });
                if refused == Some(id.as_str()) {
                    self.keep_refused(&id, Refused { first: entry.first, decided, at: now });
                }
            }
        }
    }

    fn keep_refused(&mut self, id: &str, refused: Refused) {
        self.refused.insert(id.to_owned(), refused);
        while self.refused.len() > REFUSED_MAX {
            let oldest = self.refused.iter().min_by_key(|(_, refused)| refused.at);
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else { return };
            self.refused.remove(&oldest);
        }
    }

    /// Lets go of something that is only kept, of what the log begins with before anything else.
    pub(crate) fn give_up_kept(&mut self) {
        let needed_from = self.needed_from();
        if self.kept.iter().any(|kept| kept.first == needed_from) {
            self.kept.remove(0);
        } else {
            self.refused.retain(|_, refused| refused.first != needed_from);
        }
    }

    /// No record before this is needed: the oldest one of any batch that is not over or still kept.
    pub(crate) fn needed_from(&self) -> Seq {
        let live = self.entries.values().map(|entry| entry.first);
        let kept = self.kept.iter().map(|kept| kept.first);
        let kept = kept.chain(self.refused.values().map(|refused| refused.first));
        let appends = self.floors.iter().map(|(floor, _)| *floor);
        live.chain(kept).chain(appends).fold(self.applied.next(), Seq::min)
    }

    /// The batch whose first record is the oldest that is needed, if it is one that is not over.
    pub(crate) fn front(&self) -> Option<&Entry> {
        let needed_from = self.needed_from();
        self.entries.values().find(|entry| entry.first == needed_from)
    }

    /// Whether something that is only kept is what the log still has to begin with.
    pub(crate) fn begins_with_kept(&self) -> bool {
        let needed_from = self.needed_from();
        self.kept.iter().any(|kept| kept.first == needed_from)
            || self.refused.values().any(|refused| refused.first == needed_from)
    }

    /// How many batches of an application are still being received, or are paused.
    pub(crate) fn n_open(&self, application: Option<&str>) -> usize {
        let is_open = |entry: &&Entry| {
            entry.batch.state == BatchState::Receiving
                && entry.batch.application.as_deref() == application
        };
        self.entries.values().filter(is_open).count()
    }

    /// How many batches of an application are not over.
    pub(crate) fn n_live(&self, application: Option<&str>) -> usize {
        let is_own = |entry: &&Entry| entry.batch.application.as_deref() == application;
        self.entries.values().filter(is_own).count()
    }

    /// Those that a query wants, newest first.
    pub(crate) fn list(&self, query: &BatchQuery) -> Vec<BatchView> {
        let wanted = |batch: &Batch| {
            query.table.as_ref().is_none_or(|table| *table == batch.table)
                && query.state.is_none_or(|state| state == batch.state)
                && (query.application.is_none() || query.application == batch.application)
                && query.before.as_ref().is_none_or(|before| batch.id < *before)
        };
        let entries = self.entries.values().filter(|entry| wanted(&entry.batch));
        let mut views: Vec<BatchView> = entries.map(Entry::view).collect();
        views.sort_unstable_by(|one, other| other.batch.id.cmp(&one.batch.id));
        views.truncate(query.limit);
        views
    }

    /// How many stand so.
    pub(crate) fn count(&self, state: BatchState) -> u64 {
        self.entries.values().filter(|entry| entry.batch.state == state).count() as u64
    }
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Registry {
    /// Held for a few look-ups, never across an await.
    state: Mutex<State>,
    /// Says that something has changed; what, everybody looks up.
    changed: watch::Sender<()>,
}

impl Registry {
    pub(crate) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), changed: watch::Sender::new(()) }
    }

    /// Looks something up.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes something that others may wait for.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = self.with(change);
        self.changed.send_replace(());
        result
    }

    /// Waits until there is an answer.
    pub(crate) async fn until<R>(&self, mut look: impl FnMut(&mut State) -> Option<R>) -> R {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if let Some(result) = self.with(&mut look) {
                return result;
            }
            // The sender lives as long as we do.
            let _ = changed.changed().await;
        }
    }
}
