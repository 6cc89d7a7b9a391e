//! Stored events that broke a rule, in groups: the same for every driver, because it reads pages.
//!
//! Bounded by the rows that are read and by time, newest first; what was left out is older.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use model::{Event, Filter, Seq, Timestamp};
use serde::Deserialize;

use crate::error::StoreError;
use crate::events::{EventStore, Extent, Order, PageQuery};

/// Most invalid events that one look reads.
const EVENTS_MAX: usize = 100_000;
/// Longest time for it.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Events of one page.
const PAGE_EVENTS: usize = 2_000;
/// Most groups.
const GROUPS_MAX: usize = 1_000;

/// Events of one kind that broke one rule in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidGroup {
    /// Who sent them.
    pub application: Option<String>,
    /// Their stream.
    pub stream: String,
    /// Their category.
    pub category: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// The rule.
    pub rule: String,
    /// The place in the event, as a JSON Pointer.
    pub pointer: String,
    /// How many.
    pub count: u64,
    /// When the first came in.
    pub first_seen: Timestamp,
    /// When the last came in.
    pub last_seen: Timestamp,
    /// The last.
    pub sample: InvalidSample,
}

/// One event of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSample {
    /// Where it stands.
    pub seq: Seq,
    /// Its id.
    pub id: String,
    /// What it was told.
    pub message: String,
}

/// What a look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvalidGroups {
    /// Most frequent first.
    pub groups: Vec<InvalidGroup>,
    /// Whether all invalid events of the filter are in them.
    pub is_complete: bool,
}

/// One of an event's reasons, as its JSON has it.
#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    pointer: String,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    message: String,
}

type Key = (Option<String>, String, Option<String>, Option<String>, String, String);

/// Groups the invalid events that the filter wants.
pub async fn invalid_groups(
    store: &dyn EventStore,
    filter: Filter,
) -> Result<InvalidGroups, StoreError> {
    let filter = Filter { valid: Some(false), ..filter };
    // Of the data nothing is looked at.
    let extent = Extent { data_bytes_max: Some(0), ..Extent::PAGE };
    let end = Instant::now() + WAIT_MAX;
    let mut groups: HashMap<Key, InvalidGroup> = HashMap::new();
    let (mut after, mut n_read, mut is_complete) = (None, 0, false);
    let mut is_full = false;
    while n_read < EVENTS_MAX && Instant::now() < end {
        let limit = PAGE_EVENTS.min(EVENTS_MAX - n_read);
        let query = PageQuery { filter: filter.clone(), after, order: Order::Desc, limit };
        let page = store.page(query, extent).await?;
        n_read += page.events.len();
        for listed in &page.events {
            is_full |= !add(&mut groups, listed.seq, &listed.event);
        }
        after = page.next;
        if after.is_none() {
            is_complete = !is_full;
            break;
        }
    }
    let mut groups: Vec<InvalidGroup> = groups.into_values().collect();
    groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| b.sample.seq.cmp(&a.sample.seq)));
    Ok(InvalidGroups { groups, is_complete })
}

/// `false` where there was no room for another group. Events come newest first.
fn add(groups: &mut HashMap<Key, InvalidGroup>, seq: Seq, event: &Event) -> bool {
    // Nobody but we write them; a row that somebody changed by hand still counts.
    let reasons: Vec<Reason> = serde_json::from_str(event.errors()).unwrap_or_default();
    let label = |label: Option<&str>| label.map(str::to_owned);
    let mut has_room = true;
    let mut told = Vec::new();
    for Reason { pointer, rule, message } in reasons {
        let key = (
            label(event.application()),
            event.stream().to_owned(),
            label(event.category()),
            label(event.name()),
            rule,
            pointer,
        );
        // One event counts once in a group.
        if told.contains(&key) {
            continue;
        }
        told.push(key.clone());
        let at = event.received_at();
        if let Some(group) = groups.get_mut(&key) {
            group.count += 1;
            group.first_seen = group.first_seen.min(at);
            group.last_seen = group.last_seen.max(at);
        } else if groups.len() < GROUPS_MAX {
            let (application, stream, category, name, rule, pointer) = key.clone();
            let sample = InvalidSample { seq, id: event.id().to_owned(), message };
            let (first_seen, last_seen) = (at, at);
            let group = InvalidGroup {
                application,
                stream,
                category,
                name,
                rule,
                pointer,
                count: 1,
                first_seen,
                last_seen,
                sample,
            };
            groups.insert(key, group);
        } else {
            has_room = false;
        }
    }
    has_room
}
