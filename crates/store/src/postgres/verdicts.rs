//! `VerdictStore` on PostgreSQL: a slice in one transaction.

use std::collections::HashMap;

use async_trait::async_trait;
use model::Seq;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Transaction};

use crate::error::StoreError;
use crate::events::{Extent, Order, PageQuery, Stored};
use crate::postgres::call::{WRITE_MAX, call, read, select};
use crate::postgres::failure::{failure, refusal};
use crate::postgres::store::PostgresStore;
use crate::postgres::turn::take_turn;
use crate::postgres::{page, rows};
use crate::verdicts::{Rejudge, Verdict, VerdictSlice, VerdictStore};

/// Of the data only its length is looked at.
const LENGTHS: Extent = Extent { data_bytes_max: Some(0), ..Extent::PAGE };

/// Values: positions, verdicts, reasons, versions.
const UPDATE: &str = "UPDATE eyas.events e SET valid = v.valid, errors = v.errors, schema_version = v.schema_version \
    FROM unnest($1, $2, $3, $4) AS v (seq, valid, errors, schema_version) WHERE e.seq = v.seq \
    AND (e.valid, e.errors, e.schema_version) IS DISTINCT FROM (v.valid, v.errors, v.schema_version) \
    RETURNING e.seq, e.valid";

#[async_trait]
impl VerdictStore for PostgresStore {
    async fn verdict_slice(&self, wanted: VerdictSlice) -> Result<Vec<Seq>, StoreError> {
        let VerdictSlice { job, filter, after, through, limit, data_bytes_max } = wanted;
        let again = self.unfinished(&job, after).await?;
        if !again.is_empty() {
            return Ok(again);
        }
        // A page reads a bounded number of rows and may be empty before the end.
        let mut after = Some(after);
        while after.is_some_and(|after| after < through) {
            let query = PageQuery { filter: filter.clone(), after, order: Order::Asc, limit };
            let page = async |tx: &Transaction<'_>| page::read_page(tx, &query, LENGTHS).await;
            let page = read(&self.pool, page).await?;
            if !page.events.is_empty() {
                return Ok(VerdictSlice::of(&page, (through, data_bytes_max)));
            }
            after = page.next;
        }
        Ok(Vec::new())
    }

    async fn events_at(&self, seqs: Vec<Seq>) -> Result<Vec<Stored>, StoreError> {
        let wanted: Vec<i64> = seqs.iter().map(|seq| seq.get() as i64).collect();
        let sql = format!("SELECT {} FROM eyas.events WHERE seq = ANY ($1)", rows::COLUMNS);
        let found = select(&self.pool, &sql, &[(&wanted, Type::INT8_ARRAY)]).await?;
        let found = found.iter().map(|row| rows::stored(row).map(|stored| (stored.seq, stored)));
        let mut found = found.collect::<Result<HashMap<_, _>, _>>()?;
        Ok(seqs.iter().filter_map(|seq| found.remove(seq)).collect())
    }

    async fn rejudge(&self, rejudge: Rejudge) -> Result<Vec<Option<bool>>, StoreError> {
        call(&self.pool, WRITE_MAX, async |client| {
            let tx = client.begin().await?;
            take_turn(&tx).await?;
            let before = told_before(&tx, &rejudge.job).await?;
            if !before.is_empty() && rejudge.seqs.iter().all(|seq| before.contains_key(seq)) {
                return Ok(rejudge.seqs.iter().map(|seq| before[seq]).collect());
            }
            let changed = change(&tx, &rejudge.verdicts).await?;
            let answers: Vec<_> =
                rejudge.seqs.iter().map(|seq| changed.get(seq).copied()).collect();
            // A slice in which nothing changes is found again as it is.
            if !changed.is_empty() {
                note(&tx, &rejudge, &answers).await.map_err(failure)?;
                crash::at("revalidate.before_commit");
                tx.commit().await.map_err(failure)?;
                crash::at("revalidate.after_commit");
            }
            Ok(answers)
        })
        .await
    }
}

impl PostgresStore {
    async fn unfinished(&self, job: &str, after: Seq) -> Result<Vec<Seq>, StoreError> {
        let sql = "SELECT seq FROM eyas.rejudged WHERE job = $1 AND seq > $2 ORDER BY seq";
        let values = [(&job as _, Type::TEXT), (&(after.get() as i64) as _, Type::INT8)];
        let found = select(&self.pool, sql, &values).await?;
        found.iter().map(|row| rows::seq(row, 0)).collect()
    }
}

/// What the slice of this job that was changed last was answered.
async fn told_before(
    tx: &Transaction<'_>,
    job: &str,
) -> Result<HashMap<Seq, Option<bool>>, StoreError> {
    let sql = "SELECT seq, valid FROM eyas.rejudged WHERE job = $1";
    let told = tx.query_typed(sql, &[(&job, Type::TEXT)]).await.map_err(failure)?;
    told.iter().map(|row| Ok((rows::seq(row, 0)?, row.try_get(1).map_err(failure)?))).collect()
}

/// The verdicts that are other ones now. Where the database refuses one, they are tried one by one, to name it.
async fn change(
    tx: &Transaction<'_>,
    verdicts: &[Verdict],
) -> Result<HashMap<Seq, bool>, StoreError> {
    tx.batch_execute("SAVEPOINT verdicts").await.map_err(failure)?;
    let refused = match update(tx, verdicts).await? {
        Ok(changed) => return Ok(changed),
        Err(reason) => reason,
    };
    for verdict in verdicts {
        tx.batch_execute("ROLLBACK TO verdicts").await.map_err(failure)?;
        if let Err(reason) = update(tx, std::slice::from_ref(verdict)).await? {
            return Err(unchanged(verdict.seq, &reason));
        }
    }
    // Each by itself would do, all together do not.
    Err(unchanged(verdicts.first().map_or(Seq::ZERO, |verdict| verdict.seq), &refused))
}

fn unchanged(seq: Seq, reason: &str) -> StoreError {
    StoreError::Refused { seq, reason: format!("the event's verdict cannot be changed: {reason}") }
}

/// The database's words, if it refuses one of them.
async fn update(
    tx: &Transaction<'_>,
    verdicts: &[Verdict],
) -> Result<Result<HashMap<Seq, bool>, String>, StoreError> {
    let seqs: Vec<i64> = verdicts.iter().map(|verdict| verdict.seq.get() as i64).collect();
    let valid: Vec<bool> = verdicts.iter().map(|verdict| verdict.valid).collect();
    let errors: Vec<&str> = verdicts.iter().map(|verdict| verdict.errors.as_str()).collect();
    let versions: Vec<Option<i64>> =
        verdicts.iter().map(|verdict| verdict.schema_version.map(i64::from)).collect();
    let values = [
        (&seqs as _, Type::INT8_ARRAY),
        (&valid as _, Type::BOOL_ARRAY),
        (&errors as _, Type::TEXT_ARRAY),
        (&versions as _, Type::INT8_ARRAY),
    ];
    let changed = match tx.query_typed(UPDATE, &values).await {
        Ok(changed) => changed,
        Err(error) => return refusal(error).map(Err),
    };
    let changed =
        changed.iter().map(|row| Ok((rows::seq(row, 0)?, row.try_get(1).map_err(failure)?)));
    changed.collect::<Result<_, StoreError>>().map(Ok)
}

/// Only the newest slice is kept: one job of the kind is unfinished, and it has left the others behind.
async fn note(
    tx: &Transaction<'_>,
    rejudge: &Rejudge,
    answers: &[Option<bool>],
) -> Result<(), Error> {
    tx.execute_typed("DELETE FROM eyas.rejudged", &[]).await?;
    let seqs: Vec<i64> = rejudge.seqs.iter().map(|seq| seq.get() as i64).collect();
    let sql = "INSERT INTO eyas.rejudged (seq, job, valid) SELECT seq, $2, valid \
        FROM unnest($1, $3) AS slice (seq, valid)";
    let values = [
        (&seqs as _, Type::INT8_ARRAY),
        (&rejudge.job as _, Type::TEXT),
        (&answers as _, Type::BOOL_ARRAY),
    ];
    tx.execute_typed(sql, &values).await.map(drop)
}
