//! Which schema judges which event: the one with the most exact key that fits. Category and name go before category, that
//! before name, and that before the stream.
//!
//! A set is made whole and never changed, so a request sees one set from its first event to its last.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use store::{SchemaKey, SchemaMode};

use crate::schemas::compiled::Compiled;
use crate::schemas::reason::Reason;

/// What happened to a key's events since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) seen: AtomicU64,
    pub(crate) invalid: AtomicU64,
}

/// A schema in force.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) mode: SchemaMode,
    pub(crate) version: u32,
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) counts: Arc<Counts>,
}

impl Judge {
    /// What is wrong with the data, counted.
    pub(crate) fn judge(&self, data: &str) -> Vec<Reason> {
        let reasons = self.compiled.judge(data);
        self.counts.seen.fetch_add(1, Ordering::Relaxed);
        self.counts.invalid.fetch_add(u64::from(!reasons.is_empty()), Ordering::Relaxed);
        reasons
    }
}

/// What a key says: `None` where it says that nobody judges.
type Entry = Option<Arc<Judge>>;

/// All keys.
#[derive(Debug, Default)]
pub(crate) struct Set {
    streams: HashMap<String, OfStream>,
    /// Each key once more, for whoever lists them.
    pub(crate) judges: HashMap<SchemaKey, Arc<Judge>>,
}

#[derive(Debug, Default)]
struct OfStream {
    all: Option<Entry>,
    categories: HashMap<String, OfCategory>,
    /// Of any category.
    names: HashMap<String, Entry>,
}

#[derive(Debug, Default)]
struct OfCategory {
    all: Option<Entry>,
    names: HashMap<String, Entry>,
}

/// What a set has for an event.
#[derive(Debug)]
pub(crate) enum Found<'s> {
    /// This one judges it.
    Judge(&'s Judge),
    /// Its most exact key is off.
    Off,
    /// No key fits.
    Nothing,
}

impl Set {
    /// Adds a key; `None` for one that is off or has nothing in force.
    pub(crate) fn add(&mut self, key: SchemaKey, judge: Option<Judge>) {
        let entry = judge.map(Arc::new);
        if let Some(judge) = &entry {
            self.judges.insert(key.clone(), Arc::clone(judge));
        }
        let stream = self.streams.entry(key.stream.clone()).or_default();
        let SchemaKey { category, name, .. } = key;
        let category = category.map(|category| stream.categories.entry(category).or_default());
        match (category, name) {
            (Some(category), Some(name)) => drop(category.names.insert(name, entry)),
            (Some(category), None) => category.all = Some(entry),
            (None, Some(name)) => drop(stream.names.insert(name, entry)),
            (None, None) => stream.all = Some(entry),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// The most exact key that fits.
    pub(crate) fn find(
        &self,
        stream: &str,
        category: Option<&str>,
        name: Option<&str>,
    ) -> Found<'_> {
        let Some(of_stream) = self.streams.get(stream) else { return Found::Nothing };
        let of_category = category.and_then(|category| of_stream.categories.get(category));
        let of_name = of_category.zip(name).and_then(|(category, name)| category.names.get(name));
        let entry = of_name
            .or_else(|| of_category.and_then(|category| category.all.as_ref()))
            .or_else(|| name.and_then(|name| of_stream.names.get(name)))
            .or(of_stream.all.as_ref());
        match entry {
            Some(Some(judge)) => Found::Judge(judge),
            Some(None) => Found::Off,
            None => Found::Nothing,
        }
    }
}
