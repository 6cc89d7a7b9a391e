//! Records into the table of events: many at once, or the database's words against one of them.
//!
//! The columns go as arrays, a part of the rows at a time: the server inserts the first part while the next are put together.
//! Invariant: what was not taken leaves nothing behind; and a row is there, not only counted: a
//! trigger can take one away without a word.

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Transaction};

use crate::error::StoreError;
use crate::events::{IdKey, Stored};
use crate::postgres::escapes::fits_json;
use crate::postgres::failure::{failure, refusal};
use crate::postgres::filter::Value;
use crate::postgres::lookup::owners;

/// The arrays in the order of their columns.
const INSERT: &str = "INSERT INTO eyas.events (seq, id, stream, application, session_id, category, name, data, \
    data_raw, timestamp_us, received_at_us, valid, errors, content_hash, id_from_client, schema_version) \
    SELECT seq, id, stream, application, session_id, category, name, data::json, data_raw, timestamp_us, \
        received_at_us, valid, errors, content_hash, id_from_client, schema_version \
    FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) AS e \
        (seq, id, stream, application, session_id, category, name, data, data_raw, timestamp_us, \
        received_at_us, valid, errors, content_hash, id_from_client, schema_version)";

/// Rows of one statement.
const PART: usize = 4096;

const COUNT: &str = "SELECT count(*) FROM eyas.events WHERE seq = ANY ($1)";

/// Whether somebody has a trigger or a rule on the table. Where there is none, nobody looks twice.
const HAS_TRIGGERS: &str = "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'eyas.events'::regclass \
    AND NOT tgisinternal) OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = 'eyas.events'::regclass)";

/// What became of one try.
#[derive(Debug)]
pub(crate) enum Tried {
    /// The row is there.
    Stored,
    /// Another row has the id.
    Known,
    /// For good, with the database's words.
    Refused(String),
}

/// Tries one record, and undoes the try where it is refused. An error has nothing to do with the record.
pub(crate) async fn try_one(tx: &Transaction<'_>, stored: &Stored) -> Result<Tried, StoreError> {
    let event = &stored.event;
    let key = IdKey {
        application: event.application().map(str::to_owned),
        stream: event.stream().to_owned(),
        id: event.id().to_owned(),
    };
    if owners(tx, std::slice::from_ref(&key)).await?.pop().flatten().is_some() {
        return Ok(Tried::Known);
    }
    let has_triggers = has_triggers(tx).await?;
    let refused = try_all(tx, &[stored], has_triggers).await?;
    Ok(refused.map_or(Tried::Stored, Tried::Refused))
}

/// Whether rows may vanish without an error.
pub(crate) async fn has_triggers(tx: &Transaction<'_>) -> Result<bool, StoreError> {
    let row = tx.query_typed_one(HAS_TRIGGERS, &[]).await.map_err(failure)?;
    row.try_get(0).map_err(failure)
}

/// Tries all of them; the database's words, where it refuses any, and then none of them is there. Deferred constraints
/// are checked here rather than at the commit, which does not say whose they are.
pub(crate) async fn try_all(
    tx: &Transaction<'_>,
    records: &[&Stored],
    has_triggers: bool,
) -> Result<Option<String>, StoreError> {
    // Sent one behind the other without waiting for answers; after an error the server refuses what follows.
    let (begun, inserted, checked) = futures_util::join!(
        tx.batch_execute("SAVEPOINT records"),
        join_all(records.chunks(PART).map(|part| insert(tx, part))),
        tx.batch_execute("SET CONSTRAINTS ALL IMMEDIATE"),
    );
    begun.map_err(failure)?;
    let inserted: Result<u64, Error> = inserted.into_iter().sum();
    let words = match inserted.and_then(|n_rows| checked.map(|()| n_rows)) {
        Err(error) if is_ours(&error) => {
            let (seq, reason) = (records[0].seq, refusal(error)?);
            return Err(StoreError::Refused { seq, reason });
        }
        Err(error) => Some(refusal(error)?),
        Ok(n_rows) if n_rows < records.len() as u64 => Some(
            "the row was dropped without an error, as a trigger that returns NULL does".to_owned(),
        ),
        Ok(_) if has_triggers && !are_there(tx, records).await? => {
            Some("the row was taken and is not there: a trigger deletes it".to_owned())
        }
        Ok(_) => None,
    };
    if words.is_some() {
        let undo = "ROLLBACK TO SAVEPOINT records; RELEASE SAVEPOINT records";
        tx.batch_execute(undo).await.map_err(failure)?;
    } else {
        // Sent by the first poll. Nobody waits for it. A COMMIT would not tell that it failed: in a transaction that is
        // aborted it rolls back, without an error. But `note_times` always comes between, and that fails there.
        let _ = tx.batch_execute("RELEASE SAVEPOINT records").now_or_never();
    }
    Ok(words)
}

/// The statement itself cannot be run, as without the table or the right to it: no record is to blame. What a trigger does
/// wrong comes with the place where it does.
fn is_ours(error: &Error) -> bool {
    error
        .as_db_error()
        .is_some_and(|db| db.code().code().starts_with("42") && db.where_().is_none())
}

async fn are_there(tx: &Transaction<'_>, records: &[&Stored]) -> Result<bool, StoreError> {
    let seqs: Vec<i64> = records.iter().map(|stored| stored.seq.get() as i64).collect();
    let values: [Value<'_>; 1] = [(&seqs, Type::INT8_ARRAY)];
    let row = tx.query_typed_one(COUNT, &values).await.map_err(failure)?;
    Ok(row.try_get::<_, i64>(0).map_err(failure)? == seqs.len() as i64)
}

async fn insert(tx: &Transaction<'_>, records: &[&Stored]) -> Result<u64, Error> {
    let texts = |of: fn(&Stored) -> Option<&str>| -> Vec<Option<&str>> {
        records.iter().map(|stored| of(stored)).collect()
    };
    let numbers = |of: fn(&Stored) -> Option<i64>| -> Vec<Option<i64>> {
        records.iter().map(|stored| of(stored)).collect()
    };
    let flags = |of: fn(&Stored) -> bool| -> Vec<bool> {
        records.iter().map(|stored| of(stored)).collect()
    };
    let (mut data, mut data_raw) = (Vec::new(), Vec::new());
    for stored in records {
        let text = stored.event.data();
        let is_json = fits_json(text);
        data.push(is_json.then_some(text));
        data_raw.push((!is_json).then_some(text.as_bytes()));
    }
    let hashes: Vec<[u8; 16]> =
        records.iter().map(|stored| stored.event.hash().0.to_be_bytes()).collect();
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| &hash[..]).collect();
    let values: [Value<'_>; 16] = [
        (&numbers(|stored| Some(stored.seq.get() as i64)), Type::INT8_ARRAY),
        (&texts(|stored| Some(stored.event.id())), Type::TEXT_ARRAY),
        (&texts(|stored| Some(stored.event.stream())), Type::TEXT_ARRAY),
        (&texts(|stored| stored.event.application()), Type::TEXT_ARRAY),
        (&texts(|stored| stored.event.session_id()), Type::TEXT_ARRAY),
        (&texts(|stored| stored.event.category()), Type::TEXT_ARRAY),
        (&texts(|stored| stored.event.name()), Type::TEXT_ARRAY),
        (&data, Type::TEXT_ARRAY),
        (&data_raw, Type::BYTEA_ARRAY),
        (
            &numbers(|stored| stored.event.timestamp().map(model::Timestamp::micros)),
            Type::INT8_ARRAY,
        ),
        (&numbers(|stored| Some(stored.event.received_at().micros())), Type::INT8_ARRAY),
        (&flags(|stored| stored.event.valid()), Type::BOOL_ARRAY),
        (&texts(|stored| Some(stored.event.errors())), Type::TEXT_ARRAY),
        (&hashes, Type::BYTEA_ARRAY),
        (&flags(|stored| stored.event.id_from_client()), Type::BOOL_ARRAY),
        (&numbers(|stored| stored.event.schema_version().map(i64::from)), Type::INT8_ARRAY),
    ];
    tx.execute_typed(INSERT, &values).await
}
