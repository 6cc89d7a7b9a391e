//! The schemas in force: read from the store, changed through it, swapped as a whole, counted.
//!
//! Invariant: what is in force was compiled before it was stored, and stored before it was in force. A text that does not
//! compile changes nothing. Of two changes at once the store says which is newer, and only the newer stays in force.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use model::Timestamp;
use store::{
    ConfiguredSchema, SchemaAct, SchemaChange, SchemaKey, SchemaMode, SchemaRefusal, SchemaState,
    SchemaStates, SchemaStore, SchemaVersion, StoreError,
};
use thiserror::Error;
use tokio::sync::watch;

use crate::clock;
use crate::schemas::bad::BadSchema;
use crate::schemas::compiled::{Accepted, Compiled};
use crate::schemas::set::{Counts, Judge, Set};

/// Most keys that are counted as seen without a schema; further ones are not listed.
pub(crate) const UNMATCHED_MAX: usize = 500;

/// Why a schema was not changed.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// The text is no schema that can be used.
    #[error("{0}")]
    Bad(BadSchema),
    /// The key has no schema, or not this version.
    #[error("there is no such schema")]
    NotFound,
    /// The configuration decides about this key.
    #[error("the configuration decides about this key")]
    FromConfig,
    /// There are too many keys or versions.
    #[error("there are too many keys, or too many versions of this one")]
    TooMany,
    /// The database did not answer.
    #[error("{0}")]
    Store(StoreError),
}

/// A key as it stands.
#[derive(Clone, Debug)]
pub struct ListedSchema {
    /// What the store says.
    pub state: SchemaState,
    /// Events judged since the start.
    pub n_seen: u64,
    /// Those that were invalid.
    pub n_invalid: u64,
}

/// Events that no key fits.
#[derive(Clone, Debug)]
pub struct Unmatched {
    /// Their stream, category and name.
    pub key: SchemaKey,
    /// How many since the start.
    pub count: u64,
    /// When the newest came in.
    pub last_seen: Timestamp,
}

/// The schemas in force. Shared by all.
pub struct Schemas {
    store: Option<Arc<dyn SchemaStore>>,
    // A lock for a clone or a swap of the pointer; nothing is judged or compiled under it.
    in_force: RwLock<InForce>,
    /// The number of the newest change.
    changes: watch::Sender<u64>,
    /// No key at all: judging costs nothing.
    is_empty: AtomicBool,
    // A lock for one entry; labels are cloned once for each new key.
    unmatched: Mutex<HashMap<SchemaKey, (u64, Timestamp)>>,
}

#[derive(Clone, Default)]
struct InForce {
    change: u64,
    set: Arc<Set>,
    states: Arc<Vec<SchemaState>>,
}

impl Default for Schemas {
    /// Without a store, and without schemas.
    fn default() -> Self {
        Self {
            store: None,
            in_force: RwLock::default(),
            changes: watch::Sender::new(0),
            is_empty: AtomicBool::new(true),
            unmatched: Mutex::default(),
        }
    }
}

impl Schemas {
    /// `states` is what the store holds, or held. A text that this program cannot compile (an older one could) is told and judges
    /// nothing.
    pub async fn open(
        store: Arc<dyn SchemaStore>,
        states: SchemaStates,
    ) -> Result<Arc<Self>, StoreError> {
        let schemas = Arc::new(Self { store: Some(store), ..Self::default() });
        schemas.clone().take_over(states).await?;
        Ok(schemas)
    }

    /// All keys as the store holds them.
    pub fn states(&self) -> SchemaStates {
        let InForce { change, states, .. } = self.in_force();
        SchemaStates { change, states: states.to_vec() }
    }

    /// Moves after each change, once it is in force.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Brings the keys of the configuration to what it says. Its texts were compiled before.
    pub async fn configure(
        self: &Arc<Self>,
        configured: Vec<ConfiguredSchema>,
        by: &str,
    ) -> Result<(), SchemaError> {
        let store = self.store()?;
        let changed = store.configure_schemas(configured, clock::now(), by).await;
        self.settle(changed).await
    }

    /// Sets mode and text of a key; see [`SchemaAct::Put`].
    pub async fn put(
        self: &Arc<Self>,
        key: SchemaKey,
        mode: SchemaMode,
        text: Option<String>,
        activate: bool,
        by: &str,
    ) -> Result<ListedSchema, SchemaError> {
        let text = match text {
            Some(text) => Some(compile(text).await?.text),
            None => None,
        };
        self.change(key, SchemaAct::Put { mode, text, activate }, by).await
    }

    /// Puts a version of a key in force, also an older one.
    pub async fn activate(
        self: &Arc<Self>,
        key: SchemaKey,
        version: u32,
        by: &str,
    ) -> Result<ListedSchema, SchemaError> {
        self.change(key, SchemaAct::Activate { version }, by).await
    }

    /// Turns a key off; its versions stay.
    pub async fn turn_off(
        self: &Arc<Self>,
        key: SchemaKey,
        by: &str,
    ) -> Result<ListedSchema, SchemaError> {
        self.change(key, SchemaAct::TurnOff, by).await
    }

    /// The versions of a key, newest first.
    pub async fn versions(&self, key: &SchemaKey) -> Result<Vec<SchemaVersion>, SchemaError> {
        let versions = self.store()?.schema_versions(key).await.map_err(SchemaError::Store)?;
        versions.ok_or(SchemaError::NotFound)
    }

    /// All keys, in their order.
    pub fn list(&self) -> Vec<ListedSchema> {
        let InForce { set, states, .. } = self.in_force();
        states.iter().map(|state| listed(state, &set)).collect()
    }

    /// What was seen without a schema since there are schemas, most frequent first; at most [`UNMATCHED_MAX`].
    pub fn unmatched(&self) -> Vec<Unmatched> {
        let unmatched = self.unmatched.lock().expect("nobody panics under this lock");
        let mut all: Vec<Unmatched> = unmatched
            .iter()
            .map(|(key, &(count, last_seen))| Unmatched { key: key.clone(), count, last_seen })
            .collect();
        drop(unmatched);
        all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
        all
    }

    /// The set of now; `None` where there is nothing to judge by.
    pub(crate) fn set(&self) -> Option<Arc<Set>> {
        // A set that comes a moment later comes a moment later.
        if self.is_empty.load(Ordering::Relaxed) {
            return None;
        }
        Some(self.in_force().set)
    }

    /// Counts an event that no key fits.
    pub(crate) fn count_unmatched(
        &self,
        stream: &str,
        category: Option<&str>,
        name: Option<&str>,
        now: Timestamp,
    ) {
        let key = SchemaKey {
            stream: stream.to_owned(),
            category: category.map(str::to_owned),
            name: name.map(str::to_owned),
        };
        let mut unmatched = self.unmatched.lock().expect("nobody panics under this lock");
        if let Some((count, last_seen)) = unmatched.get_mut(&key) {
            (*count, *last_seen) = (*count + 1, now);
        } else if unmatched.len() < UNMATCHED_MAX {
            unmatched.insert(key, (1, now));
        }
    }

    fn store(&self) -> Result<&Arc<dyn SchemaStore>, SchemaError> {
        let closed = || StoreError::Unavailable("there is no store of schemas".to_owned());
        self.store.as_ref().ok_or_else(|| SchemaError::Store(closed()))
    }

    fn in_force(&self) -> InForce {
        self.in_force.read().expect("nobody panics under this lock").clone()
    }

    async fn change(
        self: &Arc<Self>,
        key: SchemaKey,
        act: SchemaAct,
        by: &str,
    ) -> Result<ListedSchema, SchemaError> {
        let change = SchemaChange { key: key.clone(), act, at: clock::now(), by: by.to_owned() };
        let store = Arc::clone(self.store()?);
        let schemas = Arc::clone(self);
        // In a task of its own: a client that hangs up drops this future, but what is stored has to come into force. What the end
        // of the process cuts off is read at the next start.
        let task = tokio::spawn(async move {
            let changed = store.change_schema(change).await;
            schemas.settle(changed).await
        });
        let broke = |error| StoreError::Unavailable(format!("the change broke off: {error}"));
        task.await.map_err(|error| SchemaError::Store(broke(error)))??;
        let InForce { set, states, .. } = self.in_force();
        let state = states.iter().find(|state| state.key == key);
        state.map(|state| listed(state, &set)).ok_or(SchemaError::NotFound)
    }

    async fn settle(
        self: &Arc<Self>,
        changed: Result<Result<SchemaStates, SchemaRefusal>, StoreError>,
    ) -> Result<(), SchemaError> {
        let states = changed.map_err(SchemaError::Store)?.map_err(|refusal| match refusal {
            SchemaRefusal::NotFound => SchemaError::NotFound,
            SchemaRefusal::FromConfig => SchemaError::FromConfig,
            SchemaRefusal::TooMany => SchemaError::TooMany,
        })?;
        Arc::clone(self).take_over(states).await.map_err(SchemaError::Store)
    }

    /// Puts these in force, unless newer ones are. What was compiled already is used again.
    async fn take_over(self: Arc<Self>, states: SchemaStates) -> Result<(), StoreError> {
        let broke = |error| StoreError::Unavailable(format!("compiling broke off: {error}"));
        tokio::task::spawn_blocking(move || {
            let before = self.in_force();
            let set = Arc::new(make_set(&states, &before));
            let mut in_force = self.in_force.write().expect("nobody panics under this lock");
            if states.change >= in_force.change {
                self.is_empty.store(set.is_empty(), Ordering::Relaxed);
                let SchemaStates { change, states } = states;
                *in_force = InForce { change, set, states: Arc::new(states) };
                self.changes.send_replace(change);
            }
        })
        .await
        .map_err(broke)
    }
}

fn make_set(states: &SchemaStates, before: &InForce) -> Set {
    let mut set = Set::default();
    for state in &states.states {
        let key = state.key.clone();
        let Some((version, text)) = &state.active else {
            set.add(key, None);
            continue;
        };
        if state.mode == SchemaMode::Off {
            set.add(key, None);
            continue;
        }
        let known = before.set.judges.get(&key);
        let counts =
            known.map_or_else(|| Arc::new(Counts::default()), |judge| Arc::clone(&judge.counts));
        let same = known.filter(|judge| judge.version == *version);
        let compiled = match same {
            Some(judge) => Some(Arc::clone(&judge.compiled)),
            None => match Compiled::compile(text) {
                Ok(accepted) => Some(Arc::new(accepted.compiled)),
                Err(error) => {
                    tracing::error!(?key, version, %error, "this program cannot use a stored schema: events of this key are not judged");
                    None
                }
            },
        };
        let judge = |compiled| Judge { mode: state.mode, version: *version, compiled, counts };
        set.add(key, compiled.map(judge));
    }
    set
}

fn listed(state: &SchemaState, set: &Set) -> ListedSchema {
    let counts = set.judges.get(&state.key).map(|judge| &judge.counts);
    let load = |count: fn(&Counts) -> &std::sync::atomic::AtomicU64| {
        counts.map_or(0, |counts| count(counts).load(Ordering::Relaxed))
    };
    ListedSchema {
        state: state.clone(),
        n_seen: load(|counts| &counts.seen),
        n_invalid: load(|counts| &counts.invalid),
    }
}

/// Compiles off the async threads.
async fn compile(text: String) -> Result<Accepted, SchemaError> {
    let compiled = tokio::task::spawn_blocking(move || Compiled::compile(&text)).await;
    let broke = |error| StoreError::Unavailable(format!("compiling broke off: {error}"));
    compiled.map_err(|error| SchemaError::Store(broke(error)))?.map_err(SchemaError::Bad)
}
