//! Dead letters become rows, a slice of them in one transaction.
//!
//! Invariant: a job tries each dead letter once. The letter keeps which job it was, in the transaction of the try, so a
//! slice that is repeated after a crash changes nothing and is answered as before.

use std::collections::BTreeMap;

use model::Seq;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Transaction};

use crate::dead_letters::{DeadState, ID_CONFLICT, REFUSED, Replay, Replayed};
use crate::error::StoreError;
use crate::events::Stored;
use crate::postgres::call::{WRITE_MAX, call};
use crate::postgres::failure::{failure, refusal};
use crate::postgres::insert::{Tried, try_one};
use crate::postgres::pool::{Client, Pool};
use crate::postgres::rows;
use crate::postgres::turn::take_turn;
use crate::postgres::windows::note_times;

/// Values: positions.
const LETTERS: &str = "SELECT seq, record, state, detail, job, \
    EXISTS (SELECT FROM eyas.events e WHERE e.seq = d.seq) FROM eyas.dead_letters d WHERE seq = ANY ($1)";

/// Values: position, detail or NULL, time, actor, job.
const REPLAYED: &str = "UPDATE eyas.dead_letters SET state = 'replayed', detail = coalesce($2, detail), \
    state_at_us = $3, acted_by = $4, job = $5 WHERE seq = $1";

/// Values: position, reason, detail, job.
const REFUSED_AGAIN: &str = "UPDATE eyas.dead_letters SET attempts = attempts + 1, reason = $2, detail = $3, \
    job = $4 WHERE seq = $1";

/// Values: id, stream, application.
const FIND: &str = "SELECT seq, content_hash FROM eyas.events \
    WHERE id = $1 AND stream = $2 AND coalesce(application, '') = $3";

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
    /// The commit was refused, for the sake of one of the records.
    Unkept(String),
}

/// One slice: in one transaction, or in halves of it where the commit is refused and does not say because of which record.
pub(crate) async fn replay(pool: &Pool, replay: &Replay) -> Result<Vec<Replayed>, StoreError> {
    let mut outcomes = Vec::with_capacity(replay.seqs.len());
    // Parts that are still to do, the first on top, and the words against each that is alone and cannot be committed.
    let mut parts = vec![(&replay.seqs[..], None::<String>)];
    while let Some((seqs, doom)) = parts.pop() {
        let try_them = async |client: &mut Client| run(client, replay, seqs, doom.as_deref()).await;
        match call(pool, WRITE_MAX, try_them).await? {
            Ran::Committed(part) => outcomes.extend(part),
            Ran::Unkept(reason) => match seqs {
                [_] if doom.is_none() => parts.push((seqs, Some(reason))),
                [] => return Err(unchanged(Seq::ZERO, &reason)),
                [seq] => return Err(unchanged(*seq, &reason)),
                _ => {
                    let (front, back) = seqs.split_at(seqs.len() / 2);
                    parts.extend([(back, None), (front, None)]);
                }
            },
        }
    }
    Ok(outcomes)
}

async fn run(
    client: &mut Client,
    replay: &Replay,
    seqs: &[Seq],
    doom: Option<&str>,
) -> Result<Ran, StoreError> {
    let tx = client.begin().await?;
    take_turn(&tx).await?;
    let mut letters = letters(&tx, seqs).await?;
    let mut outcomes = Vec::with_capacity(seqs.len());
    for seq in seqs {
        // A position that is named twice is tried once.
        let Some(letter) = letters.remove(seq) else {
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
        let tried = match doom {
            Some(reason) => Tried::Refused(reason.to_owned()),
            None => try_one(&tx, &letter.stored).await?,
        };
        outcomes.push(match tried {
            Tried::Stored => take(&tx, replay, letter.stored).await?,
            Tried::Known => meet_owner(&tx, replay, &letter.stored).await?,
            Tried::Refused(detail) => refuse(&tx, replay, *seq, REFUSED, detail).await?,
        });
    }
    crash::at("replay.before_commit");
    if let Err(error) = tx.commit().await {
        return refusal(error).map(Ran::Unkept);
    }
    crash::at("replay.after_commit");
    Ok(Ran::Committed(outcomes))
}

async fn letters(tx: &Transaction<'_>, seqs: &[Seq]) -> Result<BTreeMap<Seq, Letter>, StoreError> {
    let wanted: Vec<i64> = seqs.iter().map(|seq| seq.get() as i64).collect();
    let values = [(&wanted as _, Type::INT8_ARRAY)];
    let rows = tx.query_typed(LETTERS, &values).await.map_err(failure)?;
    let mut letters = BTreeMap::new();
    for row in rows {
        let stored = rows::letter(&row)?;
        let columns = || -> Result<(String, String, Option<String>, bool), Error> {
            Ok((row.try_get(2)?, row.try_get(3)?, row.try_get(4)?, row.try_get(5)?))
        };
        let (state, detail, job, is_row) = columns().map_err(failure)?;
        let seq = stored.seq;
        let state = DeadState::parse(&state).ok_or_else(|| {
            StoreError::Unusable(format!("dead letter {seq}: unknown state {state}"))
        })?;
        letters.insert(seq, Letter { stored, state, detail, job, is_row });
    }
    Ok(letters)
}

/// What the first try of the same job came to.
fn as_before(letter: Letter) -> Replayed {
    match letter.state {
        DeadState::Replayed if letter.is_row => Replayed::Stored(letter.stored),
        DeadState::Replayed | DeadState::Discarded => Replayed::Skipped,
        DeadState::Open => Replayed::Refused { detail: letter.detail },
    }
}

async fn take(
    tx: &Transaction<'_>,
    replay: &Replay,
    stored: Stored,
) -> Result<Replayed, StoreError> {
    note_times(tx, std::slice::from_ref(&stored)).await.map_err(failure)?;
    close(tx, replay, stored.seq, None).await?;
    Ok(Replayed::Stored(stored))
}

/// A row has the id: the same event, which came again after this one had died, or another one.
async fn meet_owner(
    tx: &Transaction<'_>,
    replay: &Replay,
    stored: &Stored,
) -> Result<Replayed, StoreError> {
    let event = &stored.event;
    let values = [
        (&event.id() as _, Type::TEXT),
        (&event.stream() as _, Type::TEXT),
        (&event.application().unwrap_or_default() as _, Type::TEXT),
    ];
    let gone = || StoreError::Unavailable("the event that had the id went just now".to_owned());
    let found = tx.query_typed_opt(FIND, &values).await.map_err(failure)?;
    let row = found.ok_or_else(gone)?;
    let (owner, hash) = (rows::seq(&row, 0)?, rows::hash(row.try_get(1).map_err(failure)?)?);
    if hash != event.hash() {
        let detail = format!("the event at {owner} has the same id and other content");
        return refuse(tx, replay, stored.seq, ID_CONFLICT, detail).await;
    }
    close(tx, replay, stored.seq, Some(format!("the same event was stored at {owner}"))).await?;
    Ok(Replayed::Skipped)
}

async fn close(
    tx: &Transaction<'_>,
    replay: &Replay,
    seq: Seq,
    detail: Option<String>,
) -> Result<(), StoreError> {
    let values = [
        (&(seq.get() as i64) as _, Type::INT8),
        (&detail as _, Type::TEXT),
        (&replay.at.micros() as _, Type::INT8),
        (&replay.actor as _, Type::TEXT),
        (&replay.job as _, Type::TEXT),
    ];
    change(tx, seq, REPLAYED, &values).await
}

async fn refuse(
    tx: &Transaction<'_>,
    replay: &Replay,
    seq: Seq,
    reason: &str,
    detail: String,
) -> Result<Replayed, StoreError> {
    let values = [
        (&(seq.get() as i64) as _, Type::INT8),
        (&reason as _, Type::TEXT),
        (&detail as _, Type::TEXT),
        (&replay.job as _, Type::TEXT),
    ];
    change(tx, seq, REFUSED_AGAIN, &values).await?;
    Ok(Replayed::Refused { detail })
}

/// The dead letter's own row must take the change, or nothing of the slice counts.
async fn change(
    tx: &Transaction<'_>,
    seq: Seq,
    sql: &str,
    values: &[(&(dyn ToSql + Sync), Type)],
) -> Result<(), StoreError> {
    let reason = match tx.execute_typed(sql, values).await {
        Ok(1) => return Ok(()),
        Ok(_) => "the change was dropped without an error".to_owned(),
        Err(error) => refusal(error)?,
    };
    Err(unchanged(seq, &reason))
}

fn unchanged(seq: Seq, reason: &str) -> StoreError {
    StoreError::Refused { seq, reason: format!("the dead letter cannot be changed: {reason}") }
}
