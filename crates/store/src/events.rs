//! The contract of the events lane: one consumer applies the log in order, everybody reads.
//!
//! Invariant: rows and applied `Seq` commit in one transaction, whose first statement is the
//! compare-and-set of the lease row. Rows become visible in `Seq` order, so a reader that has seen
//! position n has seen all before it.

use async_trait::async_trait;
use model::{ContentHash, Event, Filter, LogId, Seq, Timestamp};

use crate::error::StoreError;

/// The one row that says who consumes and how far it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The log that feeds this database; `None` until the first claim.
    pub log: Option<LogId>,
    /// Everything up to here is in the database (or a dead letter, or a dropped repetition).
    pub applied: Seq,
    /// Who consumes.
    pub holder: Option<String>,
    /// Until when, unless it claims again.
    pub until: Option<Timestamp>,
}

impl Lease {
    /// Refuses where somebody other than `holder` has it at `now`.
    ///
    /// # Errors
    /// [`StoreError::Held`]
    pub fn held_by_other(&self, holder: &str, now: Timestamp) -> Result<(), StoreError> {
        match (&self.holder, self.until) {
            (Some(other), Some(until)) if until > now && other != holder => {
                Err(StoreError::Held { holder: other.clone(), until })
            }
            _ => Ok(()),
        }
    }
}

/// A wish to be the consumer.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who asks: the same for two processes only where one of them must be gone before the other can be there.
    pub holder: String,
    /// The log that it reads.
    pub log: LogId,
    /// The caller's clock.
    pub now: Timestamp,
    /// How long the claim holds.
    pub until: Timestamp,
}

impl Claim {
    /// Whether a lease that stands like this may become the claimant's.
    pub(crate) fn check(&self, before: &Lease) -> Result<(), StoreError> {
        if let Some(bound) = before.log.filter(|&bound| bound != self.log) {
            return Err(StoreError::OtherLog { bound, log: self.log });
        }
        before.held_by_other(&self.holder, self.now)
    }

    /// The lease that it now is.
    pub(crate) fn granted(self, applied: Seq) -> Lease {
        Lease { log: Some(self.log), applied, holder: Some(self.holder), until: Some(self.until) }
    }
}

/// An event and where it stands.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Position in the log, primary key in the database.
    pub seq: Seq,
    /// The event.
    pub event: Event,
}

/// What one transaction applies.
#[derive(Debug)]
pub struct Apply {
    /// Who consumes; must be the lease's holder.
    pub holder: String,
    /// Must be the applied position in the database, else [`StoreError::Fenced`].
    pub expected: Seq,
    /// In `Seq` order, all above `expected`.
    pub events: Vec<Stored>,
    /// The applied position afterwards, at least the last event's.
    pub applied: Seq,
}

impl Apply {
    /// The consumer's own promise: rising, above what is applied, not above what will be.
    pub(crate) fn check_order(&self) -> Result<(), StoreError> {
        let mut last = self.expected;
        for Stored { seq, .. } in &self.events {
            if *seq <= last {
                return Err(StoreError::Refused {
                    seq: *seq,
                    reason: format!("records come in rising order: {seq} came after {last}"),
                });
            }
            last = *seq;
        }
        if self.applied < last {
            return Err(StoreError::Refused {
                seq: last,
                reason: format!(
                    "record {last} lies above the new applied position {}",
                    self.applied
                ),
            });
        }
        Ok(())
    }
}

/// What became of the events of one [`Apply`] up to `through`. `n_stored + n_duplicate + n_dead` is their number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The applied position now: the one asked for, or an earlier one where the driver stopped short.
    pub through: Seq,
    /// New rows.
    pub n_stored: u64,
    /// New rows whose event is not valid.
    pub n_invalid: u64,
    /// Same id, same content as a row that was there: dropped.
    pub n_duplicate: u64,
    /// Kept as dead letters: same id and other content (`id_conflict`), or refused by the database (`refused`).
    pub n_dead: u64,
}

/// What an id is unique within, and the id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdKey {
    /// Sender.
    pub application: Option<String>,
    /// Stream.
    pub stream: String,
    /// Id.
    pub id: String,
}

/// Direction of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    #[default]
    Asc,
    /// Newest first.
    Desc,
}

/// One page wanted.
#[derive(Clone, Debug)]
pub struct PageQuery {
    /// Which events.
    pub filter: Filter,
    /// Exclusive: asc continues above it, desc below it. `None` begins at the end that `order` names.
    pub after: Option<Seq>,
    /// Direction.
    pub order: Order,
    /// At most so many events.
    pub limit: usize,
}

/// How much of the events a list brings.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// The list ends with the event that reaches this.
    pub bytes_max: usize,
    /// `data` is cut after so many bytes, at a character; what is left of it need not be JSON.
    pub data_bytes_max: Option<usize>,
}

impl Extent {
    /// A page of whole events.
    pub const PAGE: Self = Self { bytes_max: 8 << 20, data_bytes_max: None };
}

/// An event in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Position.
    pub seq: Seq,
    /// The event; its `data` may be cut, see [`Extent`].
    pub event: Event,
    /// Length of the whole `data`.
    pub data_bytes: u64,
}

/// One page. It may be short, even empty, with `next` set: a page reads a bounded number of rows.
#[derive(Debug)]
pub struct Page<E = Listed> {
    /// In the order asked for.
    pub events: Vec<E>,
    /// `after` of the next page; `None` at the end of what is applied.
    pub next: Option<Seq>,
}

/// Where a session's page ended: sessions are ordered by when things happened, then by `Seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionPosition {
    /// `timestamp`, or `received_at` where none was sent.
    pub at: Timestamp,
    /// Breaks ties.
    pub seq: Seq,
}

/// One page of a session.
#[derive(Clone, Debug)]
pub struct SessionQuery {
    /// Which session.
    pub session_id: String,
    /// Exclusive.
    pub after: Option<SessionPosition>,
    /// At most so many events.
    pub limit: usize,
}

/// One page of a session.
#[derive(Debug)]
pub struct SessionPage {
    /// In the order in which things happened.
    pub events: Vec<Listed>,
    /// Whether more follow.
    pub has_more: bool,
}

/// What became of a record in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A row whose event is valid.
    Stored,
    /// A row whose event is not valid.
    Invalid,
    /// A dead letter.
    Dead,
}

/// What the database has of one event of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// What stands at the event's position.
    pub fate: Option<Fate>,
    /// Where the database has the event's key.
    pub found: Option<Seq>,
}

impl Compared {
    /// Of the answers to both questions, event by event.
    pub(crate) fn of(
        fates: Vec<Option<Fate>>,
        found: Vec<Option<(Seq, ContentHash)>>,
    ) -> Vec<Self> {
        let found = found.into_iter().map(|found| found.map(|(seq, _)| seq));
        fates.into_iter().zip(found).map(|(fate, found)| Self { fate, found }).collect()
    }
}

/// Most events that [`EventStore::get`] answers with. Streams cost nothing to name, so one id can stand in many.
pub const GET_EVENTS_MAX: usize = 100;

/// Events, the lease, and the dead letters of the events lane.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// The lease row as it stands.
    async fn lease(&self) -> Result<Lease, StoreError>;

    /// Makes the claimant the consumer and binds the database to its log at the first claim. Repeating a
    /// claim renews it. Refuses while another holder's claim has not run out, and for another log.
    async fn claim(&self, claim: Claim) -> Result<Lease, StoreError>;

    /// Binds the database to another log, knowingly; what is applied stays, and nobody holds the lease afterwards.
    /// Only for a person's command while no server runs.
    async fn bind(&self, log: LogId) -> Result<Lease, StoreError>;

    /// ONE transaction: compare-and-set of the lease row first, then rows and dead letters, then nothing. After an
    /// error the caller reads the lease before it tries again: the answer to a commit can be lost.
    ///
    /// A record that the database refuses for good becomes a dead letter in the same transaction, and no other record
    /// is touched by that; its reason is [`REFUSED`](crate::dead_letters::REFUSED), its detail the database's words.
    /// How a driver finds it is its own affair: by a savepoint for each record where an error leaves the transaction
    /// alive, by bisecting with fresh transactions where it does not. What may pass (busy, full, gone) is never held
    /// against a record: it is [`StoreError::Unavailable`], and nothing has happened. Ids are decided first and by
    /// set: a repetition is never refused, whatever a trigger thinks of it.
    ///
    /// A driver may stop short, after any record, and says so in [`Applied::through`]; the caller goes on from there.
    ///
    /// Before a refusal that would make more than half of the newest 1,000 records (and at least 100) refused ones,
    /// nothing is applied: [`StoreError::TooManyRefused`]. The same call may succeed once somebody has mended the
    /// database. Where not even the dead letter can be written it is [`StoreError::Refused`], and nothing is applied.
    async fn apply(&self, apply: Apply) -> Result<Applied, StoreError>;

    /// One page in `Seq` order.
    async fn page(&self, query: PageQuery, extent: Extent) -> Result<Page, StoreError>;

    /// One page in rising `Seq` order of what subscribers see: events, and dead letters in their places. The
    /// query's order must be [`Order::Asc`]. The page ends with the event that reaches `bytes_max`.
    ///
    /// The caller takes what is missing up to `applied` as not wanted. A database that may lose commits answers
    /// [`StoreError::Unavailable`] where it has not applied that much (any more).
    async fn history(
        &self,
        query: PageQuery,
        bytes_max: usize,
        applied: Seq,
    ) -> Result<Page<Stored>, StoreError>;

    /// The events with this id, of every application and stream that the arguments leave open: oldest
    /// first, at most [`GET_EVENTS_MAX`]. An empty application means without one.
    async fn get(
        &self,
        id: &str,
        application: Option<&str>,
        stream: Option<&str>,
    ) -> Result<Vec<Stored>, StoreError>;

    /// One page of a session in the order in which things happened.
    async fn session(&self, query: SessionQuery, extent: Extent)
    -> Result<SessionPage, StoreError>;

    /// For each key, the position and content hash of the event that has it: a row, or else a dead letter with reason
    /// [`REFUSED`](crate::dead_letters::REFUSED), which keeps its id until it is replayed.
    async fn find(&self, keys: Vec<IdKey>) -> Result<Vec<Option<(Seq, ContentHash)>>, StoreError>;

    /// Whether a row or a dead letter stands at this position.
    async fn holds(&self, seq: Seq) -> Result<bool, StoreError>;

    /// For each position, what stands there; `None` where nothing does.
    async fn fates(&self, seqs: Vec<Seq>) -> Result<Vec<Option<Fate>>, StoreError>;

    /// For each event of a log, what stands at its position, and the position that [`find`](Self::find) has for its key; all
    /// of one moment. It is the consumer's question before it takes the lease, and runs where the consumer's own work does:
    /// however many read or look up ids meanwhile, it does not wait for them, nor is it refused in their place.
    async fn compare(&self, events: Vec<(Seq, IdKey)>) -> Result<Vec<Compared>, StoreError>;

    /// Finishes what runs and lets go of the database.
    async fn close(&self) -> Result<(), StoreError>;
}
