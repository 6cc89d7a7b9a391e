//! The transaction of the consumer: apply a run of records.
//!
//! Invariant: the lease row moves by compare-and-set as the first statement of the transaction that
//! writes the rows. A consumer that was overtaken changes nothing.
//!
//! A record that the database refuses is found like this:
//!
//! ```text
//!   all records, no savepoints ── all taken ─────────────────────────────> commit
//!        │ refused: roll back                                                 ^
//!        v                                                                    │
//!   all records, a savepoint for each ── refused ones become dead letters ────┤
//!        │ RAISE(ROLLBACK) at record n: the whole transaction is gone         │
//!        v                                                                    │
//!   records up to n, the n-th a dead letter without a try ── then the others ─┘
//! ```
//!
//! A deferred constraint is checked by COMMIT, which does not say whose it is: the transactions are halved until that
//! record stands alone, and grow to twice their size with each one that is committed. So one bad record costs a few
//! tries of each good one at most, and many cost less each.
//!
//! An error that undoes only its own statement looks the same as one that leaves half of it behind (RAISE(FAIL)), hence the
//! savepoints. They cost a copy of each page for each record, hence not at once.

use model::Seq;
use rusqlite::{Connection, TransactionBehavior};

use crate::error::StoreError;
use crate::events::{Applied, Apply, Stored};
use crate::sqlite::burial::{Burial, Settled};
use crate::sqlite::failure::{deferred, failure};
use crate::sqlite::insert::{Care, Insert, Tried};
use crate::sqlite::lease::EVENTS_LEASE;
use crate::sqlite::windows::note_times;

/// Transactions of one call: others who write get in between.
const COMMITS_MAX: usize = 64;

/// What one transaction takes of an [`Apply`].
struct Part<'a> {
    events: &'a [Stored],
    expected: Seq,
    through: Seq,
    /// The last one becomes a dead letter for this reason without being tried.
    doom: Option<&'a str>,
    care: Care,
}

/// How a transaction ended that met no error.
enum Ran {
    Committed(Applied),
    /// Rolled back: a record was refused, and it takes more care to put it aside.
    Refused,
    /// The database itself ended the transaction, for this reason, at the record with this index.
    Ended {
        at: usize,
        reason: String,
    },
    /// Rolled back: the commit was refused with these words, for the sake of one of the records.
    Unkept(String),
}

/// Applies a run of records: all of it, or as far as [`COMMITS_MAX`] transactions come.
pub(crate) fn apply(conn: &mut Connection, apply: &Apply) -> Result<Applied, StoreError> {
    apply.check_order()?;
    let n = apply.events.len();
    // What stands before `from` is committed; the next transaction takes `stride` records, or as many as are left.
    let (mut from, mut end, mut stride) = (0, n, n);
    let (mut doom, mut care, mut n_commits) = (None::<String>, Care::Swift, 0);
    let mut sum = Applied { through: apply.expected, ..Applied::default() };
    // Ends: each turn is more careful than the one before, or shorter, or begins further on.
    loop {
        let events = &apply.events[from..end];
        let through = events.last().filter(|_| end < n).map_or(apply.applied, |last| last.seq);
        let part = Part { events, expected: sum.through, through, doom: doom.as_deref(), care };
        let ran = match run(conn, apply, &part) {
            // What is committed has to be told. The next call meets the error again.
            Err(_) if n_commits > 0 => return Ok(sum),
            ran => ran?,
        };
        match ran {
            Ran::Committed(applied) => {
                add(&mut sum, &applied);
                n_commits += 1;
                if end == n || n_commits == COMMITS_MAX {
                    return Ok(sum);
                }
                stride = stride.saturating_mul(2);
                (from, end, doom) = (end, end.saturating_add(stride).min(n), None);
            }
            Ran::Refused => care = Care::Savepoints,
            Ran::Ended { at, reason } => (end, doom) = (from + at + 1, Some(reason)),
            Ran::Unkept(reason) if end - from == 1 => doom = Some(reason),
            Ran::Unkept(_) => {
                stride = (end - from) / 2;
                (end, doom) = (from + stride, None);
            }
        }
    }
}

fn add(sum: &mut Applied, part: &Applied) {
    sum.through = part.through;
    sum.n_stored += part.n_stored;
    sum.n_invalid += part.n_invalid;
    sum.n_duplicate += part.n_duplicate;
    sum.n_dead += part.n_dead;
}

/// One try, in one transaction. Whatever is not [`Ran::Committed`] has changed nothing.
fn run(conn: &mut Connection, apply: &Apply, part: &Part<'_>) -> Result<Ran, StoreError> {
    crash::at("apply.before_begin");
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
    EVENTS_LEASE.step(&tx, &apply.holder, part.expected, part.through)?;
    crash::at("apply.after_lease");
    let mut applied = Applied { through: part.through, ..Applied::default() };
    {
        let mut insert = Insert::new(&tx, part.care, part.expected.next())?;
        let mut burial = Burial::new(&tx);
        for (at, stored) in part.events.iter().enumerate() {
            let doom = part.doom.filter(|_| at + 1 == part.events.len());
            let tried = match doom {
                Some(reason) => Tried::Refused(reason.to_owned()),
                // The edge could not ask whether a dead letter keeps its id.
                None if stored.event.undecided() && burial.keeper(stored)?.is_some() => {
                    Tried::Known
                }
                None => insert.try_one(stored)?,
            };
            let refusal = match tried {
                Tried::Stored => {
                    applied.n_stored += 1;
                    applied.n_invalid += u64::from(!stored.event.valid());
                    burial.stored();
                    continue;
                }
                Tried::Known => None,
                Tried::Refused(_) if doom.is_none() && part.care == Care::Swift => {
                    return Ok(Ran::Refused);
                }
                Tried::Refused(reason) => Some(reason),
                Tried::Ended(reason) => return Ok(Ran::Ended { at, reason }),
            };
            match burial.settle(stored, refusal.as_deref())? {
                Settled::Duplicate => applied.n_duplicate += 1,
                Settled::Dead => applied.n_dead += 1,
            }
        }
    }
    note_times(&tx, part.events).map_err(failure)?;
    crash::at("apply.before_commit");
    if let Err(error) = tx.commit() {
        let reason = deferred(error)?;
        // No record is left that could be at fault: what is written about them is refused.
        if part.events.is_empty() || (part.events.len() == 1 && part.doom.is_some()) {
            return Err(StoreError::Refused { seq: part.through, reason });
        }
        return Ok(Ran::Unkept(reason));
    }
    crash::at("apply.after_commit");
    Ok(Ran::Committed(applied))
}
