//! What a schema would say of events that are stored, before it is put in force. Nothing changes.
//!
//! Page by page from the newest back, so it holds one page at a time; judged off the async threads. Bounded by the number of
//! events and by time, whichever comes first.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Filter, Pattern, Seq};
use store::{EventStore, Extent, Order, PageQuery, SchemaKey, StoreError};

use crate::schemas::compiled::Compiled;
use crate::schemas::reason::Reason;
use crate::schemas::service::SchemaError;

/// Most events that a dry run looks at.
pub const DRY_RUN_EVENTS_MAX: usize = 10_000;
/// Longest time that it takes; it ends with what it has.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Events on one page, and their bytes.
const PAGE_EVENTS: usize = 500;
const PAGE_BYTES_MAX: usize = 4 << 20;
/// Most groups in the answer.
const GROUPS_MAX: usize = 200;

/// What a dry run found.
#[derive(Debug, Default)]
pub struct DryRun {
    /// Events that were judged.
    pub n_examined: u64,
    /// Those that would be valid.
    pub n_valid: u64,
    /// Those that would not.
    pub n_invalid: u64,
    /// Stored as valid, and would not be.
    pub n_newly_invalid: u64,
    /// Stored as invalid, and would be valid.
    pub n_newly_valid: u64,
    /// Whether all events that were asked for were judged.
    pub is_complete: bool,
    /// Broken rules, most frequent first, at most 200 of them.
    pub groups: Vec<DryRunGroup>,
}

/// A rule that events would break.
#[derive(Debug)]
pub struct DryRunGroup {
    /// Where, which rule, and the words for the newest event.
    pub reason: Reason,
    /// How many events.
    pub count: u64,
    /// The newest event.
    pub sample: (Seq, String),
}

/// Judges the newest `n_last` events that the key fits. Only the database's own order and labels decide which these are: a more
/// exact key that judges some of them is not asked. `permit` is given back when nothing works for this dry run any more.
pub async fn dry_run(
    store: Arc<dyn EventStore>,
    key: &SchemaKey,
    text: String,
    n_last: usize,
    permit: impl Send + Sync + 'static,
) -> Result<DryRun, SchemaError> {
    // Whoever asked may hang up, and work that was begun goes on without him.
    let permit = Arc::new(permit);
    let held = Arc::clone(&permit);
    let compiled = off_thread(move || {
        let _held = held;
        Compiled::compile(&text)
    })
    .await?;
    let compiled = Arc::new(compiled.map_err(SchemaError::Bad)?.compiled);
    let exact = |label: &Option<String>| label.iter().cloned().map(Pattern::Exact).collect();
    let filter = Filter {
        stream: vec![Pattern::Exact(key.stream.clone())],
        category: exact(&key.category),
        name: exact(&key.name),
        ..Filter::default()
    };
    let end = Instant::now() + WAIT_MAX;
    let mut run = Run { n_left: n_last.min(DRY_RUN_EVENTS_MAX), ..Run::default() };
    let mut after = None;
    while run.n_left > 0 && Instant::now() < end {
        let limit = run.n_left.min(PAGE_EVENTS);
        let query = PageQuery { filter: filter.clone(), after, order: Order::Desc, limit };
        let extent = Extent { bytes_max: PAGE_BYTES_MAX, data_bytes_max: None };
        let page = store.page(query, extent).await.map_err(SchemaError::Store)?;
        let compiled = Arc::clone(&compiled);
        let (judged, events, held) = (run, page.events, Arc::clone(&permit));
        run = off_thread(move || {
            let _held = held;
            judged.judge(&compiled, &events, end)
        })
        .await?;
        after = page.next;
        if after.is_none() {
            run.found.is_complete = !run.is_late;
            break;
        }
    }
    run.found.is_complete |= run.n_left == 0;
    Ok(run.end())
}

/// Runs it where threads may be kept busy.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SchemaError> {
    let broke = |error| StoreError::Unavailable(format!("judging broke off: {error}"));
    tokio::task::spawn_blocking(work).await.map_err(|error| SchemaError::Store(broke(error)))
}

/// A dry run under way.
#[derive(Default)]
struct Run {
    n_left: usize,
    is_late: bool,
    found: DryRun,
    groups: HashMap<(String, String), DryRunGroup>,
}

impl Run {
    fn judge(mut self, compiled: &Compiled, events: &[store::Listed], end: Instant) -> Self {
        for listed in events {
            if Instant::now() >= end {
                self.is_late = true;
                break;
            }
            let event = &listed.event;
            let reasons = compiled.judge(event.data());
            // What no schema has said stays as it is.
            let other = |reason: &Reason| !reason.pointer.starts_with("/data");
            let stored: Vec<Reason> = serde_json::from_str(event.errors()).unwrap_or_default();
            let would_be_valid = reasons.is_empty() && !stored.iter().any(other);
            self.n_left -= 1;
            self.found.n_examined += 1;
            self.found.n_valid += u64::from(would_be_valid);
            self.found.n_invalid += u64::from(!would_be_valid);
            self.found.n_newly_invalid += u64::from(event.valid() && !would_be_valid);
            self.found.n_newly_valid += u64::from(!event.valid() && would_be_valid);
            for reason in reasons {
                let key = (reason.pointer.clone(), reason.rule.clone());
                if let Some(group) = self.groups.get_mut(&key) {
                    group.count += 1;
                } else if self.groups.len() < GROUPS_MAX {
                    let sample = (listed.seq, event.id().to_owned());
                    self.groups.insert(key, DryRunGroup { reason, count: 1, sample });
                }
            }
        }
        self
    }

    fn end(self) -> DryRun {
        let mut groups: Vec<DryRunGroup> = self.groups.into_values().collect();
        groups.sort_by(|a, b| {
            b.count.cmp(&a.count).then_with(|| a.reason.pointer.cmp(&b.reason.pointer))
        });
        DryRun { groups, ..self.found }
    }
}
