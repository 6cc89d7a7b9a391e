//! The contract of the dead letters: accepted events that the database refused for good.
//!
//! ```text
//!   refused ──> open ──replay──> replayed      a row at the old Seq, with the old id
//!                │ ^                └────────  or a repetition of another row: the detail names it
//!                v │ restore
//!             discarded                        kept, in its place, never tried again
//! ```
//!
//! Invariant: a dead letter is never deleted by these calls, and its `Seq` never changes. One that is open or discarded
//! stands in its place in history; of one that was replayed readers see the row, as long as there is one.

use std::sync::Arc;

use async_trait::async_trait;
use model::{Seq, Timestamp};

use crate::error::StoreError;
use crate::events::{Page, Stored};

/// Reason of a dead letter whose id names another event.
pub const ID_CONFLICT: &str = "id_conflict";
/// Reason of one that the database itself refused; its words are the detail.
pub const REFUSED: &str = "refused";

/// Most groups that are answered, the largest first.
pub const DEAD_GROUPS_MAX: usize = 1_000;

/// What became of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadState {
    /// Waits for somebody to do something.
    Open,
    /// Stored after all.
    Replayed,
    /// Given up by a person.
    Discarded,
}

impl DeadState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Open, Self::Replayed, Self::Discarded];

    /// Its name in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }

    /// The state with this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What is wanted of a label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LabelIs {
    /// Anything.
    #[default]
    Any,
    /// The event has none.
    Absent,
    /// Exactly this text.
    Text(String),
}

/// Which dead letters; every member must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadFilter {
    /// Only those in this state.
    pub state: Option<DeadState>,
    /// Only those with this reason.
    pub reason: Option<String>,
    /// Only those of this stream.
    pub stream: Option<String>,
    /// Sender.
    pub application: LabelIs,
    /// Category.
    pub category: LabelIs,
    /// Name.
    pub name: LabelIs,
    /// Only these positions.
    pub seqs: Option<Vec<Seq>>,
    /// None above this position.
    pub through: Option<Seq>,
    /// Only those that were refused less often than this.
    pub attempts_below: Option<u32>,
}

/// Dead letters that have everything in common but their content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadGroup {
    /// `id_conflict` or `refused`.
    pub reason: String,
    /// Stream.
    pub stream: String,
    /// Sender.
    pub application: Option<String>,
    /// Category.
    pub category: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// How many.
    pub count: u64,
    /// When the first of them died.
    pub first_at: Timestamp,
    /// When the last of them died.
    pub last_at: Timestamp,
    /// The one that stands last.
    pub sample: Seq,
    /// Its detail.
    pub sample_detail: String,
}

/// How many dead letters there are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeadCounts {
    /// Open.
    pub open: u64,
    /// Replayed.
    pub replayed: u64,
    /// Discarded.
    pub discarded: u64,
}

/// One dead letter.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The event and its place.
    pub stored: Stored,
    /// `id_conflict` or `refused`.
    pub reason: String,
    /// The database's words.
    pub detail: String,
    /// What became of it.
    pub state: DeadState,
    /// How often the database refused it.
    pub attempts: u32,
    /// When it died.
    pub dead_at: Timestamp,
    /// When its state last changed.
    pub state_at: Option<Timestamp>,
    /// Who changed it.
    pub acted_by: Option<String>,
    /// Why it was discarded.
    pub note: Option<String>,
}

/// What a selection comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeadSum {
    /// How many.
    pub count: u64,
    /// When the first of them died.
    pub oldest: Option<Timestamp>,
    /// When the last of them died.
    pub newest: Option<Timestamp>,
    /// Where the last of them stands.
    pub last: Option<Seq>,
}

/// A slice of dead letters to be tried again.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Who tries. Each job tries a dead letter once: the same call again answers what the first one did.
    pub job: String,
    /// Which ones.
    pub seqs: Vec<Seq>,
    /// The caller's clock.
    pub at: Timestamp,
    /// Who asked for it.
    pub actor: String,
}

/// What became of one dead letter that was to be replayed.
#[derive(Clone, Debug)]
pub enum Replayed {
    /// It is a row now, at its old position.
    Stored(Stored),
    /// Nothing was to be done: it is no open dead letter (any more), or the same event stands elsewhere.
    Skipped,
    /// Refused once more.
    Refused {
        /// The database's words.
        detail: String,
    },
}

/// Events whose state has changed, as those who listen are told: in rising order, without their data and errors.
pub type Changed = Arc<Vec<Stored>>;

/// A change of state by a person.
#[derive(Clone, Debug)]
pub struct DeadAct {
    /// Which ones. The state that the act begins from is added to it.
    pub filter: DeadFilter,
    /// The caller's clock.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Why.
    pub note: Option<String>,
}

/// Dead letters.
#[async_trait]
pub trait DeadLetterStore: Send + Sync {
    /// The largest groups first, at most [`DEAD_GROUPS_MAX`].
    async fn dead_groups(&self, filter: DeadFilter) -> Result<Vec<DeadGroup>, StoreError>;

    /// How many there are of each state; the filter's own state is left out of account.
    async fn dead_counts(&self, filter: DeadFilter) -> Result<DeadCounts, StoreError>;

    /// Newest first, below `before`, at most `limit`. The page ends with the one that reaches `bytes_max`.
    async fn dead_page(
        &self,
        filter: DeadFilter,
        before: Option<Seq>,
        limit: usize,
        bytes_max: usize,
    ) -> Result<Page<DeadLetter>, StoreError>;

    /// The one at this position, in whatever state.
    async fn dead_letter(&self, seq: Seq) -> Result<Option<DeadLetter>, StoreError>;

    /// The events with this id that are dead letters and whose id no row has, one for each application and stream:
    /// oldest first, at most [`GET_EVENTS_MAX`](crate::events::GET_EVENTS_MAX). An empty application means without one.
    async fn dead_by_id(
        &self,
        id: &str,
        application: Option<&str>,
        stream: Option<&str>,
    ) -> Result<Vec<Stored>, StoreError>;

    /// Counts a selection exactly.
    async fn dead_sum(&self, filter: DeadFilter) -> Result<DeadSum, StoreError>;

    /// The next positions of a job, rising, above `after`: those of the filter, and those that this job has tried
    /// already, so that a slice which is repeated after a crash is the same slice.
    async fn dead_slice(
        &self,
        filter: DeadFilter,
        job: &str,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Seq>, StoreError>;

    /// ONE transaction: each open dead letter becomes a row at its old position with its old id, or is refused again,
    /// which counts an attempt. One answer for each position, in their order. Needs no lease: the dead letter's own row
    /// is the lock, and a replay never touches the applied position. After an error nothing has happened, or all of it
    /// has and the same call tells.
    async fn replay(&self, replay: Replay) -> Result<Vec<Replayed>, StoreError>;

    /// Open ones become discarded; how many.
    async fn discard(&self, act: DeadAct) -> Result<u64, StoreError>;

    /// Discarded ones become open; how many.
    async fn restore(&self, act: DeadAct) -> Result<u64, StoreError>;
}
