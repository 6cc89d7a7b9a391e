//! Dead letters as the consumer writes them, and what it has to know of those that are there.

use model::Seq;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use crate::breaker::{Breaker, WINDOW};
use crate::database::now;
use crate::error::StoreError;
use crate::events::Stored;
use crate::postgres::failure::{failure, refusal};
use crate::postgres::filter::Value;

/// One that was replayed has left its id to a row. Bytes 20 to 35 of a record are the content hash, little-endian. `|| ''`
/// keeps the indexes away that begin with the stream: a planner without statistics takes them, and reads the whole stream;
/// and an EXISTS in place of the LIMIT it hashes the whole table for.
pub(crate) const FACTS: &str = "SELECT k.nth, (SELECT true FROM eyas.dead_letters WHERE id = k.id \
        AND stream || '' = k.stream AND coalesce(application, '') = k.application \
        AND substr(record, 21, 16) = k.hash AND state <> 'replayed' LIMIT 1) IS NOT NULL, \
    (SELECT min(seq) FROM (SELECT seq FROM eyas.dead_letters WHERE id = k.id AND stream || '' = k.stream \
        AND coalesce(application, '') = k.application AND reason = 'refused' AND state <> 'replayed' \
        OFFSET 0) AS kept) \
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) WITH ORDINALITY \
        AS k (id, stream, application, hash, nth)";

/// The newest records up to a position, newest first: was it refused? Those that somebody has discarded are left out of
/// account.
const NEWEST: &str = "SELECT is_refused FROM ( \
        (SELECT seq, false AS is_refused FROM eyas.events WHERE seq <= $1 ORDER BY seq DESC LIMIT $2) \
        UNION ALL (SELECT seq, true FROM eyas.dead_letters WHERE seq <= $1 AND state = 'open' \
            AND reason = 'refused' ORDER BY seq DESC LIMIT $2)) AS newest ORDER BY seq DESC LIMIT $2";

const BURY: &str = "INSERT INTO eyas.dead_letters (seq, reason, detail, id, stream, application, session_id, \
    category, name, record, dead_at_us) SELECT *, $11::bigint FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// What the dead letters say about a record.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    /// One has its id and content.
    pub(crate) is_dead: bool,
    /// Where the refused one stands that keeps its id.
    pub(crate) keeper: Option<i64>,
}

/// Of each of them.
pub(crate) async fn facts(
    tx: &Transaction<'_>,
    records: &[&Stored],
) -> Result<Vec<Facts>, StoreError> {
    let mut all = vec![Facts::default(); records.len()];
    let text =
        |of: fn(&Stored) -> &str| -> Vec<&str> { records.iter().map(|one| of(one)).collect() };
    let hashes: Vec<[u8; 16]> =
        records.iter().map(|stored| stored.event.hash().0.to_le_bytes()).collect();
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| &hash[..]).collect();
    let values: [Value<'_>; 4] = [
        (&text(|stored| stored.event.id()), Type::TEXT_ARRAY),
        (&text(|stored| stored.event.stream()), Type::TEXT_ARRAY),
        (&text(|stored| stored.event.application().unwrap_or_default()), Type::TEXT_ARRAY),
        (&hashes, Type::BYTEA_ARRAY),
    ];
    for row in tx.query_typed(FACTS, &values).await.map_err(failure)? {
        let read = || Ok((row.try_get::<_, i64>(0)?, row.try_get(1)?, row.try_get(2)?));
        let (nth, is_dead, keeper) = read().map_err(failure)?;
        all[nth as usize - 1] = Facts { is_dead, keeper };
    }
    Ok(all)
}

/// The breaker as the database up to a position has it.
pub(crate) async fn breaker(tx: &Transaction<'_>, through: Seq) -> Result<Breaker, StoreError> {
    let (through, limit) = (through.get() as i64, WINDOW as i64);
    let values: [Value<'_>; 2] = [(&through, Type::INT8), (&limit, Type::INT8)];
    let rows = tx.query_typed(NEWEST, &values).await.map_err(failure)?;
    let newest = rows.iter().rev().map(|row| row.try_get(0));
    let newest: Vec<bool> = newest.collect::<Result<_, _>>().map_err(failure)?;
    Ok(Breaker::new(newest))
}

/// A row of another event at this very position is no fault of the record: log and database do not fit together.
pub(crate) async fn check_place(tx: &Transaction<'_>, seq: Seq) -> Result<(), StoreError> {
    let at = seq.get() as i64;
    let sql = "SELECT EXISTS (SELECT FROM eyas.events WHERE seq = $1)";
    let row = tx.query_typed_one(sql, &[(&at, Type::INT8)]).await.map_err(failure)?;
    if row.try_get(0).map_err(failure)? {
        let reason = "another event stands at its position".to_owned();
        return Err(StoreError::Refused { seq, reason });
    }
    Ok(())
}

/// A record that becomes a dead letter.
pub(crate) struct Dead<'a> {
    pub(crate) stored: &'a Stored,
    pub(crate) reason: &'static str,
    pub(crate) detail: String,
}

/// Why a record cannot be a row whose id another one has.
pub(crate) fn conflict(owner: i64) -> String {
    format!("the event at {owner} has the same id and other content")
}

/// Writes them. Where one cannot be written it is named, and nothing may be committed.
pub(crate) async fn bury(tx: &Transaction<'_>, dead: &[Dead<'_>]) -> Result<(), StoreError> {
    if dead.is_empty() {
        return Ok(());
    }
    tx.batch_execute("SAVEPOINT letters").await.map_err(failure)?;
    if try_bury(tx, dead).await?.is_none() {
        return tx.batch_execute("RELEASE SAVEPOINT letters").await.map_err(failure);
    }
    tx.batch_execute("ROLLBACK TO SAVEPOINT letters").await.map_err(failure)?;
    for one in dead {
        if let Some(words) = try_bury(tx, std::slice::from_ref(one)).await? {
            let reason = format!("{}; and it cannot be kept as a dead letter: {words}", one.detail);
            return Err(StoreError::Refused { seq: one.stored.seq, reason });
        }
    }
    // Each by itself is taken, all together are not: whatever that means, no record of ours is lost by it.
    tx.batch_execute("RELEASE SAVEPOINT letters").await.map_err(failure)
}

/// The database's words, where it refuses any.
async fn try_bury(tx: &Transaction<'_>, dead: &[Dead<'_>]) -> Result<Option<String>, StoreError> {
    let text = |of: fn(&Stored) -> Option<&str>| -> Vec<Option<&str>> {
        dead.iter().map(|one| of(one.stored)).collect()
    };
    let seqs: Vec<i64> = dead.iter().map(|one| one.stored.seq.get() as i64).collect();
    let reasons: Vec<&str> = dead.iter().map(|one| one.reason).collect();
    let details: Vec<&str> = dead.iter().map(|one| one.detail.as_str()).collect();
    let records: Vec<&[u8]> = dead.iter().map(|one| &one.stored.event.record()[..]).collect();
    let now_us = now().micros();
    let values: [Value<'_>; 11] = [
        (&seqs, Type::INT8_ARRAY),
        (&reasons, Type::TEXT_ARRAY),
        (&details, Type::TEXT_ARRAY),
        (&text(|stored| Some(stored.event.id())), Type::TEXT_ARRAY),
        (&text(|stored| Some(stored.event.stream())), Type::TEXT_ARRAY),
        (&text(|stored| stored.event.application()), Type::TEXT_ARRAY),
        (&text(|stored| stored.event.session_id()), Type::TEXT_ARRAY),
        (&text(|stored| stored.event.category()), Type::TEXT_ARRAY),
        (&text(|stored| stored.event.name()), Type::TEXT_ARRAY),
        (&records, Type::BYTEA_ARRAY),
        (&now_us, Type::INT8),
    ];
    match tx.execute_typed(BURY, &values).await {
        Ok(n_rows) if n_rows == dead.len() as u64 => Ok(None),
        Ok(_) => Ok(Some("the row was dropped without an error".to_owned())),
        Err(error) => refusal(error).map(Some),
    }
}
