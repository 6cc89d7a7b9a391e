//! The two transactions of the consumer: claim the lease, and apply a run of records.
//!
//! Invariant: the lease row moves by compare-and-set as the first statement of the transaction that
//! writes the rows. A consumer that was overtaken changes nothing.

use std::time::{SystemTime, UNIX_EPOCH};

use model::{LogId, Seq, Timestamp};
use rusqlite::{
    CachedStatement, Connection, OptionalExtension as _, Transaction, TransactionBehavior, params,
};

use crate::error::StoreError;
use crate::events::{Applied, Apply, Claim, Lease, Stored};
use crate::sqlite::failure::{failure, failure_of};
use crate::sqlite::windows::note_times;

const MOVE_LEASE: &str = "UPDATE lease SET applied = ? WHERE id = 1 AND holder = ? AND applied = ?";

// The conflict clause names its index: a row that collides in any other way is an error, not a repetition.
const INSERT_EVENT: &str = "INSERT INTO events (seq, id, stream, application, session_id, category, \
    name, data, timestamp_us, received_at_us, valid, errors, content_hash, id_from_client, \
    schema_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT (id, stream, coalesce(application, '')) DO NOTHING";

const INSERT_DEAD: &str = "INSERT INTO dead_letters (seq, reason, detail, id, stream, application, \
    session_id, category, name, record, dead_at_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const IS_DEAD: &str = "SELECT EXISTS (SELECT 1 FROM dead_letters WHERE id = ? AND stream = ? \
    AND coalesce(application, '') = ? AND substr(record, 21, 16) = ?)";

/// The row that has the id, if any. Shared with the look-ups.
pub(crate) const FIND: &str = "SELECT seq, content_hash FROM events \
    WHERE id = ? AND stream = ? AND coalesce(application, '') = ?";

/// Reads the lease row.
pub(crate) fn lease(conn: &Connection) -> Result<Lease, StoreError> {
    let mut select = conn
        .prepare_cached("SELECT log_id, applied, holder, until_us FROM lease WHERE id = 1")
        .map_err(failure)?;
    let row = select.query_row([], |row| {
        Ok((row.get::<_, Option<String>>(0)?, row.get::<_, i64>(1)?, row.get(2)?, row.get(3)?))
    });
    let (log, applied, holder, until_us): (_, _, _, Option<i64>) = row.map_err(failure)?;
    let damaged = || StoreError::Unusable("the lease row of the database is damaged".to_owned());
    let log = log.map(|text| text.parse::<LogId>()).transpose().map_err(|_| damaged())?;
    let applied = u64::try_from(applied).ok().and_then(Seq::new).ok_or_else(damaged)?;
    Ok(Lease { log, applied, holder, until: until_us.map(Timestamp::from_micros) })
}

/// Makes the claimant the consumer, or says why it is not.
pub(crate) fn claim(conn: &mut Connection, claim: Claim) -> Result<Lease, StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
    let before = lease(&tx)?;
    if let Some(bound) = before.log.filter(|&bound| bound != claim.log) {
        return Err(StoreError::OtherLog { bound, log: claim.log });
    }
    let is_running = before.until.is_some_and(|until| until > claim.now);
    if let Some(holder) = before.holder.filter(|holder| is_running && *holder != claim.holder) {
        return Err(StoreError::Held { holder });
    }
    tx.execute(
        "UPDATE lease SET log_id = ?, holder = ?, until_us = ? WHERE id = 1",
        params![claim.log.to_string(), claim.holder, claim.until.micros()],
    )
    .map_err(failure)?;
    tx.commit().map_err(failure)?;
    Ok(Lease {
        log: Some(claim.log),
        applied: before.applied,
        holder: Some(claim.holder),
        until: Some(claim.until),
    })
}

/// Binds the database to another log.
pub(crate) fn bind(conn: &Connection, log: LogId) -> Result<Lease, StoreError> {
    conn.execute(
        "UPDATE lease SET log_id = ?, holder = NULL, until_us = NULL WHERE id = 1",
        [log.to_string()],
    )
    .map_err(failure)?;
    lease(conn)
}

/// Applies a run of records in one transaction.
pub(crate) fn apply(conn: &mut Connection, apply: &Apply) -> Result<Applied, StoreError> {
    check_order(apply)?;
    crash::at("apply.before_begin");
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
    let n_moved = tx
        .prepare_cached(MOVE_LEASE)
        .and_then(|mut update| {
            update.execute(params![
                apply.applied.get() as i64,
                apply.holder,
                apply.expected.get() as i64
            ])
        })
        .map_err(failure)?;
    if n_moved == 0 {
        return Err(StoreError::Fenced { expected: apply.expected });
    }
    crash::at("apply.after_lease");
    let mut applied = Applied::default();
    {
        let mut insert = tx.prepare_cached(INSERT_EVENT).map_err(failure)?;
        for stored in &apply.events {
            if insert_event(&mut insert, stored)? {
                applied.n_stored += 1;
                applied.n_invalid += u64::from(!stored.event.valid());
            } else if settle_known_id(&tx, stored)? {
                applied.n_duplicate += 1;
            } else {
                applied.n_dead += 1;
            }
        }
    }
    note_times(&tx, &apply.events).map_err(failure)?;
    crash::at("apply.before_commit");
    tx.commit().map_err(failure)?;
    crash::at("apply.after_commit");
    Ok(applied)
}

/// The consumer's own promise: rising, above what is applied, not above what will be.
fn check_order(apply: &Apply) -> Result<(), StoreError> {
    let mut last = apply.expected;
    for Stored { seq, .. } in &apply.events {
        if *seq <= last {
            return Err(StoreError::Refused {
                seq: *seq,
                reason: format!("records come in rising order: {seq} came after {last}"),
            });
        }
        last = *seq;
    }
    if apply.applied < last {
        return Err(StoreError::Refused {
            seq: last,
            reason: format!("record {last} lies above the new applied position {}", apply.applied),
        });
    }
    Ok(())
}

/// `false` if a row with this id is there already.
fn insert_event(insert: &mut CachedStatement<'_>, stored: &Stored) -> Result<bool, StoreError> {
    let event = &stored.event;
    let n_rows = insert
        .execute(params![
            stored.seq.get() as i64,
            event.id(),
            event.stream(),
            event.application(),
            event.session_id(),
            event.category(),
            event.name(),
            event.data(),
            event.timestamp().map(Timestamp::micros),
            event.received_at().micros(),
            event.valid(),
            event.errors(),
            &event.hash().0.to_be_bytes()[..],
            event.id_from_client(),
            event.schema_version(),
        ])
        .map_err(|error| failure_of(stored.seq, error))?;
    Ok(n_rows == 1)
}

/// `true` if the row with this id, or a dead letter with it, has the same content; otherwise the record becomes a dead
/// letter.
fn settle_known_id(tx: &Transaction<'_>, stored: &Stored) -> Result<bool, StoreError> {
    let Stored { seq, event } = stored;
    let mut find = tx.prepare_cached(FIND).map_err(failure)?;
    let known = find
        .query_row(
            params![event.id(), event.stream(), event.application().unwrap_or_default()],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 16]>(1)?)),
        )
        .optional()
        .map_err(failure)?;
    // Nothing vanishes: a trigger may drop the row without an error (RAISE(IGNORE)).
    let Some((known_seq, known_hash)) = known else {
        let reason = "the database took the row without an error, and it is not there".to_owned();
        return Err(StoreError::Refused { seq: *seq, reason });
    };
    if known_hash == event.hash().0.to_be_bytes() {
        return Ok(true);
    }
    // A conflict may be sent again too, when its answer was lost or the edge could not tell in time.
    let mut is_dead = tx.prepare_cached(IS_DEAD).map_err(failure)?;
    let application = event.application().unwrap_or_default();
    let hash_in_record = &event.hash().0.to_le_bytes()[..];
    let is_dead: bool = is_dead
        .query_row(params![event.id(), event.stream(), application, hash_in_record], |row| {
            row.get(0)
        })
        .map_err(failure)?;
    if is_dead {
        return Ok(true);
    }
    let mut insert = tx.prepare_cached(INSERT_DEAD).map_err(failure)?;
    insert
        .execute(params![
            seq.get() as i64,
            "id_conflict",
            format!("the event at {known_seq} has the same id and other content"),
            event.id(),
            event.stream(),
            event.application(),
            event.session_id(),
            event.category(),
            event.name(),
            &event.record()[..],
            now_us(),
        ])
        .map_err(|error| failure_of(*seq, error))?;
    Ok(false)
}

fn now_us() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX)
}
