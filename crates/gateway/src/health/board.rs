//! What is known of the last minute and of the past, for everybody who asks.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Timestamp;
use serde::Serialize;
use store::{ControlStore, StoreError};

use crate::health::history::{History, Series};
use crate::health::machine::Disk;
use crate::health::sample::Sample;
use crate::health::totals::Totals;
use crate::health::verdict::{DISK_WINDOW, Stage, Verdict, limits};

/// The latencies that `/status` shows are those of so many samples.
const LATENCY_WINDOW: usize = 10;

/// What the monitor has found out. Shared by all requests.
pub(crate) struct Health {
    control: Arc<dyn ControlStore>,
    // Held for copies and for the arithmetic of one sample, never across an await.
    state: Mutex<State>,
}

struct State {
    /// The newest last, at most [`DISK_WINDOW`].
    samples: VecDeque<Sample>,
    /// The newest last, one more than [`LATENCY_WINDOW`].
    totals: VecDeque<Totals>,
    verdict: Verdict,
    history: History,
    disk: Option<Disk>,
}

/// What `/status` shows of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Glance {
    pub(crate) accepted_per_s: f64,
    pub(crate) stored_per_s: f64,
    pub(crate) verdict: Verdict,
    pub(crate) disk: Option<Disk>,
    pub(crate) commit_us: Option<Percentiles>,
    pub(crate) request_us: Option<Percentiles>,
    pub(crate) apply_us: Option<Percentiles>,
}

/// Microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Percentiles {
    p50: u64,
    p95: u64,
    p99: u64,
}

impl Percentiles {
    fn of(snapshot: &meter::Snapshot) -> Option<Self> {
        let quantile = |share| snapshot.quantile(share);
        Some(Self { p50: quantile(0.50)?, p95: quantile(0.95)?, p99: quantile(0.99)? })
    }
}

impl Health {
    /// Knows nothing yet but the disk of `data_dir`.
    pub(crate) fn new(control: Arc<dyn ControlStore>, data_dir: &Path) -> Self {
        let state = State {
            samples: VecDeque::new(),
            totals: VecDeque::new(),
            verdict: limits(&[], Stage::Idle),
            history: History::default(),
            disk: Disk::of(data_dir),
        };
        Self { control, state: Mutex::new(state) }
    }

    /// The state of the last second.
    pub(crate) fn glance(&self) -> Glance {
        let state = self.state();
        let rates = state.samples.back().map(|last| (last.accepted_per_s, last.stored_per_s));
        let (accepted_per_s, stored_per_s) = rates.unwrap_or_default();
        let mut glance = Glance {
            accepted_per_s,
            stored_per_s,
            verdict: state.verdict.clone(),
            disk: state.disk,
            ..Glance::default()
        };
        if let (Some(first), Some(last)) = (state.totals.front(), state.totals.back()) {
            glance.commit_us = Percentiles::of(&last.commit_us.since(&first.commit_us));
            glance.request_us = Percentiles::of(&last.request_us.since(&first.request_us));
            glance.apply_us = Percentiles::of(&last.apply_us.since(&first.apply_us));
        }
        glance
    }

    /// One ring of the history, if there is one of that name.
    pub(crate) fn series(&self, range: &str, now: Timestamp) -> Option<Series> {
        self.state().history.series(range, now)
    }

    /// One more look at everything; `sample` makes a second of it and the look before.
    pub(crate) fn take(
        &self,
        now: Totals,
        sample: impl FnOnce(&Totals) -> Sample,
        disk: Option<Disk>,
    ) {
        let mut state = self.state();
        let state = &mut *state;
        state.disk = disk;
        if let Some(before) = state.totals.back() {
            let sample = sample(before);
            state.history.push(sample.at, before, &now, &sample.gauges);
            state.samples.push_back(sample);
        }
        while state.samples.len() > DISK_WINDOW {
            state.samples.pop_front();
        }
        state.totals.push_back(now);
        while state.totals.len() > LATENCY_WINDOW + 1 {
            state.totals.pop_front();
        }
        state.verdict = limits(state.samples.make_contiguous(), state.verdict.stage);
    }

    /// Notes that the server started or stopped.
    pub(crate) fn mark(&self, at: Timestamp, what: &str) {
        self.state().history.mark(at, what);
    }

    /// Gets back what earlier processes saved.
    pub(crate) async fn restore(&self) -> Result<(), StoreError> {
        let saved = self.control.metric_history().await?;
        self.state().history.restore(saved);
        Ok(())
    }

    /// Saves what is new in the history.
    pub(crate) async fn save(&self) {
        let Some((save, ends)) = self.state().history.unsaved() else { return };
        let n_marks = save.marks.len();
        match self.control.save_metric_history(save).await {
            Ok(()) => self.state().history.saved(n_marks, ends),
            Err(error) => tracing::warn!(%error, "the metric history could not be saved"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
