//! Dead letters become rows, a slice of them in one transaction.
//!
//! Invariant: a job tries each dead letter once. The letter keeps which job it was, in the transaction of the try, so a
//! slice that is repeated after a crash changes nothing and is answered as before.

use std::collections::BTreeMap;

use model::{Event, Seq};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};

use crate::dead_letters::{DeadState, ID_CONFLICT, REFUSED, Replay, Replayed};
use crate::error::StoreError;
use crate::events::Stored;
use crate::sqlite::burial::{FIND, conflict};
use crate::sqlite::failure::{deferred, failure, refusal};
use crate::sqlite::insert::{Care, Insert, Tried};
use crate::sqlite::rows;
use crate::sqlite::windows::note_times;

const LETTER: &str = "SELECT seq, record, state, detail, job, \
    EXISTS (SELECT 1 FROM events WHERE events.seq = dead_letters.seq) FROM dead_letters WHERE seq = ?";

const REPLAYED: &str = "UPDATE dead_letters SET state = 'replayed', detail = coalesce(?2, detail), \
    state_at_us = ?3, acted_by = ?4, job = ?5 WHERE seq = ?1";

const REFUSED_AGAIN: &str = "UPDATE dead_letters SET attempts = attempts + 1, reason = ?2, detail = ?3, \
    job = ?4 WHERE seq = ?1";

/// What [`LETTER`] answers behind the position.
type Columns = (Vec<u8>, String, String, Option<String>, bool);

/// A dead letter as it stands.
struct Letter {
    stored: Stored,
    state: DeadState,
    detail: String,
    job: Option<String>,
    is_row: bool,
}

/// How a transaction ended that met no error.
enum Ran {
    Committed(Vec<Replayed>),
    /// The database itself ended it at this record.
    Ended(Seq, String),
    /// The commit was refused, for the sake of one of the records.
    Unkept(String),
}

/// The words against the records that end transactions or cannot be committed.
type Endings = BTreeMap<Seq, String>;

/// One slice.
pub(crate) fn replay(conn: &mut Connection, replay: &Replay) -> Result<Vec<Replayed>, StoreError> {
    part(conn, replay, &replay.seqs, &mut Endings::new())
}

/// In one transaction, or in halves of it where the commit is refused and does not say because of which record.
fn part(
    conn: &mut Connection,
    replay: &Replay,
    seqs: &[Seq],
    endings: &mut Endings,
) -> Result<Vec<Replayed>, StoreError> {
    // Each ending is found once, so there are at most as many turns as records.
    loop {
        let reason = match run(conn, replay, seqs, endings)? {
            Ran::Committed(outcomes) => return Ok(outcomes),
            Ran::Ended(seq, reason) => {
                endings.insert(seq, reason);
                continue;
            }
            Ran::Unkept(reason) => reason,
        };
        match *seqs {
            [seq] if !endings.contains_key(&seq) => drop(endings.insert(seq, reason)),
            [] | [_] => {
                let seq = seqs.first().copied().unwrap_or_default();
                return Err(unchanged(seq, &reason));
            }
            _ => {
                let (front, back) = seqs.split_at(seqs.len() / 2);
                let mut outcomes = part(conn, replay, front, endings)?;
                outcomes.append(&mut part(conn, replay, back, endings)?);
                return Ok(outcomes);
            }
        }
    }
}

fn run(
    conn: &mut Connection,
    replay: &Replay,
    seqs: &[Seq],
    endings: &Endings,
) -> Result<Ran, StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
    let mut outcomes = Vec::with_capacity(seqs.len());
    let first = seqs.first().copied().unwrap_or_default();
    {
        let mut insert = Insert::new(&tx, Care::Savepoints, first)?;
        for &seq in seqs {
            let letter = letter(&tx, seq)?;
            let Some(letter) = letter else {
                outcomes.push(Replayed::Skipped);
                continue;
            };
            if letter.job.as_deref() == Some(replay.job.as_str()) {
                outcomes.push(as_before(letter));
                continue;
            }
            if letter.state != DeadState::Open {
                outcomes.push(Replayed::Skipped);
                continue;
            }
            let tried = match endings.get(&seq) {
                Some(reason) => Tried::Refused(reason.clone()),
                None => insert.try_one(&letter.stored)?,
            };
            outcomes.push(match tried {
                Tried::Stored => take(&tx, replay, letter.stored)?,
                Tried::Known => meet_owner(&tx, replay, &letter.stored)?,
                Tried::Refused(detail) => refuse(&tx, replay, seq, REFUSED, detail)?,
                Tried::Ended(reason) => return Ok(Ran::Ended(seq, reason)),
            });
        }
    }
    crash::at("replay.before_commit");
    if let Err(error) = tx.commit() {
        return deferred(error).map(Ran::Unkept);
    }
    crash::at("replay.after_commit");
    Ok(Ran::Committed(outcomes))
}

fn letter(tx: &Transaction<'_>, seq: Seq) -> Result<Option<Letter>, StoreError> {
    let read = |row: &Row<'_>| -> rusqlite::Result<Columns> {
        Ok((row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
    };
    let mut select = tx.prepare_cached(LETTER).map_err(failure)?;
    let found = select.query_row([seq.get() as i64], read).optional().map_err(failure)?;
    let Some((record, state, detail, job, is_row)) = found else { return Ok(None) };
    let damaged = |what: String| StoreError::Unusable(format!("dead letter {seq}: {what}"));
    let event = Event::decode(record.into()).map_err(|error| damaged(error.to_string()))?;
    let state =
        DeadState::parse(&state).ok_or_else(|| damaged(format!("unknown state {state}")))?;
    Ok(Some(Letter { stored: Stored { seq, event }, state, detail, job, is_row }))
}

/// What the first try of the same job came to.
fn as_before(letter: Letter) -> Replayed {
    match letter.state {
        DeadState::Replayed if letter.is_row => Replayed::Stored(letter.stored),
        DeadState::Replayed | DeadState::Discarded => Replayed::Skipped,
        DeadState::Open => Replayed::Refused { detail: letter.detail },
    }
}

fn take(tx: &Transaction<'_>, replay: &Replay, stored: Stored) -> Result<Replayed, StoreError> {
    note_times(tx, std::slice::from_ref(&stored)).map_err(failure)?;
    close(tx, replay, stored.seq, None)?;
    Ok(Replayed::Stored(stored))
}

/// A row has the id: the same event, which came again after this one had died, or another one.
fn meet_owner(
    tx: &Transaction<'_>,
    replay: &Replay,
    stored: &Stored,
) -> Result<Replayed, StoreError> {
    let event = &stored.event;
    let key = params![event.id(), event.stream(), event.application().unwrap_or_default()];
    let find = || -> rusqlite::Result<(Seq, _)> {
        let mut find = tx.prepare_cached(FIND)?;
        find.query_row(key, |row| Ok((rows::seq(row, 0)?, rows::hash(row, 1)?)))
    };
    let (owner, hash) = find().map_err(failure)?;
    if hash != event.hash() {
        let detail = conflict(owner.get() as i64);
        return refuse(tx, replay, stored.seq, ID_CONFLICT, detail);
    }
    close(tx, replay, stored.seq, Some(format!("the same event was stored at {owner}")))?;
    Ok(Replayed::Skipped)
}

fn close(
    tx: &Transaction<'_>,
    replay: &Replay,
    seq: Seq,
    detail: Option<String>,
) -> Result<(), StoreError> {
    let Replay { job, at, actor, .. } = replay;
    let mut update = tx.prepare_cached(REPLAYED).map_err(failure)?;
    let n_rows = update.execute(params![seq.get() as i64, detail, at.micros(), actor, job]);
    changed(seq, n_rows)
}

fn refuse(
    tx: &Transaction<'_>,
    replay: &Replay,
    seq: Seq,
    reason: &str,
    detail: String,
) -> Result<Replayed, StoreError> {
    let mut update = tx.prepare_cached(REFUSED_AGAIN).map_err(failure)?;
    let n_rows = update.execute(params![seq.get() as i64, reason, detail, replay.job]);
    changed(seq, n_rows)?;
    Ok(Replayed::Refused { detail })
}

/// The dead letter's own row must take the change, or nothing of the slice counts.
fn changed(seq: Seq, n_rows: rusqlite::Result<usize>) -> Result<(), StoreError> {
    let reason = match n_rows {
        Ok(1) => return Ok(()),
        Ok(_) => "the change was dropped without an error".to_owned(),
        Err(error) => refusal(error)?,
    };
    Err(unchanged(seq, &reason))
}

fn unchanged(seq: Seq, reason: &str) -> StoreError {
    StoreError::Refused { seq, reason: format!("the dead letter cannot be changed: {reason}") }
}
