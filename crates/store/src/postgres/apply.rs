//! The consumer's transaction: what becomes of each record of a run.
//!
//! ```text
//!   ids, by set ──> decide each ──> insert what wants to be a row, all at once ────── taken ──────────┐
//!                       ^                      │ refused: in halves, a savepoint for each             │
//!                       └── others may now ────┘                                                      v
//!                           have the id                          dead letters, times of blocks, commit
//! ```
//!
//! Invariant: the lease row moves by compare-and-set as the first statement; a record's outcome depends on those before
//! it alone. A repetition is never tried, whatever a trigger thinks of it.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use model::{ContentHash, Event, Seq};
use tokio_postgres::Transaction;

use crate::breaker::Breaker;
use crate::dead_letters::{ID_CONFLICT, REFUSED};
use crate::error::StoreError;
use crate::events::{Applied, Apply, IdKey, Stored};
use crate::postgres::burial::{Dead, Facts, breaker, bury, check_place, conflict, facts};
use crate::postgres::failure::{deferred, failure};
use crate::postgres::insert::{has_triggers, try_all};
use crate::postgres::lease::EVENTS_LEASE;
use crate::postgres::lookup::owners;
use crate::postgres::pool::Client;
use crate::postgres::windows::note_times;

/// So long a transaction goes on looking for those that the database refuses. Then it stops short, so that a run with many
/// of them gets on although the database fails again and again.
const SEARCH_MAX: Duration = Duration::from_secs(1);
/// The same while the breaker has seen too few records to conclude anything. Stopping short then would put aside, piece by
/// piece, what a database that refuses everything refused on a slow day.
const SEARCH_UNSURE_MAX: Duration = Duration::from_secs(10);

/// Applies a run of records: all of it, but for one with many refusals.
pub(crate) async fn apply(client: &mut Client, apply: &Apply) -> Result<Applied, StoreError> {
    apply.check_order()?;
    crash::at("apply.before_begin");
    let begun = Instant::now();
    let first = async |tx: &Transaction<'_>| {
        EVENTS_LEASE.step(tx.client(), &apply.holder, apply.expected, apply.applied).await
    };
    let tx = client.begin_with(first).await?;
    crash::at("apply.after_lease");
    let applied = Applying::new(&tx, apply).run(apply.applied).await?;
    if applied.through < apply.applied {
        EVENTS_LEASE.step(tx.client(), &apply.holder, apply.applied, applied.through).await?;
    }
    let n_applied = apply.events.partition_point(|stored| stored.seq <= applied.through);
    note_times(&tx, &apply.events[..n_applied]).await.map_err(failure)?;
    EVENTS_LEASE.move_on(tx.client(), begun.elapsed()).await?;
    crash::at("apply.before_commit");
    if let Err(error) = tx.commit().await {
        // Constraints on events were checked before: what is refused now is what is written about them.
        let reason = deferred(error)?;
        return Err(StoreError::Refused { seq: apply.applied, reason });
    }
    crash::at("apply.after_commit");
    Ok(applied)
}

/// What an id is unique within, and the id.
type Key<'a> = (&'a str, &'a str, &'a str);

/// Where the rows stand that have them, and what they hold.
type Owners<'a> = HashMap<Key<'a>, (i64, ContentHash)>;

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// A row.
    Row,
    /// Known already: dropped.
    Duplicate,
    /// A dead letter: the event at this position has the id.
    Conflict(i64),
    /// A dead letter with the database's words.
    Refused,
}

struct Applying<'a> {
    tx: &'a Transaction<'a>,
    events: &'a [Stored],
    expected: Seq,
    /// Rows that have ids of these records.
    owners: Owners<'a>,
    /// What the dead letters say, of those records that were asked about.
    facts: Vec<Option<Facts>>,
    /// Rows may vanish.
    has_triggers: bool,
    /// Also those with ids that were made here.
    has_all_owners: bool,
    is_row: Vec<bool>,
    /// The database's words.
    refused: BTreeMap<usize, String>,
    /// Loaded when the first refusal asks for it.
    breaker: Option<Breaker>,
    /// Since when refused ones are looked for.
    searching_since: Option<Instant>,
}

impl<'a> Applying<'a> {
    fn new(tx: &'a Transaction<'a>, apply: &'a Apply) -> Self {
        let n = apply.events.len();
        Self {
            tx,
            events: &apply.events,
            expected: apply.expected,
            owners: Owners::new(),
            has_triggers: false,
            facts: vec![None; n],
            has_all_owners: false,
            is_row: vec![false; n],
            refused: BTreeMap::new(),
            breaker: None,
            searching_since: None,
        }
    }

    async fn run(mut self, through: Seq) -> Result<Applied, StoreError> {
        let mut applied = Applied { through, ..Applied::default() };
        if self.events.is_empty() {
            return Ok(applied);
        }
        // Both go in one message.
        let (owned, has_triggers) =
            futures_util::join!(self.owned(Event::id_from_client), has_triggers(self.tx));
        (self.owners, self.has_triggers) = (owned?, has_triggers?);
        // Ends: each turn makes a row of at least one more record, or refuses it, or learns once who has which id.
        let outcomes = loop {
            self.load_facts().await?;
            let outcomes = self.decide();
            let is_new = |&at: &usize| outcomes[at] == Outcome::Row && !self.is_row[at];
            let wanted: Vec<usize> = (0..outcomes.len()).filter(is_new).collect();
            if wanted.is_empty() {
                break outcomes;
            }
            if self.insert(&wanted).await? {
                break outcomes;
            }
        };
        if let Some(last) = self.events.last().filter(|_| self.events.len() < self.is_row.len()) {
            applied.through = last.seq;
        }
        let mut dead = Vec::new();
        for (at, (stored, outcome)) in self.events.iter().zip(outcomes).enumerate() {
            match outcome {
                Outcome::Row => {
                    applied.n_stored += 1;
                    applied.n_invalid += u64::from(!stored.event.valid());
                }
                Outcome::Duplicate => applied.n_duplicate += 1,
                Outcome::Conflict(owner) => {
                    dead.push(Dead { stored, reason: ID_CONFLICT, detail: conflict(owner) });
                }
                Outcome::Refused => {
                    let detail = self.refused.remove(&at).expect("what is refused has its words");
                    dead.push(Dead { stored, reason: REFUSED, detail });
                }
            }
        }
        applied.n_dead = dead.len() as u64;
        bury(self.tx, &dead).await?;
        Ok(applied)
    }

    /// The rows that have ids of these records.
    async fn owned(&self, asks: fn(&Event) -> bool) -> Result<Owners<'a>, StoreError> {
        let asked = || self.events.iter().filter(move |stored| asks(&stored.event));
        let keys = asked().map(|stored| IdKey {
            application: stored.event.application().map(str::to_owned),
            stream: stored.event.stream().to_owned(),
            id: stored.event.id().to_owned(),
        });
        let keys: Vec<IdKey> = keys.collect();
        if keys.is_empty() {
            return Ok(Owners::new());
        }
        let found = asked().zip(owners(self.tx, &keys).await?);
        let owner = |(stored, owner): (&'a Stored, Option<(Seq, ContentHash)>)| {
            owner.map(|(seq, hash)| (key(stored), (seq.get() as i64, hash)))
        };
        Ok(found.filter_map(owner).collect())
    }

    /// Asks about the records that may turn out not to be rows: once something was refused, all of them.
    async fn load_facts(&mut self) -> Result<(), StoreError> {
        let mut seen = HashMap::new();
        for stored in self.events {
            *seen.entry(key(stored)).or_insert(0) += 1;
        }
        let asks = |at: &usize| {
            let stored = &self.events[*at];
            let is_known = self.owners.contains_key(&key(stored)) || seen[&key(stored)] > 1;
            let may_fail = is_known || stored.event.undecided() || !self.refused.is_empty();
            may_fail && self.facts[*at].is_none()
        };
        let wanted: Vec<usize> = (0..self.events.len()).filter(asks).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let records: Vec<&Stored> = wanted.iter().map(|&at| &self.events[at]).collect();
        let found = facts(self.tx, &records).await?;
        for (at, facts) in wanted.into_iter().zip(found) {
            self.facts[at] = Some(facts);
        }
        Ok(())
    }

    /// What becomes of each, as far as it is known who was refused.
    fn decide(&self) -> Vec<Outcome> {
        let mut owners = self.owners.clone();
        // Dead letters of this run by their ids: where the first refused one stands, and the contents of all.
        let mut dead: HashMap<Key<'_>, (Option<i64>, Vec<ContentHash>)> = HashMap::new();
        let mut outcomes = Vec::with_capacity(self.events.len());
        for (at, stored) in self.events.iter().enumerate() {
            let (key, hash, seq) = (key(stored), stored.event.hash(), stored.seq.get() as i64);
            let facts = self.facts[at].unwrap_or_default();
            let run = dead.get(&key);
            let keeper = facts.keeper.or(run.and_then(|(keeper, _)| *keeper));
            let is_dead = facts.is_dead || run.is_some_and(|(_, hashes)| hashes.contains(&hash));
            let is_refused = self.refused.contains_key(&at);
            // The edge could not ask whether a dead letter keeps its id.
            let keeper = keeper.filter(|_| stored.event.undecided());
            let outcome = match owners.get(&key) {
                Some((_, owned)) if *owned == hash => Outcome::Duplicate,
                None if !is_refused && keeper.is_none() => Outcome::Row,
                // What is dead may be sent again too, when its answer was lost or the edge could not tell in time.
                _ if is_dead => Outcome::Duplicate,
                Some((owner, _)) => Outcome::Conflict(*owner),
                None => match keeper {
                    Some(keeper) if !is_refused => Outcome::Conflict(keeper),
                    _ => Outcome::Refused,
                },
            };
            match outcome {
                Outcome::Row => drop(owners.insert(key, (seq, hash))),
                Outcome::Duplicate => {}
                Outcome::Conflict(_) => dead.entry(key).or_default().1.push(hash),
                Outcome::Refused => {
                    let (keeper, hashes) = dead.entry(key).or_default();
                    keeper.get_or_insert(seq);
                    hashes.push(hash);
                }
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Makes rows of those that the database takes. In halves where it does not, the first half first. Whether it took them all,
    /// so that there is nothing to decide anew.
    async fn insert(&mut self, wanted: &[usize]) -> Result<bool, StoreError> {
        let (mut parts, mut is_whole) = (vec![wanted], true);
        while let Some(part) = parts.pop() {
            let records: Vec<&Stored> = part.iter().map(|&at| &self.events[at]).collect();
            let refused = try_all(self.tx, &records, self.has_triggers).await?;
            is_whole &= refused.is_none();
            match (refused, part) {
                (None, _) => {
                    for &at in part {
                        self.is_row[at] = true;
                        if let Some(breaker) = &mut self.breaker {
                            breaker.stored();
                        }
                    }
                }
                (Some(_), _) if !self.has_all_owners => {
                    // Nearly nobody has an id that was made here: a log that is brought into its own database does.
                    let made_here = self.owned(|event| !event.id_from_client()).await?;
                    self.owners.extend(made_here);
                    self.has_all_owners = true;
                    return Ok(false);
                }
                (Some(words), &[at]) => self.refuse(at, words).await?,
                (Some(_), _) => {
                    let (front, back) = part.split_at(part.len() / 2);
                    parts.extend([back, front]);
                }
            }
            let is_unsure = self.breaker.as_ref().is_some_and(|breaker| !breaker.is_sure());
            let search_max = if is_unsure { SEARCH_UNSURE_MAX } else { SEARCH_MAX };
            let is_long = self.searching_since.is_some_and(|since| since.elapsed() >= search_max);
            if let Some(&[next, ..]) = parts.last().copied().filter(|_| is_long)
                && !self.is_row[next..].contains(&true)
            {
                // Nothing is decided yet about those from here on.
                self.events = &self.events[..next];
                return Ok(false);
            }
        }
        Ok(is_whole)
    }

    /// One more refusal, unless it is one too many. Repetitions of what is dead do not count.
    async fn refuse(&mut self, at: usize, words: String) -> Result<(), StoreError> {
        let stored = &self.events[at];
        check_place(self.tx, stored.seq).await?;
        let is_first = self.refused.is_empty();
        let is_again =
            |other: &Stored| key(other) == key(stored) && other.event.hash() == stored.event.hash();
        let mut before = self.refused.range(..at).map(|(&other, _)| &self.events[other]);
        let is_repeated = before.any(is_again);
        self.refused.insert(at, words.clone());
        if is_first {
            self.load_facts().await?;
            self.searching_since = Some(Instant::now());
        }
        if is_repeated || self.facts[at].is_some_and(|facts| facts.is_dead) {
            return Ok(());
        }
        if self.breaker.is_none() {
            let mut loaded = breaker(self.tx, self.expected).await?;
            self.is_row.iter().filter(|&&is_row| is_row).for_each(|_| loaded.stored());
            self.breaker = Some(loaded);
        }
        let breaker = self.breaker.as_mut().expect("it was just loaded");
        if !breaker.refused() {
            return Ok(());
        }
        let (n_refused, n_records) = breaker.counts();
        Err(StoreError::TooManyRefused { seq: stored.seq, reason: words, n_refused, n_records })
    }
}

fn key(stored: &Stored) -> Key<'_> {
    let event = &stored.event;
    (event.id(), event.stream(), event.application().unwrap_or_default())
}
